"""Whole numbers counted in bins of bounded number, so that quantiles of millions of values fit a few kilobytes."""

from typing import Self

import numpy as np
import numpy.typing as npt

from pipelines.qa.figures.records import Distribution

Ints = npt.NDArray[np.int64]

_HALF = 1024
"""Bins of each power of two from 2,048 on; values below have a bin each. A bin spans 0.1 % of its values at most."""
_MOST_BINS = 30
_LONG_TAIL = 8
"""High values this many times as large as the 95th percentile get a logarithmic scale."""


class Tally:
    """Counts of whole numbers from 0 to 2**52, added up exactly whatever the order.

    `unit` is what a step of one is worth (a share of a picture is counted in steps of `SHARE`).
    """

    def __init__(self, unit: float = 1.0, logarithmic: bool = False) -> None:
        self._unit = unit
        self._logarithmic = logarithmic
        self._bins: Ints = np.zeros(0, np.int64)
        self._sum = 0
        self._low: int | None = None
        self._high: int | None = None

    def add(self, values: Ints) -> None:
        """Take note of values (n,)."""
        if len(values):
            found = np.bincount(_bin(values))
            self._add(found.astype(np.int64), int(values.sum(dtype=object) if _large(values) else values.sum()))
            self._reach(int(values.min()), int(values.max()))

    def merge(self, other: Self) -> None:
        """Add what another one counted."""
        self._add(other._bins, other._sum)
        if other._low is not None and other._high is not None:
            self._reach(other._low, other._high)

    def distribution(self) -> Distribution:
        """A histogram for people, quantiles (the lower border of their bin: exact below 2,048), and the exact mean."""
        number = int(self._bins.sum())
        if self._low is None or self._high is None:
            return Distribution()
        p05, median, p95 = (self._quantile(share, number) for share in (0.05, 0.5, 0.95))
        edges = self._edges(self._low, self._high, p95)
        filled = np.flatnonzero(self._bins)
        place = np.searchsorted(edges, _lowest(filled), side="right") - 1
        counts = np.bincount(place.clip(0, len(edges) - 2), self._bins[filled], len(edges) - 1)
        return Distribution(
            edges=tuple(map(self._told, edges.tolist())), counts=tuple(map(int, counts)), number=number,
            low=self._told(self._low), p05=self._told(p05), median=self._told(median), p95=self._told(p95),
            high=self._told(self._high), mean=self._told(self._sum / number),
        )  # fmt: skip

    def _told(self, value: float) -> float:
        return float(value) if self._unit == 1 else float(f"{value * self._unit:.9g}")

    def _add(self, bins: Ints, total: int) -> None:
        more = np.zeros(max(len(bins), len(self._bins)), np.int64)
        more[: len(bins)] += bins
        more[: len(self._bins)] += self._bins
        self._bins = more
        self._sum += total

    def _reach(self, low: int, high: int) -> None:
        self._low = low if self._low is None else min(self._low, low)
        self._high = high if self._high is None else max(self._high, high)

    def _quantile(self, share: float, number: int) -> int:
        """The smallest value that at least this share does not exceed."""
        ranks = np.cumsum(self._bins)
        found = _lowest(np.array([np.searchsorted(ranks, max(1, int(np.ceil(share * number))))], np.int64))
        return min(max(int(found[0]), self._low or 0), self._high or 0)

    def _edges(self, low: int, high: int, p95: int) -> Ints:
        """Borders of the histogram: powers of two where values span many, else round steps from below to above all."""
        if self._logarithmic or high > _LONG_TAIL * max(p95, 8):
            first, last = max(low, 1).bit_length() - 1, max(high - 1, 1).bit_length()
            powers = [1 << power for power in range(first, max(last, first + 1) + 1)]
            return np.array(powers if low else [0, *powers], np.int64)
        step = next(step for step in _steps() if (high - low // step * step) // step < _MOST_BINS)
        return np.arange(low // step * step, high + step + 1, step)[: (high - low // step * step) // step + 2]


SHARE = 2.0**-40
"""Unit of shares: fixed-point numbers add up to the same whatever the order."""


def shares(part: Ints, whole: Ints) -> Ints:
    """Parts (n,) of wholes (n,) in steps of `SHARE`, at most the whole."""
    return np.rint(np.minimum(part / np.maximum(whole, 1), 1.0) / SHARE).astype(np.int64)


def _large(values: Ints) -> bool:
    return bool(values.max() > (1 << 62) // len(values))


def _steps() -> list[int]:
    return [digit * 10**zeros for zeros in range(16) for digit in (1, 2, 5)]


def _bin(values: Ints) -> Ints:
    shift = np.maximum(np.frexp(values.astype(np.float64))[1] - 11, 0).astype(np.int64)
    return shift * _HALF + (values >> shift)


def _lowest(bins: Ints) -> Ints:
    """The smallest value of each bin."""
    shift = np.maximum(bins // _HALF - 1, 0)
    return np.left_shift(bins - shift * _HALF, shift)
