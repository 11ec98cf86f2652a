"""VCR: what a line and its picture's metadata become."""

import json
import pathlib
from typing import Any

import numpy as np
import PIL.Image
import pytest

from pipelines.sources import SOURCES
from pipelines.sources.spec import Reading
from pipelines.sources.vcr_objects import cut
from tests.shared import SHARED, needs_shared
from tests.sources.contract import CASES

FIXTURE = next(case for case in CASES if case.folder.name == "vcr")
SQUARE = [[10, 10], [50, 10], [50, 50], [10, 50]]


def shapes(reading: Reading) -> dict[str, Any]:
    """Segmentation by region id."""
    assert reading.annotations
    rows = reading.annotations.table(np.arange(len(reading.annotations))).to_pylist()
    return {row["region_id"]: json.loads(row["segmentation"]) for row in rows}


def write(folder: pathlib.Path, line: dict[str, Any], metadata: dict[str, Any]) -> Reading:
    """The reading of one line and one metadata file."""
    path = folder / "vcr1images" / line["metadata_fn"]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(metadata))
    (folder / "train.jsonl").write_text(json.dumps(line) + "\n")
    return SOURCES["vcr"].read({"train": str(folder / "train.jsonl"), "metadata": str(folder / "vcr1images")})


def one_object(folder: pathlib.Path, metadata: dict[str, Any]) -> Reading:
    """The reading of a question about one object with this metadata."""
    question = {"question": ["Who", "is", [0], "?"], "answer_choices": [["A", "man", "."]], "answer_label": 0}
    return write(
        folder, {"objects": ["person"], "img_fn": "A/a@0.jpg", "metadata_fn": "A/a@0.json", **question}, metadata
    )


def test_turns_name_regions_by_first_sight() -> None:
    texts = FIXTURE.source.read(FIXTURE.located().files).texts
    picture = "vcr/lsmdc_A/A_00.01@0"
    assert [(text.turns, text.regions, text.ordinal) for text in texts] == [
        (
            (
                "Why is <region1> at the <region2>?",
                "He wants to talk to <region3>.",
                "",
                "<region3>'s hand is up, and 2 hours have passed.",
            ),
            (f"{picture}#1", f"{picture}#2", f"{picture}#0"),
            0,
        ),
        (("What will <region1> and <region2> do in 2 hours?", "They don't know."), (f"{picture}#1", f"{picture}#0"), 1),
        (("Is anyone there?", "No.", "", "because."), (), 2),
    ]
    assert {text.role for text in texts} == {"question_answer"}


def test_masks_are_what_polygons_cover_of_the_box() -> None:
    reading = FIXTURE.source.read(FIXTURE.located().files)
    picture = "vcr/lsmdc_A/A_00.01@0"
    found = shapes(reading)
    assert sorted(found[f"{picture}#0"][0][index : index + 2] for index in range(0, 8, 2)) == [
        [20, 30],
        [20, 100],
        [110, 30],
        [110, 100],
    ]
    assert found[f"{picture}#1"] == [[0, 10.5, 60, 10.5, 60, 90, 0, 90]]
    assert found[f"{picture}#2"] == [[600, 300, 640, 300, 640, 480, 600, 480]]
    assert len(found["vcr/movieclips_B/x@4#0"]) == 2
    assert {each.name: each.text for each in reading.categories}["diningtable"] == "dining table"


def test_rejects_say_what_is_wrong() -> None:
    reading = FIXTURE.source.read(FIXTURE.located().files)
    details = {reject.key: reject.detail for reject in reading.rejects}
    assert details["records[5] id train-4"] == "tag 4 of 4 objects, counted from 0"
    assert details["records[7] id train-6"] == "object 3 was rejected"
    assert "test.jsonl" in details["records[8] id train-7"]
    assert details["records[9] id train-8"] == "answer_label 4 of 4 choices"
    assert details["records[10]"].startswith("line at byte ")
    assert any("missing@2.json: No such file" in detail for detail in details.values())
    assert any("A_00.02@1.json: no width and height, and the picture" in detail for detail in details.values())


def test_a_size_that_the_metadata_lacks_is_the_picture_s(tmp_path: pathlib.Path) -> None:
    (tmp_path / "vcr1images" / "A").mkdir(parents=True)
    PIL.Image.new("L", (90, 60)).save(tmp_path / "vcr1images" / "A" / "a@0.jpg")
    reading = one_object(tmp_path, {"boxes": [[10, 10, 50, 50, 1]], "segms": [[SQUARE]]})
    assert [(image.width, image.height) for image in reading.images] == [(90, 60)]
    assert shapes(reading) == {"vcr/A/a@0#0": [[10, 10, 50, 10, 50, 50, 10, 50]]}


@pytest.mark.parametrize("broken", ["metadata", "line"])
def test_lists_in_lists_without_end_are_a_reject(broken: str, tmp_path: pathlib.Path) -> None:
    deep = "[" * 5000 + "]" * 5000
    one_object(tmp_path, {"boxes": [[10, 10, 50, 50, 1]], "segms": [[SQUARE]], "width": 90, "height": 60})
    (path,) = tmp_path.rglob("*.json") if broken == "metadata" else tmp_path.rglob("*.jsonl")
    path.write_text(f'{{"boxes": {deep}}}' if broken == "metadata" else f'{{"objects": {deep}}}\n')
    files = {"train": next(tmp_path.rglob("*.jsonl")), "metadata": tmp_path / "vcr1images"}
    reading = SOURCES["vcr"].read({role: str(path) for role, path in files.items()})
    assert reading.texts == []
    assert {reject.reason for reject in reading.rejects} >= {"malformed_record"}


BOXES = {
    "[10, 10, 50, 50]": "",
    "[10, 10, 50]": "malformed_record",
    "[50, 10, 10, 50, 1]": "malformed_record",
    '["a", 10, 50, 50, 1]': "malformed_record",
    "[10, 10, 10, 50, 1]": "empty_mask",
    "[-50, 10, -10, 50, 1]": "outside_image",
    "[90, 10, 95, 50, 1]": "outside_image",
}


@pytest.mark.parametrize("box", BOXES)
def test_boxes(box: str, tmp_path: pathlib.Path) -> None:
    metadata = {"boxes": [json.loads(box)], "segms": [[SQUARE]], "width": 90, "height": 60}
    reading = one_object(tmp_path, metadata)
    reasons = [reject.reason for reject in reading.rejects]
    assert reasons == ([BOXES[box], "unknown_region"] if BOXES[box] else [])
    assert reading.read == {"images": 1, "annotations": 1, "records": 1}


@pytest.mark.parametrize("segms", [[], [None], [[]], [[[[1, 1], [2, 2]]]], [[[[70, 1], [80, 1], [80, 9]]]]])
def test_without_a_polygon_in_the_box_the_box_is_the_mask(segms: list[Any], tmp_path: pathlib.Path) -> None:
    reading = one_object(tmp_path, {"boxes": [[10, 10, 50, 50, 1]], "segms": segms, "width": 90, "height": 60})
    assert shapes(reading) == {"vcr/A/a@0#0": [[10, 10, 50, 10, 50, 50, 10, 50]]}


def test_polygons_are_cut_to_a_box() -> None:
    triangle = [(0.0, 0.0), (20.0, 0.0), (0.0, 20.0)]
    assert set(cut(triangle, (0, 0, 10, 10))) == {(0, 0), (10, 0), (10, 10), (0, 10)}
    assert cut(triangle, (-5, -5, 30, 30)) == triangle
    assert cut(triangle, (18, 18, 30, 30)) == []


@needs_shared
def test_the_real_line(tmp_path: pathlib.Path) -> None:
    """Its metadata is not to be had: made by hand, the third person's box in a corner."""
    line = json.loads((SHARED / "raw" / "vcr" / "train.jsonl").read_text())
    boxes = [[100 * number, 50, 100 * number + 90, 300, 0.9] for number in range(4)]
    reading = write(tmp_path, line, {"boxes": boxes, "segms": [[]] * 4, "width": 640, "height": 360})
    (text,) = reading.texts
    assert text.turns == (
        "Does <region1> feel comfortable?",
        "No she does not.",
        "",
        "She is standing with her arms crossed and looks disturbed.",
    )
    assert [region.rpartition("#")[2] for region in text.regions] == ["2"]
    assert reading.annotations
    rows = reading.annotations.frame.to_pylist()
    assert [(row["category"], row["source_box"][0]) for row in rows] == [
        ("person", 0), ("person", 100), ("person", 200), ("car", 300)
    ]  # fmt: skip


@needs_shared
def test_the_real_line_of_val(tmp_path: pathlib.Path) -> None:
    line = json.loads((SHARED / "vcr" / "val.jsonl").read_text())
    boxes = [[90 * number, 50, 90 * number + 80, 300, 0.9] for number in range(6)]
    reading = write(tmp_path, line, {"boxes": boxes, "segms": [[]] * 6, "width": 640, "height": 360})
    assert reading.texts[0].turns == (
        "How is <region1> feeling?",
        "<region1> is upset and disgusted.",
        "",
        "<region1>'s expression is twisted in disgust.",
    )
