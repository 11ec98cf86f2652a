"""Pascal-Part: the structs of the real files, names whose sides are true, and VLPart's list made of the same."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco_mask
from scipy.io import loadmat

from pipelines.scenes import pascal_part
from pipelines.scenes.pascal_tables import CATEGORIES
from tests.scenes.conftest import Written
from tests.shared import SHARED, needs_shared

GRAMMAR = re.compile(
    r"head|hair|mouth|nose|torso|tail|body|cap|plant|pot|[lr](eye|ear|hand|foot)|[lr][ul](arm|leg)|[lr][fb]leg"
    r"|(left|right)side|(wheel|window|headlight|door)_\d+"
)
Parts = dict[str, np.ndarray]
Found = list[tuple[str, np.ndarray, Parts]]
"""Class, mask and parts of each object."""


@pytest.fixture(scope="module")
def files(written: Written) -> dict[str, Found]:
    found = sorted((written.folder / "pascal_part/Annotations_Part").iterdir())
    return {path.stem: objects(path) for path in found}


def objects(path: Path) -> Found:
    anno = loadmat(path)["anno"][0, 0]
    assert anno["imname"][0] == path.stem
    found = []
    for one in anno["objects"][0]:
        parts = one["parts"][0] if one["parts"].size else ()
        found.append((str(one["class"][0]), one["mask"], {str(part["part_name"][0]): part["mask"] for part in parts}))
    return found


def middle(mask: np.ndarray) -> float:
    columns = np.flatnonzero(mask.any(0))
    return float(columns[0] + columns[-1]) / 2


def shape_of(value: Any) -> Any:
    """Types and names of a nested struct, without its values and sizes."""
    if isinstance(value, np.ndarray) and value.dtype.names:
        inner = [shape_of(value[name][0, 0]) for name in value.dtype.names] if value.size else []
        return value.dtype.names, value.ndim, inner
    return value.dtype.kind, value.dtype.itemsize if value.dtype.kind != "U" else 0, value.ndim


@needs_shared
def test_same_structure_as_the_real_files(written: Written, files: dict[str, Found]) -> None:
    real = shape_of(loadmat(SHARED / "raw/pascal_part/Annotations_Part/2008_000700.mat")["anno"])
    with_parts = next(name for name, found in files.items() if found[0][2])
    assert shape_of(loadmat(written.folder / f"pascal_part/Annotations_Part/{with_parts}.mat")["anno"]) == real


@needs_shared
def test_categories_are_the_real_ones() -> None:
    assert json.loads((SHARED / "raw/pascal_part/train.json").read_text())["categories"] == CATEGORIES


def test_no_parts_is_an_empty_array(written: Written) -> None:
    shapes = set()
    for path in (written.folder / "pascal_part/Annotations_Part").iterdir():
        for one in loadmat(path)["anno"][0, 0]["objects"][0]:
            assert one["parts"].dtype.names == ("part_name", "mask")
            shapes.add(one["parts"].shape[0])
            assert (str(one["class"][0]) == "chair") <= (one["parts"].shape == (0, 0))
    assert shapes == {0, 1}


def test_names_and_masks(files: dict[str, Found]) -> None:
    assert len(files) > 10
    for found in files.values():
        for _, mask, parts in found:
            assert mask.dtype == np.uint8
            assert set(np.unique(mask)) <= {0, 1}
            for name, part in parts.items():
                assert GRAMMAR.fullmatch(name), name
                assert part.shape == mask.shape
                assert (part & ~mask & 1).sum() <= 0.15 * part.sum() + 12, name


def test_left_of_people_is_on_the_right_of_the_picture(files: dict[str, Found]) -> None:
    pairs = 0
    for kind, _, parts in (one for found in files.values() for one in found):
        for name in ("eye", "hand", "foot", "uarm", "lleg") if kind == "person" else ():
            if {f"l{name}", f"r{name}"} <= parts.keys():
                assert middle(parts[f"l{name}"]) > middle(parts[f"r{name}"])
                pairs += 1
    assert pairs > 10


def test_upper_is_above_lower(files: dict[str, Found]) -> None:
    pairs = 0
    for parts in (one[2] for found in files.values() for one in found):
        for upper, lower in (("luarm", "llarm"), ("ruarm", "rlarm"), ("luleg", "llleg"), ("ruleg", "rlleg")):
            if {upper, lower} <= parts.keys():
                assert np.flatnonzero(parts[upper].any(1))[-1] < np.flatnonzero(parts[lower].any(1))[0]
                assert not (parts[upper] & parts[lower]).any()
                pairs += 1
    assert pairs > 10


def test_of_a_dog_that_faces_right_the_right_side_is_seen(files: dict[str, Found]) -> None:
    sides = set()
    for kind, _, parts in (one for found in files.values() for one in found):
        if kind == "dog" and {"head", "tail"} <= parts.keys():
            right = middle(parts["head"]) > middle(parts["tail"])
            side = "r" if right else "l"
            named = [name for name in parts if re.fullmatch("[lr](eye|ear|.leg)", name)]
            assert all(name[0] == side for name in named), named
            if {f"{side}fleg", f"{side}bleg"} <= parts.keys():
                assert (middle(parts[f"{side}fleg"]) > middle(parts[f"{side}bleg"])) == right
            sides.add(side)
    assert sides == {"l", "r"}


def test_the_list_is_what_vlpart_makes_of_the_files(written: Written, files: dict[str, Found]) -> None:
    data = written.read(pascal_part.PATH)
    assert list(data) == ["categories", "images", "annotations"]
    expected: list[tuple[int, int, list[float]]] = []
    for name, found in files.items():
        for kind, _, parts in found:
            for part, mask in parts.items():
                category = first_category(kind, part)
                if category:
                    x, y, width, height = coco_mask.toBbox(coco_mask.encode(np.asfortranarray(mask))).tolist()
                    expected.append((int(name.replace("_", "")), category, [x, y, width - 1, height - 1]))
    assert [(row["image_id"], row["category_id"], row["bbox"]) for row in data["annotations"]] == expected
    for row in data["annotations"]:
        assert set(row) == {"id", "segmentation", "bbox", "category_id", "image_id", "iscrowd", "area"}
        assert row["area"] == row["bbox"][2] * row["bbox"][3]
        assert isinstance(row["segmentation"]["counts"], str)
    assert [row["id"] for row in data["annotations"]] == sorted({row["id"] for row in data["annotations"]})
    assert data["annotations"][0]["id"] == 0
    assert {row["id"] for row in data["images"]} == {row["image_id"] for row in data["annotations"]}
    assert all(set(row) == {"id", "file_name", "height", "width"} for row in data["images"])


def first_category(kind: str, part: str) -> int | None:
    """VLPart: the first category of the object whose short name the part's name holds."""
    whole = "potted plant" if kind == "pottedplant" else kind
    for row in CATEGORIES:
        name, _, short = row.get("abbr", row["name"]).partition(":")
        if name == whole and short in part:
            return int(row["id"])
    return None


def test_region_ids_lead_to_the_truth(written: Written, files: dict[str, Found]) -> None:
    found = {
        key: (what, name) for scene in written.scenes("pascal_part") for key, what, name in pascal_part.shown(scene)
    }
    for stem, listed in files.items():
        for at, (kind, _, parts) in enumerate(listed, 1):
            what, name = found[f"{stem}#{at}"]
            assert (what.one.category.replace(" ", ""), what.part, name) == (kind, "", "")
            for number, part in enumerate(parts, 1):
                assert found[f"{stem}#{at}.{number}"][1] == part
    for row in written.read(pascal_part.PATH)["annotations"]:
        assert str(row["id"]) in found
