"""The figures of a build, added up piece by piece."""

from collections import Counter, defaultdict
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.qa.figures.records import Cell, Figures, KindFigures
from pipelines.qa.pieces import Piece, column

PAPER_UNIT = {"description": "regions"}
"""What the paper calls a sample of a kind; question-answer pairs (`turns`) where not listed."""

_Key = tuple[str, str, str, tuple[str, ...]]


class Survey:
    """An observer that counts and measures."""

    def __init__(self) -> None:
        self._cells: dict[_Key, Counter[str]] = defaultdict(Counter)
        self._licenses: Counter[str] = Counter()
        self._region_sources: Counter[str] = Counter()

    def add(self, piece: Piece) -> None:
        """Take note of a piece."""
        self._licenses.update(_counted(column(piece.table, "license")))
        self._region_sources.update(_counted(pc.struct_field(piece.regions, "source")))
        for key, counts in _cells(piece):
            self._cells[key].update(counts)

    def merge(self, other: Self) -> None:
        """Add what another one saw."""
        self._licenses.update(other._licenses)
        self._region_sources.update(other._region_sources)
        for key, counts in other._cells.items():
            self._cells[key].update(counts)

    def figures(self) -> Figures:
        """What was counted so far."""
        cells = tuple(
            Cell(kind=kind, split=split, generator=generator, sources=sources, **counts)
            for (kind, split, generator, sources), counts in sorted(self._cells.items())
        )
        sums = {name: sum(getattr(cell, name) for cell in cells) for name in ("rows", "regions", "turns")}
        row_sources: Counter[str] = Counter()
        for cell in cells:
            row_sources.update(dict.fromkeys(cell.sources, cell.rows))
        return Figures(
            **sums, cells=cells, kinds={kind: _kind(kind, cells) for kind in sorted({cell.kind for cell in cells})},
            licenses=dict(self._licenses.most_common()), row_sources=dict(row_sources.most_common()),
            region_sources=dict(self._region_sources.most_common()),
        )  # fmt: skip


def _kind(kind: str, cells: tuple[Cell, ...]) -> KindFigures:
    mine = [cell for cell in cells if cell.kind == kind]
    return KindFigures(**{name: sum(getattr(cell, name) for cell in mine) for name in ("rows", "regions", "turns")})


def _cells(piece: Piece) -> list[tuple[_Key, dict[str, int]]]:
    frame = pa.table({
        "split": column(piece.table, "split"), "writer": pa.array(piece.writers, pa.string()),
        "sources": pa.array([",".join(names) for names in piece.table["sources"].to_pylist()], pa.string()),
        "regions": pc.list_value_length(column(piece.table, "regions")),
        "turns": pc.divide(pc.list_value_length(column(piece.table, "messages")), 2),
    })  # fmt: skip
    groups = frame.group_by(["split", "writer", "sources"]).aggregate(
        [([], "count_all"), ("regions", "sum"), ("turns", "sum")]
    )
    return [
        ((piece.kind, one["split"], one["writer"], tuple(filter(None, one["sources"].split(",")))),
         {"rows": one["count_all"], "regions": one["regions_sum"], "turns": one["turns_sum"]})
        for one in groups.to_pylist()
    ]  # fmt: skip


def _counted(values: pa.Array) -> dict[str, int]:
    return {str(one["values"]): one["counts"] for one in pc.value_counts(values).to_pylist()}
