"""Break one thing in valid rows: the expectation that speaks of it fails, and no other."""

import copy
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest

from pipelines.qa.suite.expectations import CHECKS, ShardValidator, merge
from schemas import rle
from schemas.columns import SHARD
from tests.qa import rows as drawn

Row = dict[str, Any]
VALID = drawn.rows(6)


@pytest.fixture(scope="module")
def validator() -> ShardValidator:
    return ShardValidator(sources={"coco", "refcoco+", "vg"})


def failures(validator: ShardValidator, rows: list[Row], kind: str = "conversation", **options: Any) -> dict[str, Any]:
    found = validator.validate(drawn.table(rows), kind, **options).failures
    return {one.expectation: one for one in found}


def put(*path: Any) -> Callable[[Any], Callable[[Row], None]]:
    """A corruption that sets one value of a row."""

    def of(value: Any) -> Callable[[Row], None]:
        def corrupt(row: Row) -> None:
            target: Any = row
            for step in path[:-1]:
                target = target[step]
            target[path[-1]] = value

        return corrupt

    return of


def _empty_mask(row: Row) -> None:
    empty = rle.encode(np.zeros((drawn.HEIGHT, drawn.WIDTH)))
    row["regions"][0] |= {"mask": {"size": list(empty.size), "counts": empty.counts}, "area": 0, "bbox": [0.0] * 4}


def _turned(row: Row) -> None:
    """The mask of an image of another shape: it can be read, but is not this image's."""
    height, width = row["regions"][0]["mask"]["size"]
    row["regions"][0]["mask"]["size"] = [width, height]


def _no_regions(row: Row) -> None:
    row["regions"] = []
    row["messages"][0]["content"] = "What is there?"


def _model(**changes: str) -> dict[str, str]:
    return {"name": "m", "prompt": "p", "prompt_sha256": "a" * 64, "request_key": "b" * 64} | changes


CORRUPTIONS = [
    ("no_missing_values", put("license")(None)),
    ("no_missing_values", put("sample_id")(None)),
    ("no_missing_values", put("regions")(None)),
    ("no_missing_values", put("messages", 1, "content")(None)),
    ("no_missing_values", put("regions", 0, "mask", "counts")(None)),
    ("no_missing_values", put("regions", 1, "bbox")([1.0, None, 2.0, 2.0])),
    ("no_missing_values", put("image", "path")(None)),
    ("sample_id_filled", put("sample_id")(" ")),
    ("sample_id_unique", put("sample_id")("conversation/1")),
    ("kind_known", put("kind")("short_form")),
    ("split_known", put("split")("test")),
    ("image_path_inside", put("image", "path")("../secret.jpg")),
    ("image_path_inside", put("image", "path")("/etc/passwd")),
    ("image_path_inside", put("image", "path")("a\\..\\b.jpg")),
    ("image_path_inside", put("image", "path")("https://host/a.jpg")),
    ("image_path_inside", put("image", "path")("")),
    ("has_regions", _no_regions),
    ("regions_named", put("messages", 0, "content")("What is <region1>?")),
    ("regions_named", put("messages", 0, "content")("What are <region1>, <region2> and <region3>?")),
    ("regions_named", put("messages", 0, "content")("What are <region1>, <region2> and <region 2>?")),
    ("regions_named", put("messages", 0, "content")("What are <region01> and <region2>?")),
    ("roles_in_turn", put("messages", 0, "role")("assistant")),
    ("roles_in_turn", put("messages", 2, "role")("system")),
    ("roles_in_turn", lambda row: row["messages"].pop()),
    ("roles_in_turn", lambda row: row["messages"].reverse()),
    ("messages_filled", put("messages", 3, "content")(" \n")),
    ("license_filled", put("license")("")),
    ("sources_known", put("sources")(["coco", "elsewhere"])),
    ("generator_known", put("generator", "name")("")),
    ("generator_known", put("generator", "request_key")("b" * 64)),
    ("generator_known", put("generator")(_model(request_key=""))),
    ("generator_known", put("generator")(_model(prompt_sha256="A" * 64))),
    ("region_id_filled", put("regions", 0, "region_id")("")),
    ("region_id_unique", lambda row: put("regions", 0, "region_id")(row["regions"][1]["region_id"])(row)),
    ("region_source_listed", put("regions", 0, "source")("refcoco+")),
    ("category_filled", put("regions", 0, "category")("")),
    ("category_filled", put("regions", 1, "category")(" \n")),
    ("mask_readable", put("regions", 0, "mask", "counts")("!")),
    ("mask_readable", put("regions", 0, "mask", "counts")("")),
    ("mask_readable", put("regions", 0, "mask", "counts")("o")),
    ("mask_readable", put("regions", 0, "mask", "size")([drawn.HEIGHT, drawn.WIDTH + 1])),
    ("mask_size", _turned),
    ("mask_size", put("height")(drawn.HEIGHT + 1)),
    ("area_positive", _empty_mask),
    ("area_positive", put("regions", 1, "area")(-3)),
    ("area_equals_mask", put("regions", 1, "area")(25)),
    ("box_inside_image", put("regions", 1, "bbox")([30.0, 3.0, 5.0, 5.0])),
    ("box_inside_image", put("regions", 1, "bbox")([-1.0, 3.0, 5.0, 5.0])),
    ("box_inside_image", put("regions", 1, "bbox")([float("nan"), 3.0, 5.0, 5.0])),
    ("box_equals_mask", put("regions", 1, "bbox")([8.0, 3.0, 5.0, 5.5])),
]


def test_valid_rows_pass(validator: ShardValidator) -> None:
    assert failures(validator, VALID, split="train") == {}
    assert failures(validator, drawn.rows(1, "image_text", regions=0), "image_text") == {}
    nameless = drawn.rows(1, "region_caption")
    nameless[0]["sources"] = ["coco", "vg"]
    nameless[0]["regions"][1] |= {"category": "", "source": "vg"}
    assert failures(validator, nameless, "region_caption") == {}
    model = copy.deepcopy(VALID)
    model[0]["generator"] = _model()
    assert failures(validator, model) == {}


def test_no_rows_pass(validator: ShardValidator) -> None:
    assert failures(validator, []) == {}


@pytest.mark.parametrize(("expectation", "corrupt"), CORRUPTIONS)
@pytest.mark.parametrize("at", [2, 5])
def test_a_corruption_fails_its_expectation_alone(
    validator: ShardValidator, expectation: str, corrupt: Callable[[Row], Any], at: int
) -> None:
    rows = copy.deepcopy(VALID)
    corrupt(rows[at])
    found = failures(validator, rows)
    assert list(found) == [expectation]
    assert found[expectation].examples[-1] == (rows[at]["sample_id"] or "(no id)")
    assert found[expectation].count <= 2


def test_a_row_without_regions_names_none(validator: ShardValidator) -> None:
    rows = drawn.rows(2, "image_text", regions=0)
    rows[1]["messages"][1]["content"] = "A dog beside <region1>."
    assert list(failures(validator, rows, "image_text")) == ["regions_named"]


def test_an_image_without_extent(validator: ShardValidator) -> None:
    rows = drawn.rows(2, "image_text", regions=0)
    rows[0]["width"] = 0
    assert list(failures(validator, rows, "image_text")) == ["image_size_positive"]


def test_every_check_has_been_seen_to_fail() -> None:
    assert {name for name, _ in CORRUPTIONS} | {"columns", "image_size_positive"} == {check.name for check in CHECKS}


def test_a_shard_of_another_split_than_its_name(validator: ShardValidator) -> None:
    assert list(failures(validator, VALID, split="val")) == ["split_known"]


def test_an_unknown_kind_is_never_right(validator: ShardValidator) -> None:
    assert list(failures(validator, drawn.rows(2, "poem"), "poem")) == ["kind_known"]


@pytest.mark.parametrize(
    ("change", "column"),
    [
        (lambda t: t.drop_columns(["license"]), "license"),
        (lambda t: t.append_column("more", pa.array([1] * t.num_rows)), "more"),
        (lambda t: t.set_column(5, "width", t["width"].cast(pa.int64())), "width"),
    ],
)
def test_other_columns(validator: ShardValidator, change: Callable[[pa.Table], pa.Table], column: str) -> None:
    found = validator.validate(change(drawn.table(VALID)), "conversation").failures
    assert [one.expectation for one in found] == ["columns"]
    assert found[0].examples == (column,)


def test_evidence_shows_the_values_at_fault(validator: ShardValidator) -> None:
    rows = copy.deepcopy(VALID)
    rows[1]["regions"][0]["area"] = 99
    [evidence] = validator.validate(drawn.table(rows), "conversation").evidence
    assert evidence["expectation_config"]["meta"]["name"] == "area_equals_mask"
    assert evidence["result"]["partial_unexpected_list"] == [[99, 24]]
    assert evidence["result"]["partial_unexpected_index_list"][0]["region_id"] == "coco/200"


def test_what_holds_is_counted_too(validator: ShardValidator) -> None:
    rows = copy.deepcopy(VALID)
    rows[1]["regions"][0]["area"] = 99
    counted = {one.expectation: one for one in validator.validate(drawn.table(rows), "conversation").tallies}
    assert set(counted) == {check.name for check in CHECKS}
    assert {(one.elements, one.unexpected) for one in counted.values()} == {(12, 0), (6, 0), (12, 1)}
    assert counted["area_equals_mask"].values == ([99, 24],)
    assert counted["area_equals_mask"].places[0]["region_id"] == "coco/200"


def test_rows_with_missing_values_are_counted_as_not_judged(validator: ShardValidator) -> None:
    rows = copy.deepcopy(VALID)
    rows[3]["license"] = None
    counted = {one.expectation: one for one in validator.validate(drawn.table(rows), "conversation").tallies}
    assert (counted["license_filled"].elements, counted["license_filled"].missing) == (6, 1)
    assert counted["mask_size"].elements == 10


def test_what_is_said_beside_a_missing_number_is_plain_json(validator: ShardValidator) -> None:
    rows = copy.deepcopy(VALID)
    rows[0]["height"], rows[1]["width"] = -5, None
    found = validator.validate(drawn.table(rows), "conversation")
    places = [one["result"]["partial_unexpected_index_list"] for one in found.evidence]
    tally = next(one for one in found.tallies if one.expectation == "image_size_positive")
    assert [{"sample_id": "conversation/1", "shorter_side": -5.0}] in places
    assert tally.places == ({"shorter_side": -5.0, "sample_id": "conversation/1"},)
    assert msgspec.json.decode(msgspec.json.encode(tally.places)) == list(tally.places)


def test_merge_adds_counts_of_the_pieces_of_a_file(validator: ShardValidator) -> None:
    rows = copy.deepcopy(VALID)
    rows[0]["license"] = rows[4]["license"] = ""
    pieces = [validator.validate(drawn.table(part), "conversation", file="f") for part in (rows[:3], rows[3:])]
    [one] = merge(failure for piece in pieces for failure in piece.failures)
    assert (one.count, one.examples) == (2, ("conversation/1", "conversation/5"))


@pytest.mark.parametrize("name", SHARD.names)
def test_a_missing_value_is_found_in_every_column(validator: ShardValidator, name: str) -> None:
    rows = copy.deepcopy(VALID)
    rows[3][name] = None
    assert list(failures(validator, rows)) == ["no_missing_values"]
