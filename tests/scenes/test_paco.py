"""PACO: the official fields and ids, and attributes that are true."""

import json
from collections import Counter
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from pipelines.scenes import lvis, paco
from pipelines.scenes.truth import Shown
from tests.scenes.conftest import Written
from tests.shared import SHARED, needs_shared

FLAGS = ("unknown_color", "unknown_pattern_marking", "unknown_material", "unknown_transparency")
SPLITS = ("train", "val", "test")


@pytest.fixture(scope="module")
def files(written: Written) -> dict[str, Any]:
    return {split: written.read(f"paco/paco_lvis_v1_{split}.json") for split in SPLITS}


@pytest.fixture(scope="module")
def train(files: dict[str, Any]) -> dict[str, Any]:
    return files["train"]


@pytest.fixture(scope="module")
def meant(written: Written) -> dict[int, Shown]:
    """What every annotation id shows."""
    return {number: what for scene in written.scenes("paco") for number, what in paco.shown(scene)}


def test_only_official_fields(files: dict[str, Any]) -> None:
    tables = ["images", "annotations", "categories", "part_categories", "attributes", "attr_type_to_attr_idxs"]
    assert [list(files[split]) for split in SPLITS] == [tables, tables, [*tables, "queries"]]
    for split in SPLITS:
        assert files[split]["images"]
        for image in files[split]["images"]:
            assert set(image) == {
                "id", "file_name", "width", "height", "neg_category_ids", "not_exhaustive_category_ids",
                "neg_category_ids_attrs", "not_exhaustive_category_ids_attrs", "license", "coco_url",
            }  # fmt: skip
        for annotation in files[split]["annotations"]:
            assert set(annotation) == {
                "id", "bbox", "area", "category_id", "image_id", "segmentation", "attribute_ids", "dom_color_ids",
                "obj_ann_id", *FLAGS,
            }  # fmt: skip


@needs_shared
def test_tables_are_the_real_ones(train: dict[str, Any]) -> None:
    real = json.loads((SHARED / "paco/paco_categories_attributes.json").read_text())
    fields = ("id", "name", "synset", "supercategory")
    known = {tuple(row[field] for field in fields) for row in real["categories"]}
    assert {tuple(row[field] for field in fields) for row in train["categories"]} <= known
    assert train["attributes"] == real["attributes"]
    assert train["attr_type_to_attr_idxs"] == real["attr_type_to_attr_idxs"]
    assert all(row in real["part_categories"] for row in train["part_categories"])
    used = {row["synset"] for row in train["categories"] if row["supercategory"] == "PART" and row["instance_count"]}
    assert used <= {row["name"] for row in train["part_categories"]}


def test_images_lie_in_their_coco_folder_and_their_lvis_split(written: Written, files: dict[str, Any]) -> None:
    by_id = {scene.image_id: scene for scene in written.scenes("paco")}
    for split in SPLITS:
        for image in files[split]["images"]:
            scene = by_id[image["id"]]
            assert image["file_name"] == f"{scene.folder}/{scene.file_name}"
            assert lvis.split_of(scene) == ("val" if split == "test" else "train")
    ids = [image["id"] for split in SPLITS for image in files[split]["images"]]
    assert len(ids) == len(set(ids))


def test_parts_belong_to_an_object_of_their_image(train: dict[str, Any], meant: dict[int, Shown]) -> None:
    names = {row["id"]: row["name"] for row in train["categories"]}
    known = {annotation["id"]: annotation for annotation in train["annotations"]}
    assert len(known) == len(train["annotations"])
    for annotation in train["annotations"]:
        whole = known[annotation["obj_ann_id"]]
        assert whole["image_id"] == annotation["image_id"]
        assert whole["obj_ann_id"] == whole["id"]
        name, what = names[annotation["category_id"]], meant[annotation["id"]]
        assert (":" in name) == (annotation["id"] != annotation["obj_ann_id"]) == bool(what.part)
        assert name.split(":")[0] == names[whole["category_id"]]
        assert name.partition(":")[2] == what.part
    bare = Counter(annotation["obj_ann_id"] for annotation in train["annotations"])
    assert 1 in bare.values()
    assert max(bare.values()) > 5


def test_categories_count_what_is_in_their_file(train: dict[str, Any]) -> None:
    found = Counter(annotation["category_id"] for annotation in train["annotations"])
    images = {(annotation["category_id"], annotation["image_id"]) for annotation in train["annotations"]}
    for row in train["categories"]:
        assert row["instance_count"] == found[row["id"]]
        assert row["image_count"] == sum(category == row["id"] for category, _ in images)
    assert max(found) <= 2455


def test_objects_are_polygons_and_parts_run_lengths(train: dict[str, Any]) -> None:
    sizes = {image["id"]: [image["height"], image["width"]] for image in train["images"]}
    empty = merged = 0
    for annotation in train["annotations"]:
        if not annotation["segmentation"]:
            empty += 1
        elif annotation["id"] == annotation["obj_ann_id"]:
            assert all(len(polygon) >= 6 for polygon in annotation["segmentation"])
        else:
            mask = annotation["segmentation"]
            assert mask["size"] == sizes[annotation["image_id"]]
            assert coco_mask.area(mask) == annotation["area"]
            assert coco_mask.toBbox(mask).tolist() == annotation["bbox"]
            merged += annotation["category_id"] == 2444
    assert 0 < empty < 0.02 * len(train["annotations"])
    assert merged, "no wheels"


def test_parts_of_one_name_are_one_annotation(train: dict[str, Any], meant: dict[int, Shown]) -> None:
    wheels = [row for row in train["annotations"] if row["category_id"] == 2444 and row["segmentation"]]
    whole = [row for row in wheels if len([part for part in meant[row["id"]].parts if part.visible]) == 2]
    assert whole
    pixels = coco_mask.decode(whole[0]["segmentation"])
    columns = np.flatnonzero(pixels.any(0))
    assert np.diff(columns).max() > 1, "two wheels, apart"


def test_about_a_quarter_has_attributes(train: dict[str, Any]) -> None:
    objects = [row for row in train["annotations"] if row["id"] == row["obj_ann_id"]]
    told = [row for row in objects if row["attribute_ids"]]
    assert 0.18 < len(told) / len(objects) < 0.36
    assert any(row["attribute_ids"] for row in train["annotations"] if row["id"] != row["obj_ann_id"])
    assert not [row for row in train["annotations"] if not row["attribute_ids"] and row["dom_color_ids"]]


def test_attributes_are_true(train: dict[str, Any], meant: dict[int, Shown]) -> None:
    names = {row["id"]: row["name"] for row in train["attributes"]}
    types = {number: kind for kind, numbers in train["attr_type_to_attr_idxs"].items() for number in numbers}
    seen, unsure = Counter[str](), 0
    for row in train["annotations"]:
        told = {kind: {names[n] for n in row["attribute_ids"] if types[n] == kind} for kind in set(types.values())}
        for kind, found in told.items() if row["attribute_ids"] else ():
            assert bool(found) != bool(row[f"unknown_{kind}"])
            unsure += row[f"unknown_{kind}"]
            assert found <= allowed(meant[row["id"]], kind), (row, found)
            seen.update(found)
        assert {names[number] for number in row["dom_color_ids"]} <= told["color"]
    assert unsure
    for name in ("red", "light_blue", "striped", "checkered", "wood", "glass", "transparent", "other(material)"):
        assert seen[name], name


def allowed(what: Shown, kind: str) -> set[str]:
    """Attributes, in PACO's words, that are true of an object or part."""
    one, parts = what.one, what.parts or what.one.parts
    if kind == "color":
        return {name.replace(" ", "_") for name in (one.colour, one.marking, *(part.colour for part in parts))}
    if kind == "pattern_marking":
        pattern = what.parts[0].pattern if what.part else one.pattern
        return {"checkered" if pattern == "checked" else pattern}
    if kind == "material":
        material = what.parts[0].material if what.part else one.material
        return {"other(material)" if material == "other" else material}
    return {what.parts[0].transparency if what.part else "opaque"}


def test_what_is_said_to_be_absent_is_absent(written: Written, train: dict[str, Any]) -> None:
    names = {row["id"]: row["name"].partition(":")[0] for row in train["categories"]}
    by_id = {scene.image_id: scene for scene in written.scenes("paco")}
    bare = 0
    for image in train["images"]:
        present = {paco.LVIS_NAMES[one.category] for one in by_id[image["id"]].objects}
        assert not present & {names[number] for number in image["neg_category_ids"]}
        assert {names[number] for number in image["not_exhaustive_category_ids"]} <= present
        bare += bool(image["not_exhaustive_category_ids"])
    assert bare
