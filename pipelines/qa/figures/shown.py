"""Which rows are shown: the same few of each kind always, chosen by their ids and spread over sources and writers."""

import heapq
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow.compute as pc

from pipelines.qa.figures.records import Shown
from pipelines.qa.pieces import Piece, column

ROWS = 6
"""Of each kind in the gallery."""
_STRATA = 64
"""Combinations of writer and sources of a kind that are looked at, at most."""


class _Candidate(NamedTuple):
    """A row, ordered by its rank (`_order`)."""

    rank: int
    sample_id: str
    writer: str
    sources: tuple[str, ...]
    shown: Shown


class Selection:
    """An observer that keeps the lowest rank of every combination of writer and sources, and the lowest of all."""

    def __init__(self) -> None:
        self._lowest: dict[str, list[_Candidate]] = defaultdict(list)
        self._strata: dict[str, list[_Candidate]] = defaultdict(list)

    def add(self, piece: Piece) -> None:
        """Take note of a piece."""
        if len(piece):
            lowest = np.argsort(piece.ranks, kind="stable")[:ROWS]
            self._keep(piece.kind, _candidates(piece, lowest), _candidates(piece, _first_of_each(piece)))

    def merge(self, other: Self) -> None:
        """Add what another one saw."""
        for kind, found in other._lowest.items():
            self._keep(kind, found, other._strata[kind])

    def shown(self) -> dict[str, tuple[Shown, ...]]:
        """By kind."""
        return {
            kind: tuple(one.shown for one in _spread([*self._strata[kind], *found]))
            for kind, found in sorted(self._lowest.items())
        }

    def _keep(self, kind: str, lowest: list[_Candidate], strata: list[_Candidate]) -> None:
        self._lowest[kind] = heapq.nsmallest(ROWS, [*self._lowest[kind], *lowest], key=_order)
        first: dict[tuple[str, tuple[str, ...]], _Candidate] = {}
        for one in sorted([*self._strata[kind], *strata], key=_order):
            first.setdefault((one.writer, one.sources), one)
        self._strata[kind] = list(first.values())[:_STRATA]


def _first_of_each(piece: Piece) -> npt.NDArray[np.intp]:
    """Rows with the lowest rank of their combination of writer and sources, the lowest first."""
    sources = pc.binary_join(column(piece.table, "sources"), "\n").to_numpy(zero_copy_only=False)
    frame = pd.DataFrame({"rank": piece.ranks, "writer": piece.writers, "sources": sources})
    first = frame.sort_values("rank", kind="stable").drop_duplicates(["writer", "sources"])
    return first.index.to_numpy()[:_STRATA]


def _candidates(piece: Piece, rows: Iterable[np.intp]) -> list[_Candidate]:
    return [_candidate(piece, int(row)) for row in rows]


def _candidate(piece: Piece, row: int) -> _Candidate:
    place, name = piece.place(row), str(piece.ids[row])
    sources = tuple(piece.table["sources"][row].as_py())
    shown = Shown(sample_id=name, file=place.file, row=place.row)
    return _Candidate(int(piece.ranks[row]), name, str(piece.writers[row]), sources, shown)


def _spread(candidates: list[_Candidate]) -> list[_Candidate]:
    """First those that bring a writer or sources that none before has, then the lowest ranks; by rank."""
    left = sorted({(one.shown.file, one.shown.row): one for one in candidates}.values(), key=_order)
    chosen: list[_Candidate] = []
    seen: set[str] = set()
    while left and len(chosen) < ROWS:
        gains = [_gain(one, seen) for one in left]
        best = left.pop(gains.index(max(gains)))
        chosen.append(best)
        seen |= _names(best)
    return sorted(chosen, key=_order)


def _order(one: _Candidate) -> tuple[int, str, str, int]:
    """Rows with one id, which no sound build has, in the order of files."""
    return one.rank, one.sample_id, one.shown.file, one.shown.row


def _gain(one: _Candidate, seen: set[str]) -> tuple[bool, int]:
    """Whether the writer is new, and how many sources are."""
    new = _names(one) - seen
    return f"by {one.writer}" in new, len(new)


def _names(one: _Candidate) -> set[str]:
    return {f"by {one.writer}", *(f"from {name}" for name in one.sources)}
