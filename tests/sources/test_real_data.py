"""Real files of every source that is to be had: every record accounted for."""

import json
import pathlib
import pickle
from typing import Any

import pytest

from pipelines.sources import SOURCES
from pipelines.sources.cache import SourceCache
from pipelines.sources.captions import read_captions
from pipelines.sources.ingest import ingest
from pipelines.sources.locate import Located, locate
from schemas.errors import SourceError
from tests.shared import SHARED, needs_shared

pytestmark = needs_shared

RAW, GOLDEN = SHARED / "raw", SHARED / "osprey_golden" / "raw"

EXPECTED: dict[tuple[pathlib.Path, str], dict[str, dict[str, int]]] = {
    (RAW, "coco"): {
        "images": {"read": 205, "kept": 205},
        "annotations": {"read": 1307, "kept": 1292, "crowd": 15},
        "captions": {"read": 260, "kept": 260},
    },
    (RAW, "refcoco"): {
        "images": {"read": 3, "kept": 3},
        "expressions": {"read": 26, "kept": 24, "duplicate_text": 2},
    },
    (RAW, "refcoco+"): {
        "images": {"read": 3, "kept": 3},
        "expressions": {"read": 23, "kept": 22, "duplicate_text": 1},
    },
    (RAW, "refcocog"): {"images": {"read": 3, "kept": 3}, "expressions": {"read": 15, "kept": 15}},
    (RAW, "pascal_part"): {"files": {"read": 10, "kept": 10}, "annotations": {"read": 211, "kept": 211}},
    (GOLDEN, "coco"): {
        "images": {"read": 40, "kept": 40},
        "annotations": {"read": 412, "kept": 412},
        "captions": {"read": 90, "kept": 90},
    },
    (GOLDEN, "refcoco"): {
        "images": {"read": 21, "kept": 21},
        "expressions": {"read": 154, "kept": 146, "duplicate_text": 8},
    },
    (GOLDEN, "refcoco+"): {
        "images": {"read": 21, "kept": 21},
        "expressions": {"read": 148, "kept": 136, "duplicate_text": 12},
    },
    (GOLDEN, "refcocog"): {"images": {"read": 21, "kept": 21}, "expressions": {"read": 101, "kept": 101}},
    (GOLDEN, "llava"): {"records": {"read": 22, "kept": 22}},
}


def ingested(data: pathlib.Path, name: str, work: pathlib.Path, **overrides: str) -> SourceCache:
    """The normal form of a source of that folder."""
    found = locate(SOURCES[name].spec, str(data), overrides)
    assert isinstance(found, Located)
    return ingest(SOURCES[name], found, str(work))


@pytest.mark.parametrize(("data", "name"), EXPECTED)
def test_every_real_record_is_accounted_for(data: pathlib.Path, name: str, tmp_path: pathlib.Path) -> None:
    lines = ingested(data, name, tmp_path).ledger()
    counts = {line.unit: {"read": line.read, "kept": line.kept, **line.rejected} for line in lines}
    assert counts == EXPECTED[data, name]


def test_coco_as_json_loads_it(tmp_path: pathlib.Path) -> None:
    raw = json.loads((RAW / "coco" / "annotations" / "instances_train2017.json").read_text())
    names = {category["id"]: category["name"] for category in raw["categories"]}
    expected = {
        f"coco/{each['id']}": (f"coco/{each['image_id']:012d}", names[each["category_id"]], each["bbox"])
        for each in raw["annotations"]
        if not each["iscrowd"]
    }
    rows = ingested(RAW, "coco", tmp_path).annotations().to_pylist()
    assert {row["region_id"]: (row["image_id"], row["category"], row["source_box"]) for row in rows} == expected
    shapes = {f"coco/{each['id']}": each["segmentation"] for each in raw["annotations"]}
    assert all(json.loads(row["segmentation"]) == shapes[row["region_id"]] for row in rows)


@pytest.mark.parametrize("name", ["refcoco", "refcoco+", "refcocog"])
def test_both_layouts_give_the_same_regions(name: str, tmp_path: pathlib.Path) -> None:
    """The real references are evaluation records; Osprey's files call the same ones training records."""
    refer = ingested(RAW, name, tmp_path)
    assert not [image for image in refer.images() if image.split == "train"]
    mdetr = SOURCES[name].read({"mdetr": str(RAW / "refcocos" / f"finetune_{name}_train_with_mask.json")})
    assert mdetr.annotations
    assert _expressions(mdetr.annotations.frame.to_pylist()) == _expressions(refer.annotations().to_pylist())


def _expressions(rows: list[dict[str, Any]]) -> dict[str, set[str]]:
    return {row["region_id"]: {text["text"] for text in row["expressions"]} for row in rows}


def test_references_of_the_release_in_the_pickle_layout(tmp_path: pathlib.Path) -> None:
    """The google split of image 460986: references of several splits on one image."""
    refs = json.loads((SHARED / "refcoco_tfds" / "refcoco_image460986.json").read_text())["ref"]
    google = [ref for ref in refs if ref["dataset_partition"] == "google" and ref["dataset"] == "refcoco"]
    annotations = {ref["ann"]["id"]: ref["ann"] for ref in google}
    instances = {
        "images": [{"id": 460986, "file_name": "COCO_train2014_000000460986.jpg", "width": 640, "height": 480}],
        "annotations": list(annotations.values()),
        "categories": [{"id": each["category_id"], "name": str(each["category_id"])} for each in annotations.values()],
    }
    (tmp_path / "refs.p").write_bytes(pickle.dumps(google, 2))
    (tmp_path / "instances.json").write_text(json.dumps(instances))
    reading = SOURCES["refcoco"].read(
        {"refs_google": str(tmp_path / "refs.p"), "instances": str(tmp_path / "instances.json")}
    )
    assert reading.annotations
    rows = reading.annotations.frame.to_pylist()
    assert {row["split"] for row in rows} == {"train"} | {f"refcoco_{ref['split']}" for ref in google} - {
        "refcoco_train"
    }
    assert reading.read["expressions"] == sum(len(ref["sentences"]) for ref in google)
    assert reading.images[0].split == next((row["split"] for row in rows if row["split"] != "train"), "train")


def test_all_captions_of_val2017() -> None:
    """25,014 captions; 14 in 100 have stray blanks."""
    found = read_captions(str(SHARED / "coco_captions" / "captions_val2017.json"), "coco", "val2017", {})
    assert (found.read, found.new_images) == (25_014, 5_000)
    assert len(found.texts) + len(found.findings) == found.read
    assert {finding.reason for finding in found.findings} <= {"duplicate_text"}
    assert all(text.text == " ".join(text.text.split()) for text in found.texts)


def test_compressed_masks_ids_from_zero_and_many_categories(tmp_path: pathlib.Path) -> None:
    path = SHARED / "panoptic_sample" / "panoptic_coco_detection_format.json"
    cache = ingest(SOURCES["coco"], Located(name="coco", files={"instances": str(path)}), str(tmp_path))
    lines = {line.unit: line for line in cache.ledger()}
    assert (lines["annotations"].read, lines["annotations"].rejected) == (50, {"crowd": 3})
    assert "coco/0" in cache.annotations()["region_id"].to_pylist()


def test_lvis_v05_is_told_from_v1() -> None:
    with pytest.raises(SourceError, match=r"category id 1230: LVIS v1 numbers"):
        SOURCES["lvis"].read({"train": str(SHARED / "lvis" / "lvis_val_100.json")})
