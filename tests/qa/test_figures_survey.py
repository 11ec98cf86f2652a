"""The figures of rows drawn by hand, and that they do not depend on how shards were shared out."""

import itertools
import pickle
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.qa.figures import regions
from pipelines.qa.figures.kinds import attribute_names
from pipelines.qa.figures.records import Figures, KindFigures
from pipelines.qa.figures.survey import Survey
from pipelines.qa.pieces import Piece
from schemas import rle
from tests.qa import rows as drawn

Rows = list[dict[str, Any]]


def piece(rows: Rows, kind: str = "conversation", file: str = "data/x.parquet") -> Piece:
    return Piece(kind, "train", file, np.arange(len(rows)), drawn.table(rows))


def figures(*parts: Piece) -> Figures:
    survey = Survey()
    for part in parts:
        survey.add(part)
    return survey.figures()


def kind_figures(rows: Rows, kind: str = "conversation") -> KindFigures:
    return figures(piece(rows, kind)).kinds[kind]


def says(row: dict[str, Any], *texts: str) -> dict[str, Any]:
    """The row with other messages."""
    roles = itertools.cycle(("user", "assistant"))
    return row | {"messages": [{"role": next(roles), "content": text} for text in texts]}


def test_a_kind() -> None:
    found = kind_figures(drawn.rows(3) + drawn.rows(4, regions=1)[3:])
    assert (found.rows, found.regions, found.turns, found.images) == (4, 7, 8, 4)
    assert (found.area_px.low, found.area_px.high, found.area_px.number) == (24, 24, 7)
    assert found.area_share.median == pytest.approx(24 / (drawn.HEIGHT * drawn.WIDTH), rel=1e-3)
    assert (found.regions_per_row.edges, found.regions_per_row.counts) == ((1, 2, 3), (1, 3))
    assert found.turns_per_row.mean == 2
    assert (found.answer_words.low, found.answer_words.high, found.answer_words.number) == (1, 2, 8)
    assert (found.question_words.low, found.question_words.high) == (3, 5)
    assert (found.yes, found.no) == (4, 0)
    assert [(one.name, one.count) for one in found.openings] == [("two bears", 4), ("yes", 4)]
    assert [(one.stride, one.judged) for one in found.vanishing] == [(4, 7), (8, 7), (16, 7), (32, 7)]


def test_tokens_are_the_picture_the_regions_and_the_words() -> None:
    [row] = drawn.rows(1)
    texts = ["Is it a dog?", "Yes."] * 2  # five and two tokens
    found = kind_figures([says(row, *texts)])
    assert found.tokens.low == 1024 + 2 * 2 + 2 * (5 + 2)
    assert found.over_context == 0
    long = says(row, "Describe it.", "dog " * 1_017)
    assert kind_figures([long]).tokens.low == 2048
    assert kind_figures([long]).over_context == 0
    assert kind_figures([says(row, "Describe it.", "dog " * 1_018)]).over_context == 1


@pytest.mark.parametrize(
    ("answer", "yes", "no"),
    [
        ("Yes", 1, 0),
        ("yes, it is", 1, 0),
        (" No.", 0, 1),
        ("NO", 0, 1),
        ("Nobody", 0, 0),
        ("Not yes", 0, 0),
        ("", 0, 0),
    ],
)
def test_yes_and_no(answer: str, yes: int, no: int) -> None:
    found = kind_figures([says(drawn.rows(1)[0], "Is it?", answer)])
    assert (found.yes, found.no) == (yes, no)


def test_a_region_in_many_rows_counts_once_in_the_build() -> None:
    """The same regions in two kinds, and in two rows of one of them."""
    found = figures(piece(drawn.rows(2)), piece(drawn.rows(3, "description"), "description"), piece(drawn.rows(2)))
    assert (found.rows, found.regions, found.images) == (7, 14, 3)
    assert found.area_px.number == 6
    assert (found.regions_per_image.number, found.regions_per_image.low, found.regions_per_image.high) == (3, 2, 2)
    assert [(one.name, one.count) for one in found.categories.top] == [("teddy bear", 6)]
    assert {one.judged for one in found.vanishing} == {6}
    assert found.kinds["conversation"].area_px.number == 8


def test_the_same_id_in_another_image_is_another_region() -> None:
    rows = drawn.rows(2, regions=1)
    rows[1]["regions"][0]["region_id"] = rows[0]["regions"][0]["region_id"]
    assert figures(piece(rows)).area_px.number == 2


def test_regions_that_vanish() -> None:
    [row] = drawn.rows(1, regions=2)
    row |= {"height": 480, "width": 640}
    for region, side in zip(row["regions"], (4, 40), strict=True):
        pixels = np.zeros((480, 640), bool)
        pixels[1 : 1 + side, 1 : 1 + side] = True
        mask = rle.encode(pixels)
        region |= {"mask": {"size": [480, 640], "counts": mask.counts}, "area": side * side}
    found = figures(piece([row]))
    assert [one.vanished for one in found.vanishing] == [0, 0, 1, 1]
    assert [one.vanished for one in found.kinds["conversation"].vanishing] == [0, 0, 1, 1]


def test_parts_are_counted_apart_from_objects() -> None:
    rows = drawn.rows(4, regions=1)
    rows[0]["regions"][0] |= {"category": "ear of the dog", "category_raw": "dog:ear", "part_of": "paco/1"}
    rows[1]["regions"][0] |= {"category": "leg of the dog", "category_raw": "dog:leg", "part_of": ""}
    rows[2]["regions"][0] |= {"category": "tail of the bird", "category_raw": "Bird Tail", "source": "part_imagenet"}
    found = figures(piece(rows))
    names = ["ear of the dog", "leg of the dog", "tail of the bird"]
    assert [(one.name, one.count) for one in found.parts.top] == [(name, 1) for name in names]
    assert [(one.name, one.count) for one in found.categories.tail] == [("teddy bear", 1)]


def test_regions_without_a_category_have_no_name() -> None:
    rows = drawn.rows(2, regions=1)
    rows[0]["regions"][0] |= {"category": "", "source": "vg"}
    found = figures(piece(rows)).categories
    assert (found.distinct, found.total) == (1, 1)


@pytest.mark.parametrize(
    ("answer", "names"),
    [("Dark blue and white", ["dark blue", "white"]), ("wooden.", ["wooden"]), ("red, green or a blue", ["red", "green",
     "blue"]), ("Yes", []), ("Yes, metal", ["metal"]), ("it looks rather like polished stone", []), ("", [])],
)  # fmt: skip
def test_attributes_of_an_answer(answer: str, names: list[str]) -> None:
    assert attribute_names(answer) == names


def test_attributes_come_from_their_kind_alone() -> None:
    rows = [says(row, "What colour?", "red and blue") for row in drawn.rows(3, "part_attribute")]
    found = figures(piece(rows, "part_attribute"), piece(rows, "conversation"))
    assert [(one.name, one.count) for one in found.attributes.top] == [("blue", 3), ("red", 3)]


def test_no_rows() -> None:
    found = figures(piece([]))
    assert (found.rows, found.area_px.number, found.categories.distinct) == (0, 0, 0)
    assert found.kinds["conversation"].tokens.number == 0


@given(st.data())
@settings(max_examples=10, deadline=None)
def test_what_is_shared_out_adds_up(data: st.DataObject) -> None:
    """Seven pieces, seen by several surveys in any grouping and merged in any order."""
    random = data.draw(st.randoms())
    groups: dict[int, list[Piece]] = {}
    for one in PIECES:
        groups.setdefault(data.draw(st.integers(0, 3)), []).append(one)
    parts = list(groups.values())
    random.shuffle(parts)
    assert _merged(parts, random) == WHOLE


def _merged(parts: list[list[Piece]], random: Random) -> Figures:
    whole = Survey()
    for part in parts:
        one = Survey()
        for each in random.sample(part, len(part)):
            one.add(each)
        whole.merge(pickle.loads(pickle.dumps(one)))  # as it travels between processes
    return whole.figures()


def _pieces() -> list[Piece]:
    """Of three kinds; some regions are told differently by two of them."""
    rows = drawn.rows(6)
    other = drawn.rows(6, "part_attribute")
    for row in other[:3]:
        row["regions"][0] |= {"category": "ear of the bear", "category_raw": "bear:ear", "area": 20}
    texts = [says(row, "Is it?", f"{answer} indeed, row") for row, answer in zip(rows, "abcdef", strict=True)]
    return [
        piece(rows[:2]), piece(rows[2:]), piece(texts[:3], "description"), piece(texts[3:], "description"),
        piece(other[:1], "part_attribute"), piece(other[1:4], "part_attribute"), piece(other[4:], "part_attribute"),
    ]  # fmt: skip


PIECES = _pieces()
WHOLE = figures(*PIECES)


def test_repeats_are_taken_out_along_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regions, "_LEAST", 3)
    assert figures(*PIECES) == WHOLE
