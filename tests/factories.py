"""Records for tests, with only what a test is about spelt out."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec
import numpy as np

from pipelines.builders.context import TEMPLATE, Context
from pipelines.builders.vocabulary import Vocabulary
from schemas import rle
from schemas.recipe import KindSettings
from schemas.records import Attribute, Expression, Image, ImageText, Mask, Region, Reject, Sample, Scene

IMAGE_ID = "coco/000000000009"
SIZE = (60, 80)
"""(height, width) of the image of all scenes."""
LICENSES = {
    "coco": "CC-BY-4.0", "refcoco": "LicenseRef-unstated", "refcoco+": "LicenseRef-unstated",
    "refcocog": "LicenseRef-unstated", "llava": "CC-BY-NC-4.0", "lvis": "CC-BY-4.0", "paco": "CC-BY-4.0",
    "part_imagenet": "LicenseRef-unstated", "pascal_part": "LicenseRef-unstated", "vg": "CC-BY-4.0",
    "vcr": "LicenseRef-research-only", "llava_pretrain": "LicenseRef-unstated", "sa1b": "LicenseRef-research-only",
    "own": "CC-BY-4.0",
}  # fmt: skip


def box_mask(left: int, top: int, width: int, height: int, size: tuple[int, int] = SIZE) -> Mask:
    """A rectangle, in whole pixels."""
    pixels = np.zeros(size, bool)
    pixels[top : top + height, left : left + width] = True
    return rle.encode(pixels)


def region(number: int, category: str = "dog", at: tuple[int, int, int, int] = (4, 6, 10, 8), **changes: Any) -> Region:
    """The annotation of that number, COCO's where no other source is given: a rectangle [x, y, width, height].

    `mask` replaces the rectangle.
    """
    source = changes.get("source", "coco")
    mask = changes.pop("mask", None) or box_mask(*at)
    made: dict[str, Any] = {
        "region_id": f"{'coco' if source.startswith('refcoco') else source}/{number}", "image_id": IMAGE_ID,
        "source": source, "ordinal": number, "category": category, "category_raw": category,
        "source_box": tuple(map(float, at)),
        "bbox": rle.box(mask), "area": rle.area(mask), "mask": mask,
    }  # fmt: skip
    return Region(**{**made, **changes})


def part(
    number: int, name: str, whole: str, of: int, at: tuple[int, int, int, int] = (6, 8, 3, 2), **changes: Any
) -> Region:
    """A part, PACO's where no other source is given, of the region numbered `of`."""
    source = changes.setdefault("source", "paco")
    raw = f"{whole}:{name}".replace(" ", "_")
    named = {"part": name, "whole": whole, "part_of": f"{source}/{of}", "category_raw": raw}
    return region(number, f"{name} of the {whole}", at, **{**named, **changes})


def looks(**values: str | tuple[str, ...]) -> tuple[Attribute, ...]:
    """Attributes by type: `looks(color=("red", "white"), material="wood")`."""
    listed = {name: (found,) if isinstance(found, str) else found for name, found in values.items()}
    return tuple(
        msgspec.convert({"type": name, "name": value}, Attribute) for name, found in listed.items() for value in found
    )


def says(*texts: str, source: str = "refcoco", first: int = 0) -> tuple[Expression, ...]:
    """Expressions of one source, in order."""
    return tuple(
        Expression(source=source, text=text, ordinal=ordinal) for ordinal, text in enumerate(texts, start=first)
    )


def image(source: str = "coco", **changes: Any) -> Image:
    """The image as a source knows it; COCO annotates all objects of its vocabulary."""
    made: dict[str, Any] = {
        "image_id": IMAGE_ID, "source": source, "paths": ("coco/train2017/000000000009.jpg",),
        "height": SIZE[0], "width": SIZE[1], "exhaustive": source == "coco",
    }  # fmt: skip
    return Image(**{**made, **changes})


def text(content: str, role: str = "caption", ordinal: int = 0, **changes: Any) -> ImageText:
    """A caption, or what LLaVA says."""
    source = "coco" if role == "caption" else "llava"
    made: dict[str, Any] = {
        "image_id": IMAGE_ID, "source": source, "role": role, "ordinal": ordinal, "text": content,
    }  # fmt: skip
    return ImageText(**{**made, **changes})


def scene(regions: Iterable[Region], texts: Iterable[ImageText] = (), **changes: Any) -> Scene:
    """A scene of the size above."""
    made: dict[str, Any] = {
        "image_id": IMAGE_ID, "path": "coco/train2017/000000000009.jpg", "height": SIZE[0], "width": SIZE[1],
        "split": "train", "regions": tuple(regions), "texts": tuple(texts), "images": (image(),),
    }  # fmt: skip
    return Scene(**{**made, **changes})


def context(
    kind: str,
    sources: Sequence[str],
    caps: Mapping[str, int] | None = None,
    *,
    seed: int = 0,
    generator: str = TEMPLATE,
    vocabulary: Vocabulary | None = None,
    regions: Literal["referred", "all"] = "referred",
) -> Context:
    """A build of one kind."""
    settings = KindSettings(sources=tuple(sources), regions_per_image=dict(caps or {}), regions=regions)
    return Context(seed, {kind: settings}, LICENSES, generator, vocabulary=vocabulary)


def pairs(sample: Sample) -> list[tuple[str, str]]:
    """(question, answer) of every turn."""
    contents = [message.content for message in sample.messages]
    return list(zip(contents[::2], contents[1::2], strict=True))


def reasons(rejects: Iterable[Reject]) -> dict[str, int]:
    """How many records were rejected for each reason."""
    found: dict[str, int] = {}
    for reject in rejects:
        found[reject.reason] = found.get(reject.reason, 0) + 1
    return found
