"""Which regions are one object."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.builders.same_object import SAME_PIXELS, objects
from schemas import rle
from schemas.records import Region
from tests.builders.words import COCO, FAR, WORDS
from tests.factories import part, region
from tests.properties import quick

PLACE = (4, 6, 10, 20)


def together(*regions: Region) -> list[list[str]]:
    """Region ids by object, each object once."""
    groups = objects(regions, WORDS)
    assert set(groups) == {one.region_id for one in regions}
    return [[one.region_id for one in group] for group in dict.fromkeys(groups.values())]


@pytest.mark.parametrize(
    ("source", "name", "height", "one"),
    [
        ("lvis", "dog", 20, True),  # drawn over again
        ("lvis", "dog", 10, True),  # half of it has the same name
        ("lvis", "dog", 9, False),
        ("lvis", "mug", 20, True),  # the same pixels under another name
        ("lvis", "mug", 19, False),  # 0.95: a coat may hide nearly all of who wears it
        ("coco", "dog", 20, True),
        ("coco", "dog", 19, False),  # one data set means two by two outlines
    ],
)
def test_two_regions(source: str, name: str, height: int, one: bool) -> None:
    dog, other = region(1, "dog", PLACE), region(2, name, (4, 6, 10, height), source=source)
    assert together(dog, other) == ([["coco/1", f"{source}/2"]] if one else [["coco/1"], [f"{source}/2"]])


def test_synonyms_are_one_name() -> None:
    assert together(region(1, "cup", PLACE), region(2, "mug", (4, 6, 10, 12), source="lvis")) == [["coco/1", "lvis/2"]]


def test_a_part_is_not_its_object() -> None:
    bowl, body = region(1, "cup", PLACE, source="paco"), part(2, "body", "cup", 1, PLACE)
    assert together(bowl, body) == [["paco/1"], ["paco/2"]]
    assert together(body, part(3, "side", "cup", 1, PLACE)) == [["paco/2", "paco/3"]]


def test_the_first_one_given_stands_for_the_others() -> None:
    first, second = region(1, "dog", PLACE), region(2, "dog", PLACE, source="lvis")
    assert together(first, second) == [["coco/1", "lvis/2"]]
    assert together(second, first) == [["lvis/2", "coco/1"]]


def test_the_most_in_common_counts() -> None:
    """Two dogs that stand close: each of LVIS's goes to the one of COCO's that it is."""
    left, right = region(1, "dog", (4, 6, 10, 20)), region(2, "dog", (8, 6, 10, 20))
    again = region(3, "dog", (7, 6, 10, 20), source="lvis")
    assert together(left, right, again) == [["coco/1"], ["coco/2", "lvis/3"]]


def test_nothing() -> None:
    assert objects([], WORDS) == {}


@quick
@given(st.lists(st.tuples(st.sampled_from(COCO), st.sampled_from(["coco", "lvis"]), st.integers(1, 20)), max_size=7))
def test_what_stands_for_objects_differs(drawn: list[tuple[str, str, int]]) -> None:
    regions = [region(n, name, (4, 6, 10, height), source=source) for n, (name, source, height) in enumerate(drawn)]
    regions.append(region(99, "dog", FAR))
    standing = [group[0] for group in dict.fromkeys(objects(regions, WORDS).values())]
    overlaps = rle.overlaps([one.mask for one in standing])
    assert all(overlaps[i, j] <= SAME_PIXELS for i in range(len(standing)) for j in range(i))
    assert [one.region_id for one in standing] == [r.region_id for r in regions if r in standing]
