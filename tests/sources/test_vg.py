"""Visual Genome: boxes or masks, and one phrase a region."""

import json
import pathlib
from typing import Any

import numpy as np
import pytest

from pipelines.regions.clean import clean
from pipelines.sources import SOURCES
from pipelines.sources.ingest import ingest
from pipelines.sources.locate import Located, locate
from pipelines.sources.seen import SeenIds, SeenTexts
from pipelines.sources.spec import Reading
from tests.shared import SHARED, needs_shared
from tests.sources.contract import CASES

BOXES, MASKS = (next(case for case in CASES if case.folder.name == name) for name in ("vg", "vg.masks"))


def rows(reading: Reading) -> dict[str, dict[str, Any]]:
    """Annotation rows by region id."""
    assert reading.annotations
    found = reading.annotations.table(np.arange(len(reading.annotations))).to_pylist()
    return {row["region_id"]: row for row in found}


def test_a_box_stands_for_its_mask_where_it_lies_in_the_image() -> None:
    found = rows(BOXES.source.read(BOXES.located().files))
    assert {key: (row["expressions"][0]["text"], json.loads(row["segmentation"])[0]) for key, row in found.items()} == {
        "vg/0": ("a clock on a pole", [421, 57, 503, 57, 503, 196, 421, 196]),
        "vg/11": ("The street is wet.", [760, 570, 800, 570, 800, 600, 760, 600]),
        "vg/17": ("a bird at the top", [0, 0, 20, 0, 20, 15, 0, 15]),
        "vg/21": ("a clock on a pole", [5, 5, 15, 5, 15, 15, 5, 15]),
        "vg/31": ('a café "Paris"', [5, 5, 15.5, 5, 15.5, 15, 5, 15]),
        "vg/32": ("the image named in the region", [5, 5, 15, 5, 15, 15, 5, 15]),
    }
    assert found["vg/17"]["source_box"] == [-10, -5, 30, 20]
    assert {row["category"] for row in found.values()} == {""}


def test_every_pixel_of_the_box_is_set() -> None:
    reading = BOXES.source.read(BOXES.located().files)
    assert reading.annotations
    cleaned = clean(reading.annotations.table(np.arange(len(reading.annotations))))
    assert not cleaned.rejects
    assert dict(zip(*(cleaned.regions[name].to_pylist() for name in ("region_id", "area")), strict=True))["vg/0"] == (
        82 * 139
    )


def test_images_know_their_folder_and_which_of_coco_s_they_are() -> None:
    images = {image.image_id: image for image in BOXES.source.read(BOXES.located().files).images}
    assert images["vg/1"].paths == tuple(f"visual_genome/{each}/1.jpg" for each in ("VG_100K_2", "VG_100K", "image"))
    assert images["vg/2"].paths[0] == "visual_genome/VG_100K/2.jpg"
    assert {key: image.same_as for key, image in images.items()} == {
        "vg/1": "",
        "vg/2": "coco/000000000009",
        "vg/3": "",
    }


def test_masks_keep_their_own_text_and_a_missing_box_is_their_polygons() -> None:
    reading = MASKS.source.read(MASKS.located().files)
    found = rows(reading)
    assert {key: row["source_box"] for key, row in found.items()} == {
        "vg/0": [421, 57, 82, 139],
        "vg/2": [10, 20, 70, 30],
        "vg/3": [0, 0, 0, 0],
        "vg/10": [0, 0, 0, 0],
    }
    assert json.loads(found["vg/3"]["segmentation"]) == {"size": [480, 640], "counts": "0PPYo1"}
    assert {image.image_id: (image.same_as, image.paths[0]) for image in reading.images} == {
        "vg/1": ("", "visual_genome/VG_100K/1.jpg"),
        "vg/2": ("coco/000000000009", "visual_genome/VG_100K/2.jpg"),
    }
    assert "visual_genome/VG_100K_2/2.jpg" in reading.images[1].paths


def test_the_user_is_told_that_boxes_stand_for_masks(tmp_path: pathlib.Path) -> None:
    notes = ingest(BOXES.source, BOXES.located(), str(tmp_path)).notes
    assert [note for note in notes if "osprey-data masks" in note]
    assert not [note for note in MASKS.located().notes if "osprey-data masks" in note]


def test_the_user_is_told_what_is_not_known_without_image_data(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "visual_genome" / "vg_train_with_mask.json"
    path.parent.mkdir()
    path.write_text('{"images": [], "annotations": []}')
    found = locate(SOURCES["vg"].spec, str(tmp_path), {})
    assert isinstance(found, Located)
    assert [note for note in found.notes if "image_data.json is not there" in note and "evaluation sets" in note]


@pytest.mark.parametrize(
    ("record", "same_as"),
    [
        ({"image_id": 1, "coco_id": 9, "width": "wide", "height": 1}, "coco/000000000009"),
        ({"id": 1, "coco_id": 9, "width": float("nan"), "height": 1}, "coco/000000000009"),
        ({"image_id": 1, "coco_id": 9, "width": 1, "height": 1, "file_name": "../1.jpg"}, "coco/000000000009"),
        ({"image_id": 1, "coco_id": None, "width": "wide", "height": 1}, ""),
        ({"image_id": 1, "coco_id": "nine", "width": 8, "height": 8}, None),
        ({"image_id": 1, "coco_id": float("nan"), "width": 8, "height": 8}, None),
    ],
)
def test_a_broken_record_does_not_hide_that_a_picture_is_coco_s(
    tmp_path: pathlib.Path, record: dict[str, Any], same_as: str | None
) -> None:
    """Else a picture of an evaluation set would be trained on."""
    images = [{"id": 50, "file_name": "VG_100K/1.jpg", "width": 8, "height": 8}]
    (tmp_path / "image_data.json").write_text(json.dumps([record, {"image_id": 50, "width": 8, "height": 8}]))
    (tmp_path / "masks.json").write_text(json.dumps({"images": images, "annotations": []}))
    files = {"masks": str(tmp_path / "masks.json"), "image_data": str(tmp_path / "image_data.json")}
    found = SOURCES["vg"].read(files)
    assert [image.same_as for image in found.images] == ([] if same_as is None else [same_as])
    assert found.read["images"] == len(found.images) + len(found.rejects)


def test_no_number_is_no_phrase(tmp_path: pathlib.Path) -> None:
    region = {"x": 1, "y": 1, "width": 4, "height": 4}
    regions = [{"region_id": 1, "phrase": float("nan"), **region}, {"region_id": 2, "phrase": "a cup", **region}]
    (tmp_path / "regions.json").write_text(json.dumps([{"id": 1, "regions": regions}]))
    (tmp_path / "image_data.json").write_text(json.dumps([{"image_id": 1, "width": 8, "height": 8}]))
    found = SOURCES["vg"].read({role: str(tmp_path / f"{role}.json") for role in ("regions", "image_data")})
    assert list(rows(found)) == ["vg/2"]
    assert [reject.reason for reject in found.rejects] == ["malformed_record"]


@pytest.mark.parametrize("number", [0, 5, 70_000, 2**26, 2**62])
def test_ids_are_seen_once(number: int) -> None:
    seen = SeenIds()
    assert [seen.add(number), seen.add(number), seen.add(number + 1)] == [True, False, True]


def test_texts_are_seen_once_for_what_they_are_about() -> None:
    seen = SeenTexts()
    assert [seen.add(1, "a"), seen.add(1, "a"), seen.add(2, "a"), seen.add(1, "b")] == [True, False, True, True]


@needs_shared
def test_the_real_regions(tmp_path: pathlib.Path) -> None:
    """Eight images of v1.2. Their image_data.json is not to be had: sizes are taken from the boxes."""
    path = SHARED / "raw" / "visual_genome" / "region_descriptions.json"
    groups = json.loads(path.read_text())
    sizes = {}
    for group in groups:
        right = max(one["x"] + one["width"] for one in group["regions"])
        bottom = max(one["y"] + one["height"] for one in group["regions"])
        sizes[group["id"]] = (right, bottom)
    url = "https://cs.stanford.edu/people/rak248/VG_100K_2/{}.jpg"
    image_data = [
        {"image_id": number, "url": url.format(number), "width": width, "height": height, "coco_id": None}
        for number, (width, height) in sizes.items()
    ]
    (tmp_path / "image_data.json").write_text(json.dumps(image_data))
    reading = SOURCES["vg"].read({"regions": str(path), "image_data": str(tmp_path / "image_data.json")})
    given = [(group["id"], one) for group in groups for one in group["regions"]]
    assert reading.read == {"images": 8, "expressions": len(given)}
    assert {reject.reason for reject in reading.rejects} <= {"duplicate_text", "duplicate_id"}
    found = rows(reading)
    assert len(found) == len({(image, " ".join(one["phrase"].split())) for image, one in given})
    assert found["vg/1382"]["expressions"] == [{"source": "vg", "text": "the clock is green in colour", "ordinal": 0}]
    assert reading.annotations
    assert not clean(reading.annotations.table(np.arange(len(found)))).rejects
