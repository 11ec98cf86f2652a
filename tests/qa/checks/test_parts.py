"""Names of parts against what the rows know of them: each kind of lie is found, and no truth is called one."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.qa.checks.base import Finding
from pipelines.qa.checks.part_words import Said, annotated, said_of
from pipelines.qa.checks.parts import Parts
from pipelines.qa.checks.words import TEMPLATE
from tests.qa.checks.planted import MODEL, details, found, piece, row

WHEEL, HEAD, HANDLE, DOG = "front wheel of the car", "head of the dog", "handle of the mug", "dog"
NAMES = (WHEEL, HEAD, HANDLE, DOG)
Turn = tuple[str, str]
NAMING = "Which part of which object is <region1>?"
BELONGS = "Which object does <region1> belong to?"


def seen(turn: Turn, kind: str, writer: str, number: int = 0) -> dict[str, Any]:
    """A row with these regions: <region1> is the wheel, and so on."""
    made = row(number, turn, kind=kind, writer=writer)
    (first, *_) = made["regions"]
    return made | {"regions": [first | {"category": name, "region_id": name} for name in NAMES]}


def judged(turn: Turn, kind: str = "part_category", writer: str = TEMPLATE) -> Finding:
    return found(Parts(), piece([seen(turn, kind, writer)]))


TEMPLATE_SAYS = [
    ("part_category", "Which part of which object is <region1>?", WHEEL, "wheel of the car"),
    ("part_category", "Which object does <region1> belong to?", "car", "motorcycle"),
    ("part_category", "<region3> is a part. What is the whole?", "mug", "cup"),
    ("part_category", "What is <region4>?", DOG, HEAD),
    ("mask_text", "Which part can be seen in <region2>?", HEAD, "dog"),
    ("mask_text", "What would you call the thing in <region4>?", DOG, HEAD),
    ("short_form", "Identify <region2>.", "Head of the dog", "Tail of the dog"),
    ("conversation", "What is <region3>, and where in the picture is it?",
     "<region3> is a handle of the mug at the top of the picture.",
     "<region3> is a handle of the vase at the top of the picture."),
    ("description", "Write a paragraph about <region1>.", "At the left there is a front wheel of the car.",
     "At the left of the picture there is a wheel."),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "question", "true", "false"), TEMPLATE_SAYS)
def test_the_template_must_say_what_is_annotated(kind: str, question: str, true: str, false: str) -> None:
    sound = judged((question, true), kind)
    assert (sound.judged, sound.failed) == (int("<region4>" not in question), 0), (
        "<region4> is no part, and none is named"
    )
    finding = judged((question, false), kind)
    assert (finding.judged, finding.failed) == (1, 1)
    assert "is annotated as" in details(finding)[0]
    assert false[:20] in details(finding)[0]


@pytest.mark.parametrize("question", ["Which words would lead somebody to <region1>?", "How is <region1> coloured?"])
def test_other_questions_of_the_template_are_left_alone(question: str) -> None:
    assert judged((question, "the top of the cake"), "mask_text").judged == 0


@pytest.mark.parametrize("turn", [
    (NAMING, "Handle of the car"), (NAMING, "The front wheel of a bench"), (NAMING, "car door handle."),
    (NAMING, "the dog's tail"), (NAMING, "headlight"), (NAMING, "A person"), (BELONGS, "The dog"), (BELONGS, "mug"),
    ("What is <region2> part of?", "a young man"), ("Which animal does <region2> belong to?", "A cat"),
    ("What is <region2>?", "left front paw of the dog"), ("And?", "<region2> is the head of a horse."),
    ("And?", "They differ: <region1> is a tail, and <region3> is the lid of the car."),
])  # fmt: skip
def test_models_that_contradict_are_found(turn: Turn) -> None:
    finding = judged(turn, "conversation", MODEL)
    assert finding.judged >= 1
    assert finding.failed == finding.judged
    assert "is annotated as" in details(finding)[0]


@pytest.mark.parametrize("turn", [
    (NAMING, "wheel of the car"), (NAMING, "The left tyre of a red car"), (NAMING, "Car wheel"),
    (NAMING, "a truck tire"), (BELONGS, "A big red automobile."), ("What is <region2>?", "the puppy's ear"),
    ("What is <region2>?", "A dog"), ("Which part is <region3>?", "grip of the cup"),
    ("And?", "<region3> is the handle of a mug."),
])  # fmt: skip
def test_models_that_agree_are_sound(turn: Turn) -> None:
    finding = judged(turn, "conversation", MODEL)
    assert (finding.judged, finding.failed) == (1, 0)


@pytest.mark.parametrize("turn", [
    (NAMING, "rim of the wheel"), (NAMING, "rubber"), ("Which part of the picture is <region1> in?", "The head of it"),
    (BELONGS, "the garage"), ("What is <region1> next to?", "the dog"), ("What is <region4>?", "collar of the man"),
    ("And?", "<region1> is the one in front of the dog."), ("And?", "<region1> is the thing to the left of the dog."),
    ("And?", "<region2> is a photo of a cat."), ("And?", "<region2> is the left of the two cats."),
    ("And?", "The lid of <region1> is the tail of a dog."), ("Is <region1> a tail?", "No"),
    ("And?", "<region9> is a tail."), ("And?", "<region1> is a thing with a handle."),
])  # fmt: skip
def test_what_is_not_understood_is_not_judged(turn: Turn) -> None:
    assert judged(turn, "conversation", MODEL).judged == 0


def test_rows_without_parts_have_nothing_to_judge() -> None:
    finding = found(Parts(), piece([row(0, ("What is <region1>?", "A cat"), writer=MODEL)]))
    assert (finding.judged, finding.note) == (0, Parts.nothing)


def test_two_observers_are_added_up() -> None:
    one, other = Parts(), Parts()
    one.add(piece([seen((BELONGS, "dog"), "part_category", TEMPLATE)]))
    other.add(piece([seen((BELONGS, "car"), "part_category", TEMPLATE, 1)]))
    one.merge(other)
    assert (one.judged, one.failed) == (2, 1)


@pytest.mark.parametrize(("name", "expected"), [
    (WHEEL, Said("front wheel", "car")), ("front side of a coach of the train", Said("front side of a coach", "train")),
    ("dog", Said("", "dog")),
])  # fmt: skip
def test_annotated_names_are_read(name: str, expected: Said) -> None:
    assert annotated(name) == expected


@given(st.text("abc of'the-wheelcardog. ", max_size=60))
def test_any_text_can_be_read_and_nothing_contradicts_itself(text: str) -> None:
    said = said_of(text)
    assert not said.contradicts(said)
