"""Words for regions, boxes and places."""

import pytest

from pipelines.builders import naming
from tests.factories import region


@pytest.mark.parametrize(
    ("noun", "expected"),
    [
        ("dog", "a dog"), ("apple", "an apple"), ("umbrella", "an umbrella"), ("unicycle", "a unicycle"),
        ("urinal", "a urinal"), ("urn", "an urn"), ("utensil", "a utensil"), ("hourglass", "an hourglass"),
        ("horse", "a horse"), ("scissors", "scissors"), ("skis", "skis"), ("wine glass", "a wine glass"),
        ("bus", "a bus"),        ("tennis racket", "a tennis racket"), ("Orange", "an Orange"),
    ],
)  # fmt: skip
def test_articles(noun: str, expected: str) -> None:
    assert naming.with_article(noun) == expected


@pytest.mark.parametrize(
    ("noun", "expected"),
    [("dog", "There is <it>, it has"), ("scissors", "There are <it>, they have"), ("", "There is <it>, it has")],
)
def test_verbs_go_with_the_noun(noun: str, expected: str) -> None:
    assert naming.agreeing("There [is|are] <it>, [it has|they have]", noun) == expected


@pytest.mark.parametrize(
    ("count", "expected"),
    [(1, "<region1>"), (2, "<region1> and <region2>"), (4, "<region1>, <region2>, <region3> and <region4>")],
)
def test_listing(count: int, expected: str) -> None:
    assert naming.region_listing(count) == expected


def test_boxes_are_shares_with_three_decimals() -> None:
    assert naming.box_text((64.0, 48.0, 320.5, 431.999), 640, 480) == "[0.100,0.100,0.601,1.000]"
    assert naming.box_text((0.0, 0.0, 640.0, 480.0), 640, 480) == "[0.000,0.000,1.000,1.000]"


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ((0, 0, 10, 10), "upper left"), ((0, 26, 10, 8), "left"), ((0, 50, 10, 10), "lower left"),
        ((35, 0, 10, 10), "top"), ((35, 26, 10, 8), "middle"), ((35, 50, 10, 10), "bottom"),
        ((70, 0, 10, 10), "upper right"), ((70, 26, 10, 8), "right"), ((79, 59, 1, 1), "lower right"),
        ((0, 0, 80, 60), "middle"),
    ],
)  # fmt: skip
def test_places(at: tuple[int, int, int, int], expected: str) -> None:
    assert naming.place(region(1, at=at), 80, 60) == expected


def test_names_in_a_text() -> None:
    text = "<region1> and <region12>, not region3, but < Region 4>, </region1> and <region1"
    assert naming.region_names(text) == {"<region1>", "<region12>", "< Region 4>", "</region1>", "<region1"}
