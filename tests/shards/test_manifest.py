"""manifest.json: the same bytes for the same build, and clear words when it is not right."""

import pathlib

import msgspec
import pytest

from pipelines.shards.counts import Counts, count
from pipelines.shards.manifest import (
    NOTHING_ASKED,
    PAPER_COUNTS,
    KindEntry,
    Manifest,
    kind_entry,
    read_manifest,
    verify_files,
    write_manifest,
)
from pipelines.shards.writing import FileEntry, write_shard
from schemas.errors import BuildError
from schemas.ledger import LedgerLine
from tests.qa import rows as drawn


def manifest(*files: FileEntry) -> Manifest:
    ledger = LedgerLine(stage="ingest", source="coco", unit="annotations", read=4, kept=3, rejected={"crowd": 1})
    kind = kind_entry("conversation", files, regions=6, turns=6, generators={"template": 3})
    return Manifest(
        recipe={"seed": 7, "kinds": ["conversation"]}, recipe_sha256="f" * 64, seed=7, versions={"pyarrow": "25.0.0"},
        kinds={"conversation": kind}, ledger=(ledger,),
        generation=msgspec.structs.replace(NOTHING_ASKED, requests=2, calls=1, cached=1, cost_usd=0.25),
    )  # fmt: skip


def test_comes_back(tmp_path: pathlib.Path) -> None:
    made = manifest(FileEntry(path="data/conversation/train-00000-of-00001.parquet", rows=3, bytes=9, sha256="0" * 64))
    write_manifest(str(tmp_path), made)
    assert read_manifest(str(tmp_path)) == made


def test_the_order_of_kinds_and_files_does_not_matter(tmp_path: pathlib.Path) -> None:
    files = tuple(FileEntry(path=name, rows=1, bytes=1, sha256="0") for name in ("data/a", "data/b"))
    contents = set()
    for kinds in (("mask_text", "conversation"), ("conversation", "mask_text")):
        entries = {
            kind: kind_entry(kind, files if kind == kinds[0] else files[::-1], regions=1, turns=1, generators={})
            for kind in kinds
        }
        made = Manifest(recipe={}, recipe_sha256="", seed=0, versions={}, kinds=entries)
        write_manifest(str(tmp_path), made)
        contents.add((tmp_path / "manifest.json").read_bytes())
    assert len(contents) == 1


def test_an_absolute_path_is_our_own_mistake(tmp_path: pathlib.Path) -> None:
    with pytest.raises(AssertionError, match="not relative"):
        write_manifest(str(tmp_path), manifest(FileEntry(path="/data/a", rows=0, bytes=0, sha256="")))


def test_a_build_that_did_not_finish(tmp_path: pathlib.Path) -> None:
    with pytest.raises(BuildError, match="no build has finished"):
        read_manifest(str(tmp_path))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"schema_version": 99, "new": 1}', "schema version 99, this program reads 1"),
        (b'{"schema_version": 1}', "missing required field"),
        (b'{"schema_version": 1, "seed": "x"', "cannot be read"),
        (b"", "cannot be read"),
        (b'{"schema_version": "\xff"}', "cannot be read"),
    ],
)
def test_a_manifest_that_cannot_be_used(tmp_path: pathlib.Path, content: bytes, message: str) -> None:
    (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(BuildError, match=message):
        read_manifest(str(tmp_path))


def test_files_are_verified(tmp_path: pathlib.Path) -> None:
    out = str(tmp_path)
    files = [
        write_shard(f"data/{name}.parquet", drawn.table(drawn.rows(n)), out=out) for name, n in (("a", 2), ("b", 3))
    ]
    verify_files(out, manifest(*files))
    content = bytearray((tmp_path / "data/a.parquet").read_bytes())
    content[100] ^= 1
    (tmp_path / "data/a.parquet").write_bytes(content)
    (tmp_path / "data/b.parquet").unlink()
    with pytest.raises(BuildError, match=r"2 of the shards.*a\.parquet: changed: sha256.*b\.parquet: missing"):
        verify_files(out, manifest(*files))


def test_the_papers_counts() -> None:
    assert sum(count or 0 for count in PAPER_COUNTS.values()) == 730_000
    assert kind_entry("mask_text", (), regions=0, turns=0, generators={}) == KindEntry(
        rows=0, regions=0, turns=0, paper=None
    )  # fmt: skip


def test_counts_add_up() -> None:
    table = drawn.table(drawn.rows(5, regions=3))
    assert count(table) == Counts(rows=5, regions=15, turns=10, generators={"template": 5})
    assert count(table.slice(0, 2)) + count(table.slice(2)) == count(table)
    assert count(table.slice(0, 0)) == Counts()
