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


def overlaps(masks: Sequence[Mask]) -> npt.NDArray[np.float64]:
    """(n, n): intersection over union of each of n masks of one size with each."""
    if not masks:
        return np.zeros((0, 0))
    listed = [as_coco(mask) for mask in masks]
    return np.asarray(coco_mask.iou(listed, listed, [0] * len(listed)), dtype=np.float64)


def run_lengths(counts: str) -> npt.NDArray[np.int64]:
    """Run lengths of a compressed counts string, an array.

    Every character carries five bits, the lowest first; 32 says that the number goes on, 16 of the last one is its
    sign. From the fourth number on, it is the difference to the last but one.

    Raises:
        ValueError: the string ends within a number, has a character outside the code, or a number of more than 55 bits;
            pycocotools does not check.
    """
    codes = np.frombuffer(counts.encode("utf-32-le"), np.uint32).astype(np.int64) - 48
    if len(codes) == 0:
        return codes
    strange = (codes < 0) | (codes > 63)
    if strange.any():
        raise ValueError(f"character {counts[int(strange.argmax())]!r} is not part of compressed RLE")
    last = np.flatnonzero(codes < 32)
    if len(last) == 0 or last[-1] != len(codes) - 1:
        raise ValueError("compressed RLE ends within a number")
    first = np.concatenate(([0], last[:-1] + 1))
    digits = last - first + 1
    if digits.max() > _DIGITS:
        raise ValueError("a run length is longer than any picture")
    place = 5 * (np.arange(len(codes)) - np.repeat(first, digits))
    found = np.add.reduceat((codes & 31) << place, first)
    found -= ((codes[last] & 16) >> 4) << (5 * digits)
    found[1::2] = np.cumsum(found[1::2])
    found[2::2] = np.cumsum(found[2::2])
    return found


_DIGITS = 11
"""Characters of a number at most, so that its sign still fits 64 bits."""


def runs(counts: str) -> list[int]:
    """`run_lengths` as a list."""
    found: list[int] = run_lengths(counts).tolist()
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
