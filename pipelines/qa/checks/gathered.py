"""Columns kept of every shard until the end, a few bytes an entry, and the rows looked up again that are at fault."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from pipelines import storage
from pipelines.qa.pieces import Piece, Place
from pipelines.qa.reading import opened
from pipelines.qa.results import Evidence

Hashes = npt.NDArray[np.uint64]
Numbers = npt.NDArray[np.int64]
_MIXER = np.uint64(0x9E3779B97F4A7C15)
"""Odd, with bits all over: 2^64 over the golden ratio."""


class Part(NamedTuple):
    """Entries of consecutive rows of one shard."""

    kind: str
    split: str
    file: str
    first: int
    """Number of the first row, for the order of parts."""
    columns: dict[str, npt.NDArray[Any]]
    """Equally long arrays; `row` is the number of the row within the shard."""


class Gathered:
    """Parts in any order, put into the order of files and rows when all are there."""

    def __init__(self) -> None:
        self._parts: list[Part] = []

    def add(self, piece: Piece, rows: Numbers, **columns: npt.NDArray[Any]) -> None:
        """Entries of a piece; `rows` are numbers within it."""
        if len(rows):
            places = piece.places[rows].astype(np.int32)
            part = Part(piece.kind, piece.split, piece.file, int(places[0]), {"row": places, **columns})
            self._parts.append(part)

    def merge(self, other: Self) -> None:
        """Add what another one gathered."""
        self._parts += other._parts

    def parts(self) -> list[Part]:
        """In order."""
        self._parts.sort(key=lambda part: (part.file, part.first))
        return self._parts

    def column(self, name: str, kind: type[np.generic]) -> npt.NDArray[Any]:
        """One column of all entries."""
        return np.concatenate([np.zeros(0, kind), *(part.columns[name] for part in self.parts())])

    def owners(self) -> Numbers:
        """(entries,): a number for each row of all shards, the same for entries of one row."""
        files = [part.file for part in self.parts()]
        number = dict(zip(dict.fromkeys(files), range(len(files)), strict=False))
        counts = [len(part.columns["row"]) for part in self.parts()]
        numbers = np.array([number[file] for file in files], np.int64)
        return np.repeat(numbers, counts) << 32 | self.column("row", np.int32)

    def places(self, entries: Iterable[int]) -> list[Place]:
        """Where entries lie."""
        ends = np.cumsum([len(part.columns["row"]) for part in self.parts()])
        return [self._place(int(np.searchsorted(ends, entry, "right")), entry, ends) for entry in entries]

    def _place(self, number: int, entry: int, ends: Numbers) -> Place:
        part = self._parts[number]
        start = int(ends[number]) - len(part.columns["row"])
        return Place(part.kind, part.file, int(part.columns["row"][entry - start]))


def hashed(values: Sequence[str] | pa.Array | npt.NDArray[Any]) -> Hashes:
    """8 bytes for each text, the same on every machine."""
    if isinstance(values, pa.Array):
        values = values.to_numpy(zero_copy_only=False)
    return pd.util.hash_array(np.asarray(values, dtype=object), categorize=False)


def mixed(first: Hashes, second: Hashes) -> Hashes:
    """A hash of two hashes, in this order."""
    return (first * _MIXER) ^ (second + (first >> np.uint64(29)))


def looked_up(out: str, places: Iterable[Place], columns: list[str]) -> dict[Place, dict[str, Any]]:
    """Some columns of some rows; only the row groups that hold them are read."""
    by_file: dict[str, list[Place]] = {}
    for place in dict.fromkeys(places):
        by_file.setdefault(place.file, []).append(place)
    return {
        place: row for file, wanted in by_file.items() for place, row in _rows(storage.join(out, file), wanted, columns)
    }


def _rows(path: str, wanted: list[Place], columns: list[str]) -> Iterable[tuple[Place, dict[str, Any]]]:
    with opened(path) as file:
        start = 0
        for group in range(file.metadata.num_row_groups):
            rows = file.metadata.row_group(group).num_rows
            here = [place for place in wanted if start <= place.row < start + rows]
            if here:
                table = file.read_row_group(group, columns=columns)
                yield from ((place, table.slice(place.row - start, 1).to_pylist()[0]) for place in here)
            start += rows


def named(place: Place, row: dict[str, Any], detail: str) -> Evidence:
    """A fault of a row that was looked up (with `sample_id`)."""
    return Evidence(detail=detail, sample_id=row["sample_id"], kind=place.kind, file=place.file, row=place.row)


def quoted(text: str, most: int = 160) -> str:
    """The beginning of a text, in quotation marks."""
    return f'"{text}"' if len(text) <= most else f'"{text[:most]}..."'


def counted(number: int, what: str) -> str:
    """`1 group`, `2 groups`."""
    return f"{number:,} {what}{'s' * (number != 1)}"
