"""Area and box of many masks at once, straight from their run lengths.

Thousands of masks of a shard are measured by a few numpy passes without drawing a single one. The code that
`schemas.rle` reads one mask at a time, with the same meaning of a valid mask.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

CHUNK = 50_000
"""Characters of compressed run lengths in work at once, so that the arrays stay in the processor's cache."""
_DIGITS = 9
"""Longest number taken, in characters of 5 bits: 45 bits, far beyond the pixels of any image."""


class Measures(NamedTuple):
    """What n masks cover."""

    valid: Bools
    """The runs can be read, none is negative, and they fill (height, width)."""
    area: Ints
    """Pixels set; 0 where not valid."""
    box: Ints
    """(n, 4): tight [x, y, width, height]; zeros where nothing is set or not valid."""


class Strips(NamedTuple):
    """Runs of ones, none of them empty, in the order of their masks: from pixel (left, top) down to (right, bottom)."""

    owner: Ints
    """Which mask each belongs to."""
    left: Ints
    top: Ints
    right: Ints
    """Column of the last pixel; beyond `left` where a run goes on at the top of the next column."""
    bottom: Ints


def measure(counts: pa.Array, heights: Ints, widths: Ints) -> Measures:
    """Measure masks given as an array of n compressed strings without nulls."""
    texts = counts.cast(pa.large_string())
    chars, borders = _characters(texts)
    parts = [
        _measure(chars[borders[a] : borders[b]], borders[a : b + 1] - borders[a], heights[a:b], widths[a:b])
        for a, b in _chunks(borders)
    ]
    if not parts:
        return Measures(np.zeros(0, bool), np.zeros(0, np.int64), np.zeros((0, 4), np.int64))
    return Measures(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def strips(counts: pa.Array, heights: Ints, widths: Ints) -> Iterator[tuple[int, Strips]]:
    """The runs of ones of n masks, as many masks at a time as `CHUNK` holds, after the number of the first of them.

    Broken masks have none.
    """
    chars, borders = _characters(counts.cast(pa.large_string()))
    for a, b in _chunks(borders):
        runs = _runs(chars[borders[a] : borders[b]], borders[a : b + 1] - borders[a])
        valid = _valid(runs, heights[a:b], widths[a:b])
        yield a, _strips(runs, _ones(runs, valid), heights[a:b])


def _characters(texts: pa.Array) -> tuple[npt.NDArray[np.uint8], Ints]:
    """All characters in a row, and where each text starts (n + 1 borders)."""
    _, offsets, data = texts.buffers()
    borders = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    return np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8), borders


def _chunks(borders: Ints) -> Iterator[tuple[int, int]]:
    """Ranges of texts of about `CHUNK` characters."""
    first, count = 0, len(borders) - 1
    while first < count:
        after = int(np.searchsorted(borders, borders[first] + CHUNK))
        after = min(max(after, first + 1), count)
        yield first, after
        first = after


class _Runs(NamedTuple):
    """The runs of n masks in a row."""

    length: Ints
    heads: Ints
    """(n,): where the runs of each mask start."""
    number: Ints
    """(n,): how many there are."""
    position: Ints
    """Which run of its mask; odd ones are ones."""
    readable: Bools
    """(n,)."""


def _measure(chars: npt.NDArray[np.uint8], borders: Ints, heights: Ints, widths: Ints) -> Measures:
    runs = _runs(chars, borders)
    valid = _valid(runs, heights, widths)
    ones = _ones(runs, valid)
    return Measures(valid, _by_mask(np.where(ones, runs.length, 0), runs), _boxes(runs, ones, heights))


def _valid(runs: _Runs, heights: Ints, widths: Ints) -> Bools:
    positive = _by_mask(np.minimum(runs.length, 0), runs) == 0
    fills = _by_mask(runs.length, runs) == heights * widths
    return runs.readable & positive & (heights > 0) & (widths > 0) & fills


def _ones(runs: _Runs, valid: Bools) -> Bools:
    return (runs.position & 1).astype(bool) & np.repeat(valid, runs.number)


def _runs(chars: npt.NDArray[np.uint8], borders: Ints) -> _Runs:
    """Read the numbers: 5 bits a character, a bit for "goes on", the last one signed, then differences undone."""
    code = chars - np.uint8(48)
    goes_on = (code & 0x20) != 0
    last = borders[1:][np.diff(borders) > 0] - 1
    faulty = [np.flatnonzero(code >= 64), last[goes_on[last]]]
    goes_on[last] = False
    stops = np.flatnonzero(~goes_on)
    starts = np.concatenate((np.zeros(1, np.int64), stops[:-1] + 1)) if len(stops) else stops
    digits = stops - starts + 1
    faulty.append(starts[digits > _DIGITS])
    bounds = np.searchsorted(stops, borders)
    readable = np.ones(len(borders) - 1, bool)
    readable[np.searchsorted(borders, np.concatenate(faulty), side="right") - 1] = False
    heads, count = bounds[:-1], np.diff(bounds)
    position = np.arange(len(stops)) - np.repeat(heads, count)
    value = _numbers(code, starts, stops, digits)
    return _Runs(_undo_differences(value, heads, count, position), heads, count, position, readable)


def _numbers(code: npt.NDArray[np.uint8], starts: Ints, stops: Ints, digits: Ints) -> Ints:
    """Signed numbers of up to `_DIGITS` characters, lowest 5 bits first; longer ones come out wrong."""
    value = (code[starts] & 0x1F).astype(np.int64)
    longer = np.flatnonzero(digits > 1)
    for place in range(1, _DIGITS):
        value[longer] |= (code[starts[longer] + place] & 0x1F).astype(np.int64) << (5 * place)
        longer = longer[digits[longer] > place + 1]
    negative = np.flatnonzero(code[stops] & 0x10)
    value[negative] -= np.left_shift(1, 5 * np.minimum(digits[negative], _DIGITS))
    return value


def _undo_differences(value: Ints, heads: Ints, count: Ints, position: Ints) -> Ints:
    """From the fourth run on a number is the difference to the last but one: sum odd and even runs apart."""
    odd = (position & 1).astype(bool)
    length = np.where(position == 0, value, 0)
    for chosen in (odd, ~odd & (position > 0)):
        sums = np.concatenate((np.zeros(1, np.int64), np.cumsum(np.where(chosen, value, 0))))
        length += np.where(chosen, sums[1:] - np.repeat(sums[heads], count), 0)
    return length


def _by_mask(values: Ints, runs: _Runs) -> Ints:
    """Sums over the runs of each mask."""
    sums = np.concatenate((np.zeros(1, np.int64), np.cumsum(values)))
    total: Ints = sums[runs.heads + runs.number] - sums[runs.heads]
    return total


def _strips(runs: _Runs, ones: Bools, heights: Ints) -> Strips:
    ends = np.cumsum(runs.length)
    ends -= np.repeat(ends[runs.heads - 1] * (runs.heads > 0), runs.number) if len(ends) else 0
    chosen = np.flatnonzero(ones & (runs.length > 0))
    owner = np.repeat(np.arange(len(heights)), runs.number)[chosen]
    height, last = heights[owner], ends[chosen] - 1
    left, top = np.divmod(last - runs.length[chosen] + 1, height)
    right, bottom = np.divmod(last, height)
    return Strips(owner, left, top, right, bottom)


def _boxes(runs: _Runs, ones: Bools, heights: Ints) -> Ints:
    """Tight boxes: a run that reaches into the next column touches the bottom and the top."""
    box = np.zeros((len(heights), 4), np.int64)
    owner, left, top, right, bottom = _strips(runs, ones, heights)
    if not len(owner):
        return box
    height, crosses = heights[owner], right > left
    first = np.flatnonzero(np.diff(owner, prepend=-1))
    x, y = np.minimum.reduceat(left, first), np.minimum.reduceat(np.where(crosses, 0, top), first)
    x_end = np.maximum.reduceat(right, first) + 1
    y_end = np.maximum.reduceat(np.where(crosses, height - 1, bottom), first) + 1
    box[owner[first]] = np.stack([x, y, x_end - x, y_end - y], axis=1)
    return box
