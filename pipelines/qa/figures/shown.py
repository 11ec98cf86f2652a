"""Which rows are shown: the same few of each kind every time, chosen by their ids alone."""

import heapq
from collections import defaultdict
from typing import Self

import numpy as np

from pipelines.qa.figures.records import Shown
from pipelines.qa.pieces import Piece

ROWS = 6
"""Of each kind in the gallery."""


class Selection:
    """An observer that keeps the rows with the lowest ranks."""

    def __init__(self) -> None:
        self._lowest: dict[str, list[tuple[int, str, Shown]]] = defaultdict(list)

    def add(self, piece: Piece) -> None:
        """Take note of a piece."""
        lowest = np.argsort(piece.ranks, kind="stable")[:ROWS].tolist()
        self._keep(piece.kind, [(int(piece.ranks[row]), str(piece.ids[row]), _shown(piece, row)) for row in lowest])

    def merge(self, other: Self) -> None:
        """Add what another one saw."""
        for kind, found in other._lowest.items():
            self._keep(kind, found)

    def shown(self) -> dict[str, tuple[Shown, ...]]:
        """By kind."""
        return {kind: tuple(one for *_, one in found) for kind, found in sorted(self._lowest.items())}

    def _keep(self, kind: str, found: list[tuple[int, str, Shown]]) -> None:
        self._lowest[kind] = heapq.nsmallest(ROWS, [*self._lowest[kind], *found], key=lambda one: one[:2])


def _shown(piece: Piece, row: int) -> Shown:
    place = piece.place(row)
    return Shown(sample_id=str(piece.ids[row]), file=place.file, row=place.row)
