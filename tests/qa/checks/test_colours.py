"""Colours that are said of a region in one shard against those that are annotated in another."""

import pathlib
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipelines.qa.checks.base import Finding
from pipelines.qa.checks.colour_words import _BIT, answered, bits_of, phrased, told
from pipelines.qa.checks.colours import Colours
from pipelines.qa.pieces import Piece
from tests.qa import rows as drawn
from tests.qa.checks.planted import details, piece, row, scene

Turn = tuple[str, str]
ATTRIBUTE = ("What colour is <region1>?", "red")


def of_bus(kind: str, *turns: Turn, number: int = 0, writer: str = "template", name: str = "bus") -> dict[str, Any]:
    """A row with turns about one bus, always the same."""
    made = row(number, *turns, kind=kind, writer=writer)
    return made | {"regions": [made["regions"][0] | {"category": name, "region_id": "coco/7"}]}


def judged(out: pathlib.Path, *rows: dict[str, Any]) -> Finding:
    """A shard for each row; the claims' check is merged from one observer a shard."""
    check = Colours()
    for number, one in enumerate(rows):
        pq.write_table(drawn.table([one]), out / f"{number}.parquet")
        part = Colours()
        part.add(piece([one], f"{number}.parquet"))
        check.merge(part)
    return check.finding(scene(out))


@pytest.mark.parametrize("said", [
    ("And <region1>?", "<region1> is green."), ("What color is <region1>?", "Green"),
    ("And?", "The bus in <region1> is green and blue."), ("And?", "<region1> is a big green bus near a red car."),
    ("What is <region1>?", "A green bus"),
])  # fmt: skip
@pytest.mark.parametrize("annotated", [
    of_bus("part_attribute", ATTRIBUTE), of_bus("mask_text", ("Which words would lead to <region1>?", "a red bus")),
])  # fmt: skip
def test_another_colour_is_found_whichever_shard_comes_first(
    tmp_path: pathlib.Path, said: Turn, annotated: dict[str, Any]
) -> None:
    claim = of_bus("conversation", said, writer="gpt-4o-mini", number=1)
    for rows in ((annotated, claim), (claim, annotated)):
        finding = judged(tmp_path, *rows)
        assert (finding.judged, finding.failed) == (1, 1)
        (detail,) = details(finding)
        assert "<region1> (coco/7) is annotated as red" in detail
        assert said[1] in detail


@pytest.mark.parametrize("said", [
    ("And?", "<region1> is red and white."), ("And?", "<region1> is a dark orange bus."),
    ("What color is <region1>?", "It is maroon."), ("What is <region1>?", "A red bus with green doors"),
])  # fmt: skip
def test_the_same_or_a_near_colour_is_sound(tmp_path: pathlib.Path, said: Turn) -> None:
    finding = judged(tmp_path, of_bus("part_attribute", ATTRIBUTE), of_bus("conversation", said, number=1))
    assert (finding.judged, finding.failed) == (1, 0)


@pytest.mark.parametrize("said", [
    ("And?", "<region1> is next to a green car."), ("What is <region1>?", "A green car"), ("And?", "A green bus."),
    ("And?", "The roof of <region1> is green."), ("What is <region1>?", "A bus with green doors"),
    ("What colour is the door of <region1>?", "green"), ("And?", "<region2> is green."),
])  # fmt: skip
def test_other_things_may_have_other_colours(tmp_path: pathlib.Path, said: Turn) -> None:
    finding = judged(tmp_path, of_bus("part_attribute", ATTRIBUTE), of_bus("conversation", said, number=1))
    assert finding.judged == 0
    assert finding.note


def test_what_models_say_is_no_annotation(tmp_path: pathlib.Path) -> None:
    annotated = of_bus("part_attribute", ATTRIBUTE)
    model = of_bus("part_attribute", ("What colour is <region1>?", "green"), writer="gpt-4o-mini", number=1)
    finding = judged(tmp_path, annotated, model)
    assert (finding.judged, finding.failed) == (1, 1)


def test_colours_of_persons_are_left_alone(tmp_path: pathlib.Path) -> None:
    annotated = of_bus("mask_text", ("Please identify <region1>.", "white man"), name="person")
    claim = of_bus("conversation", ("And?", "<region1> is black."), name="person", number=1)
    assert judged(tmp_path, annotated, claim).judged == 0


def test_many_pieces_are_joined(tmp_path: pathlib.Path) -> None:
    check = Colours()
    rows = [of_bus("part_attribute", ATTRIBUTE, number=number) for number in range(200)]
    for number, one in enumerate(rows):
        check.add(piece([one], f"{number}.parquet"))
    assert sum(map(len, check._known)) < 200
    assert isinstance(piece(rows), Piece)


def test_words_of_colours() -> None:
    assert told(bits_of("Navy blue, grey and a silver-white rim")) == "blue and grey and white"
    assert answered("dark blue and white.") == _BIT["blue"] | _BIT["white"]
    assert answered("blue sky") == 0
    assert phrased("the red bus with a white roof", "bus") == _BIT["red"]
    assert phrased("orange", "orange") == 0
    assert phrased("the red bus", "dog") == 0
