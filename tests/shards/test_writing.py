"""Shards: which row goes where, the same bytes for the same rows, and who can read them."""

import hashlib
import io
import json
import pathlib

import duckdb
import PIL.Image
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.shards import writing
from pipelines.shards.writing import shard_count, shard_name, shard_of, shard_path, write_shard
from schemas import rle
from schemas.columns import SHARD
from schemas.records import Mask
from tests.qa import rows as drawn


def embedded(count: int) -> pa.Table:
    """Rows that carry a picture."""
    values = drawn.rows(count)
    for number, row in enumerate(values):
        stream = io.BytesIO()
        PIL.Image.new("RGB", (drawn.WIDTH, drawn.HEIGHT), (number, 100, 200)).save(stream, "PNG")
        row["image"]["bytes"] = stream.getvalue()
    return drawn.table(values)


def test_names() -> None:
    assert shard_name("train", 0, 8) == "train-00000-of-00008.parquet"
    assert shard_path("mask_text", "val", 3, 12) == "data/mask_text/val-00003-of-00012.parquet"


@pytest.mark.parametrize(("rows", "per", "count"), [(0, 10, 0), (1, 10, 1), (10, 10, 1), (11, 10, 2), (9999, 1, 256)])
def test_count(rows: int, per: int, count: int) -> None:
    assert shard_count(rows, per) == count


@given(st.integers(1, 256))
def test_every_shard_gets_a_contiguous_range_of_slots(count: int) -> None:
    shards = [shard_of(slot, count) for slot in range(256)]
    assert shards == sorted(shards)
    assert set(shards) == set(range(count))


def test_too_many_shards_is_our_own_mistake() -> None:
    with pytest.raises(AssertionError, match="257 shards"):
        shard_of(0, 257)


def test_entry_describes_the_file(tmp_path: pathlib.Path) -> None:
    path = shard_path("conversation", "train", 0, 1)
    entry = write_shard(path, drawn.table(drawn.rows(3)), out=str(tmp_path))
    content = (tmp_path / path).read_bytes()
    assert entry == writing.FileEntry(
        path=path, rows=3, bytes=len(content), sha256=hashlib.sha256(content).hexdigest()
    )  # fmt: skip
    assert [found.name for found in (tmp_path / path).parent.iterdir()] == ["train-00000-of-00001.parquet"]


def test_the_same_rows_give_the_same_bytes(tmp_path: pathlib.Path) -> None:
    table = drawn.table(drawn.rows(5000))
    pieces = pa.concat_tables([table.slice(0, 7), table.slice(7, 4000), table.slice(4007)])
    other = pieces.select(SHARD.names[::-1]).replace_schema_metadata({"pandas": "{}"})
    first, second = (write_shard(str(tmp_path / f"{i}.parquet"), one) for i, one in enumerate((table, other)))
    assert first.sha256 == second.sha256
    assert pq.ParquetFile(tmp_path / "0.parquet").metadata.num_row_groups == 3


def test_a_failure_leaves_no_file(tmp_path: pathlib.Path) -> None:
    with pytest.raises(pa.ArrowInvalid):
        write_shard(str(tmp_path / "a.parquet"), drawn.table(drawn.rows(2)).set_column(
            5, "width", pa.array(["wide", "wider"])))  # fmt: skip
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("count", [0, 3])
def test_rows_and_schema_come_back(tmp_path: pathlib.Path, count: int) -> None:
    table = drawn.table(drawn.rows(count))
    write_shard(str(tmp_path / "a.parquet"), table)
    back = pq.read_table(tmp_path / "a.parquet")
    assert back.equals(table)
    assert back.schema.metadata == SHARD.metadata


def test_duckdb_reads_a_shard(tmp_path: pathlib.Path) -> None:
    write_shard(str(tmp_path / "a.parquet"), drawn.table(drawn.rows(3)))
    found = duckdb.sql(
        f"select image.path, regions[1].mask.counts, messages[1].content from '{tmp_path}/a.parquet' order by sample_id"
    ).fetchall()
    assert found[0][0] == "coco/train2017/000000000001.jpg"
    assert rle.area(Mask(size=(drawn.HEIGHT, drawn.WIDTH), counts=found[0][1])) == 24
    assert found[0][2] == "What are <region1> and <region2>?"


@pytest.fixture
def load(tmp_path: pathlib.Path):
    datasets = pytest.importorskip("datasets")
    datasets.disable_progress_bars()
    return lambda name: datasets.load_dataset(
        "parquet", data_files=str(tmp_path / name), cache_dir=str(tmp_path / "cache"), split="train"
    )


def test_datasets_reads_a_shard_without_pictures(tmp_path: pathlib.Path, load) -> None:
    write_shard(str(tmp_path / "a.parquet"), drawn.table(drawn.rows(3)))
    row = load("a.parquet")[0]
    assert row["image"] == {"bytes": None, "path": "coco/train2017/000000000001.jpg"}
    assert row["regions"][0]["bbox"] == [2.0, 3.0, 5.0, 5.0]


def test_datasets_decodes_embedded_pictures(tmp_path: pathlib.Path, load) -> None:
    write_shard(str(tmp_path / "a.parquet"), embedded(600))
    loaded = load("a.parquet")
    assert loaded[7]["image"].size == (drawn.WIDTH, drawn.HEIGHT)
    assert loaded[7]["image"].getpixel((0, 0)) == (7, 100, 200)
    assert loaded[7]["regions"][1]["mask"]["size"] == [drawn.HEIGHT, drawn.WIDTH]
    assert pq.ParquetFile(tmp_path / "a.parquet").metadata.num_row_groups == 3


def test_features_are_those_that_datasets_would_infer(tmp_path: pathlib.Path) -> None:
    datasets = pytest.importorskip("datasets")
    write_shard(str(tmp_path / "a.parquet"), embedded(1))
    stored = json.loads(pq.read_schema(tmp_path / "a.parquet").metadata[b"huggingface"])["info"]["features"]
    inferred = datasets.Features.from_arrow_schema(SHARD).to_dict()
    assert stored == inferred | {"image": {"_type": "Image"}}
