"""Data of one's own: what every optional field adds, and what a file must have."""

import json
import pathlib
from typing import Any

import numpy as np
import pytest

from pipelines.regions.clean import clean
from pipelines.sources import SOURCES
from schemas.errors import SourceError
from tests.sources.test_readers import read, reasons, rows

SQUARE = {"bbox": [1, 1, 4, 4], "segmentation": [[1, 1, 5, 1, 5, 5, 1, 5]]}


def reading(tmp_path: pathlib.Path, content: dict[str, Any]) -> Any:
    """What is made of a file of this content, with one image of id 7."""
    path = tmp_path / "annotations.json"
    images = [{"id": 7, "file_name": "a.jpg", "width": 64, "height": 48}]
    path.write_text(json.dumps({"images": images} | content))
    return SOURCES["own"].read({"annotations": str(path)})


def test_categories_parts_attributes_and_phrases() -> None:
    found = {
        row["region_id"]: (
            row["category"],
            row["part_of"],
            [(one["type"], one["name"]) for one in row["attributes"]],
            [(one["text"], one["ordinal"]) for one in row["expressions"]],
        )
        for row in rows(read("own"))
    }
    assert found == {
        "own/0": ("dog", "", [("color", "brown")], [("the brown dog", 0), ("dog on the left", 1)]),
        "own/1": ("left ear of the dog", "own/0", [("material", "other")], []),
        "own/2": ("left ear of the dog", "", [], []),
        "own/5": ("", "", [], [("something in the dark", 5)]),
    }


def test_images_have_their_captions_and_what_is_absent() -> None:
    found = read("own")
    images = {image.image_id: image for image in found.images}
    assert images["own/0"].absent == ("street lamp",)
    assert images["own/0"].not_exhaustive == ("dog:left_ear",)
    assert images["own/0"].present == ("dog", "dog:left_ear")
    assert "" not in images["own/1"].present
    assert images["own/1"].paths == ("own/images/night/park.png", "own/night/park.png")
    assert [(text.image_id, text.ordinal, text.text) for text in found.texts] == [
        ("own/0", 0, "A street with a dog."),
        ("own/10", 1, "An empty room."),
        ("own/0", 3, "A dog on a street."),
        ("own/1", 6, "A park at night."),
    ]


def test_what_is_not_kept_says_why() -> None:
    assert {key: reason for key, reason in reasons(read("own")).items() if key.startswith(("ann", "expr"))} == {
        "annotations[3] id 3 of own/1": "crowd",
        "annotations[4] id 4": "unknown_object",
        "annotations[6] id 6 of own/1": "unknown_category",
        "annotations[7] id 7 of own/1": "unknown_category",
        "annotations[8] id 8": "unknown_image",
        "annotations[9] id 9": "empty_mask",
        "expressions[2] id 0": "duplicate_text",
        "expressions[3] id 0": "empty_text",
        "expressions[4] id 3": "unknown_annotation",
        "expressions[6] id 7": "unknown_annotation",
    }


def test_an_attribute_of_another_type_than_paco_s_is_rejected() -> None:
    details = {reject.key: reject.detail for reject in read("own").rejects if reject.unit == "attributes"}
    assert details == {"attributes[1] id 0": "attribute_id 7", "attributes[3] id 1": "attribute_id 4"}


def test_a_box_beyond_the_image_is_cut_at_its_edge() -> None:
    found = read("own")
    assert found.annotations
    regions = clean(found.annotations.table(np.arange(4))).regions.to_pylist()
    assert [row["bbox"] for row in regions if row["region_id"] == "own/2"] == [[3, 3, 61, 45]]


def test_phrases_alone_need_no_categories() -> None:
    found = read("own.phrases")
    assert found.categories == []
    assert [(row["category"], row["category_raw"], len(row["expressions"])) for row in rows(found)] == [
        ("", "", 1),
        ("", "", 2),
    ]


@pytest.mark.parametrize("categories", [{}, {"categories": []}])
def test_without_categories_and_phrases_the_file_says_nothing(
    tmp_path: pathlib.Path, categories: dict[str, Any]
) -> None:
    annotations = [
        {"id": 3, "image_id": 7, "phrase": "a cup", **SQUARE},
        {"id": 4, "image_id": 7, "category_id": 1, "phrase": " ", **SQUARE},
    ]
    with pytest.raises(SourceError, match=r"no `categories`, and annotations\[1\] id 4 has no phrase") as caught:
        reading(tmp_path, {"annotations": annotations} | categories)
    assert '"categories"' in caught.value.hint
    assert '"phrase"' in caught.value.hint


def test_no_annotations_are_no_fault(tmp_path: pathlib.Path) -> None:
    found = reading(tmp_path, {"annotations": []})
    assert found.read == {"images": 1, "annotations": 0}
    assert rows(found) == []


def test_ids_from_zero_and_a_category_of_id_zero(tmp_path: pathlib.Path) -> None:
    annotations = [
        {"id": 0, "image_id": 7, "category_id": 0, **SQUARE},
        {"id": 1, "image_id": 7, "category_id": -1, **SQUARE},
    ]
    found = reading(tmp_path, {"annotations": annotations, "categories": [{"id": 0, "name": "cup"}]})
    assert [(row["region_id"], row["category"]) for row in rows(found)] == [("own/0", "cup")]
    assert reasons(found) == {"annotations[1] id 1 of own/7": "unknown_category"}


def test_a_box_alone_is_not_enough(tmp_path: pathlib.Path) -> None:
    annotations = [
        {"id": 1, "image_id": 7, "category_id": 1, "bbox": [1, 1, 4, 4]},
        {"id": 2, "category_id": 1, **SQUARE},
    ]
    found = reading(tmp_path, {"annotations": annotations, "categories": [{"id": 1, "name": "cup"}]})
    assert reasons(found) == {"annotations[0] id 1": "empty_mask", "annotations[1] id 2": "malformed_record"}
    assert found.rejects[0].detail == "no `segmentation`: a box alone is not enough, a mask is needed"


def test_captions_in_a_file_without_images(tmp_path: pathlib.Path) -> None:
    (tmp_path / "captions.json").write_text(
        json.dumps({"annotations": [{"id": 1, "image_id": 7, "caption": "A cup."}]})
    )
    (tmp_path / "annotations.json").write_text(
        json.dumps({"images": [{"id": 7, "file_name": "a.jpg", "width": 64, "height": 48}], "annotations": []})
    )
    files = {role: str(tmp_path / f"{role}.json") for role in ("annotations", "captions")}
    assert [text.text for text in SOURCES["own"].read(files).texts] == ["A cup."]


def test_what_stands_with_another_image_of_the_same_id_is_not_said_of_the_first(tmp_path: pathlib.Path) -> None:
    image = {"width": 64, "height": 48}
    images = [
        {"id": 7, "file_name": "../out.jpg", "caption": "Outside.", "neg_category_ids": [1]} | image,
        {"id": 7, "file_name": "a.jpg", "caption": "A cup."} | image,
        {"id": 7, "file_name": "b.jpg", "caption": "A dog."} | image,
    ]
    found = reading(tmp_path, {"images": images, "annotations": [], "categories": [{"id": 1, "name": "cup"}]})
    assert [(text.image_id, text.text) for text in found.texts] == [("own/7", "A cup.")]
    assert [image.absent for image in found.images] == [()]
    assert reasons(found) == {
        "images[0] id 7": "unsafe_path",
        "images[2] id 7": "duplicate_id",
        "captions[0] id 7": "unknown_image",
        "captions[2] id 7": "unknown_image",
    }


@pytest.mark.parametrize("flag", [10**30, -(10**30), 2**63])
def test_a_flag_beyond_all_numbers_breaks_its_record_only(tmp_path: pathlib.Path, flag: int) -> None:
    annotations = [
        {"id": 1, "image_id": 7, "category_id": 1, "iscrowd": flag, **SQUARE},
        {"id": 2, "image_id": 7, "category_id": 1, "iscrowd": False, **SQUARE},
    ]
    found = reading(tmp_path, {"annotations": annotations, "categories": [{"id": 1, "name": "cup"}]})
    assert [row["region_id"] for row in rows(found)] == ["own/2"]
    assert reasons(found) == {"annotations[0] id 1": "malformed_record"}


@pytest.mark.parametrize(
    ("names", "same_as"),
    [
        ({"file_name": "a.jpg", "coco_url": "http://images.cocodataset.org/val2017/000000000139.jpg"}, 139),
        ({"file_name": "mine/COCO_val2014_000000000139.jpg"}, 139),
        ({"file_name": "000000000139.jpg"}, None),
        ({"file_name": "a.jpg", "coco_url": "https://example.org/a.jpg"}, None),
    ],
)
def test_a_picture_of_coco_is_known_as_such(names: dict[str, str], same_as: int | None, tmp_path: pathlib.Path) -> None:
    images = [{"id": 7, "width": 64, "height": 48} | names]
    (image,) = reading(tmp_path, {"images": images, "annotations": []}).images
    assert image.same_as == ("" if same_as is None else f"coco/{same_as:012d}")
