"""The typed recipe: what a build takes in, what it makes of it, and how much.

Recipes are YAML files (`pipelines/recipes/*.yaml`, or any path); `pipelines.recipes.load` reads and checks them.
"""

from datetime import date
from typing import Any, Literal

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


class VisionSettings(Settings, frozen=True, kw_only=True):
    """What a model that sees is shown beside the text."""

    image_px: int = 1024
    """Longer side, at most, of the whole picture with its regions outlined and numbered."""
    crop_px: int = 512
    """Longer side, at most, of a crop around one region."""
    crops: int = 8
    """Most crops of one request, around its smallest regions; the others are shown in the whole picture only."""
    context: float = 0.25
    """What a crop shows around a region's box on each side, in shares of the box's longer side; 16 pixels at least."""
    quality: int = 85
    """Of the JPEGs, 5 to 95."""
    most_bytes: int = 500_000
    """Of one JPEG; where it would have more, its quality is lowered until it fits."""


class GenerationSettings(Settings, frozen=True, kw_only=True):
    """How the language model is asked. What is sent to it, and nothing else, is part of the request key."""

    model: str = "gpt-4o-mini"
    temperature: float | None = 0.7
    max_tokens: int | None = 1500
    max_completion_tokens: int | None = None
    """Instead of `max_tokens`, for models that want it so."""
    seed: int | None = None
    reply_format: Literal["auto", "text", "json"] = "auto"
    """Plain text as in the paper, JSON by a schema, or JSON where the server is found to support it."""
    vision: VisionSettings | None = None
    """Show the model the picture; without it is told in words alone, as in the paper."""

    def parameters(self) -> dict[str, Any]:
        """What is sent beside the messages."""
        sent = ("model", "temperature", "max_tokens", "max_completion_tokens", "seed")
        return {name: value for name in sent if (value := getattr(self, name)) is not None}


class CheckSettings(Settings, frozen=True, kw_only=True):
    """How strictly one check of the finished data is taken; what is not given is as the check itself says."""

    severity: Literal["fail", "warn", "off"] | None = None
    """Whether what it finds breaks the build, is told, or is not looked for."""
    threshold: float | None = None
    """Share of what is judged, 0 to 1, that may be at fault."""


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
    checks: dict[str, CheckSettings] = {}
    """By name of the check, as `qa/report.json` has them."""
    published: date | None = None
    """When the data set is published, for `croissant.json` and the card: no clock is asked, so only its maker knows."""
