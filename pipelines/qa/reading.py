"""Shards read in pieces: one piece in memory at a time, and no picture that was not asked for."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines import storage

PIECE_ROWS = 16_384


@contextmanager
def opened(path: str) -> Iterator[pq.ParquetFile]:
    """A Parquet file by path or URL; pyarrow.ArrowInvalid where it is none."""
    with fsspec.open(path, "rb") as stream:
        yield pq.ParquetFile(stream)


def pieces(file: pq.ParquetFile, columns: list[str] | None = None) -> Iterator[pa.Table]:
    """The rows in pieces of up to `PIECE_ROWS`; without `columns`, all but the pictures' bytes."""
    chosen = without_bytes(file.schema_arrow) if columns is None else columns
    for batch in file.iter_batches(PIECE_ROWS, columns=chosen):
        yield pa.Table.from_batches([batch])


def without_bytes(schema: pa.Schema) -> list[str]:
    """Column names for reading everything but `image.bytes`."""
    return ["image.path" if name == "image" else name for name in schema.names]


def rows_at(out: str, places: Iterable[tuple[str, int]]) -> list[dict[str, Any]]:
    """Rows by shard (relative to OUT) and number, with their pictures' bytes where they carry them.

    Each row group is read once. IndexError where a shard has fewer rows.
    """
    wanted = list(places)
    found: dict[tuple[str, int], dict[str, Any]] = {}
    for file in dict.fromkeys(file for file, _ in wanted):
        rows = sorted({row for name, row in wanted if name == file})
        found |= {(file, row): value for row, value in _rows(storage.join(out, file), rows)}
    return [found[place] for place in wanted]


def _rows(path: str, rows: list[int]) -> Iterator[tuple[int, dict[str, Any]]]:
    with opened(path) as file:
        first = 0
        for group in range(file.num_row_groups):
            after = first + file.metadata.row_group(group).num_rows
            mine = [row for row in rows if first <= row < after]
            if mine:
                values = file.read_row_group(group).take([row - first for row in mine]).to_pylist()
                yield from zip(mine, values, strict=True)
            first = after
        if rows and rows[-1] >= first:
            raise IndexError(f"{path} has fewer rows")


def column_pieces(path: str, columns: list[str]) -> Iterator[pa.Table]:
    """Some columns of a file, in pieces."""
    with opened(path) as file:
        yield from pieces(file, columns)
