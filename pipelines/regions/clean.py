"""Segmentations to masks: polygons, uncompressed and compressed RLE become compressed RLE, or a reject with its reason.

Boxes and areas are those of the mask: the annotated area is the polygon's shoelace area and the annotated box its hull
(format document, section 1).
"""

from typing import Any, NamedTuple

import msgspec
import pyarrow as pa
from pycocotools import mask as coco_mask

from schemas import rle
from schemas.columns import REGION
from schemas.records import Reject

STAGE = "regions"

VERSION = 2
"""Raise it when the rules change: masks that were made by other rules are then made again."""

Size = tuple[int, int]
CocoRle = dict[str, Any]


class _Rle(msgspec.Struct, frozen=True, gc=False):
    size: tuple[int, int]
    counts: list[int] | str


_decoder = msgspec.json.Decoder(list[list[float]] | _Rle | None)


class BadMask(ValueError):
    """A segmentation that gives no mask; `reason` is from the ledger's list."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


class Cleaned(NamedTuple):
    """Regions with masks, and a reject for every record that gave none."""

    regions: pa.Table
    rejects: list[Reject]


def clean(annotations: pa.Table) -> Cleaned:
    """Rows of `schemas.columns.ANNOTATION` to rows of `schemas.columns.REGION`."""
    masks: list[CocoRle] = []
    kept: list[int] = []
    rejects: list[Reject] = []
    columns = (annotations[name].to_pylist() for name in ("segmentation", "height", "width"))
    for index, (segmentation, height, width) in enumerate(zip(*columns, strict=True)):
        try:
            masks.append(to_rle(segmentation, (height, width)))
            kept.append(index)
        except BadMask as bad:
            rejects += _rejects(annotations.slice(index, 1).to_pylist()[0], bad)
    return Cleaned(_with_masks(annotations.take(pa.array(kept, pa.int64())), masks), rejects)


def to_rle(segmentation: str | bytes, size: Size) -> CocoRle:
    """The JSON of a segmentation as compressed RLE of an image of (height, width), clipped to it.

    Raises:
        BadMask: with the reason.
    """
    try:
        given = _decoder.decode(segmentation)
    except msgspec.DecodeError as error:
        raise BadMask("malformed_record", f"segmentation: {error}") from error
    if not given:
        raise BadMask("empty_mask", "no segmentation")
    _check_size(*size)
    mask = _from_polygons(given, size) if isinstance(given, list) else _from_rle(given, size)
    if not coco_mask.area(mask):
        raise _empty(given, size)
    return mask


def _check_size(height: int, width: int) -> None:
    """pycocotools would crash the process on an image that is too large."""
    if not (0 < height <= rle.MAX_SIDE and 0 < width <= rle.MAX_SIDE and height * width <= rle.MAX_PIXELS):
        raise BadMask("malformed_record", f"width {width}, height {height}: no size of an image")


def _from_polygons(polygons: list[list[float]], size: Size) -> CocoRle:
    whole = [polygon for polygon in polygons if len(polygon) >= 6 and len(polygon) % 2 == 0]
    if not whole:
        raise BadMask("degenerate_polygon", f"{len(polygons)} polygons, none of three points")
    reach = 2 * max(size)
    if any(min(polygon) < -reach or max(polygon) > 2 * reach for polygon in whole):
        raise BadMask("outside_image", "a point lies far outside the image")
    parts = coco_mask.frPyObjects(whole, *size)
    return parts[0] if len(parts) == 1 else coco_mask.merge(parts)


def _from_rle(given: _Rle, size: Size) -> CocoRle:
    if given.size != size:
        raise BadMask("size_mismatch", f"mask {list(given.size)}, image {list(size)} (height, width)")
    try:
        lengths = rle.runs(given.counts) if isinstance(given.counts, str) else given.counts
        rle.check_runs(lengths, size)
    except ValueError as error:
        raise BadMask("invalid_rle", str(error)) from error
    return coco_mask.frPyObjects({"size": list(size), "counts": rle.joined(lengths)}, *size)


def _empty(given: list[list[float]] | _Rle, size: Size) -> BadMask:
    """Why a mask has no pixel: it lies outside, or it is too thin."""
    if isinstance(given, list):
        height, width = size
        points = [point for polygon in given for point in zip(polygon[::2], polygon[1::2], strict=False)]
        if all(not (0 <= x <= width and 0 <= y <= height) for x, y in points):
            return BadMask("outside_image", "every point lies outside the image")
    return BadMask("empty_mask", "no pixel is set")


def _rejects(row: dict[str, Any], bad: BadMask) -> list[Reject]:
    """One reject for every record of the row: its expressions where it has some, else the annotation itself."""
    keys = [f"{row['region_id']}#{text['source']}:{text['ordinal']}" for text in row["expressions"]]
    unit = "expressions" if keys else "annotations"
    return [
        Reject(stage=STAGE, source=row["source"], unit=unit, key=key, reason=bad.reason, detail=bad.detail)
        for key in keys or [row["region_id"]]
    ]


def _with_masks(annotations: pa.Table, masks: list[CocoRle]) -> pa.Table:
    boxes = coco_mask.toBbox(masks).tolist() if masks else []
    areas = [int(coco_mask.area(mask)) for mask in masks]
    struct = [{"size": mask["size"], "counts": mask["counts"].decode()} for mask in masks]
    made = {
        "bbox": pa.array(boxes, REGION.field("bbox").type),
        "area": pa.array(areas, pa.int32()),
        "mask": pa.array(struct, REGION.field("mask").type),
    }
    columns = [made[name] if name in made else annotations[name] for name in REGION.names]
    return pa.table(columns, schema=REGION)
