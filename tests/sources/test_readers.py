"""What each reader makes of its fixture, where counts alone would not show it."""

import collections
import json
import pathlib
import shutil
from typing import Any

import numpy as np
import pytest

from pipelines.sources import SOURCES
from pipelines.sources.captions import read_captions
from pipelines.sources.spec import Reading
from schemas.errors import SourceError
from schemas.records import Category
from tests.factories import image
from tests.sources.contract import CASES

BY_FOLDER = {case.folder.name: case for case in CASES}


def read(folder: str) -> Reading:
    """The reading of a fixture folder."""
    return BY_FOLDER[folder].source.read(BY_FOLDER[folder].located().files)


def rows(reading: Reading) -> list[dict[str, Any]]:
    """All annotation rows."""
    assert reading.annotations is not None
    found: list[dict[str, Any]] = reading.annotations.table(np.arange(len(reading.annotations))).to_pylist()
    return found


def reasons(reading: Reading) -> dict[str, str]:
    """Reason by key."""
    return {reject.key: reject.reason for reject in reading.rejects}


def test_coco_segmentations_are_the_files_own_text() -> None:
    found = {row["region_id"]: json.loads(row["segmentation"]) for row in rows(read("coco"))}
    assert found == {
        "coco/1": [[10.5, 20.25, 40.5, 20.25, 40.5, 50.25, 10.5, 50.25]],
        "coco/3": {"counts": "PPYo1", "size": [480, 640]},
        "coco/12": [[1, 1, 5, 1, 5, 5, 1, 5]],
    }


def test_coco_rejects_name_the_field_at_fault() -> None:
    details = {reject.key: reject.detail for reject in read("coco").rejects}
    assert details["annotations[6] id 6"] == "NaN or Infinity is no number - at `$.bbox`"
    assert details["annotations[7] id 7"] == "Expected `array` of length 4 - at `$.bbox`"
    assert details["annotations[8] id 8 of coco/000000000009"] == "bbox [5.0, 5.0, -2.0, 4.0]"
    assert details["annotations[9] id 9"] == "Object missing required field `category_id`"
    assert details["annotations[4] id 4"] == "image_id 777"
    assert details["images[2] id 30"] == "../../etc/passwd"


def test_coco_images_know_their_split_and_what_is_on_them() -> None:
    images = {image.image_id: image for image in read("coco").images}
    assert {number: image.split for number, image in images.items()} == {
        "coco/000000000009": "coco_val2017",
        "coco/000000000025": "train",
        "coco/000000000049": "train",
        "coco/000000000139": "coco_val2017",
    }
    assert images["coco/000000000009"].present == ("person", "dog", "dining table")
    assert (images["coco/000000000009"].width, images["coco/000000000009"].height) == (640, 480)
    assert images["coco/000000000025"].paths[0] == "coco/val2017/000000000025.jpg"
    assert {number: image.exhaustive for number, image in images.items()}["coco/000000000049"] is False


def test_captions_are_cleaned() -> None:
    assert [(text.image_id[-2:], text.text, text.ordinal) for text in read("coco").texts] == [
        ("09", "A dog next to a table.", 0),
        ("09", "A person with a dog", 1),
        ("49", 'Two horses, "}, {" and a café', 6),
    ]


def test_refer_expressions_are_gathered_by_annotation_and_split() -> None:
    found = [
        (row["region_id"], row["split"], [(text["text"], text["ordinal"]) for text in row["expressions"]])
        for row in rows(read("refcoco"))
    ]
    assert found == [
        ("coco/1", "train", [("left person", 0), ("person on the left", 2)]),
        ("coco/3", "refcoco_testA", [("small dog", 3)]),
        ("coco/1", "refcoco_val", [("man", 4)]),
        ("coco/12", "train", [("dog of twenty five", 13)]),
    ]


def test_refer_images_are_for_evaluation_where_one_reference_is() -> None:
    splits = {image.image_id: image.split for image in read("refcoco").images}
    assert splits == {"coco/000000000009": "refcoco_testA", "coco/000000000025": "train"}


def test_refer_rejects_say_why_the_annotation_is_not_known() -> None:
    details = [reject.detail for reject in read("refcoco").rejects if reject.reason == "unknown_annotation"]
    assert details == ["ann_id 50: crowd", "ann_id 50: crowd", "ann_id 999"]


def test_python_2_pickles_are_latin_1_where_they_are_not_utf_8() -> None:
    assert rows(read("refcocog"))[0]["expressions"][0]["text"] == "a man in a café t - shirt"


def test_mdetr_expressions_are_gathered_by_original_id() -> None:
    reading = read("refcocog.mdetr")
    found = [(row["region_id"], row["ordinal"], [text["text"] for text in row["expressions"]]) for row in rows(reading)]
    assert found == [
        ("coco/1", 0, ["the man", "the man on the left"]),
        ("coco/3", 1, ["a dog"]),
        ("coco/12", 2, ["brown dog"]),
    ]
    assert [row["image_id"][-2:] for row in rows(reading)] == ["09", "09", "25"]
    assert {image.image_id[-3:]: image.split for image in reading.images} == {
        "009": "train",
        "025": "train",
        "139": "refcocog_val",
    }


def test_llava_roles_and_texts() -> None:
    assert [(text.image_id[-3:], text.role, text.text, text.ordinal) for text in read("llava").texts] == [
        ("009", "detail", "A dog sits.\n\nIt looks at a table.", 0),
        ("025", "detail", "A park.", 1),
        ("009", "detail", "A second view.", 3),
        ("009", "conversation", "What animal is it?\n\nA dog.\n\nIs it alone?\n\nYes.", 5),
        ("025", "reasoning", "What challenges might the person in the image face?\n\nRain.", 6),
        ("049", "detail", "Two horses.", 7),
        ("100", "reasoning", "Why?\n\nBecause.", 11),
        ("025", "reasoning", "Why is it wet?\n\nIt rained.", 12),
    ]


def test_lvis_images_are_federated() -> None:
    images = {image.image_id[-3:]: image for image in read("lvis").images}
    monitor = "monitor_(computer_equipment) computer_monitor"
    assert images["009"].absent == (monitor,)
    assert images["009"].not_exhaustive == ("stop_sign",)
    assert images["009"].present == ("car_(automobile)", "stop_sign")
    assert images["025"].paths[0] == "coco/val2017/000000000025.jpg"
    assert images["139"].split == "lvis_val"
    assert not any(image.exhaustive for image in images.values())


def test_lvis_vocabulary() -> None:
    assert read("lvis").categories[0] == Category(
        name="car_(automobile)", text="car", synonyms=("auto", "automobile"), synset="car.n.01"
    )


def test_lvis_v05_is_refused(tmp_path: pathlib.Path) -> None:
    data = shutil.copytree(BY_FOLDER["lvis"].folder, tmp_path / "data")
    path = data / "lvis" / "lvis_v1_train.json"
    path.write_text(path.read_text().replace('"id": 1019', '"id": 1230'))
    with pytest.raises(SourceError, match="category id 1230"):
        SOURCES["lvis"].read({"train": str(path)})


@pytest.mark.parametrize("categories", ['[{"id": 1}]', '[{"id": "1", "name": "a"}]', "[null]"])
def test_a_broken_vocabulary_is_an_error(tmp_path: pathlib.Path, categories: str) -> None:
    path = tmp_path / "instances.json"
    path.write_text('{"images": [], "annotations": [], "categories": ' + categories + "}")
    with pytest.raises(SourceError, match=r"categories\[0\]"):
        SOURCES["coco"].read({"instances": str(path)})


def test_categories_without_annotations_or_images_are_an_empty_source(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "instances.json"
    path.write_text('{"images": [], "annotations": [], "categories": []}')
    reading = SOURCES["coco"].read({"instances": str(path)})
    assert reading.read == {"images": 0, "annotations": 0}
    assert rows(reading) == []


@pytest.mark.parametrize("name", ["images", "annotations", "categories"])
def test_a_missing_list_is_named(tmp_path: pathlib.Path, name: str) -> None:
    path = tmp_path / "instances.json"
    path.write_text(json.dumps({each: [] for each in ("images", "annotations", "categories") if each != name}))
    with pytest.raises(SourceError, match=f"has no `{name}`"):
        SOURCES["coco"].read({"instances": str(path)})


SIZES = {
    (2**31 - 1, 2**31 - 1): "Expected `int` <= 65535 - at `$.width`",
    (65_536, 1): "Expected `int` <= 65535 - at `$.width`",
    (1, 65_536): "Expected `int` <= 65535 - at `$.height`",
    (65_535, 65_535): "width 65535, height 65535: more than 2147483647 pixels",
    (65_535, 32_768): "",
    (0, 480): "Expected `int` >= 1 - at `$.width`",
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("source", "role"), [("coco", "instances"), ("lvis", "train"), ("refcocog", "mdetr")])
def test_an_image_too_large_for_any_picture_is_rejected(
    source: str, role: str, size: tuple[int, int], tmp_path: pathlib.Path
) -> None:
    sentence = {"original_id": 1, "caption": "a dog"} if role == "mdetr" else {}
    square = {"bbox": [1, 1, 4, 4], "segmentation": [[1, 1, 5, 1, 5, 5, 1, 5]], "iscrowd": 0}
    content = {
        "images": [{"id": 1, "width": size[0], "height": size[1], "file_name": "000000000001.jpg", **sentence}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "original_id": 1, **square}],
        "categories": [{"id": 1, "name": "dog"}],
    }
    path = tmp_path / "instances.json"
    path.write_text(json.dumps(content))
    reading = SOURCES[source].read({role: str(path)})
    found = [(reject.reason, reject.detail) for reject in reading.rejects if reject.unit == "images"]
    assert found == ([("malformed_record", SIZES[size])] if SIZES[size] else [])
    assert len(rows(reading)) == (0 if SIZES[size] else 1)


@pytest.mark.parametrize("folder", ["coco", "refcoco", "refcocog.mdetr"])
def test_coco_s_categories_have_the_synsets_that_lvis_gives_them(folder: str) -> None:
    assert {each.name: each.synset for each in read(folder).categories} == {
        "person": "person.n.01",
        "dog": "dog.n.01",
        "dining table": "dining_table.n.01",
    }


@pytest.mark.parametrize("order", [("images", "annotations"), ("annotations", "images")])
def test_captions_before_or_after_their_images(order: tuple[str, str], tmp_path: pathlib.Path) -> None:
    """More of both than a window holds, with broken, unsafe, repeated and known images and a repeated caption."""
    size = {"width": 640, "height": 480}
    images: list[Any] = [{"id": number, "file_name": f"{number:012d}.jpg", **size} for number in range(9000)]
    images += [{"id": 9000}, {"id": 9001, "file_name": "../9001.jpg", **size}, images[5], images[8999]]
    captions = [{"id": number, "image_id": number % 9003, "caption": f"A cat, {number}."} for number in range(18_000)]
    lists = {"images": images, "annotations": [*captions, {"id": 18_000, "image_id": 7, "caption": "A cat,  7."}]}
    path = tmp_path / "captions.json"
    path.write_text(json.dumps({name: lists[name] for name in order}))
    known = {"coco/000000000008": image("coco", image_id="coco/000000000008")}
    found = read_captions(str(path), "coco", "train2017", known)
    assert (found.read, found.new_images, len(known)) == (18_001, 9003, 9000)
    assert collections.Counter((each.key.split("[")[0], each.reason) for each in found.findings) == {
        ("images", "malformed_record"): 1,
        ("images", "unsafe_path"): 1,
        ("images", "duplicate_id"): 2,
        ("captions", "unknown_image"): 3,
        ("captions", "duplicate_text"): 1,
    }
    assert [text.ordinal for text in found.texts] == sorted(text.ordinal for text in found.texts)
    assert len(found.texts) + 4 == found.read
