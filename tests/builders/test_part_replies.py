"""`part_category` and `part_attribute`: what a model may answer, and every fault with its reason."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.builders import BUILDERS, MODEL_KINDS, part_attribute
from pipelines.builders.context import OPENAI
from pipelines.builders.replies import BadReply, question_answer_text
from schemas import ledger
from schemas.records import Sample, Scene
from tests.builders import rules
from tests.builders.kitchen import SOURCES, kitchen
from tests.factories import context, looks, pairs, part, region, scene
from tests.properties import quick

KINDS = ("part_category", "part_attribute")
C, A = KINDS


def asked(kind: str, one: Scene) -> Sample:
    """The row that waits for the answer about a scene, as it is read from a file."""
    (request,) = BUILDERS[kind](one, context(kind, SOURCES, generator=OPENAI)).requests
    return msgspec.json.decode(msgspec.json.encode(request.sample), type=Sample)


def waiting(kind: str) -> Sample:
    """A mug and its handle, as in the scene."""
    return asked(kind, scene(kitchen().regions[:2]))


def reply(first: tuple[str, str], *more: tuple[str, str]) -> str:
    """Pairs; a second region is asked about where `more` does not."""
    second = more or (("What is <region2>?", "White"),)
    return question_answer_text([first, *second])


@pytest.mark.parametrize(
    "answer",
    ["Mug", "mug.", "A mug", "Ceramic mug", "Handle of the mug", "Left door handle", "**Mug**", "Drinking vessel"],
)
def test_category_answers(answer: str) -> None:
    assert MODEL_KINDS[C].parse(reply(("What is <region1>?", answer)), waiting(C))[1].content == answer.strip("*.")


@pytest.mark.parametrize(
    "answer",
    ["White", "dark blue and white", "Dark blue, white.", "Striped", "Stripes", "Striped pattern", "Ceramic", "Opaque",
     "Yes", "No", "Yes, striped", "Blue", "White/dark blue"],
)  # fmt: skip
def test_attribute_answers(answer: str) -> None:
    assert MODEL_KINDS[A].parse(reply(("How is <region1>?", answer)), waiting(A))[1].content == answer.strip(".")


@pytest.mark.parametrize(
    ("told", "answer", "founded"),
    [
        ("wood", "wooden", True), ("wood", "wool", False), ("wool", "woolen", True), ("metal", "metallic", True),
        ("light grey", "Light gray", True), ("light grey", "Grey", True), ("light grey", "Dark grey", False),
        ("dotted", "dots", True), ("checkered", "checked", True), ("glass", "glass", True), ("glass", "glossy", False),
        ("red", "Red", True), ("red", "Re", False), ("red", "Read", False), ("text", "Text", True), ("red", "", False),
        ("red", "the", False), ("red", "coloured", False), ("red", "Not red", False), ("red", "Red and blue", False),
    ],
)  # fmt: skip
def test_forms_of_a_told_word(told: str, answer: str, founded: bool) -> None:
    one = region(1, attributes=looks(color=told))
    assert part_attribute.is_founded(answer, one) is founded


def test_words_of_two_colours_make_no_third() -> None:
    one = region(1, attributes=looks(color=("dark blue", "light grey")))
    assert not part_attribute.is_founded("light blue", one)
    assert part_attribute.is_founded("light grey and dark blue", one)


Q1, Q2 = ("What colour is <region1>?", "White"), ("What colour is <region2>?", "White")
BAD = [
    ("A white mug and its handle.", "reply_no_question"),
    (reply(Q1, ("And its handle?", "White")), "reply_missing_region"),
    (reply(Q1, Q2, ("What is <region3>?", "White")), "reply_unknown_region"),
    (reply(Q1, ("What belongs to it?", "<region2>")), "reply_format"),
    (reply(Q1, ("What colour have <region1> and <region2>?", "White")), "reply_format"),
    (reply(Q1, Q2, ("Is it striped?", "Yes")), "reply_format"),
    (reply(Q1, Q2, Q1, Q1), "reply_too_many_questions"),
    (reply(Q1, Q2, Q2, ("How is <region2>?", "White")), "reply_too_many_questions"),
    (reply((Q1[0], "White\nand blue"), Q2), "reply_format"),
    (reply((Q1[0], ""), Q2), "reply_format"),
    (reply((Q1[0], "..."), Q2), "reply_format"),
    (reply((Q1[0], "Other"), Q2), "reply_no_answer"),
    (reply((Q1[0], "other."), Q2), "reply_no_answer"),
    (reply((Q1[0], "Unknown"), Q2), "reply_no_answer"),
    (reply((Q1[0], "Unknown colour"), Q2), "reply_no_answer"),
    (reply((Q1[0], "Not known"), Q2), "reply_no_answer"),
    (reply((Q1[0], "I cannot tell"), Q2), "reply_no_answer"),
    (reply((Q1[0], "It is white with dark blue stripes"), Q2), "reply_long_answer"),
    (reply((Q1[0], "As annotated, white"), Q2), "reply_mentions_source"),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("text", "reason"), BAD)
def test_faults_have_their_reason(kind: str, text: str, reason: str) -> None:
    with pytest.raises(BadReply) as raised:
        MODEL_KINDS[kind].parse(text, waiting(kind))
    assert raised.value.reason == reason
    assert raised.value.detail


@pytest.mark.parametrize("answer", ["Green", "Light blue", "Not white", "White and red", "Mug", "Plastic"])
def test_an_attribute_that_was_not_told(answer: str) -> None:
    with pytest.raises(BadReply, match="reply_unfounded"):
        MODEL_KINDS[A].parse(reply((Q1[0], answer), Q2), waiting(A))


def test_a_long_name_that_is_annotated() -> None:
    """Longer than asked for, and still the right answer."""
    long = region(1, "very large old fashioned coffee mug", source="paco")
    one = scene([long, part(2, "handle", long.category, 1)])
    (sample,) = BUILDERS[C](one, context(C, SOURCES)).samples
    assert pairs(sample)[0][1] == long.category
    with pytest.raises(BadReply, match="reply_long_answer"):
        MODEL_KINDS[C].parse(reply(("What is <region1>?", "A large old coffee mug"), Q2), sample)


FUZZ = [
    "Question:",
    "Answer:",
    "<region1>",
    "<region2>",
    "White",
    "other",
    "\n",
    "\n\n",
    " ",
    "mug",
    "?",
    "<region",
    "yes",
]


@pytest.mark.parametrize("kind", KINDS)
@quick
@given(st.lists(st.sampled_from(FUZZ), max_size=24).map("".join))
def test_whatever_comes_in_is_a_good_row_or_a_reason(kind: str, text: str) -> None:
    assert verdict(kind, text) in {"good", *ledger.REASONS}


def verdict(kind: str, text: str) -> str:
    """`good`, the reason of a reject, or the rules of a shard that the row breaks."""
    row = waiting(kind)
    try:
        messages = MODEL_KINDS[kind].parse(text, row)
    except BadReply as bad:
        return bad.reason
    return " ".join(rules.broken([msgspec.structs.replace(row, messages=messages)])) or "good"


def test_the_waiting_row_keeps_what_was_told() -> None:
    text = "\n\n".join(f"Question: What is the colour of <region{n}>?\nAnswer: White" for n in (1, 2))
    text += "\n\nQuestion: What is <region3> made of?\nAnswer: Ceramic."
    assert [message.content for message in MODEL_KINDS[A].parse(text, asked(A, kitchen()))][1::2] == [
        "White",
        "White",
        "Ceramic",
    ]
