"""What the gallery holds: which rows, which rejects, their pictures, and what is said of broken ones."""

import pathlib
from typing import Any

import msgspec
import numpy as np
import PIL.Image
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.qa.figures.shown import ROWS, Selection
from pipelines.qa.page import rejected
from pipelines.qa.page.exhibits import AT_FAULT, SAMPLE, exhibits, facets
from pipelines.qa.page.gallery import card, faults_of, short_id
from pipelines.qa.page.locating import locate, names_in
from pipelines.qa.pieces import Piece
from pipelines.shards.manifest import read_manifest
from pipelines.sources.spec import Finding
from schemas.columns import ANNOTATION, IMAGE, REGION, REQUEST
from tests.qa import builds
from tests.qa import rows as drawn
from tests.qa.pages import page, report_of


def varied(count: int) -> list[dict[str, Any]]:
    """Rows of which one in twenty has another writer and one in thirty another source."""
    found = drawn.rows(count)
    for number, row in enumerate(found):
        row["generator"]["name"] = "some-model" if number % 20 == 7 else "template"
        row["sources"] = ["coco", "vg"] if number % 30 == 11 else ["coco"]
    return found


def piece(rows: list[dict[str, Any]], first: int = 0) -> Piece:
    places = np.arange(first, first + len(rows))
    return Piece("conversation", "train", "data/conversation/x.parquet", places, drawn.table(rows))


def selected(*parts: Piece) -> list[str]:
    """Ids chosen by selections of one part each, merged."""
    whole = Selection()
    for part in parts:
        one = Selection()
        one.add(part)
        whole.merge(one)
    return [one.sample_id for one in whole.shown()["conversation"]]


def test_the_sample_is_spread_over_writers_and_sources() -> None:
    rows = varied(120)
    chosen = [row for row in rows if row["sample_id"] in selected(piece(rows))]
    assert len(chosen) == ROWS
    assert {row["generator"]["name"] for row in chosen} == {"template", "some-model"}
    assert {name for row in chosen for name in row["sources"]} == {"coco", "vg"}


def test_the_sample_does_not_depend_on_how_rows_are_shared_out() -> None:
    rows = varied(120)
    parts = [piece(rows[i : i + 17], i) for i in range(0, 120, 17)]
    assert selected(piece(rows)) == selected(*parts) == selected(*reversed(parts))


def test_a_kind_of_a_thousand_writers_stays_bounded() -> None:
    rows = drawn.rows(1000)
    for number, row in enumerate(rows):
        row["generator"]["name"] = f"model {number}"
    parts = [piece(rows[i : i + 250], i) for i in range(0, 1000, 250)]
    assert len(set(selected(*parts))) == ROWS
    assert selected(*parts) == selected(piece(rows))


def test_rejects_are_taken_in_turn_from_stages_and_sources(tmp_path: pathlib.Path) -> None:
    many = [("build:mask_text", "coco", "regions", f"coco/{number}", "region_cap", "") for number in range(500)]
    few = [("build:region_caption", "vg", "regions", "vg/1", "region_cap", "why")]
    builds.write_rejects(tmp_path, [*many, *few, ("ingest", "coco", "annotations", "x", "crowd", "")])
    found = rejected.examples(str(tmp_path))
    assert sorted(found) == ["crowd", "region_cap"]
    assert len(found["region_cap"]) == rejected.SHOWN
    assert [one.key for one in found["region_cap"] if one.source == "vg"] == ["vg/1"]
    builds.write_rejects(tmp_path, [*few, *reversed(many)])
    assert rejected.examples(str(tmp_path))["region_cap"] == found["region_cap"]


def test_rejects_that_cannot_be_read_show_none(tmp_path: pathlib.Path) -> None:
    assert rejected.examples(str(tmp_path)) == {}
    builds.write_rejects(tmp_path, builds.REJECTS)
    (tmp_path / "rejects" / "broken.parquet").write_bytes(b"no table")
    assert sorted(rejected.examples(str(tmp_path))) == ["crowd", "evaluation_split"]


def cached(folder: pathlib.Path, name: str, schema: pa.Schema, rows: list[dict[str, Any]]) -> None:
    path = folder / "work" / "sources" / "coco-0123" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)


def left_behind(out: pathlib.Path) -> None:
    """What a build leaves under work/: a picture, a region, an annotation without a mask, a row that waits."""
    sample = drawn.sample(9, "description")
    region = msgspec.to_builtins(drawn.region(1, "coco/7"))
    image = {
        "image_id": "coco/7", "source": "coco", "paths": ["coco/train2017/7.jpg"], "width": 32, "height": 24,
        "split": "train", "exhaustive": False, "absent": [], "present": [], "not_exhaustive": [], "same_as": "",
    }  # fmt: skip
    cached(out, "images.parquet", IMAGE, [image])
    cached(out, "regions-v2/part-00000-of-00001.parquet", REGION, [region])
    flat = {"region_id": "coco/2", "image_id": "coco/7", "category": "dog", "segmentation": "[]"}
    cached(out, "annotations/part-00000-of-00001.parquet", ANNOTATION, [flat, flat | {"region_id": "coco/1"}])
    waiting = {"sample_id": sample.sample_id, "row": msgspec.json.encode(sample).decode()}
    path = out / "work" / "plan-1" / "requests" / "description" / "part-00000-of-00001.parquet"
    path.parent.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist([waiting], schema=REQUEST), path)


def test_a_reject_s_picture_and_mask_are_found_under_work(tmp_path: pathlib.Path) -> None:
    left_behind(tmp_path)
    found = locate(str(tmp_path), {"coco/1", "coco/2", "coco/7", "coco/8", "description/9"}, [])
    assert sorted(found) == ["coco/1", "coco/2", "coco/7", "description/9"]
    assert {name: len(one.masks) for name, one in found.items()} == {
        "coco/1": 1, "coco/2": 0, "coco/7": 0, "description/9": 2,
    }  # fmt: skip
    assert list(found["coco/2"].paths) == ["coco/train2017/7.jpg"]
    assert found["coco/2"].category == "dog"
    assert found["coco/1"].masks[0] == drawn.region(1, "coco/7").mask


def test_without_work_the_shards_are_asked(tmp_path: pathlib.Path) -> None:
    manifest = builds.write(tmp_path)
    shards = [file.path for entry in manifest.kinds.values() for file in entry.files]
    found = locate(str(tmp_path), {"coco/101", "coco/000000000002", "coco/5", "annotations[3] id 17"}, shards)
    assert sorted(found) == ["coco/000000000002", "coco/101"]
    assert len(found["coco/101"].masks) == 1
    assert found["coco/101"].paths == ["coco/train2017/000000000001.jpg"]


def test_a_key_names_the_region_before_what_stands_at_it() -> None:
    assert names_in("pascal_part/2008_1#2#pascal:3") == [
        "pascal_part/2008_1#2#pascal:3", "pascal_part/2008_1#2", "pascal_part/2008_1",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("key", "names"),
    [("annotations[3] id 17 of coco/7", ["coco/7"]), ("records[0] of coco/7", ["coco/7"]),
     ("records[0] id a/b", ["a/b"]), ("annotations[9] id vcr/f@0#3", ["vcr/f@0#3", "vcr/f@0"]),
     ("annotations[3] id 17", []), ("captions[12]", [])],
)  # fmt: skip
def test_a_place_in_a_file_names_its_image(key: str, names: list[str]) -> None:
    assert names_in(key) == [key, *names]


def test_what_ingest_turns_away_is_shown_on_its_picture(tmp_path: pathlib.Path) -> None:
    left_behind(tmp_path)
    key = Finding("annotations[3] id 17", "crowd", "", "coco/7").reject("coco").key
    builds.write_rejects(tmp_path, [("ingest", "coco", "annotations", key, "crowd", "")])
    found = rejected.examples(str(tmp_path))
    [made] = rejected.cards(found, locate(str(tmp_path), rejected.all_names(found), []), None)["crowd"]
    assert made.picture is not None
    assert (made.picture.width, made.why_not) == (320, "")
    assert "coco/train2017/7.jpg" in made.picture.note or "no DATA" in made.picture.note


def test_cards_of_rejects_have_a_picture_or_say_why_not(tmp_path: pathlib.Path) -> None:
    builds.write(tmp_path)
    left_behind(tmp_path)
    rejects = [
        ("join", "refcoco", "expressions", "coco/1#refcoco:3", "evaluation_split", ""),
        ("regions", "coco", "annotations", "coco/2", "empty_mask", "no segmentation"),
        ("assemble", "description", "rows", "description/9", "reply_refused", "I am sorry"),
        ("assemble", "description", "rows", "description/10", "reply_empty", ""),
        ("ingest", "coco", "annotations", "annotations[3] id 17", "crowd", ""),
    ]
    builds.write_rejects(tmp_path, rejects)
    made = exhibits(str(tmp_path), read_manifest(str(tmp_path)), report_of(tmp_path), None).rejects
    drawn_regions = {reason: one.picture and len(one.picture.shapes) for reason, (one,) in made.items()}
    assert drawn_regions == {
        "evaluation_split": 1, "empty_mask": 0, "reply_refused": 2, "reply_empty": None, "crowd": None,
    }  # fmt: skip
    assert "names no image that is known" in made["crowd"][0].why_not
    assert "not under work/ any more" in made["reply_empty"][0].why_not
    assert facets(made["reply_refused"][0])["kind"] == ["description"]
    assert facets(made["evaluation_split"][0])["source"] == ["refcoco"]
    text = page(tmp_path).text
    assert all(words in text for words in ("Rejected: empty_mask", "no segmentation", "I am sorry", "dog"))


def test_rows_that_the_suite_finds_at_fault_are_shown(tmp_path: pathlib.Path) -> None:
    rows = drawn.rows(40)
    rows[30]["license"] = None
    rows[31]["regions"] = None
    rows[33]["regions"][0]["mask"]["counts"] = "oops"
    builds.write(tmp_path, {("conversation", "train"): [rows]})
    report = report_of(tmp_path, suite=True)
    found = exhibits(str(tmp_path), read_manifest(str(tmp_path)), report, None).rows["conversation"]
    shown = {one.sample_id: facets(one) for one in found}
    assert "no_missing_values" in shown["conversation/31"]["check"]
    assert "no_missing_values" in shown["conversation/32"]["check"]
    assert "mask_readable" in shown["conversation/34"]["check"]
    assert AT_FAULT in shown["conversation/34"]["show"]
    assert sum(SAMPLE in one["show"] for one in shown.values()) == ROWS


def test_faults_of_single_rows_are_told_beside_them() -> None:
    rows = drawn.rows(3)
    rows[1]["messages"][1]["content"] = "The bounding box of <region1> holds a bear."
    rows[2]["messages"] = None
    found = faults_of(rows)
    assert "no_coordinates" not in found[0]
    assert "bounding box" in found[1]["no_coordinates"]
    assert found[2] == {}


FILM = "vcr/lsmdc_1000_SAMPLE_FILM/1000_SAMPLE_FILM_00.10.08.000-00.10.12.000@0"


@pytest.mark.parametrize(
    ("region_id", "image_id", "short"),
    [(f"{FILM}#12", FILM, "#12"), ("coco/4972", "coco/000000000001", "coco/4972"), (FILM, FILM, "-00.10.12.000@0"),
     ("part_imagenet/4099", "part_imagenet/n02_1", "4099"), ("coco/12", "coco/1", "coco/12"), ("", "", ""),
     ("pascal_part/2008_3#1.5", "pascal_part/2008_3", "#1.5"), ("w" * 40 + "/", "x", "…" + "w" * 15 + "/")],
)  # fmt: skip
def test_ids_of_regions_are_short_in_a_legend(region_id: str, image_id: str, short: str) -> None:
    assert short_id(region_id, image_id).endswith(short)
    assert len(short_id(region_id, image_id)) <= 17


def test_a_part_names_the_number_of_its_whole_where_the_row_shows_it() -> None:
    row = drawn.rows(1, regions=3)[0]
    row["regions"][1] |= {"part_of": row["regions"][0]["region_id"]}
    row["regions"][2] |= {"part_of": "coco/elsewhere"}
    assert [(one.whole, one.short_whole) for one in card(row, None).labels][2] == (0, "coco/elsewhere")
    assert [one.whole for one in card(row, None).labels] == [0, 1, 0]


@pytest.mark.parametrize("name", ["regions", "messages", "image", "generator", "sources", "width", "license"])
def test_a_row_without_a_column_is_shown_as_it_is(name: str) -> None:
    row = drawn.rows(1)[0]
    row[name] = None
    made = card(row, None)
    assert made.sample_id == "conversation/1"
    assert bool(made.labels) == (name != "regions")


def test_a_mask_of_another_size_is_stretched_and_a_broken_one_is_named() -> None:
    row = drawn.rows(1)[0]
    row["regions"][0]["mask"]["counts"] = "oops"
    row["regions"][1]["mask"]["size"] = [None, 3]
    made = card(row, None)
    assert made.picture.shapes == []
    assert "a mask cannot be read" in made.picture.note
    assert [label.number for label in made.labels] == [1, 2]


def test_the_first_path_that_is_there_is_the_picture_s(tmp_path: pathlib.Path) -> None:
    from pipelines.qa.page.pictures import Wanted, picture

    PIL.Image.new("RGB", (64, 48), "red").save(tmp_path / "second.png")
    found = picture(Wanted(None, ["first.png", "second.png"], 64, 48), [], str(tmp_path))
    assert found.note == ""
    assert (found.width, found.height) == (320, 240)
    assert "leaves DATA" in picture(Wanted(None, ["second.png", "../x.png"], 64, 48), [], str(tmp_path)).note
