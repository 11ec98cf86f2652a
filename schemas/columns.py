"""Arrow schemas of every file we write, and rows to and from records.

`SHARD` is the contract with training jobs: it loads with `datasets.load_dataset("parquet", ...)`, PyArrow,
DuckDB and Polars.
"""

from typing import Any, TypeVar

import msgspec
import pyarrow as pa

from schemas.records import Record, Sample

SCHEMA_VERSION = 1

R = TypeVar("R", bound=Record)

_box = pa.list_(pa.float32(), 4)
_mask = pa.struct([("size", pa.list_(pa.int32(), 2)), ("counts", pa.string())])

_shard_region = pa.struct([
    ("region_id", pa.string()), ("source", pa.string()), ("category", pa.string()), ("category_raw", pa.string()),
    ("part_of", pa.string()), ("bbox", _box), ("area", pa.int32()), ("mask", _mask),
])  # fmt: skip

_generator = pa.struct([
    ("name", pa.string()), ("prompt", pa.string()), ("prompt_sha256", pa.string()), ("request_key", pa.string()),
])  # fmt: skip

SHARD = pa.schema(
    [
        ("sample_id", pa.string()), ("kind", pa.string()), ("split", pa.string()),
        ("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
        ("image_id", pa.string()), ("width", pa.int32()), ("height", pa.int32()),
        ("regions", pa.list_(_shard_region)),
        ("messages", pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))),
        ("generator", _generator), ("sources", pa.list_(pa.string())), ("license", pa.string()),
    ],
    metadata={"osprey_schema_version": str(SCHEMA_VERSION)},
)  # fmt: skip
"""One row of the finished data."""

REQUEST = pa.schema([
    ("key", pa.string()), ("kind", pa.string()), ("slot", pa.uint8()), ("sample_id", pa.string()),
    ("payload", pa.string()), ("row", pa.string()),
])  # fmt: skip
"""A request and the row that waits for it; `payload` and `row` are JSON."""

REJECT = pa.schema([(name, pa.string()) for name in ("stage", "source", "unit", "key", "reason", "detail")])

IMAGE = pa.schema([
    ("slot", pa.uint8()), ("image_id", pa.string()), ("source", pa.string()), ("paths", pa.list_(pa.string())),
    ("width", pa.int32()), ("height", pa.int32()), ("split", pa.string()), ("exhaustive", pa.bool_()),
    ("absent", pa.list_(pa.string())), ("present", pa.list_(pa.string())), ("not_exhaustive", pa.list_(pa.string())),
    ("same_as", pa.string()),
])  # fmt: skip

TEXT = pa.schema([
    ("slot", pa.uint8()), ("image_id", pa.string()), ("source", pa.string()), ("role", pa.string()),
    ("ordinal", pa.int32()), ("text", pa.string()),
    ("turns", pa.list_(pa.string())), ("regions", pa.list_(pa.string())),
])  # fmt: skip

REGION = pa.schema([
    ("slot", pa.uint8()), ("region_id", pa.string()), ("image_id", pa.string()), ("source", pa.string()),
    ("ordinal", pa.int32()), ("category", pa.string()), ("category_raw", pa.string()),
    ("source_box", pa.list_(pa.float64(), 4)), ("bbox", pa.list_(pa.float64(), 4)),
    ("area", pa.int32()), ("mask", _mask), ("split", pa.string()), ("part_of", pa.string()),
    ("part", pa.string()), ("whole", pa.string()),
    ("attributes", pa.list_(pa.struct([("type", pa.string()), ("name", pa.string())]))),
    ("expressions", pa.list_(pa.struct([("source", pa.string()), ("text", pa.string()), ("ordinal", pa.int32())]))),
])  # fmt: skip

ANNOTATION = pa.schema([
    *[field for field in REGION if field.name not in ("bbox", "area", "mask")],
    ("width", pa.int32()), ("height", pa.int32()), ("segmentation", pa.string()),
])  # fmt: skip
"""A checked annotation whose segmentation (JSON: polygons or either RLE) is not yet a mask."""


_NOT_IN_SHARDS = ("image_id", "ordinal", "source_box", "split", "part", "whole", "attributes", "expressions")


def to_records(table: pa.Table, kind: type[R]) -> list[R]:
    """The rows of a table as records; columns that the record lacks (such as `slot`) are left out."""
    names = [name for name in table.column_names if name in kind.__struct_fields__]
    return msgspec.convert(table.select(names).to_pylist(), list[kind])  # type: ignore[valid-type]


def shard_row(sample: Sample, image_bytes: bytes | None = None) -> dict[str, Any]:
    """A sample as a row of `SHARD`."""
    row: dict[str, Any] = msgspec.to_builtins(sample)
    row["image"] = {"bytes": image_bytes, "path": row.pop("path")}
    del row["same_as"]
    for region in row["regions"]:
        for name in _NOT_IN_SHARDS:
            del region[name]
    return row
