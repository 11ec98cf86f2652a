"""`osprey-data import` and `export` from end to end, and what other trainers then read."""

import json
import pathlib
import shutil
from collections import Counter
from typing import Any

import numpy as np
import pytest

from pipelines import commands
from pipelines.commands import Asking
from pipelines.exchange import export
from pipelines.exchange.osprey_import import Splitting
from pipelines.phases import importing
from pipelines.phases.layout import Layout
from pipelines.phases.running import ONE_WORKER
from pipelines.sources.osprey_724k import FILES
from schemas import rle
from schemas.records import Mask
from tests.command_line import Run
from tests.exchange import loaders, released
from tests.phases import outputs

KINDS = ("conversation", "description", "part_attribute", "part_category", "positive_negative", "short_form")
READS = {"conversation": loaders.talk, "short_form": loaders.talk, "part_level": loaders.talk,
         "description": loaders.descriptions, "positive_negative": loaders.positive_negative}  # fmt: skip


def imported(files: pathlib.Path, data: pathlib.Path, out: pathlib.Path) -> pathlib.Path:
    job = importing.Job(importing.osprey_files([str(files)]), str(data), Layout(str(out)), "", Splitting(0, 0.0))
    importing.make_plan(job)
    commands.assemble(Layout(str(out)), Asking(), ONE_WORKER)
    return out


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return released.draw(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def once(data: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The released records as shards."""
    folder = tmp_path_factory.mktemp("once")
    return imported(released.write(folder / "files"), data, folder / "out")


@pytest.fixture(scope="module")
def twice(once: pathlib.Path, data: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """These exported, in `files`, and imported again, in `out`."""
    folder = tmp_path_factory.mktemp("twice")
    export.write(str(once), str(folder / "files"), export.OSPREY)
    imported(folder / "files", data, folder / "out")
    return folder


def rows(out: pathlib.Path) -> dict[str, dict[str, Any]]:
    return {row["sample_id"]: row for kind in KINDS for row in outputs.rows(str(out), kind)}


def entries(folder: pathlib.Path, form: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((folder / FILES[form]).read_text())
    return found


def comparable(entry: dict[str, Any]) -> str:
    """A record without its id, with masks as pixels: what of a released file is to come back."""
    plain = {name: entry[name] for name in ("height", "width")}
    plain["texts"] = entry.get("description") or [turn["value"] for turn in entry["conversations"]]
    plain["picture"] = entry["file_name"].split("_")[-1].rpartition("/")[2]
    plain["masks"] = [
        rle.encode(loaders.pixels(each["segmentation"], entry["height"], entry["width"])).counts
        for each in entry["annotation"]
    ]
    return json.dumps(plain, sort_keys=True)


def test_the_build_is_checked_and_every_record_accounted_for(once: pathlib.Path) -> None:
    report = json.loads((once / "qa" / "report.json").read_text())
    assert report["verdict"] != "fail"
    lines = outputs.ledger(str(once))
    for form, records in released.RELEASED.items():
        line = lines[f"import:{form}", "osprey-724k", "records"]
        assert (line["read"], line["rejected"]) == (len(records), {})
        annotations = lines[f"import:{form}", "osprey-724k", "annotations"]
        assert annotations["read"] == sum(len(record["annotation"]) for record in records)
    assert lines["import:conversation", "osprey-724k", "annotations"]["rejected"] == {"unnamed_region": 1}
    assert len(outputs.rejects(str(once), "import")) == 1
    assert {row["kind"] for row in rows(once).values()} == set(KINDS)


def test_the_card_says_whose_text_it_is(once: pathlib.Path) -> None:
    card = (once / "README.md").read_text()
    assert "Osprey-724K" in card
    assert "GPT-4" in card


def test_released_files_come_back(once: pathlib.Path, twice: pathlib.Path) -> None:
    """Where every region is named, names are well written, and descriptions have their name and one line."""
    for form in ("short_form", "part_level"):
        given, found = (
            Counter(map(comparable, each)) for each in (released.RELEASED[form], entries(twice / "files", form))
        )
        assert given == found
    first = entries(twice / "files", "positive_negative")
    assert Counter(map(comparable, first))[comparable(released.POSITIVE_NEGATIVE[0])] == 1


def test_what_is_exported_is_imported_as_it_was(once: pathlib.Path, twice: pathlib.Path) -> None:
    before, after = rows(once), rows(twice / "out")
    assert before.keys() == after.keys()
    for key, row in before.items():
        for message in row["messages"]:
            message["content"] = " ".join(message["content"].split())  # Osprey reads one line
        assert row == after[key]


def test_exporting_again_gives_the_same_bytes(twice: pathlib.Path, tmp_path: pathlib.Path) -> None:
    export.write(str(twice / "out"), str(tmp_path), export.OSPREY)
    for name in FILES.values():
        assert (tmp_path / name).read_bytes() == (twice / "files" / name).read_bytes()


def test_what_ospreys_loaders_read_is_what_the_rows_say(once: pathlib.Path, twice: pathlib.Path) -> None:
    for form, read in READS.items():
        examples = read(twice / "files" / FILES[form])
        sources = [rows(once)[entry["id"]] for entry in entries(twice / "files", form)]
        assert len(examples) == len(sources) == len(released.RELEASED[form])
        for example, row in zip(examples, sources, strict=True):
            assert example.picture == row["image"]["path"].rpartition("/")[2]
            answers = [" ".join(m["content"].replace("<", "").replace(">", "").split()) for m in row["messages"][1::2]]
            found = [answer.replace("<", "").replace(">", "") for _, answer in example.turns]
            assert found == answers
            if form != "positive_negative":
                masks = [
                    rle.decode(Mask(size=tuple(r["mask"]["size"]), counts=r["mask"]["counts"])) for r in row["regions"]
                ]
                assert all(map(np.array_equal, example.masks, masks))


def test_positive_negative_asks_about_the_right_masks(once: pathlib.Path, twice: pathlib.Path) -> None:
    """Mask for mask, in the order in which the loader takes them."""
    path = twice / "files" / FILES["positive_negative"]
    for example, entry in zip(loaders.positive_negative(path), json.loads(path.read_text()), strict=True):
        row = rows(once)[entry["id"]]
        for mask, question in zip(example.masks, row["messages"][::2], strict=True):
            number = int(question["content"].partition("<region")[2].partition(">")[0])
            region = row["regions"][number - 1]["mask"]
            assert np.array_equal(mask, rle.decode(Mask(size=tuple(region["size"]), counts=region["counts"])))


def test_llava(once: pathlib.Path, tmp_path: pathlib.Path) -> None:
    written = export.write(str(once), str(tmp_path), export.LLAVA)
    assert sum(written.rows.values()) == len(rows(once))
    assert not written.left_out
    for kind in KINDS:
        for example, entry in zip(
            loaders.llava(tmp_path / f"{kind}.json"), json.loads((tmp_path / f"{kind}.json").read_text()), strict=True
        ):
            row = rows(once)[entry["id"]]
            assert example.picture == row["image"]["path"]
            contents = [message["content"] for message in row["messages"]]
            assert example.turns == list(zip(contents[::2], contents[1::2], strict=True))
            assert [int(mask.sum()) for mask in example.masks] == [region["area"] for region in row["regions"]]


def test_the_command_line_both_ways(data: pathlib.Path, tmp_path: pathlib.Path, osprey_data: Run) -> None:
    files = released.write(tmp_path / "files")
    (files / "osprey_short_form.json").rename(files / "brief.json")
    ran = osprey_data("import", files, "--data", data, "--out", tmp_path / "out", "--val-fraction", 0.5)
    assert ran.code == 0, ran.said
    assert "nothing was kept out" in ran.out
    splits = {row["image_id"]: row["split"] for row in rows(tmp_path / "out").values()}
    assert all(row["split"] == splits[row["image_id"]] for row in rows(tmp_path / "out").values())
    back = osprey_data("export", tmp_path / "out", "--to", tmp_path / "back", "--kinds", "part_category,conversation")
    assert back.code == 0, back.said
    names = {path.name for path in (tmp_path / "back").rglob("*.json")}
    assert names == {FILES["conversation"], FILES["part_level"]}
    brief = osprey_data("import", files / "brief.json", "--data", data, "--out", tmp_path / "b", "--kind", "short_form")
    assert brief.code == 0, brief.said
    assert len(outputs.rows(str(tmp_path / "b"), "short_form")) == 1


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('[{"id": 1', "cut off"),
        ('{"id": 1}', "expected a JSON list"),
        ("[]", "no rows"),
        ('[{"id": 5, "file_name": "000000000009.jpg"}]', "no rows"),
    ],
)
def test_broken_files(content: str, says: str, data: pathlib.Path, tmp_path: pathlib.Path, osprey_data: Run) -> None:
    path = tmp_path / "osprey_conversation.json"
    path.write_text(content)
    ran = osprey_data("import", path, "--data", data, "--out", tmp_path / "out")
    assert ran.code == 1
    assert says in ran.err
    assert "Traceback" not in ran.err


def test_a_broken_record_is_a_reject_with_file_place_and_field(data: pathlib.Path, tmp_path: pathlib.Path) -> None:
    broken = {**released.SHORT[0], "id": 11, "height": "tall"}
    files = released.write(tmp_path / "files", {"short_form": [broken, *released.SHORT, *released.SHORT]})
    out = imported(files, data, tmp_path / "out")
    line = outputs.ledger(str(out))["import:short_form", "osprey-724k", "records"]
    assert line["rejected"] == {"malformed_record": 1, "duplicate_record": 1}
    (first, _) = [row for row in outputs.rejects(str(out), "import") if row["unit"] == "records"]
    assert first["key"] == "osprey_short_form.json: records[0] id 11"
    assert "$.height" in first["detail"]


def test_missing_pictures_are_told(tmp_path: pathlib.Path, data: pathlib.Path) -> None:
    here = pathlib.Path(shutil.copytree(data, tmp_path / "data"))
    (here / "coco" / "train2017" / "000000000025.jpg").unlink()
    files = released.write(tmp_path / "files", {"positive_negative": released.POSITIVE_NEGATIVE})
    out = imported(files, here, tmp_path / "out")
    line = outputs.ledger(str(out))["import:positive_negative", "osprey-724k", "records"]
    assert line["rejected"] == {"image_missing": 1}


def test_a_data_folder_that_is_not_there(tmp_path: pathlib.Path, osprey_data: Run) -> None:
    files = released.write(tmp_path / "files")
    ran = osprey_data("import", files, "--data", tmp_path / "nowhere", "--out", tmp_path / "out")
    assert ran.code == 1
    assert "no data folder" in ran.err
    assert "--no-check-pictures" in ran.err


def test_what_of_a_folder_is_not_read(data: pathlib.Path, tmp_path: pathlib.Path, osprey_data: Run) -> None:
    files = released.write(tmp_path / "files", {"short_form": released.SHORT})
    (files / "val").mkdir()
    for name in ("osprey_mask_text.json", "osprey_new.json", "val/osprey_short_form.json"):
        (files / name).write_text("[]")
    ran = osprey_data("import", files, "--data", data, "--out", tmp_path / "out")
    assert ran.code == 0, ran.said
    told = [line for line in ran.out.splitlines() if line.startswith("not read: ")]
    assert [line.split(": ")[1].removeprefix(f"{files}/") for line in told] == [
        "osprey_mask_text.json", "osprey_new.json", "val"
    ]  # fmt: skip
    assert "build" in told[0]
    assert "--kind" in told[1]
    assert " 0/0 " not in ran.err


def test_import_to_where_nothing_can_be_written(data: pathlib.Path, tmp_path: pathlib.Path, osprey_data: Run) -> None:
    (tmp_path / "file").write_text("")
    files = released.write(tmp_path / "files")
    ran = osprey_data("import", files, "--data", data, "--out", tmp_path / "file")
    assert ran.code == 1
    assert "file is no folder to write to" in ran.err


def test_a_shard_cut_in_half(once: pathlib.Path, tmp_path: pathlib.Path, osprey_data: Run) -> None:
    """What reads a build says which shard is damaged and what to do."""
    out = pathlib.Path(shutil.copytree(once, tmp_path / "out"))
    shard = next((out / "data").rglob("*.parquet"))
    shard.write_bytes(shard.read_bytes()[: shard.stat().st_size // 2])
    for ran in (osprey_data("validate", out), osprey_data("export", out, "--to", tmp_path / "to")):
        assert ran.code == 1
        assert str(shard.relative_to(out)) in ran.err
        assert "osprey-data assemble" in ran.err
        assert "Traceback" not in ran.said
    assert not (tmp_path / "to").exists()


def test_export_to_where_nothing_can_be_written(once: pathlib.Path, tmp_path: pathlib.Path, osprey_data: Run) -> None:
    (tmp_path / "file").write_text("")
    for to in (tmp_path / "file", pathlib.Path("/proc")):
        ran = osprey_data("export", once, "--to", to)
        assert ran.code == 1
        assert f"{to} is no folder to write to" in ran.err


def test_unknown_words(once: pathlib.Path, tmp_path: pathlib.Path, osprey_data: Run) -> None:
    assert "no format" in osprey_data("export", once, "--to", tmp_path, "--format", "yaml").err
    assert "no rows of mask_text" in osprey_data("export", once, "--to", tmp_path, "--kinds", "mask_text").err
    assert "is no build" in osprey_data("export", tmp_path, "--to", tmp_path / "x").err
    said = osprey_data("import", tmp_path / "x.json", "--data", tmp_path, "--out", tmp_path / "o", "--kind", "nonsense")
    assert "no kind" in said.err
    nothing = osprey_data("import", tmp_path / "osprey_conversation.json", "--data", tmp_path, "--out", tmp_path / "o")
    assert nothing.code == 1
    assert "osprey_conversation.json" in nothing.err
