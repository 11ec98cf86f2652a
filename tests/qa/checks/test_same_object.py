"""One object as two regions of a row is found, whatever its place; what only looks like it is not."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.qa.checks import same_object
from pipelines.qa.checks.base import Finding
from pipelines.qa.checks.same_object import RegionsDiffer
from schemas import rle
from schemas.columns import shard_row
from tests.factories import box_mask
from tests.properties import quick
from tests.qa import rows as drawn
from tests.qa.checks.planted import details, found, piece, row

SIZE = (drawn.HEIGHT, drawn.WIDTH)
Box = tuple[int, int, int, int]


def region(number: int, mask: Any, **changes: Any) -> dict[str, Any]:
    """A region of a row with this mask, or this rectangle."""
    mask = box_mask(*mask, size=SIZE) if isinstance(mask, tuple) else mask
    like: dict[str, Any] = shard_row(drawn.sample(1))["regions"][0]
    placed = {"region_id": f"coco/{number}", "bbox": list(rle.box(mask)), "area": rle.area(mask)}
    return like | placed | {"mask": {"size": list(mask.size), "counts": mask.counts}} | changes


def judged(*rows: list[dict[str, Any]]) -> Finding:
    """What is found in rows with these regions."""
    made = [row(number, ("What?", "That."), regions=regions) for number, regions in enumerate(rows)]
    return found(RegionsDiffer(), piece(made))


def test_an_object_that_stands_twice_is_named() -> None:
    one, far, again = region(1, (4, 4, 10, 20)), region(2, (20, 2, 5, 5)), region(9, (4, 4, 10, 20), category="")
    finding = judged([one, far], [far, one, again])
    assert (finding.judged, finding.failed) == (2, 1)
    assert details(finding) == [
        "<region2> (coco/1, teddy bear) and <region3> (coco/9) have 100.0% of their pixels in common"
    ]
    assert finding.evidence[0].sample_id == "conversation/1"


@pytest.mark.parametrize(("height", "same"), [(20, True), (19, False)])
def test_how_much_is_the_same(height: int, same: bool) -> None:
    """Of 20 rows 19 are an intersection over union of 0.95."""
    assert judged([region(1, (4, 4, 10, 20)), region(2, (4, 4, 10, height))]).failed == same


def test_the_same_place_in_two_rows_is_no_fault() -> None:
    assert judged(*([region(1, (4, 4, 10, 20))] for _ in range(3))) == Finding(0, 0, note="no row has several regions")


def test_a_part_that_is_all_one_sees_of_its_object_is_none() -> None:
    bowl, body = region(1, (4, 4, 10, 20)), region(2, (4, 4, 10, 20), part_of="coco/1")
    assert judged([bowl, body], [body, bowl]).failed == 0
    assert judged([bowl, region(2, (4, 4, 10, 20), part_of="coco/7")]).failed == 1


def test_boxes_alone_say_nothing() -> None:
    """The two halves of a square along its diagonal have one box and, but for the diagonal, nothing in common."""
    upper = np.zeros(SIZE, bool)
    upper[:20, :20] = np.triu(np.ones((20, 20), bool))
    lower = np.zeros(SIZE, bool)
    lower[:20, :20] = np.tril(np.ones((20, 20), bool))
    assert judged([region(1, rle.encode(upper)), region(2, rle.encode(lower))]).failed == 0


@pytest.mark.parametrize("counts", ["", "0", "`", "zzzz", "0" * 40])
def test_a_broken_mask_is_left_to_others(counts: str) -> None:
    one = region(1, (4, 4, 10, 20))
    broken = one | {"region_id": "coco/2", "mask": one["mask"] | {"counts": counts}}
    again = region(3, (4, 4, 10, 20))
    assert details(judged([one, broken, again])) == [
        "<region1> (coco/1, teddy bear) and <region3> (coco/3, teddy bear) have 100.0% of their pixels in common"
    ]
    other_size = again | {"mask": {"size": [1, 768], "counts": rle.encode(np.ones((1, 768), bool)).counts}}
    assert judged([one, other_size]).failed == 0


def test_without_rows_nothing_is_judged() -> None:
    assert same_object.RegionsDiffer().faults(piece(drawn.rows(1)[:1])).judged == 1
    empty = piece(drawn.rows(1))
    empty.table = empty.table.slice(0, 0)
    assert RegionsDiffer().faults(empty).judged == 0


boxes = st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(10, 24), st.integers(10, 20))


@quick
@given(st.lists(st.lists(boxes, max_size=6), min_size=1, max_size=3))
def test_as_when_every_pair_is_compared(places: list[list[Box]]) -> None:
    masks = [[box_mask(*place, size=SIZE) for place in listed] for listed in places]
    twice = [
        any((rle.overlaps(listed) - np.eye(len(listed))).max(axis=1, initial=0) > 0.95) if listed else False
        for listed in masks
    ]
    rows = [[region(number, mask) for number, mask in enumerate(listed)] for listed in masks]
    finding = judged(*rows)
    assert (finding.judged, finding.failed) == (sum(len(listed) > 1 for listed in masks), sum(twice))
