"""PartImageNet: two files that say the same, category ids from 0, and a few broken polygons."""

from typing import Any

import pytest

from pipelines.scenes import part_imagenet
from pipelines.scenes.catalogue import TEMPLATES
from pipelines.scenes.masks import drawn
from tests.scenes.conftest import Written


@pytest.fixture(scope="module")
def raw(written: Written) -> Any:
    return written.read("part_imagenet/train.json")


@pytest.fixture(scope="module")
def formatted(written: Written) -> Any:
    return written.read("part_imagenet/train_format.json")


def test_forty_categories_from_zero(raw: Any) -> None:
    names = {row["id"]: row["name"] for row in raw["categories"]}
    assert sorted(names) == list(range(40))
    assert [names[at] for at in (0, 3, 24, 25, 26, 30, 38, 39)] == [
        "Quadruped Head", "Quadruped Tail", "Car Body", "Car Tier", "Car Side Mirror", "Bicycle Tier", "Bottle Mouth",
        "Bottle Body",
    ]  # fmt: skip
    assert all(row["name"].startswith(row["supercategory"] + " ") for row in raw["categories"])


def test_fields(raw: Any) -> None:
    assert list(raw) == ["images", "annotations", "categories"]
    assert len(raw["images"]) > 20
    assert all(set(image) == {"id", "width", "height", "file_name"} for image in raw["images"])
    fields = {"id", "image_id", "category_id", "segmentation", "area", "bbox", "iscrowd"}
    assert all(set(row) == fields for row in raw["annotations"])
    assert {row["image_id"] for row in raw["annotations"]} == {image["id"] for image in raw["images"]}
    assert len({row["id"] for row in raw["annotations"]}) == len(raw["annotations"])


def test_formatted_has_folders_and_closed_lines(raw: Any, formatted: Any) -> None:
    for one, other in zip(raw["images"], formatted["images"], strict=True):
        assert "/" not in one["file_name"]
        assert other["file_name"] == f"{one['file_name'][:9]}/{one['file_name']}"
    for one, other in zip(raw["annotations"], formatted["annotations"], strict=True):
        closed = [
            [*polygon, *polygon[:2]] if len(polygon) == 4 else polygon
            for polygon in one["segmentation"]
            if len(polygon) != 2
        ]
        assert [polygon for polygon in other["segmentation"] if len(polygon) != 2][: len(closed)] == closed


def test_some_polygons_are_points_or_lines(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part_imagenet, "STRAY", 1.0)
    lengths = set()
    for scene in written.scenes("part_imagenet"):
        for path, array, record in part_imagenet.entries(scene):
            if path == part_imagenet.RAW and array == "annotations":
                lengths.update(len(polygon) for polygon in record["segmentation"] if len(polygon) < 6)
                assert len(record["segmentation"][0]) >= 6
    assert lengths == {2, 4}


def test_parts_are_true(written: Written, raw: Any) -> None:
    names = {row["id"]: row["name"] for row in raw["categories"]}
    shown = {
        number: (scene, what, part)
        for scene in written.scenes("part_imagenet")
        for number, what, part in part_imagenet.shown(scene)
    }
    whole = {"dog": "Quadruped", "car": "Car", "bottle": "Bottle"}
    part_names = {"wheel": "Tier", "cap": "Mouth", "body": "Body", "head": "Head", "tail": "Tail"}
    for row in raw["annotations"]:
        scene, what, part = shown[row["id"]]
        assert names[row["category_id"]] == f"{whole[what.one.category]} {part_names[part.name]}"
        mask = drawn(scene, part.visible)
        assert mask is not None
        assert (mask.area, list(mask.box)) == (row["area"], row["bbox"])


def test_what_a_scene_calls_so_exists() -> None:
    for category, parts in part_imagenet.PARTS.items():
        assert set(parts) <= {part.name for part in TEMPLATES[category].parts}
