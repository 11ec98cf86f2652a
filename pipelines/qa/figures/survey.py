"""The figures that report and card share, from one pass over the shards, and the rows that are shown."""

import heapq
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipelines import storage
from pipelines.qa.reading import column_pieces, opened
from pipelines.shards.manifest import Manifest

SHOWN = 6
"""Rows of each kind in the gallery."""

_COLUMNS = ["sample_id", "split", "sources", "license", "generator", "regions"]

PAPER_UNIT = {"description": "regions"}
"""What the paper calls a sample of a kind; question-answer pairs (`turns`) where not listed."""


class Place(NamedTuple):
    """Where a row lies."""

    rank: int
    """From the id alone: the lowest ranks of a kind are shown, whatever the order of the shards."""
    kind: str
    file: str
    row: int


class Figures(NamedTuple):
    """Rows counted in several ways, by kind."""

    splits: dict[str, Counter[str]]
    generators: dict[str, Counter[str]]
    licenses: Counter[str]
    row_sources: Counter[str]
    """Rows that rest on a source; a row may rest on several."""
    region_sources: Counter[str]
    """Regions whose mask is a source's."""
    shown: dict[str, list[Place]]


def survey(out: str, manifest: Manifest) -> Figures:
    """One pass over all shards, a piece at a time."""
    figures = Figures({}, {}, Counter(), Counter(), Counter(), {})
    for kind, entry in sorted(manifest.kinds.items()):
        figures.splits[kind], figures.generators[kind], figures.shown[kind] = Counter(), Counter(), []
        for file in entry.files:
            before = 0
            for piece in column_pieces(storage.join(out, file.path), _COLUMNS):
                _add(figures, kind, piece)
                lowest = [*figures.shown[kind], *_places(kind, file.path, before, piece["sample_id"])]
                figures.shown[kind] = heapq.nsmallest(SHOWN, lowest)
                before += piece.num_rows
    return figures


def _add(figures: Figures, kind: str, piece: pa.Table) -> None:
    figures.splits[kind].update(_values(piece["split"]))
    figures.generators[kind].update(_values(pc.struct_field(piece["generator"], "name")))
    figures.licenses.update(_values(piece["license"]))
    figures.row_sources.update(_values(pc.list_flatten(piece["sources"])))
    figures.region_sources.update(_values(pc.struct_field(pc.list_flatten(piece["regions"]), "source")))


def _values(column: pa.ChunkedArray) -> dict[str, int]:
    return {str(one["values"]): one["counts"] for one in pc.value_counts(column).to_pylist()}


def _places(kind: str, file: str, before: int, ids: pa.ChunkedArray) -> Iterator[Place]:
    """The lowest ranks of a piece."""
    ranks = pd.Series(pd.util.hash_array(ids.fill_null("").to_numpy().astype(object), categorize=False))
    for row, rank in ranks.nsmallest(SHOWN).items():
        yield Place(int(rank), kind, file, before + int(str(row)))


def rows_at(out: str, places: list[Place]) -> list[dict[str, Any]]:
    """The rows at these places, with their pictures' bytes where they carry them."""
    return [_row(storage.join(out, place.file), place.row) for place in places]


def _row(path: str, row: int) -> dict[str, Any]:
    with opened(path) as file:
        for group in range(file.metadata.num_row_groups):
            rows = file.metadata.row_group(group).num_rows
            if row < rows:
                found: dict[str, Any] = file.read_row_group(group).slice(row, 1).to_pylist()[0]
                return found
            row -= rows
    raise IndexError(f"{path} has fewer rows")
