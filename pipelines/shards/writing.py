"""Shards: which row goes into which file, and how the file is written.

The same rows give the same bytes on every machine with the same pyarrow: no clock time, fixed row groups, one chunk
per column.
"""

import hashlib
import io
import json
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines import storage
from schemas.columns import SHARD
from schemas.keys import SLOTS
from schemas.records import Record

GROUP_ROWS = 2048
"""Rows of a row group when pictures stay in DATA."""
EMBEDDED_GROUP_ROWS = 256
"""Rows of a row group when the rows carry their pictures: what a reader must fetch to see one row."""


class FileEntry(Record, frozen=True, kw_only=True):
    """One shard as the manifest lists it."""

    path: str
    """Relative to OUT, with forward slashes."""
    rows: int
    bytes: int
    sha256: str


def shard_count(rows: int, rows_per_shard: int) -> int:
    """How many shards hold `rows`: none for no rows, at most one a slot."""
    assert rows_per_shard > 0, "a shard holds at least one row"
    return min(-(-rows // rows_per_shard), SLOTS)


def shard_of(slot: int, count: int) -> int:
    """The shard, 0 to `count` - 1, of an image's slot: a shard covers a contiguous range of slots."""
    assert 1 <= count <= SLOTS, f"{count} shards, but there are {SLOTS} slots"
    return slot * count // SLOTS


def shard_name(split: str, index: int, count: int) -> str:
    """`train-00000-of-00008.parquet`."""
    return f"{split}-{index:05d}-of-{count:05d}.parquet"


def shard_path(kind: str, split: str, index: int, count: int) -> str:
    """Where a shard lies below OUT: `data/mask_text/train-00000-of-00008.parquet`."""
    return storage.join("data", kind, shard_name(split, index, count))


def write_shard(
    path: str, rows: pa.Table, *, out: str = "", picture: Callable[[str], bytes] | None = None
) -> FileEntry:
    """Write rows (columns of `SHARD`) under `out`/`path`; the entry carries `path` as given.

    `picture` gives the bytes of the picture at a row's path, which then go into the row: the file has small row groups,
    of which one is in memory at a time, and the features that make `datasets` decode `image`. Without it rows are
    written as they are, with such groups and features where they carry pictures already.
    """
    carry = picture is not None or _any_picture(rows)
    table = _as_shard(rows, carry)
    with storage.writing(storage.join(out, path)) as stream:
        sink = _Hashing(stream)
        with pq.ParquetWriter(sink, table.schema, compression="zstd") as writer:
            for group in _groups(table, EMBEDDED_GROUP_ROWS if carry else GROUP_ROWS):
                writer.write_table(group if picture is None else _with_pictures(group, picture))
        return FileEntry(path=path, rows=rows.num_rows, bytes=sink.size, sha256=sink.sha256.hexdigest())


def _groups(table: pa.Table, size: int) -> Iterator[pa.Table]:
    for start in range(0, table.num_rows, size):
        yield table.slice(start, size).combine_chunks()


def _with_pictures(rows: pa.Table, picture: Callable[[str], bytes]) -> pa.Table:
    paths = pc.struct_field(rows["image"], "path").to_pylist()
    images = pa.array([{"bytes": picture(path), "path": path} for path in paths], SHARD.field("image").type)
    return rows.set_column(rows.column_names.index("image"), SHARD.field("image"), images)


def _any_picture(rows: pa.Table) -> bool:
    pictures = pc.struct_field(rows["image"], "bytes")
    return bool(pictures.null_count < len(pictures))


def _as_shard(rows: pa.Table, embedded: bool) -> pa.Table:
    """The rows in the shard's columns and in one chunk each, because chunk borders would move page borders."""
    metadata = {**SHARD.metadata, **(_image_features() if embedded else {})}
    return rows.select(SHARD.names).cast(SHARD).replace_schema_metadata(metadata).combine_chunks()


def _image_features() -> dict[bytes, bytes]:
    """The schema in the words of `datasets`, with `image` as a picture instead of bytes and path."""
    features = {field.name: _feature(field.type) for field in SHARD} | {"image": {"_type": "Image"}}
    return {b"huggingface": json.dumps({"info": {"features": features}}).encode()}


def _feature(kind: pa.DataType) -> Any:
    if pa.types.is_struct(kind):
        return {field.name: _feature(field.type) for field in kind}
    if pa.types.is_fixed_size_list(kind):
        return {"feature": _feature(kind.value_type), "length": kind.list_size, "_type": "List"}
    if pa.types.is_list(kind):
        return {"feature": _feature(kind.value_type), "_type": "List"}
    return {"dtype": "float32" if kind == pa.float32() else str(kind), "_type": "Value"}


class _Hashing(io.RawIOBase):
    """Passes on what is written, and knows its size and sha256."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.sha256 = hashlib.sha256()
        self.size = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.size

    def write(self, content: Any) -> int:
        view = memoryview(content)
        self.sha256.update(view)
        self.size += view.nbytes
        self._stream.write(view)
        return view.nbytes
