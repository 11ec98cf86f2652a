"""Which regions no cell of a feature map sees under the paper's pooling.

There a mask is resized bilinearly (without smoothing) from the size of its picture to that of a feature map, and cells
above zero are inside. A cell looks at two rows and two columns next to its middle at most; so a region is seen where
one of its pixels lies in a row and a column that any cell looks at, which its run lengths tell without drawing it.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.qa.masks import Strips, strips

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

IMAGE_SIZE = 512
"""Pixels of a side of the model's picture, as published."""
STRIDES = (4, 8, 16, 32)
"""Of the four feature maps, in pixels of the model's picture."""
_LONGEST = 1 << 16
"""Pixels of a side of a picture; no JPEG is longer, and what claims to be is not drawn up."""


def seen(counts: pa.Array, heights: Ints, widths: Ints) -> Bools:
    """(n, 4): whether each feature map sees each of n masks of (height, width) pixels; broken masks are not seen."""
    found = np.zeros((len(counts), len(STRIDES)), bool)
    drawable = np.maximum(heights, widths) <= _LONGEST
    heights, widths = heights * drawable, widths * drawable
    rows, first_row = _table(heights, _next_rows)
    columns, first_column = _table(widths, _looked_at)
    for first, strip in strips(counts, heights, widths):
        owner = strip.owner + first
        hit = _hits(strip, rows, first_row[owner], columns, first_column[owner], heights[owner])
        starts = np.flatnonzero(np.diff(strip.owner, prepend=-1))
        if len(starts):
            found[owner[starts]] = np.logical_or.reduceat(hit, starts)
    return found


def _hits(strip: Strips, rows: npt.NDArray[np.int32], row: Ints, columns: Bools, column: Ints, height: Ints) -> Bools:
    """(strips, 4): whether a pixel of a strip is looked at; `row`, `column`: where the tables of its mask start."""
    crosses = strip.right > strip.left
    end = np.where(crosses, height - 1, strip.bottom).astype(np.int32)
    hit: Bools = (rows[row + strip.top] <= end[:, None]) & columns[column + strip.left]
    several = np.flatnonzero(crosses)
    if len(several):
        hit[several] |= _later(Strips(*(part[several] for part in strip)), rows, row[several], columns, column[several])
    return hit


def _later(strip: Strips, rows: npt.NDArray[np.int32], row: Ints, columns: Bools, column: Ints) -> Bools:
    """The same of a strip's columns after its first: the last one down to `bottom`, whole ones between."""
    last = (rows[row] <= strip.bottom[:, None]) & columns[column + strip.right]
    sums = np.concatenate((np.zeros((1, len(STRIDES)), np.int64), np.cumsum(columns, axis=0)))
    return last | (sums[column + strip.right] > sums[column + strip.left + 1])


def _table(sides: Ints, of_side: Callable[[int], npt.NDArray[Any]]) -> tuple[npt.NDArray[Any], Ints]:
    """The tables of all distinct sides one after the other, and where that of each side (n,) starts."""
    distinct, which = np.unique(sides, return_inverse=True)
    parts = [of_side(0), *(of_side(int(side)) for side in distinct)]
    return np.concatenate(parts), np.cumsum([0, *map(len, parts)])[1 + which]


@lru_cache(maxsize=4096)
def _looked_at(side: int) -> Bools:
    """(side, 4): whether any cell looks at each pixel along a side.

    Cell c of n looks at both neighbours of (c + 0.5) * side / n - 0.5, counted from 0 and not below; of one only,
    where that is a whole number. Everything is counted in units of 1 / (2 n).
    """
    found = np.zeros((max(side, 0), len(STRIDES)), bool)
    if side <= 0:
        return found
    for level, stride in enumerate(STRIDES):
        cells = IMAGE_SIZE // stride
        middle = np.maximum(side * (2 * np.arange(cells) + 1) - cells, 0)
        pixel, beside = np.divmod(middle, 2 * cells)
        found[pixel, level] = True
        found[np.minimum(pixel + 1, side - 1)[beside > 0], level] = True
    return found


@lru_cache(maxsize=4096)
def _next_rows(side: int) -> npt.NDArray[np.int32]:
    """(side, 4): the next row, from each on, that any cell looks at; `side` where there is none."""
    rows = np.where(_looked_at(side), np.arange(side)[:, None], side)
    return np.minimum.accumulate(rows[::-1], axis=0)[::-1].astype(np.int32)
