"""Visual Genome: official fields, sizes that differ from COCO's, and phrases that are true of their regions."""

import json
from itertools import pairwise
from typing import Any

import pytest
from pycocotools import mask as coco_mask

from pipelines.scenes import visual_genome as vg
from tests.scenes.conftest import Written
from tests.scenes.reading_regions import true_of
from tests.shared import SHARED, needs_shared


@pytest.fixture(scope="module")
def images(written: Written) -> Any:
    return written.read(vg.IMAGES)


@pytest.fixture(scope="module")
def described(written: Written) -> Any:
    return written.read(vg.REGIONS)


@pytest.fixture(scope="module")
def masks(written: Written) -> Any:
    return written.read(vg.MASKS)


@needs_shared
def test_fields_of_regions_are_the_real_ones(described: Any) -> None:
    real = json.loads((SHARED / "raw/visual_genome/region_descriptions.json").read_text())
    assert {frozenset(row) for row in described} == {frozenset(row) for row in real}
    regions = [region for row in described for region in row["regions"]]
    assert {frozenset(row) for row in regions} == {frozenset(region) for row in real for region in row["regions"]}
    assert all(type(region[name]) is int for region in regions for name in ("x", "y", "width", "height", "region_id"))


def test_image_data(written: Written, images: Any) -> None:
    assert all(set(row) == {"image_id", "url", "width", "height", "coco_id", "flickr_id"} for row in images)
    by_id = {scene.image_id: scene for scene in written.scenes("coco")}
    linked = [row for row in images if row["coco_id"] is not None]
    assert 0.35 < len(linked) / len(images) < 0.65
    other = [row for row in linked if row["width"] != by_id[row["coco_id"]].width]
    assert 0.15 < len(other) / len(linked) < 0.55
    assert {row["url"].split("/")[-2] for row in images} == {"VG_100K", "VG_100K_2"}
    numbers = {row["image_id"] for row in images}
    validation = [
        scene
        for scene in written.scenes("visual_genome")
        if scene.folder == "val2017" and vg.number_of(scene) in numbers
    ]
    assert validation
    assert {scene.image_id for scene in validation} <= {row["coco_id"] for row in linked}


def test_about_fifty_regions_an_image(described: Any) -> None:
    regions = [region for row in described for region in row["regions"]]
    assert 40 < len(regions) / len(described) < 55
    assert len({region["region_id"] for region in regions}) == len(regions)
    assert all(region["image_id"] == row["id"] for row in described for region in row["regions"])


def test_phrases_are_as_careless_as_the_real_ones(described: Any) -> None:
    texts = [region["phrase"] for row in described for region in row["regions"]]
    share = {
        "blanks": sum(text != " ".join(text.split(" ")) or text != text.strip() for text in texts),
        "capital": sum(text.strip()[0].isupper() for text in texts),
        "stop": sum(text.strip().endswith(".") for text in texts),
        "newline": sum("\n" in text for text in texts),
    }  # fmt: skip
    assert 0.03 < share["blanks"] / len(texts) < 0.12
    assert 0.18 < share["capital"] / len(texts) < 0.28
    assert 0.03 < share["stop"] / len(texts) < 0.08
    assert 0 < share["newline"] / len(texts) < 0.02


def test_phrases_are_true_of_their_regions(written: Written, described: Any) -> None:
    scenes = {vg.number_of(scene): scene for scene in written.scenes("visual_genome")}
    checked = 0
    for row in described:
        scene = scenes[row["id"]]
        meant = {region.region_id: region for region in vg.regions(scene)}
        for region in row["regions"]:
            assert true_of(scene, meant[region["region_id"]].what, region["phrase"]), (row["id"], region)
            checked += 1
    assert checked > 8_000


def test_a_wrong_phrase_is_noticed(written: Written) -> None:
    """The same phrase held against another region of the picture is mostly false."""
    scenes = [scene for scene in written.scenes("visual_genome") if vg.is_member(scene)][:40]
    wrong = total = 0
    for scene in scenes:
        found = vg.regions(scene)
        for one, other in pairwise(found):
            if one.what.one is not other.what.one:
                wrong += not true_of(scene, other.what, one.phrase)
                total += 1
    assert total > 500
    assert wrong / total > 0.9


def test_boxes_hold_their_region_and_some_go_beyond(written: Written, described: Any, images: Any) -> None:
    sizes = {row["image_id"]: (row["width"], row["height"]) for row in images}
    scenes = {vg.number_of(scene): scene for scene in written.scenes("visual_genome")}
    beyond = 0
    for row in described:
        scale, (width, height) = vg.scale(scenes[row["id"]]), sizes[row["id"]]
        for region, meant in zip(row["regions"], vg.regions(scenes[row["id"]]), strict=True):
            xs = [x * scale for polygon in meant.polygons for x in polygon[0::2]]
            assert region["x"] <= min(xs) + 1
            assert region["x"] + region["width"] >= max(xs) - 1
            beyond += region["x"] + region["width"] > width or region["y"] + region["height"] > height
    assert beyond > 20


def test_masks_are_the_truth(masks: Any, described: Any) -> None:
    assert list(masks) == ["images", "annotations", "categories"]
    phrases = {region["region_id"]: region["phrase"] for row in described for region in row["regions"]}
    sizes = {image["id"]: (image["height"], image["width"]) for image in masks["images"]}
    assert all(set(image) == {"id", "file_name", "height", "width"} for image in masks["images"])
    for row in masks["annotations"]:
        assert set(row) == {"id", "image_id", "category_id", "caption", "segmentation", "bbox"}
        assert row["caption"] == phrases[row["id"]]
    for row in masks["annotations"][:300]:
        mask = coco_mask.merge(coco_mask.frPyObjects(row["segmentation"], *sizes[row["image_id"]]))
        x, y, width, height = coco_mask.toBbox(mask).tolist()
        left, top, wide, tall = row["bbox"]
        assert left - 2 <= x
        assert x + width <= left + wide + 2
        assert top - 2 <= y
        assert y + height <= top + tall + 2
