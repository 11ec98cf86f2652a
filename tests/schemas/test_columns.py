"""Arrow schemas: what training jobs rely on, and the way of a record through Parquet."""

import io

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from schemas import columns
from schemas.columns import shard_row, to_records
from schemas.keys import slot
from schemas.records import Generator, Image, ImageText, Message, Record, Region, Reject, Sample
from tests import factories

REGION_TYPE = (
    "list<element: struct<region_id: string, source: string, category: string, category_raw: string, part_of: string, "
    "bbox: fixed_size_list<element: float>[4], area: int32, "
    "mask: struct<size: fixed_size_list<element: int32>[2], counts: string>>>"
)


def plain(kind: pa.DataType) -> str:
    """The type in words; what Arrow calls the items of a list says nothing about the data."""
    return str(kind).replace("item: ", "element: ")


def round_trip(table: pa.Table) -> pa.Table:
    stream = io.BytesIO()
    pq.write_table(table, stream)
    return pq.read_table(stream)


def sample() -> Sample:
    return Sample(
        sample_id="description-1", kind="description", split="val", image_id=factories.IMAGE_ID, path="coco/a.jpg",
        width=80, height=60, regions=(factories.region(1, expressions=factories.says("left dog")),),
        messages=(Message(role="user", content="What is <region1>?"), Message(role="assistant", content="A dog.")),
        generator=Generator(name="gpt", prompt="description", prompt_sha256="ab", request_key="cd"),
        sources=("coco", "refcoco"), license="LicenseRef-unstated",
    )  # fmt: skip


def test_shard_schema_is_the_contract() -> None:
    assert {field.name: plain(field.type) for field in columns.SHARD} == {
        "sample_id": "string", "kind": "string", "split": "string",
        "image": "struct<bytes: binary, path: string>",
        "image_id": "string", "width": "int32", "height": "int32",
        "regions": REGION_TYPE,
        "messages": "list<element: struct<role: string, content: string>>",
        "generator": "struct<name: string, prompt: string, prompt_sha256: string, request_key: string>",
        "sources": "list<element: string>", "license": "string",
    }  # fmt: skip
    assert columns.SHARD.metadata == {b"osprey_schema_version": b"1"}


def test_a_sample_as_a_shard_row() -> None:
    made = sample()
    (row,) = round_trip(pa.Table.from_pylist([shard_row(made, b"jpeg")], schema=columns.SHARD)).to_pylist()
    mask = made.regions[0].mask
    assert row["image"] == {"bytes": b"jpeg", "path": "coco/a.jpg"}
    assert row["regions"] == [{
        "region_id": "coco/1", "source": "coco", "category": "dog", "category_raw": "dog", "part_of": "",
        "bbox": [4.0, 6.0, 10.0, 8.0], "area": 80, "mask": {"size": [60, 80], "counts": mask.counts},
    }]  # fmt: skip
    assert row["messages"] == [
        {"role": "user", "content": "What is <region1>?"}, {"role": "assistant", "content": "A dog."}
    ]  # fmt: skip
    assert row["generator"] == {"name": "gpt", "prompt": "description", "prompt_sha256": "ab", "request_key": "cd"}
    kept = {name: row[name] for name in ("sample_id", "kind", "split", "image_id", "width", "height", "license")}
    assert kept == {name: getattr(made, name) for name in kept}
    assert row["sources"] == ["coco", "refcoco"]
    assert set(shard_row(made)) == set(columns.SHARD.names)
    assert set(shard_row(made)["regions"][0]) == {
        field.name for field in columns.SHARD.field("regions").type.value_type
    }


def test_records_come_back_from_parquet() -> None:
    records: list[tuple[Record, pa.Schema]] = [
        (factories.region(1, expressions=factories.says("left dog", "the dog"), part_of="coco/2"), columns.REGION),
        (factories.image("lvis", absent=("cat",), present=("dog",), not_exhaustive=("cup",)), columns.IMAGE),
        (factories.text("A dog.\n\nAnd more.", "detail", 3), columns.TEXT),
        (Reject(stage="join", source="coco", unit="images", key="k", reason="crowd", detail="é"), columns.REJECT),
    ]
    for record, schema in records:
        row = msgspec.to_builtins(record) | {"slot": slot(factories.IMAGE_ID)}
        table = round_trip(pa.Table.from_pylist([row, row], schema=schema))
        assert to_records(table, type(record)) == [record, record]


def test_slotted_schemas_name_every_field_of_their_record() -> None:
    for kind, schema in ((Region, columns.REGION), (Image, columns.IMAGE), (ImageText, columns.TEXT)):
        assert set(schema.names) - {"slot"} == set(kind.__struct_fields__)
    assert set(columns.REJECT.names) == set(Reject.__struct_fields__)
    lacking = {"bbox", "area", "mask"}
    added = {"width", "height", "segmentation"}
    assert set(columns.ANNOTATION.names) == set(columns.REGION.names) - lacking | added
