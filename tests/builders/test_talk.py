"""Talk of what the model was told, apart from talk of what is in the picture."""

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.builders import talk
from pipelines.builders.replies import BadReply, check_talk
from tests.properties import quick

TALK = [
    "Its bounding box is large.", "The bounding-box is small.", "The coordinates say left.",
    "The caption mentions a dog.",
    "As the captions say.", "It is annotated as dog.", "The annotation is wrong.", "A referring expression says so.",
    "It lies at [0.212,0.405,0.438,0.871].", "It lies at [.5, 0.4].", "From the provided description it is a dog.",
    "The description says that it is a dog.", "According to the text it is a dog.", "Based on these notes it is a dog.",
    "The bbox shows a dog.", "The bboxes overlap.", "The boxes overlap.", "The two boxes overlap.",
    "The box around it spans the left half.", "The dog's box overlaps the cat's.", "The box of <region1> is large.",
    "<region1>'s box is large.",
    "The image description says so.", "The provided context says so.", "The context provided says so.",
    "The context mentions it.", "From the given image description it is a dog.",
    "It lies at (0.12, 0.40).", "It is located at [120, 45, 200, 300].", "(0.21,0.40,0.55,0.87)", "(120, 45, 200, 300)",
    "Its middle is at (120, 45).", "It lies at 0.12, 0.4.", "It goes from 0.212 to 0.438.", "x1=0.2, y1=0.4",
    "xmin: 20", "It lies at x = 0.2, y = 0.4.", "Its corners are 0.21, 0.40, 0.55 and 0.87.", "He reads a caption.",
    "The notes call it a dog.", "This region is a dog.", "Judging from the given information it barks.",
]  # fmt: skip
FINE = [
    "A dog beside a pizza box.", "The box is red.", "A boxer stands in the ring.", "A text on the sign reads STOP.",
    "The man takes notes.", "It is 0.5 m long.", "A region of grass lies behind.",
    "It is a pizza box.", "A cardboard box on the table.", "Boxes of cereal fill the shelf.", "He opens the mail box.",
    "A man in a box seat.", "The boxes are stacked.", "The pizza boxes overlap the edge.", "The box spanner is blue.",
    "An animal (a dog) lies there.", "There are 1,200 people.", "A crowd (1,200) waits.", "The clock shows 10:30.",
    "Players 7, 12 and 23 run.", "The signs (7, 12) are red.", "The board reads x = 3.", "It costs 0.99 or 1.49.",
    "The sign describes the trail.", "The context of the game suggests a pass.", "A description hangs on the wall.",
    "Provided that it rains, the text will fade.",
    "She sits in a box seat [left].", "A captioned poster hangs there.", "The shirt has the text 'love' on it.",
]  # fmt: skip


@pytest.mark.parametrize("text", TALK)
def test_talk_of_what_the_model_was_told(text: str) -> None:
    with pytest.raises(BadReply) as raised:
        check_talk(["A dog.", text])
    assert raised.value.reason == "reply_mentions_source"


@pytest.mark.parametrize("text", FINE)
def test_talk_of_what_is_in_the_picture(text: str) -> None:
    check_talk([text])


@pytest.mark.parametrize(
    "piece",
    ["1", "1,", "0.1,", "(1,", "(0.1, ", "[1, ", "the ", "box ", "the box ", "x", "x=1,", " ", "based on ", "given "],
)
def test_looking_for_talk_costs_no_time(piece: str) -> None:
    start = time.perf_counter()
    with contextlib.suppress(BadReply):
        check_talk([piece * (40_000 // len(piece))])
    assert time.perf_counter() - start < 2


PIECES = [
    *(word for group in talk.GROUPS for word in group.words), "the ", "these ", "provided ", "given ", "text", "ion",
    "s", " ", ", ", "(", "[", "]", ")", "0.12", "0.123", ".5", "120", "at ", "x1", "x", "y", "ymax", " = ", "<region1>",
    "'s ", "around", "overlaps", "from ", "CAPTION", "This Region", "BOX", "\u017f", "\u212a", "\u0130", "\u0131",
    "\u0307", "\u0663", "annotat\u0130ons", "capt\u0131on", "referr\u0131ng express\u0131on\u017f", "te\u0301xt",
    "\u1e9e",
]  # fmt: skip


@quick
@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join) | st.text(max_size=30))
def test_no_pattern_matches_without_its_words(text: str) -> None:
    """Patterns are looked for only where one of their words is there: that must leave nothing out."""
    found = [match for group in talk.GROUPS if (match := group.pattern.search(text))]
    assert bool(talk.source_talk(text)) == bool(found)
