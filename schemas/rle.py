"""COCO run-length encoding: the one mask format of the shards.

Runs are column-major and start with a run of zeros (format document, section 1).
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco_mask

from schemas.records import Box, Mask

BoolArray = npt.NDArray[np.bool_]

MAX_SIDE = 65_535
"""Pixels of a side of an image, as in JPEG; pycocotools crashes on sizes far above."""
MAX_PIXELS = 2**31 - 1
"""Of an image: pycocotools counts in 32 bits."""


def encode(pixels: npt.NDArray[np.generic]) -> Mask:
    """Mask of a boolean or 0/1 array of shape (height, width)."""
    rle = coco_mask.encode(np.asfortranarray(pixels.astype(np.uint8)))
    return Mask(size=(int(rle["size"][0]), int(rle["size"][1])), counts=rle["counts"].decode())


def decode(mask: Mask) -> BoolArray:
    """Boolean array of shape (height, width)."""
    return coco_mask.decode(as_coco(mask)).astype(bool)


def as_coco(mask: Mask) -> dict[str, object]:
    """The dict that pycocotools and `datasets` know."""
    return {"size": list(mask.size), "counts": mask.counts}


def area(mask: Mask) -> int:
    """Pixels set."""
    return int(coco_mask.area(as_coco(mask)))


def box(mask: Mask) -> Box:
    """Tight box [x, y, width, height] of the pixels set; zeros where there are none."""
    x, y, width, height = coco_mask.toBbox(as_coco(mask)).tolist()
    return (x, y, width, height)


def ious(mask: Mask, others: Sequence[Mask]) -> list[float]:
    """Intersection over union of a mask with each of several masks of its size."""
    if not others:
        return []
    found = coco_mask.iou([as_coco(mask)], [as_coco(other) for other in others], [0] * len(others))
    return [float(value) for value in found[0]]


def runs(counts: str) -> list[int]:
    """Run lengths of a compressed counts string.

    Raises ValueError where the string ends within a number or has a character outside the code; pycocotools does
    not check.
    """
    found: list[int] = []
    value = shift = 0
    for char in counts:
        code = ord(char) - 48
        if not 0 <= code < 64:
            raise ValueError(f"character {char!r} is not part of compressed RLE")
        value |= (code & 0x1F) << shift
        shift += 5
        if code & 0x20:
            continue
        if code & 0x10:
            value -= 1 << shift
        found.append(value + found[-2] if len(found) > 2 else value)
        value = shift = 0
    if shift:
        raise ValueError("compressed RLE ends within a number")
    return found


def check_runs(lengths: list[int], size: tuple[int, int]) -> None:
    """Raise ValueError unless the runs are non-negative and fill an image of (height, width)."""
    if any(length < 0 for length in lengths):
        raise ValueError("a run length is negative")
    if sum(lengths) != size[0] * size[1]:
        raise ValueError(f"runs add up to {sum(lengths)} pixels, the image has {size[0] * size[1]}")


def joined(lengths: list[int]) -> list[int]:
    """The same mask without empty runs (but for the first), so that equal pixels have equal runs."""
    found = [0]
    for index, length in enumerate(lengths):
        if length and index % 2 != (len(found) - 1) % 2:
            found.append(length)
        else:
            found[-1] += length
    return found
