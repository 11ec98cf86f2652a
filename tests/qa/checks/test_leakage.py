"""Images of evaluation sets are found in the rows, under any name; what the recipe lets in is told apart."""

import pathlib
from typing import Any

import pyarrow as pa
import pytest

from pipelines import storage
from pipelines.qa.checks.base import Finding
from pipelines.qa.checks.leakage import AdmittedImages, ExcludedImages, leakage_of
from pipelines.qa.checks.lists import EVALUATION_LIST, NAMES_LIST
from pipelines.qa.results import LeakLine
from pipelines.regions.held_out import EVALUATION, NAMES
from pipelines.regions.overlap import Overlap
from schemas.errors import BuildError
from tests.qa import builds
from tests.qa import rows as drawn
from tests.qa.checks.looking import finding, scene, show

SETS = ("coco_val2017", "refcoco_val")


def image(number: int) -> str:
    return f"coco/{number:012d}"


def build(
    out: pathlib.Path, held_out: list[tuple[str, str, str]], names: dict[str, str] | None = None,
    kept_out: tuple[str, ...] = SETS, **changes: Any,
) -> None:  # fmt: skip
    """Rows of the images 1 to 8, with lists; `held_out` has (evaluation set, image id, other name)."""
    builds.write(out, recipe={"name": "object-level", "exclude_evaluation": list(kept_out)}, **changes)
    listed = [dict(zip(EVALUATION.names, (*one, ["a.jpg"]), strict=True)) for one in held_out]
    storage.write_table(storage.join(str(out), EVALUATION_LIST), pa.Table.from_pylist(listed, schema=EVALUATION))
    twins = [{"image_id": name, "same_as": other} for name, other in (names or {}).items()]
    storage.write_table(storage.join(str(out), NAMES_LIST), pa.Table.from_pylist(twins, schema=NAMES))


def excluded(out: pathlib.Path, observers: int = 1) -> Finding:
    return finding(out, [ExcludedImages() for _ in range(observers)])


def admitted(out: pathlib.Path) -> Finding:
    return finding(out, [AdmittedImages()])


def test_sound_rows_are_not_accused(tmp_path: pathlib.Path) -> None:
    build(tmp_path, [("refcoco_val", image(99), ""), ("coco_val2017", image(98), "")])
    assert excluded(tmp_path) == Finding(8, 0, (), "against coco_val2017, refcoco_val")


@pytest.mark.parametrize("observers", [1, 3])
def test_an_image_of_an_excluded_set_is_found(tmp_path: pathlib.Path, observers: int) -> None:
    build(tmp_path, [("refcoco_val", image(4), ""), ("coco_val2017", image(4), ""), ("refcoco_val", image(99), "")])
    seen = excluded(tmp_path, observers)
    assert (seen.judged, seen.failed) == (8, 1)
    [one] = seen.evidence
    assert (one.sample_id, one.kind, one.row) == ("conversation/4", "conversation", 0)
    assert one.file == "data/conversation/train-00001-of-00002.parquet"
    assert one.detail == f"{image(4)} is {image(4)} of refcoco_val, coco_val2017"


@pytest.mark.parametrize(("held_out", "names"), [
    (("refcoco_val", "vg/7", "coco/1"), {"vg/7": image(2)}),
    (("refcoco_val", "paco/7", ""), {image(2): "paco/7"}),
    (("refcoco_val", "vg/7", ""), {image(2): "shared/1", "vg/7": "shared/1"}),
])  # fmt: skip
def test_a_picture_is_found_under_another_name(
    tmp_path: pathlib.Path, held_out: tuple[str, str, str], names: dict[str, str]
) -> None:
    build(tmp_path, [held_out], names)
    seen = excluded(tmp_path)
    assert seen.failed == 1
    assert seen.evidence[0].detail == f"{image(2)} is {held_out[1]} of refcoco_val"


def test_sets_that_the_recipe_lets_in_are_told_apart(tmp_path: pathlib.Path) -> None:
    build(tmp_path, [("refcoco_val", image(1), ""), ("coco_val2017", image(2), "")], kept_out=("refcoco_val",))
    kept, let_in = excluded(tmp_path), admitted(tmp_path)
    assert [one.sample_id for one in kept.evidence] == ["conversation/1"]
    assert [one.sample_id for one in let_in.evidence] == ["conversation/2"]
    assert let_in.note == "against coco_val2017"


def test_nothing_to_judge_says_why(tmp_path: pathlib.Path) -> None:
    build(tmp_path, [("refcoco_val", image(1), "")])
    assert admitted(tmp_path) == Finding(0, 0, (), "the recipe keeps all evaluation sets out")
    build(tmp_path, [("refcoco_val", image(1), "")], kept_out=())
    assert excluded(tmp_path).note == "the recipe keeps no evaluation set out (exclude_evaluation)"
    build(tmp_path, [])
    assert excluded(tmp_path) == Finding(0, 0, (), "the sources have no evaluation set")
    storage.remove(storage.join(str(tmp_path), EVALUATION_LIST))
    assert "an import does not know" in excluded(tmp_path).note


@pytest.mark.parametrize("name", [EVALUATION_LIST, NAMES_LIST])
def test_a_damaged_list_is_told_with_what_to_do(tmp_path: pathlib.Path, name: str) -> None:
    build(tmp_path, [("refcoco_val", image(1), "")])
    (tmp_path / name).write_bytes(b"PAR1 cut off")
    with pytest.raises(BuildError, match=f"{name} cannot be read") as raised:
        excluded(tmp_path)
    assert "assemble" in raised.value.hint


def test_the_matrix_counts_images_of_each_source_before_and_after(tmp_path: pathlib.Path) -> None:
    held_out = [("refcoco_val", image(1), ""), ("refcoco_val", image(7), ""), ("coco_val2017", image(9), "")]
    lines = [Overlap(source=source, evaluation_set=name, images=5, annotations=6)
             for source in ("coco", "vg") for name in SETS]  # fmt: skip
    rows = drawn.rows(6), [row | {"split": "val", "sources": ["coco", "vg"]} for row in drawn.rows(8)[6:]]
    shards = {("conversation", "train"): [rows[0]], ("conversation", "val"): [rows[1]]}
    build(tmp_path, held_out, content=shards, overlap=tuple(lines))
    checks = [ExcludedImages()]
    show(tmp_path, checks)
    found = leakage_of(checks, scene(tmp_path))
    assert [(one.source, one.evaluation_set, one.images_before, one.images_after) for one in found] == [
        ("coco", "coco_val2017", 5, 0), ("coco", "refcoco_val", 5, 2),
        ("vg", "coco_val2017", 5, 0), ("vg", "refcoco_val", 5, 1),
    ]  # fmt: skip
    assert found[0] == LeakLine(
        source="coco", evaluation_set="coco_val2017", images_before=5, annotations_before=6, images_after=0
    )
    storage.remove(storage.join(str(tmp_path), EVALUATION_LIST))
    assert {one.images_after for one in leakage_of(checks, scene(tmp_path))} == {None}


def test_no_line_without_a_check_that_looks_at_images(tmp_path: pathlib.Path) -> None:
    build(tmp_path, [])
    assert leakage_of([], scene(tmp_path)) == ()
