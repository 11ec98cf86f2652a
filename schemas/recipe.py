"""The typed recipe: what a build takes in, what it makes of it, and how much.

Recipes are YAML files (`pipelines/recipes/*.yaml`, or any path); `pipelines.recipes.load` reads and checks them.
"""

from typing import Literal

import msgspec


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of a recipe's parts: an unknown key is an error."""


class SourceSettings(Settings, frozen=True, kw_only=True):
    """How one source takes part."""

    required: bool = False
    """A build without it stops instead of going on with the others."""
    files: dict[str, str] = {}
    """Role of a file -> path relative to DATA, where it differs from the usual layout."""
    exhaustive: bool = False
    """Every object of the source's vocabulary is annotated on every image, so that what is not there is absent. COCO
    and LVIS say so themselves; for data of one's own only its owner knows."""
    license: str = ""
    """SPDX identifier (`schemas.licenses`) of data of one's own."""


class KindSettings(Settings, frozen=True, kw_only=True):
    """What one kind is built from."""

    sources: tuple[str, ...]
    """Data sets whose regions or expressions are used."""
    regions_per_image: dict[str, int] = {}
    """Source -> most regions of one image; a source that is not named has no cap."""
    regions: Literal["referred", "all"] = "referred"
    """Of kinds about several regions of an image: those with referring expressions, or all."""
    rows: int | None = None
    """Most rows of the kind in the whole data set; the seed decides which."""


class ImageSettings(Settings, frozen=True, kw_only=True):
    """The pictures."""

    check: bool = True
    """Reject rows whose picture is not under DATA."""
    embed: bool = False
    """Put the picture's bytes into the shards; pictures are then checked too."""
    folders: dict[str, str] = {}
    """Folder of pictures in the usual layout, such as `coco/train2017` -> where it is, relative to DATA."""


class GenerationSettings(Settings, frozen=True, kw_only=True):
    """What is sent to the language model; every value is part of the request key."""

    model: str = "gpt-4o-mini"
    temperature: float = 0.7
    max_tokens: int = 1500
    seed: int | None = None


class Recipe(Settings, frozen=True, kw_only=True):
    """One data set, named as a whole."""

    name: str
    kinds: dict[str, KindSettings]
    sources: dict[str, SourceSettings]
    seed: int = 0
    val_fraction: float = 0.02
    """Share of images whose rows go to the val split of the shards."""
    exclude_evaluation: tuple[str, ...] | None = None
    """Evaluation sets whose images and records are rejected as `evaluation_split`; all known ones where not given."""
    label_noise: tuple[str, ...] = ()
    """Files that list wrong referring expressions, relative to DATA; these are rejected as `label_noise`."""
    images: ImageSettings = ImageSettings()
    generation: GenerationSettings = GenerationSettings()
    rows_per_shard: int = 10_000
