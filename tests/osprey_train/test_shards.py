"""Opening shards: footers only, and a clear word about everything that is not one."""

import json
import pathlib
import shutil
import sys
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from osprey_train.data.shards import Shards, kinds_in
from schemas.columns import SHARD
from schemas.errors import ShardError
from tests.osprey_train.small_shards import row, small_shards, write

__all__ = ["small_shards"]


@pytest.fixture
def folder(small_shards: pathlib.Path, tmp_path: pathlib.Path) -> pathlib.Path:
    """A copy to break."""
    return pathlib.Path(shutil.copytree(small_shards, tmp_path / "copy"))


def opened(folder: pathlib.Path, **options: Any) -> Shards:
    return Shards(str(folder / "OUT/data"), str(folder / "DATA"), **options)


def first(folder: pathlib.Path) -> pathlib.Path:
    return folder / "OUT/data/mask_text/train-00000-of-00002.parquet"


def test_row_groups_of_all_files(small_shards: pathlib.Path) -> None:
    shards = opened(small_shards)
    assert shards.group_rows == {"conversation": [7, 2], "mask_text": [7, 7, 7, 7, 7, 7, 7, 7, 4]}
    assert shards.rows == 69
    assert shards.read("mask_text", 5, ["sample_id"]).to_pylist() == [
        {"sample_id": f"mask_text-{number}"} for number in range(35, 42)
    ]
    where = shards.where("mask_text", 6, 3)
    assert where.endswith("mask_text/train-00001-of-00002.parquet: row 10")


def test_kinds_and_split_are_chosen(small_shards: pathlib.Path) -> None:
    assert list(opened(small_shards, kinds=["mask_text"]).groups) == ["mask_text"]
    assert opened(small_shards, split="val").group_rows == {"conversation": [1]}
    assert kinds_in(str(small_shards / "OUT")) == ["conversation", "mask_text"]
    assert kinds_in(str(small_shards / "OUT/data"), "val") == ["conversation"]


def test_the_folder_of_the_build_will_do(small_shards: pathlib.Path) -> None:
    assert Shards(str(small_shards / "OUT"), str(small_shards / "DATA")).rows == 69


def test_a_url(small_shards: pathlib.Path) -> None:
    """The same from any file system of fsspec, pictures too."""
    memory = fsspec.filesystem("memory")
    memory.put(str(small_shards), "/copied", recursive=True)
    shards = Shards("memory://copied/OUT/data", "memory://copied/DATA")
    assert shards.rows == 69
    assert shards.read("mask_text", 8).num_rows == 4
    assert shards.picture("coco/3.png") == (small_shards / "DATA/coco/3.png").read_bytes()


def test_only_footers_are_read(folder: pathlib.Path) -> None:
    """Every byte before the footer may be gone: opening does not see it, reading the row does."""
    content = first(folder).read_bytes()
    footer = int.from_bytes(content[-8:-4], "little") + 8
    first(folder).write_bytes(b"\0" * (len(content) - footer) + content[-footer:])
    shards = opened(folder)
    assert shards.rows == 69
    with pytest.raises(ShardError, match=r"train-00000-of-00002\.parquet: row group 2 cannot be read"):
        shards.read("mask_text", 2)


def saved(path: pathlib.Path, change: Any) -> None:
    pq.write_table(change(pq.read_table(path)), path)


def version(value: bytes) -> Any:
    return lambda table: table.replace_schema_metadata({b"osprey_schema_version": value})


FILES: dict[str, Any] = {
    "cut off": (lambda path: path.write_bytes(path.read_bytes()[:-50]), "no Parquet file, or cut off"),
    "empty": (lambda path: path.write_bytes(b""), "no Parquet file, or cut off"),
    "text": (lambda path: path.write_bytes(b"version https://git-lfs" * 9), "no Parquet file, or cut off"),
    "newer": (lambda path: saved(path, version(b"2")), "schema version '2', this program reads 1"),
    "no version": (lambda path: saved(path, lambda t: t.replace_schema_metadata(None)), "names no schema version"),
    "a column less": (lambda path: saved(path, lambda t: t.drop_columns("regions")), "column regions is missing"),
    "a column more": (lambda path: saved(path, lambda t: t.append_column("x", t["width"])), "columns x are not known"),
    "other order": (lambda path: saved(path, lambda t: t.select(SHARD.names[::-1])), "in another order"),
    "other type": (
        lambda path: saved(path, lambda t: t.set_column(5, "width", t["width"].cast(pa.int64()))),
        "column width is int64, not int32",
    ),
    "missing": (lambda path: path.unlink(), r"there are only 1 files like train-00001-of-00002"),
    "of two builds": (
        lambda path: shutil.copy(path, path.with_name("train-00000-of-00001.parquet")), r"several builds, of \[1, 2\]"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", FILES)
def test_files_that_are_no_shards(folder: pathlib.Path, case: str) -> None:
    change, reason = FILES[case]
    change(first(folder))
    with pytest.raises(ShardError, match=reason) as caught:
        opened(folder)
    assert "mask_text" in caught.value.message
    assert caught.value.hint


def test_a_folder_without_shards(tmp_path: pathlib.Path) -> None:
    with pytest.raises(ShardError, match="no shards <kind>/train-"):
        Shards(str(tmp_path), str(tmp_path))
    with pytest.raises(ShardError, match="no such folder"):
        Shards(str(tmp_path / "nowhere"))


def test_kinds_that_are_not_there(small_shards: pathlib.Path) -> None:
    with pytest.raises(ShardError, match="unknown kind masktext"):
        opened(small_shards, kinds=["masktext"])
    with pytest.raises(ShardError, match="no train shards of short_form, description") as caught:
        opened(small_shards, kinds=["mask_text", "short_form", "description"])
    assert "There are mask_text, conversation" in caught.value.hint
    with pytest.raises(ShardError, match=r"no shards <kind>/test-.*; there are shards of train, val"):
        opened(small_shards, split="test")


def test_the_folder_of_the_pictures(small_shards: pathlib.Path) -> None:
    with pytest.raises(ShardError, match="do not carry their pictures") as caught:
        Shards(str(small_shards / "OUT"))
    assert "--images" in caught.value.hint
    with pytest.raises(ShardError, match="no such folder of pictures"):
        Shards(str(small_shards / "OUT"), str(small_shards / "nowhere"))


def test_a_build_that_writes_while_it_is_read(folder: pathlib.Path) -> None:
    shards = opened(folder)
    rows = [row("mask_text", number) for number in range(3)]
    write(folder, "mask_text", [rows, rows])
    with pytest.raises(ShardError, match="has changed while it was read: row group 0 had 7 rows, now 3"):
        shards.read("mask_text", 0)


def test_digests_tell_other_rows_and_nothing_else(folder: pathlib.Path, small_shards: pathlib.Path) -> None:
    """The footer holds sizes, places and bounds of all columns: not the folder nor when the file was written."""
    assert opened(folder).digests == opened(small_shards).digests
    table = pq.read_table(first(folder))
    turned = table.set_column(table.column_names.index("license"), "license", [["CC0"] * len(table)])
    pq.write_table(turned.cast(SHARD), first(folder), row_group_size=7)
    changed, before = opened(folder), opened(small_shards)
    assert changed.group_rows == before.group_rows
    assert changed.digests["conversation"] == before.digests["conversation"]
    assert changed.digests["mask_text"] != before.digests["mask_text"]
    assert changed.contents == {}


def test_sums_of_the_manifest_are_taken_where_it_names_all_files(folder: pathlib.Path) -> None:
    def named(*sums: str) -> dict[str, Any]:
        paths = [f"data/mask_text/train-0000{number}-of-00002.parquet" for number in range(2)]
        files = [{"path": path, "sha256": sha256} for path, sha256 in zip(paths, sums, strict=False)]
        return {"kinds": {"mask_text": {"files": files}}}

    found = []
    for manifest in (named("a", "b"), named("a", "c"), named("a"), {"kinds": 5}, []):
        (folder / "OUT/manifest.json").write_text(json.dumps(manifest))
        found.append(opened(folder).contents)
    assert [list(contents) for contents in found] == [["mask_text"], ["mask_text"], [], [], []]
    assert found[0] != found[1]
    (folder / "OUT/manifest.json").write_text("no JSON")
    assert opened(folder).contents == {}


@pytest.mark.parametrize("path", ["/etc/passwd", "../OUT/manifest.json", "coco/../../x", "", "..\\x"])
def test_pictures_do_not_leave_their_folder(small_shards: pathlib.Path, path: str) -> None:
    with pytest.raises(ValueError, match="no path inside"):
        opened(small_shards).picture(path)


@pytest.mark.parametrize("url", ["nosuch://bucket/OUT/data", "s3://bucket/OUT/data"])
def test_a_place_that_cannot_be_reached(small_shards: pathlib.Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No such protocol, and one whose package is not installed."""
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(ShardError, match=f"{url}: cannot be opened"):
        Shards(url)
    with pytest.raises(ShardError, match=f"{url}: cannot be opened"):
        Shards(str(small_shards / "OUT"), url)


def test_the_hub_is_not_asked_where_it_may_not_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ShardError, match="hf://datasets/a/b: the hub is not asked") as caught:
        kinds_in("hf://datasets/a/b")
    assert "HF_HUB_OFFLINE=0" in caught.value.hint


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), ConnectionError("no route to host")])
def test_why_a_folder_cannot_be_looked_at(monkeypatch: pytest.MonkeyPatch, error: OSError) -> None:
    """`isdir` is False for these, as it is for a folder that is not there."""

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("fsspec.implementations.memory.MemoryFileSystem.info", fail)
    monkeypatch.setattr("fsspec.implementations.memory.MemoryFileSystem.isdir", lambda *_: False)
    with pytest.raises(ShardError, match=r"memory://a: cannot be opened: .*(denied|route)"):
        kinds_in("memory://a")


def test_a_file_system_that_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    class NoNetwork(Exception):
        """As HTTP libraries raise, and no OSError."""

    def fail(*_: object) -> None:
        raise NoNetwork("Name or service not known")

    monkeypatch.setattr("fsspec.implementations.memory.MemoryFileSystem.isdir", fail)
    with pytest.raises(ShardError, match="memory://a: cannot be opened: Name or service not known"):
        kinds_in("memory://a")
