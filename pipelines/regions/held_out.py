"""Lists that a build leaves beside its data: the images of evaluation sets, and pictures that go by two names.

Whoever has the finished rows can then say, without the sources, whether one shows a picture of an evaluation set.
"""

from collections import defaultdict
from collections.abc import Iterable

import pyarrow as pa

from pipelines.regions.join import SourceRows
from schemas.records import TRAIN, Image, Record

EVALUATION = pa.schema([
    ("evaluation_set", pa.string()), ("image_id", pa.string()), ("same_as", pa.string()),
    ("paths", pa.list_(pa.string())),
])  # fmt: skip
"""An image of an evaluation set; `paths`: where its picture may lie below DATA."""
NAMES = pa.schema([("image_id", pa.string()), ("same_as", pa.string())])
"""An image and another source's name of the same picture."""


class HeldOut(Record, frozen=True, kw_only=True):
    """An image in an evaluation set; `same_as` as in `schemas.records.Image`."""

    evaluation_set: str
    image_id: str
    same_as: str
    paths: tuple[str, ...]


class OtherName(Record, frozen=True, kw_only=True):
    """An image with another source's name of the same picture."""

    image_id: str
    same_as: str


def held_out(sources: Iterable[SourceRows]) -> list[HeldOut]:
    """Every image of every evaluation set once, by set and image."""
    images: dict[str, list[Image]] = defaultdict(list)
    members: set[tuple[str, str]] = set()
    for source in sources:
        for image in source.images:
            images[image.image_id].append(image)
        members |= {(image.split, image.image_id) for image in source.images if image.split != TRAIN}
        members |= {(region.split, region.image_id) for region in source.regions if region.split != TRAIN}
    return [_entry(name, image_id, images[image_id]) for name, image_id in sorted(members)]


def _entry(name: str, image_id: str, images: list[Image]) -> HeldOut:
    return HeldOut(
        evaluation_set=name, image_id=image_id,
        same_as=next((image.same_as for image in images if image.same_as), ""),
        paths=tuple(dict.fromkeys(path for image in images for path in image.paths)),
    )  # fmt: skip


def other_names(sources: Iterable[SourceRows]) -> list[OtherName]:
    """Every image that has another name, with that name, in order."""
    found = {(image.image_id, image.same_as) for one in sources for image in one.images if image.same_as}
    return [OtherName(image_id=image_id, same_as=same_as) for image_id, same_as in sorted(found)]
