"""Distance between masks, exactly and without decoding them to pixels.

A mask is a set of vertical runs (RLE is column-major). From every run of one mask we look into one column of the
other after the next, the nearest columns first, and there only at the run above and the run below, until no column
that is left can be nearer than what was found. So masks of 100,000 runs, whose pairs no memory holds, take
milliseconds.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from schemas import rle
from schemas.records import Box, Mask

Ints = npt.NDArray[np.int64]


class Runs(NamedTuple):
    """Vertical runs of a mask: column, first row, last row (inclusive), each of shape (runs,)."""

    column: Ints
    first: Ints
    last: Ints


def vertical_runs(mask: Mask) -> Runs:
    """The runs of ones, cut at the ends of columns."""
    height = mask.size[0]
    ends = np.cumsum(rle.runs(mask.counts), dtype=np.int64)
    starts, stops = ends[0:-1:2], ends[1::2]
    filled = stops > starts
    starts, stops = starts[filled], stops[filled]
    columns = (stops - 1) // height - starts // height + 1
    run = np.repeat(np.arange(len(starts)), columns)
    offset = np.arange(len(run)) - np.repeat(np.cumsum(columns) - columns, columns)
    column = starts[run] // height + offset
    first = np.maximum(starts[run], column * height) - column * height
    last = np.minimum(stops[run], (column + 1) * height) - 1 - column * height
    return Runs(column, first, last)


def distance(one: Runs, other: Runs) -> float:
    """Smallest distance in pixels between the centres of two pixels, one of each mask; 0 where they share a pixel.

    Both masks have at least one pixel.
    """
    stride = int(max(one.last.max(), other.last.max())) + 1
    starts = other.column * stride + other.first
    steps = range(int(other.column[0] - one.column[-1]), int(other.column[-1] - one.column[0]) + 1)
    best = float("inf")
    for across in sorted(steps, key=abs):
        if abs(across) >= best:
            break
        column = one.column + across
        after = np.searchsorted(starts, column * stride + one.first)
        for index in (np.maximum(after - 1, 0), np.minimum(after, len(starts) - 1)):
            there = other.column[index] == column
            gap = np.maximum(one.first - other.last[index], other.first[index] - one.last)[there]
            if gap.size:
                best = min(best, math.hypot(across, max(int(gap.min()), 0)))
    return best


def box_gap(one: Box, other: Box) -> float:
    """A lower bound of the distance between what is inside two boxes [x, y, width, height]."""
    across = max(one[0] - (other[0] + other[2] - 1), other[0] - (one[0] + one[2] - 1), 0.0)
    down = max(one[1] - (other[1] + other[3] - 1), other[1] - (one[1] + one[3] - 1), 0.0)
    return float(np.hypot(across, down))
