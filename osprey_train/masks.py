"""Regions as people have them: arrays, pictures, run-length codes, polygons, boxes."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import PIL.Image
from pycocotools import mask as coco_mask

from schemas import rle
from schemas.errors import InputError
from schemas.records import Box, Mask

KNOWN = (
    "a mask is an array (height, width) of booleans or integers, a picture (not black is inside), a COCO RLE dict, or "
    "polygons [[x1, y1, x2, y2, ...], ...]"
)
FORMS = {"box": ("x", "y", "width", "height"), "point": ("x", "y")}
"""Numbers of a box and a point, in pixels from the top left corner."""


def as_mask(mask: Any, size: tuple[int, int]) -> Mask:
    """A region of a picture of `size` (height, width).

    `mask` is a boolean or integer array or tensor (height, width) or a PIL picture, in which what is not 0 is inside;
    a COCO RLE dict, compressed or not; or polygons [[x1, y1, x2, y2, ...], ...] in pixels.

    Raises:
        InputError: it is none of these, empty, broken, or of another size.
    """
    found = _converted(mask, size)
    if found.size != size:
        raise InputError(
            f"the mask is {found.size[1]} x {found.size[0]} (width x height), the picture {size[1]} x {size[0]}",
            hint="A mask has the pixels of its picture: resize it without smoothing (nearest neighbour).",
        )
    if not rle.area(found):
        raise InputError("the mask is empty", hint="What is not 0, or not black, is inside; there is nothing inside.")
    return found


def _converted(mask: Any, size: tuple[int, int]) -> Mask:
    if isinstance(mask, Mask):
        mask = rle.as_coco(mask)
    if isinstance(mask, Mapping):
        return _from_coco(mask)
    if isinstance(mask, PIL.Image.Image):
        return _from_picture(mask)
    if isinstance(mask, Sequence) and mask and all(map(_is_ring, mask)):
        return _from_polygons(mask, size)
    try:
        pixels = np.asarray(mask)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"no mask: {error}", hint=KNOWN) from error
    if pixels.ndim != 2 or pixels.dtype.kind not in "bui":
        raise InputError(f"no mask: {type(mask).__name__} of {pixels.dtype} {pixels.shape}", hint=KNOWN)
    return rle.encode(pixels.astype(bool))


def _is_ring(ring: Any) -> bool:
    return (
        isinstance(ring, Sequence)
        and len(ring) >= 6
        and len(ring) % 2 == 0
        and all(isinstance(value, float) or (type(value) is int) for value in ring)
    )


def _from_picture(mask: PIL.Image.Image) -> Mask:
    """What is neither black nor transparent is inside."""
    if mask.has_transparency_data:
        mask = PIL.Image.alpha_composite(PIL.Image.new("RGBA", mask.size, (0, 0, 0, 255)), mask.convert("RGBA"))
    return rle.encode(np.asarray(np.asarray(mask.convert("RGB")).any(axis=2)))


def _from_polygons(rings: Sequence[Sequence[float]], size: tuple[int, int]) -> Mask:
    """From rings that pycocotools can draw: of a point far away, or of none, it runs out of memory."""
    if not all(abs(value) <= 4 * max(size) for ring in rings for value in ring):
        raise InputError("a point of the polygons lies far outside the picture", hint=KNOWN)
    return _from_coco(coco_mask.merge(coco_mask.frPyObjects([list(map(float, ring)) for ring in rings], *size)))


def _from_coco(mask: Mapping[str, Any]) -> Mask:
    """From `{"size": [height, width], "counts": ...}`: str or bytes if compressed, else a list of run lengths."""
    try:
        height, width = (int(side) for side in mask["size"])
        counts = mask["counts"]
        if isinstance(counts, Sequence) and not isinstance(counts, str | bytes):
            rle.check_runs([int(run) for run in counts], (height, width))
            counts = coco_mask.frPyObjects({"size": [height, width], "counts": list(counts)}, height, width)["counts"]
        return _checked((height, width), counts if isinstance(counts, str) else bytes(counts).decode("ascii"))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        reason = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        raise InputError(
            f"no COCO RLE: {reason}", hint='It looks like {"size": [height, width], "counts": "..."}.'
        ) from error


def _checked(size: tuple[int, int], counts: str) -> Mask:
    """The mask; raises ValueError unless it is sound (pycocotools does not check)."""
    if not all(0 < side <= rle.MAX_SIDE for side in size):
        raise ValueError(f"a mask of {size[1]} x {size[0]} pixels")
    rle.check_runs(rle.runs(counts), size)
    return Mask(size=size, counts=counts)


def numbers(kind: str, given: str | Sequence[float]) -> tuple[float, ...]:
    """The numbers of a box or a point, given as such or as text, `10,20,30,40`; raises InputError for anything else."""
    try:
        found = tuple(map(float, given.split(",") if isinstance(given, str) else given))
    except (TypeError, ValueError):
        found = ()
    if len(found) != len(FORMS[kind]):
        raise InputError(
            f"{kind} {given}: not of the form {','.join(FORMS[kind])}",
            hint="Numbers are pixels from the top left corner.",
        )
    return found


def box_mask(box: Box, size: tuple[int, int]) -> Mask:
    """The rectangle [x, y, width, height], in pixels, as a mask of a picture of `size` (height, width).

    Every pixel that the box touches is inside. Raises InputError for a box without area or outside the picture.
    """
    x, y, width, height = box
    check_inside(box, size)
    pixels = np.zeros(size, bool)
    top, left = max(0, int(np.floor(y))), max(0, int(np.floor(x)))
    pixels[top : int(np.ceil(y + height)), left : int(np.ceil(x + width))] = True
    return rle.encode(pixels)


def check_inside(box: Box, size: tuple[int, int]) -> None:
    """Raise InputError unless some of the box [x, y, width, height] lies in a picture of `size` (height, width)."""
    x, y, width, height = box
    shown = ",".join(f"{value:g}" for value in box)
    if not (all(map(math.isfinite, box)) and width > 0 and height > 0):
        raise InputError(f"the box {shown} has no area", hint="A box is x,y,width,height in pixels.")
    if x >= size[1] or y >= size[0] or x + width <= 0 or y + height <= 0:
        raise InputError(
            f"the box {shown} lies outside the picture of {size[1]} x {size[0]} (width x height)",
            hint="A box is x,y,width,height in pixels, x and y of its top left corner.",
        )
