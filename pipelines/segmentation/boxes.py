"""The boxes of a source in its normal form, picture by picture, and how they are cut into pieces of work."""

from collections.abc import Iterator
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from pipelines import storage
from pipelines.sources.cache import SourceCache
from schemas.records import Box, Image

PIECE_IMAGES = 64
"""Pictures of a piece: what is done again at most after an interruption, for each worker."""


class Boxed(NamedTuple):
    """One box and what is said of it."""

    region_id: str
    caption: str
    box: Box
    """As annotated: [x, y, width, height] in pixels; it may exceed the picture."""


class Picture(NamedTuple):
    """A picture with its boxes, in the order of the source's file."""

    image: Image
    boxes: list[Boxed]


class Piece(NamedTuple):
    """Some pictures with boxes that follow one another in one part of a source."""

    part: int
    images: tuple[str, ...]
    """Image ids."""
    first: int
    """Place in the part of the first of them."""

    @property
    def name(self) -> str:
        return f"{self.part:05d}-{self.first:06d}-{len(self.images):03d}"


def pieces(cache: SourceCache, limit: int | None = None) -> Iterator[Piece]:
    """All pictures with boxes, or the first `limit` of them, in pieces."""
    left = limit
    for part in range(cache.parts):
        ids = storage.read_table(cache.annotation_path(part), columns=["image_id"])["image_id"].unique().to_pylist()
        for first in range(0, len(ids), PIECE_IMAGES):
            chosen = tuple(ids[first : first + PIECE_IMAGES][:left])
            if not chosen:
                return
            left = None if left is None else left - len(chosen)
            yield Piece(part, chosen, first)


def pictures(cache: SourceCache, piece: Piece) -> list[Picture]:
    """The pictures of a piece, in its order."""
    slots = storage.slots_of(piece.part, cache.parts)
    images = {image.image_id: image for image in cache.images(slots)}
    found = {image_id: Picture(images[image_id], []) for image_id in piece.images}
    for row in _rows(cache, piece).to_pylist():
        caption = row["expressions"][0]["text"] if row["expressions"] else row["category"]
        found[row["image_id"]].boxes.append(Boxed(row["region_id"], caption, tuple(row["source_box"])))
    return list(found.values())


def _rows(cache: SourceCache, piece: Piece) -> pa.Table:
    columns = ["image_id", "region_id", "source_box", "category", "expressions"]
    table = storage.read_table(cache.annotation_path(piece.part), columns=columns)
    wanted = pa.array(piece.images, pa.string())
    return table.filter(pc.is_in(table["image_id"], value_set=wanted))
