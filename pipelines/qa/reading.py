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
    """Rows by shard (relative to OUT) and number, with their pictures' bytes where they carry them."""
    return [_row(storage.join(out, file), row) for file, row in places]


def _row(path: str, row: int) -> dict[str, Any]:
    with opened(path) as file:
        for group in range(file.metadata.num_row_groups):
            rows = file.metadata.row_group(group).num_rows
            if row < rows:
                found: dict[str, Any] = file.read_row_group(group).slice(row, 1).to_pylist()[0]
                return found
            row -= rows
    raise IndexError(f"{path} has fewer rows")


def column_pieces(path: str, columns: list[str]) -> Iterator[pa.Table]:
    """Some columns of a file, in pieces."""
    with opened(path) as file:
        yield from pieces(file, columns)
