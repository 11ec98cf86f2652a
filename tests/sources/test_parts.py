"""Parts and attributes as the readers of part-level sources make them of their fixtures."""

import json
import pathlib
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pytest

from pipelines.regions.clean import clean
from pipelines.sources import SOURCES
from pipelines.sources.attributes import TYPES, attribute_table, attribute_text
from pipelines.sources.parts import part_category
from schemas.errors import SourceError
from schemas.records import Category
from tests.shared import SHARED, needs_shared
from tests.sources.test_readers import read, rows


def by_id(folder: str) -> dict[str, dict[str, Any]]:
    """Annotation rows of a fixture by region id."""
    return {row["region_id"]: row for row in rows(read(folder))}


def attributes(row: dict[str, Any]) -> list[tuple[str, str]]:
    """(type, name) of each."""
    return [(one["type"], one["name"]) for one in row["attributes"]]


def test_paco_parts_name_their_object() -> None:
    found = {key: (row["category"], row["part"], row["whole"], row["part_of"]) for key, row in by_id("paco").items()}
    assert found == {
        "paco/100": ("car", "", "", ""),
        "paco/101": ("antenna of the car", "antenna", "car", "paco/100"),
        "paco/102": ("steering wheel of the car", "steering wheel", "car", "paco/100"),
        "paco/107": ("bottle", "", "", ""),
        "paco/111": ("can", "", "", ""),
    }


def test_paco_attributes_are_those_of_the_files_own_table() -> None:
    found = {key: attributes(row) for key, row in by_id("paco").items() if row["attributes"]}
    assert found == {
        "paco/100": [
            ("color", "dark blue"), ("color", "other"), ("pattern_marking", "plain"), ("material", "metal"),
            ("transparency", "opaque"),
        ],
        "paco/101": [("color", "black")],
        "paco/107": [("material", "glass"), ("transparency", "transparent"), ("material", "stone")],
    }  # fmt: skip


def test_paco_rejects_say_which_object_or_attribute() -> None:
    details = {reject.key: (reject.reason, reject.detail) for reject in read("paco").rejects}
    assert details["annotations[3] id 103"] == ("unknown_object", "obj_ann_id 999")
    assert details["annotations[5] id 105"] == ("unknown_object", "obj_ann_id 104")
    assert details["annotations[6] id 106"] == ("unknown_object", "obj_ann_id 100")
    assert details["annotations[9] id 109"] == ("unknown_object", "obj_ann_id 109")
    assert details["annotations[10] id 110"] == ("unknown_object", "obj_ann_id 101")
    assert details["attributes[6] id 101"] == ("duplicate_id", "attribute_id 0")
    assert details["attributes[7] id 101"] == ("unknown_attribute", "attribute_id 59")
    assert details["attributes[8] id 101"] == ("unknown_attribute", "attribute_id -1")
    assert details["attributes[9] id 101"] == ("uncertain_attribute", "attribute_id 49")
    assert details["attributes[10] id 103"] == ("unknown_annotation", "attribute_id 25")


def test_paco_images_are_federated_and_those_of_val_and_test_are_for_evaluation() -> None:
    images = {image.image_id[-6:]: image for image in read("paco").images}
    assert {number: image.split for number, image in images.items()} == {
        "000009": "train", "000025": "train", "118113": "paco_test", "000139": "paco_val", "000400": "paco_test",
    }  # fmt: skip
    assert images["000009"].absent == ("bottle", "bottle:inner_body")
    assert images["000009"].not_exhaustive == ("car_(automobile)",)
    assert images["000009"].present == ("car_(automobile)", *images["000009"].present[1:])
    assert images["000025"].paths[0] == "coco/val2017/000000000025.jpg"
    assert images["000400"].paths[0] == "coco/train2017/000000000400.jpg"


def test_paco_segmentations_of_every_form_become_masks_or_rejects() -> None:
    reading = read("paco")
    assert reading.annotations
    cleaned = clean(reading.annotations.table(np.arange(len(reading.annotations))))
    assert {reject.key: reject.reason for reject in cleaned.rejects} == {"paco/102": "empty_mask"}
    areas = dict(zip(cleaned.regions["region_id"].to_pylist(), cleaned.regions["area"].to_pylist(), strict=True))
    assert (areas["paco/101"], areas["paco/107"]) == (60, 2800)


@pytest.mark.parametrize("name", ["attributes", "attr_type_to_attr_idxs"])
def test_a_file_without_paco_s_tables_is_refused(tmp_path: pathlib.Path, name: str) -> None:
    lists: dict[str, Any] = {each: [] for each in ("images", "annotations", "categories", "attributes")}
    path = tmp_path / "paco.json"
    content = {key: value for key, value in (lists | {"attr_type_to_attr_idxs": {}}).items() if key != name}
    path.write_text(json.dumps(content))
    with pytest.raises(SourceError, match=f"has no `{name}`"):
        SOURCES["paco"].read({"train": str(path)})


def test_a_broken_table_is_an_error_that_names_it() -> None:
    with pytest.raises(SourceError, match=r"paco.json: `attributes`: .*\$\[0\]"):
        attribute_table("paco.json", {"attributes": b'[{"id": "a"}]', "attr_type_to_attr_idxs": b"{}"})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("dark_blue", "dark blue"),
        ("other(color)", "other"),
        ("other_material", "other"),
        ("otherworldly", "otherworldly"),
    ],
)
def test_attribute_text(name: str, text: str) -> None:
    assert attribute_text(name) == text


@pytest.mark.parametrize(
    ("name", "text", "part", "whole"),
    [
        ("car_(automobile):antenna", "antenna of the car", "antenna", "car"),
        ("pan_(for_cooking):inner_side", "inner side of the pan", "inner side", "pan"),
        ("pipe:colied_tube", "coiled tube of the pipe", "coiled tube", "pipe"),
        ("car", "car", "", ""),
        ("car:", "car", "", ""),
        (":antenna", "car", "", ""),
    ],
)
def test_part_categories(name: str, text: str, part: str, whole: str) -> None:
    assert part_category(Category(name=name, text="car")) == Category(name=name, text=text, part=part, whole=whole)


@needs_shared
def test_every_category_and_attribute_of_paco_reads_as_words() -> None:
    """The real tables: 75 objects, 456 of their parts, 59 attributes of four types."""
    tables = json.loads((SHARED / "paco" / "paco_categories_attributes.json").read_text())
    made = [part_category(Category(name=each["name"], text=each["name"])) for each in tables["categories"]]
    parts = [each for each in made if each.part]
    assert (len(made), len(parts)) == (531, 456)
    assert not [each.text for each in parts if any(mark in each.text for mark in "_:()") or "  " in each.text]
    values = {name: json.dumps(tables[name]).encode() for name in ("attributes", "attr_type_to_attr_idxs")}
    table = attribute_table("paco.json", values)
    by_type = {
        kind: [n for n, t in zip(table.names, table.types, strict=True) if t == at] for at, kind in enumerate(TYPES)
    }
    assert {kind: len(names) for kind, names in by_type.items()} == {
        "color": 30, "pattern_marking": 11, "material": 14, "transparency": 4,
    }  # fmt: skip
    assert all(names.count("other") == 1 for names in by_type.values())
    assert sum(len(names) for names in by_type.values()) - 4 == 55


def test_part_imagenet_names_and_places() -> None:
    reading = read("part_imagenet")
    assert {row["region_id"]: (row["category"], row["category_raw"], row["part_of"]) for row in rows(reading)} == {
        "part_imagenet/0": ("head of the quadruped", "Quadruped Head", ""),
        "part_imagenet/1": ("tail of the quadruped", "Quadruped Tail", ""),
        "part_imagenet/2": ("tyre of the car", "Car Tier", ""),
        "part_imagenet/3": ("side mirror of the car", "Car Side Mirror", ""),
    }
    assert {image.image_id: image.paths for image in reading.images} == {
        "part_imagenet/n01440764_10029": (
            "part_imagenet/train/n01440764/n01440764_10029.JPEG",
            "part_imagenet/train/n01440764_10029.JPEG",
        ),
        "part_imagenet/n02085620_7": (
            "part_imagenet/train/n02085620/n02085620_7.JPEG",
            "part_imagenet/train/n02085620_7.JPEG",
        ),
        "part_imagenet/n02085620_8": (
            "part_imagenet/train/n02085620/n02085620_8.JPEG",
            "part_imagenet/train/n02085620_8.JPEG",
        ),
    }


@pytest.mark.parametrize("folder", ["part_imagenet", "part_imagenet.format"])
def test_part_imagenet_polygons_of_too_few_numbers_do_not_lose_the_good_ones(folder: str) -> None:
    """In the raw file, and after VLPart's formatting, which appends some of them twice."""
    reading = read(folder)
    assert reading.annotations
    cleaned = clean(reading.annotations.table(np.arange(len(reading.annotations))))
    heads = cleaned.regions.filter(pc.equal(cleaned.regions["category"], "head of the quadruped"))
    assert heads["area"].to_pylist() == [400]
    degenerate = {reject.key: reject.reason for reject in cleaned.rejects}
    assert degenerate == ({"part_imagenet/1": "degenerate_polygon"} if folder == "part_imagenet" else {})


def test_part_imagenet_formatted_has_the_same_images() -> None:
    assert [image.image_id for image in read("part_imagenet.format").images] == [
        "part_imagenet/n02085620_7",
        "part_imagenet/n02834778_42",
    ]
    assert [row["category"] for row in rows(read("part_imagenet.format"))] == [
        "head of the quadruped",
        "tyre of the bicycle",
    ]
