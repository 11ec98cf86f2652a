"""VCR's metadata: the objects of one picture, with a box, a mask, and the name that the question's line gives.

A mask is what its polygons cover inside the box, as in the authors' loader (github.com/rowanz/r2c, `make_mask`).
"""

import os
from collections.abc import Sequence
from typing import Annotated, NamedTuple

import msgspec
import PIL.Image

from pipelines.sources.coco_synsets import SYNSETS
from pipelines.sources.names import category_text
from pipelines.sources.spool import rectangle
from schemas.records import Box, Category
from schemas.rle import MAX_SIDE

Point = tuple[float, float]
Corners = tuple[float, float, float, float]
"""Left, top, right and bottom, in pixels."""

_UNGLUED = {name.replace(" ", ""): name for name in SYNSETS}
"""COCO's names, which VCR writes without blanks: `diningtable`."""

Side = Annotated[int, msgspec.Meta(ge=0, le=MAX_SIDE)]


class Metadata(msgspec.Struct, gc=False):
    """`<picture>.json`; boxes and masks are decoded one by one, so that a broken one spoils no other."""

    boxes: list[msgspec.Raw]
    """[left, top, right, bottom, score] of each object."""
    segms: list[msgspec.Raw] = []
    """Polygons of each object, as lists of [x, y]; may be none."""
    width: Side = 0
    height: Side = 0


class BadObject(ValueError):
    """An object without a usable box; `reason` is from the ledger's list."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


class Shape(NamedTuple):
    """An object's box and mask."""

    box: Box
    segmentation: bytes


_metadata = msgspec.json.Decoder(Metadata)
_corners = msgspec.json.Decoder(list[float])
_polygons = msgspec.json.Decoder(list[list[Point]] | None)


def read_metadata(path: str, picture: str) -> Metadata:
    """The metadata at `path`; a size that it lacks is that of the picture beside it.

    Raises:
        OSError: where there is no such file.
        ValueError: where it is broken, or neither it nor the picture tells the size.
    """
    with open(path, "rb") as stream:
        found = _metadata.decode(stream.read())
    if not (found.width and found.height):
        found.width, found.height = _size(picture)
    return found


def _size(picture: str) -> tuple[int, int]:
    """Raises ValueError where the picture does not tell."""
    try:
        with PIL.Image.open(picture) as opened:
            return opened.size
    except (OSError, SyntaxError, ValueError, PIL.Image.DecompressionBombError) as error:
        what = f"no width and height, and the picture {os.path.basename(picture)} beside it cannot be read"
        raise ValueError(f"{what}: add either") from error


def category(name: str) -> Category:
    """The category of an object's name."""
    text = _UNGLUED.get(name, category_text(name))
    return Category(name=name, text=text, synset=SYNSETS.get(text, ""))


def shape(metadata: Metadata, index: int) -> Shape:
    """Box and mask of an object. Raises BadObject where it has no box in the picture."""
    try:
        corners = _corners.decode(metadata.boxes[index])[:4] if index < len(metadata.boxes) else []
        polygons = (_polygons.decode(metadata.segms[index]) if index < len(metadata.segms) else None) or []
    except msgspec.DecodeError as error:
        raise BadObject("malformed_record", str(error)) from error
    if len(corners) < 4 or corners[2] < corners[0] or corners[3] < corners[1]:
        raise BadObject("malformed_record", f"box {corners}")
    left, top, right, bottom = corners
    inside = (max(0.0, left), max(0.0, top), min(metadata.width, right), min(metadata.height, bottom))
    if inside[2] <= inside[0] or inside[3] <= inside[1]:
        reason = "outside_image" if left < right and top < bottom else "empty_mask"
        raise BadObject(reason, f"box {corners}, image {metadata.width} x {metadata.height}")
    box = (left, top, right - left, bottom - top)
    cut_out = [each for each in (cut(polygon, inside) for polygon in polygons if len(polygon) >= 3) if len(each) >= 3]
    flat = [[number for point in polygon for number in point] for polygon in cut_out]
    whole = rectangle((inside[0], inside[1], inside[2] - inside[0], inside[3] - inside[1]))
    return Shape(box, msgspec.json.encode(flat) if flat else whole)


def cut(polygon: Sequence[Point], box: Corners) -> Sequence[Point]:
    """The part of a polygon that lies in a box (Sutherland and Hodgman 1974); no points where none does."""
    for axis in (0, 1):
        for limit, sign in ((box[axis], 1), (box[axis + 2], -1)):
            if any(sign * (point[axis] - limit) < 0 for point in polygon):
                polygon = _cut_side(polygon, axis, limit, sign)
    return polygon


def _cut_side(polygon: Sequence[Point], axis: int, limit: float, sign: int) -> list[Point]:
    """The part of a polygon on one side of a line: above the limit where `sign` is 1, below it where it is -1."""
    found: list[Point] = []
    for before, point in zip((polygon[-1], *polygon[:-1]), polygon, strict=True):
        gap_before, gap = sign * (before[axis] - limit), sign * (point[axis] - limit)
        if (gap_before < 0) != (gap < 0):
            found.append(_crossing(before, point, gap_before / (gap_before - gap)))
        if gap >= 0:
            found.append(point)
    return found


def _crossing(start: Point, end: Point, share: float) -> Point:
    return (start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1]))
