"""`osprey-data diff`: what two builds have that is not the same."""

import json
import pathlib
import shutil
from collections.abc import Callable
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.qa.diff.comparing import compare
from pipelines.qa.diff.hashing import GROUPS
from pipelines.shards.manifest import NOTHING_ASKED, Generation, KindTotals, read_manifest, write_manifest
from schemas.ledger import LedgerLine
from tests.command_line import Run
from tests.qa import builds
from tests.qa import rows as drawn

SHARD = "data/mask_text/train-00000-of-00001.parquet"


@pytest.fixture
def other(out: pathlib.Path) -> pathlib.Path:
    """A second build like the first, to change."""
    shutil.copytree(out, out.parent / "other")
    return out.parent / "other"


def edit(out: pathlib.Path, shard: str, change: Callable[[list[dict[str, Any]]], Any]) -> None:
    """Change rows of a shard behind the manifest's back."""
    rows = pq.read_table(out / shard).to_pylist()
    change(rows)
    pq.write_table(drawn.table(rows), out / shard)


def put(*path: str | int) -> Callable[[Any], Callable[[list[dict[str, Any]]], None]]:
    """Put a value into the second row of a shard."""

    def to(value: Any) -> Callable[[list[dict[str, Any]]], None]:
        def change(rows: list[dict[str, Any]]) -> None:
            place: Any = rows[1]
            for name in path[:-1]:
                place = place[name]
            place[path[-1]] = value

        return change

    return to


def test_a_build_is_like_itself(out: pathlib.Path, other: pathlib.Path, osprey_data: Run) -> None:
    ran = osprey_data("diff", out, other)
    assert ran.code == 0
    assert ran.out.splitlines()[-1] == "nothing differs"
    found = compare(str(out), str(other))
    assert (found.equal, found.rows.same) == (True, 10)


CHANGES = [
    ("kind", put("kind")("short_form"), "kind: 'mask_text' -> 'short_form'"),
    ("split", put("split")("val"), "split: 'train' -> 'val'"),
    ("image", put("image", "path")("a.jpg"), "image.path: 'coco/train2017/000000000002.jpg' -> 'a.jpg'"),
    ("image", put("width")(33), "width: 32 -> 33"),
    ("image", put("image_id")(None), "image_id: 'coco/000000000002' -> None"),
    ("regions", put("regions", 0, "category")("cat"), "regions[0].category: 'teddy bear' -> 'cat'"),
    ("regions", put("regions", 0, "bbox", 3)(9.0), "regions[0].bbox[3]: 5.0 -> 9.0"),
    ("regions", put("regions", 0, "mask", "size", 0)(25), "regions[0].mask.size[0]: 24 -> 25"),
    ("regions", put("regions")([]), "regions: 1 -> 0 of them"),
    ("messages", put("messages", 3, "content")("No."), "messages[3].content: 'Yes.' -> 'No.'"),
    ("messages", put("messages", 1, "role")("user"), "messages[1].role: 'assistant' -> 'user'"),
    ("generator", put("generator", "request_key")("k"), "generator.request_key: '' -> 'k'"),
    ("sources", put("sources")(["coco", "lvis"]), "sources: 1 -> 2 of them"),
    ("license", put("license")("MIT"), "license: 'CC BY 4.0' -> 'MIT'"),
]  # fmt: skip


@pytest.mark.parametrize(("group", "change", "detail"), CHANGES, ids=[detail for *_, detail in CHANGES])
def test_an_edited_row(
    out: pathlib.Path, other: pathlib.Path, group: str, change: Callable[..., Any], detail: str
) -> None:
    edit(other, SHARD, change)
    found = compare(str(out), str(other))
    rows = found.rows
    assert not found.equal
    assert (rows.added, rows.removed, rows.changed) == ({}, {}, {"mask_text": 1})
    assert rows.changed_columns == {"mask_text": {group: 1}}
    [example] = rows.changed_examples
    assert (example.sample_id, example.details) == ("mask_text/2", (detail,))


def test_every_group_of_columns_has_been_seen_to_differ() -> None:
    assert {group for group, *_ in CHANGES} == set(GROUPS)
    assert {name for names in GROUPS.values() for name in names} | {"sample_id"} == set(drawn.table([]).column_names)


def test_the_order_of_messages_regions_and_sources_matters(out: pathlib.Path, other: pathlib.Path) -> None:
    def turn(rows: list[dict[str, Any]]) -> None:
        rows[0]["messages"].reverse()
        rows[1]["regions"].reverse()
        rows[2]["sources"] = ["coco", "lvis"]

    shard = "data/conversation/train-00000-of-00002.parquet"
    edit(out, shard, put("sources")(["coco"]))
    edit(out, shard, lambda rows: rows[2].update(sources=["lvis", "coco"]))
    edit(other, shard, turn)
    columns = compare(str(out), str(other)).rows.changed_columns
    assert columns == {"conversation": {"messages": 1, "regions": 1, "sources": 1}}


def test_text_that_moves_from_one_message_to_the_next_is_a_change(out: pathlib.Path, other: pathlib.Path) -> None:
    edit(out, SHARD, lambda rows: (put("messages", 0, "content")("ab")(rows), put("messages", 1, "content")("c")(rows)))
    edit(
        other, SHARD, lambda rows: (put("messages", 0, "content")("a")(rows), put("messages", 1, "content")("bc")(rows))
    )
    assert compare(str(out), str(other)).rows.changed == {"mask_text": 1}


def test_other_row_groups_and_another_order_are_the_same_rows(out: pathlib.Path, other: pathlib.Path) -> None:
    table = pq.read_table(other / SHARD)
    pq.write_table(table.take(pa.array([1, 0])), other / SHARD, row_group_size=1)
    assert compare(str(out), str(other)).rows.equal


def test_what_a_long_text_says_from_where_it_differs(out: pathlib.Path, other: pathlib.Path) -> None:
    start = "It stands there. " * 20
    edit(out, SHARD, put("messages", 1, "content")(f"{start}A cat."))
    edit(other, SHARD, put("messages", 1, "content")(f"{start}A dog."))
    [example] = compare(str(out), str(other)).rows.changed_examples
    [detail] = example.details
    assert "A cat.' -> ... " in detail
    assert detail.endswith("A dog.'")
    assert len(detail) < 200


def test_rows_added_and_removed(out: pathlib.Path, tmp_path: pathlib.Path) -> None:
    content = builds.shards()
    content["mask_text", "train"] = [drawn.rows(5, "mask_text", regions=1)[1:]]
    del content["conversation", "val"]
    builds.write(tmp_path / "other", content)
    rows = compare(str(out), str(tmp_path / "other")).rows
    assert (rows.added, rows.removed) == ({"mask_text": 3}, {"conversation": 2, "mask_text": 1})
    assert sorted(rows.added_examples["mask_text"]) == [f"mask_text/{number}" for number in (3, 4, 5)]
    assert rows.removed_examples["mask_text"] == ("mask_text/1",)
    back = compare(str(tmp_path / "other"), str(out)).rows
    assert (back.added, back.removed) == (rows.removed, rows.added)


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"PAR1")])
def test_a_shard_that_cannot_be_read_is_told(
    out: pathlib.Path, other: pathlib.Path, osprey_data: Run, damage: Callable[[pathlib.Path], Any]
) -> None:
    damage(other / SHARD)
    ran = osprey_data("diff", out, other)
    assert ran.code == 1
    line = next(line for line in ran.out.splitlines() if line.startswith(f"{other}: {SHARD}"))
    assert line.endswith("its rows count as absent")
    assert compare(str(out), str(other)).rows.removed == {"mask_text": 2}


def test_ids_that_stand_twice(out: pathlib.Path, other: pathlib.Path) -> None:
    edit(other, SHARD, put("sample_id")("conversation/1"))
    found = compare(str(out), str(other))
    assert found.faults == (f"{other}: 1 rows have the id of an earlier row, and are not compared",)
    assert found.rows.removed == {"mask_text": 1}


def test_other_pictures_in_the_same_rows(out: pathlib.Path, other: pathlib.Path) -> None:
    """They are not read: the manifest's checksums tell."""
    manifest = read_manifest(str(other))
    entry = manifest.kinds["mask_text"]
    file = msgspec.structs.replace(entry.files[0], sha256="0" * 64)
    kinds = {**manifest.kinds, "mask_text": msgspec.structs.replace(entry, files=(file,))}
    write_manifest(str(other), msgspec.structs.replace(manifest, kinds=kinds))
    found = compare(str(out), str(other))
    assert found.rows.equal
    assert not found.equal
    assert "the pictures in them differ" in found.faults[0]


def test_what_builds_say_of_themselves(out: pathlib.Path, tmp_path: pathlib.Path, osprey_data: Run) -> None:
    asked = Generation.of({"conversation": KindTotals(calls=9, prompt_tokens=12_000, cost_usd=0.75)})
    ledger = (builds.LEDGER[0], LedgerLine(stage="join", source="coco", unit="regions", read=18, kept=9,
                                           rejected={"evaluation_split": 9}))  # fmt: skip
    content = builds.shards()
    content["mask_text", "train"][0][0]["generator"] |= {
        "name": "a-model",
        "prompt": "other",
        "prompt_sha256": "f" * 64,
    }
    builds.write(tmp_path / "other", content, generation=asked, ledger=ledger, versions={"pyarrow": "26.0.0"},
                 recipe={"name": "object-level", "kinds": {"mask_text": {"rows": 100}}})  # fmt: skip
    for folder in (out, tmp_path / "other"):
        osprey_data("report", folder)
    ran = osprey_data("diff", out, tmp_path / "other", "--json", tmp_path / "all.json")
    assert ran.code == 1
    said = " ".join(ran.out.split())
    for line in (
        "kinds the other lacks none -> mask_text", "mask_text: other none -> ffffffffffff", "mask_text: a-model 0 -> 1",
        "join coco regions: evaluation_split 1 -> 9", "conversation: cost_usd 0.5 -> 0.75",
        "rejects_match_ledger pass, 0 of 3 -> fail", "pyarrow 25.0.0 -> 26.0.0", "-> fail", "the builds differ",
    ):  # fmt: skip
        assert line in said
    stored = json.loads((tmp_path / "all.json").read_text())
    assert stored["equal"] is False
    assert {"name": "kinds the other lacks", "a": [], "b": ["mask_text"]} in stored["recipe"]
    assert stored["rows"]["changed_columns"] == {"mask_text": {"generator": 1}}


def test_recipes_and_options_that_differ(tmp_path: pathlib.Path, osprey_data: Run) -> None:
    """What the command line said, too; a kind or source that one lacks is one line, and `{}` is nothing."""
    kind = {"sources": ["coco"], "rows": None, "regions_per_image": {}}
    recipe = {"name": "x", "kinds": {"mask_text": kind, "description": kind}, "sources": {"coco": {}}, "checks": {}}
    changed = {
        **recipe, "kinds": {"mask_text": {**kind, "rows": 100, "regions_per_image": {"coco": 3}}},
        "sources": {"coco": {}, "lvis": {"required": True}}, "checks": {"english": {"severity": "fail"}},
    }  # fmt: skip
    builds.write(tmp_path / "a", recipe=recipe, sample_scenes=("coco",))
    builds.write(tmp_path / "b", recipe=changed, limit=40)
    ran = osprey_data("diff", tmp_path / "a", tmp_path / "b")
    lines = [" ".join(line.split()) for line in ran.out.splitlines()]
    start = lines.index("recipe and options")
    assert lines[start + 1 : start + 8] == [
        "--limit none -> 40", "drawn (sample scenes) coco -> none", "kinds the other lacks description -> none",
        "sources the other lacks none -> lvis", "kinds.mask_text.rows none -> 100",
        "checks.english.severity none -> fail", "kinds.mask_text.regions_per_image.coco none -> 3",
    ]  # fmt: skip
    assert "{}" not in ran.out


def test_the_same_json_every_time(out: pathlib.Path, other: pathlib.Path, osprey_data: Run) -> None:
    edit(other, SHARD, put("license")("MIT"))
    for name in ("one.json", "two.json"):
        osprey_data("diff", out, other, "--json", out.parent / name)
    assert (out.parent / "one.json").read_bytes() == (out.parent / "two.json").read_bytes()


def test_without_a_readable_report_checks_are_not_compared(
    out: pathlib.Path, other: pathlib.Path, osprey_data: Run
) -> None:
    osprey_data("report", out)
    (other / "qa").mkdir()
    (other / "qa/report.json").write_bytes(b"\xff{")
    ran = osprey_data("diff", out, other)
    assert ran.code == 0, "the data is the same"
    assert f"qa/report.json of {other} cannot be read" in ran.out
    assert f"{other} has no qa/report.json" in _without_report(out, other, osprey_data)


def _without_report(out: pathlib.Path, other: pathlib.Path, osprey_data: Run) -> str:
    (other / "qa/report.json").unlink()
    return osprey_data("diff", out, other).out


def test_a_folder_that_cannot_be_written_to(out: pathlib.Path, other: pathlib.Path, osprey_data: Run) -> None:
    (out.parent / "file").write_text("")
    ran = osprey_data("diff", out, other, "--json", out.parent / "file/all.json")
    assert ran.code == 2
    assert "Traceback" not in ran.said


def test_no_rows(tmp_path: pathlib.Path) -> None:
    for name in "ab":
        builds.write(tmp_path / name, {("mask_text", "train"): [[]]}, generation=NOTHING_ASKED)
    assert compare(str(tmp_path / "a"), str(tmp_path / "b")).equal


def test_texts_that_would_command_a_terminal(out: pathlib.Path, other: pathlib.Path, osprey_data: Run) -> None:
    edit(other, SHARD, put("messages", 1, "content")("\x1b[2J[red]x[/red]"))
    ran = osprey_data("diff", out, other)
    assert "\x1b" not in ran.out
    assert "[red]x[/red]" in ran.out
