"""Answers that put a region on the wrong side: of another region, or of the picture."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from pipelines.qa.checks.base import Spec
from pipelines.qa.checks.claims import CLAUSE, TAG, ClaimCheck, Known, Turn
from pipelines.qa.checks.words import excerpt

MARGIN = 0.05
"""Of the picture's width or height, by which the middles must lie the wrong way round: people see no middles."""
NO_MARGIN = 0.15
"""The same for an answer "No" to "Is <region1> left of <region2>?", since some mean more than the middles by it."""
BEYOND = 0.65
"""Share of the picture from which on a middle does not lie at the upper side or the left, and the same turned round."""

_BE = (
    r"(?:,? which)?(?: (?:is|are|was|stands|sits|lies|hangs|can be (?:seen|found)))?"
    r"(?: (?:standing|sitting|seated|lying|hanging|located|positioned|placed|situated|parked|visible))?"
    r"(?: (?:slightly|directly|just|immediately|right|far|a bit|further))?"
)
_SIDE = (
    r"(?: (?:to|on|at) (?:the|its))?(?: (?:immediate|far))? (?P<side>left|right)(?:[- ]hand)?(?: side)? of"
    r"|(?: (?:slightly|directly|just))? (?P<level>above|below|beneath|underneath)"
)
_RELATION = rf"{TAG}{_BE}(?:{_SIDE}) {TAG}(?!['\u2019]s)"
_SAID = re.compile(rf"{CLAUSE}{_RELATION}", re.MULTILINE)
_ASKED = re.compile(rf"\s*Is {_RELATION}\s*\?", re.IGNORECASE)
_YES_NO = re.compile(r"\s*(yes|no)\b", re.IGNORECASE)

_PLACE = r"(?:upper|lower|top|bottom|left|right)(?:[ -](?:left|right))?"


def _of_picture(name: str) -> str:
    """ "the upper left of the picture", the place as a group of that name."""
    part = "(?: (?:side|corner|part|half|edge|area|portion))?"
    return rf"the (?P<{name}>{_PLACE})(?:[- ]hand)?{part} of the (?:picture|image|photo|photograph|frame|scene|view)\b"


_STANDS = re.compile(
    rf"{CLAUSE}{TAG}{_BE}(?: an? [a-z -]{{1,40}}?)? (?:at|on|in|near) {_of_picture('place')}", re.MULTILINE
)
_FIRST = re.compile(
    rf"\s*(?:(?:At|On|In) {_of_picture('before')}"
    rf"|An? [a-z -]{{1,40}}? (?:can be seen|is seen|is|stands|sits|lies) (?:at|on|in|near) {_of_picture('after')})"
)
_WHERE = re.compile(
    rf"\s*(?:where|in which part|on which side|on what side)\b[^<]{{0,40}}{TAG}\s*\?\s*$", re.IGNORECASE
)
_SHORT = re.compile(
    rf"\s*(?:(?:at|on|in) )?(?:the )?({_PLACE})(?: (?:side|corner|part|half))?\s*\.?\s*$", re.IGNORECASE
)


class _Relation(NamedTuple):
    one: int
    word: str
    other: int


class Sides(ClaimCheck):
    """Judges "<region1> is to the left of <region2>", right, above and below, by the middles of the boxes, questions
    with yes or no included; and "at the upper left of the picture", by the thirds of the picture.

    Left and right are the viewer's. Not seen: in front and behind, sides of things that are named in words, and
    sentences whose subject is a part of the region ("the hat of <region1>").
    """

    spec = Spec("sides_true", "left, right, above and below agree with the masks", "truth", "warn", 0.02, "claims")
    pattern = r"(?i)\b(left|right|above|below|beneath|underneath|upper|lower|top|bottom)\b"
    with_questions = True

    def claims(self, turn: Turn, known: Known) -> Iterator[str]:
        """One for each region that is said to be somewhere."""
        for found in _SAID.finditer(turn.answer):
            yield _against(turn, known, _relation(found), found.group())
        yield from _answered(turn, known)
        for found in _STANDS.finditer(turn.answer):
            yield _misplaced(turn, known, int(found[1]), found["place"])
        number = turn.only_region()
        if number and (place := _short(turn)):
            yield _misplaced(turn, known, number, place)


def _short(turn: Turn) -> str:
    """The place that an answer about the one region of its question says, without the region's name."""
    if _WHERE.match(turn.question) and (found := _SHORT.match(turn.answer)):
        return found[1]
    if turn.kind == "description" and (found := _FIRST.match(turn.answer)):
        return found["before"] or found["after"]
    return ""


def _relation(found: re.Match[str]) -> _Relation:
    numbers = [int(one) for one in found.groups() if one and one.isdigit()]
    return _Relation(numbers[0], (found["side"] or found["level"]).lower(), numbers[1])


def _apart(known: Known, row: int, relation: _Relation) -> float | None:
    """How far the middles lie the way that is said; negative the other way round."""
    one, other = known.middle(row, relation.one), known.middle(row, relation.other)
    if one is None or other is None or relation.one == relation.other:
        return None
    axis = 0 if relation.word in ("left", "right") else 1
    gap = other[axis] - one[axis]
    return gap if relation.word in ("left", "above") else -gap


def _against(turn: Turn, known: Known, relation: _Relation, words: str) -> str:
    apart = _apart(known, turn.row, relation)
    return _told(relation, turn.answer, words) if apart is not None and apart < -MARGIN else ""


def _answered(turn: Turn, known: Known) -> Iterator[str]:
    """A question whether a region is on a side, and yes or no."""
    asked, answer = _ASKED.match(turn.question), _YES_NO.match(turn.answer)
    if not asked or not answer:
        return
    relation = _relation(asked)
    apart = _apart(known, turn.row, relation)
    if apart is None:
        return
    wrong = apart < -MARGIN if answer[1].lower() == "yes" else apart > NO_MARGIN
    yield f"{turn.question.strip()} {turn.answer[:80]}: the masks say otherwise" if wrong else ""


def _told(relation: _Relation, answer: str, words: str) -> str:
    one, other = f"<region{relation.one}>", f"<region{relation.other}>"
    return f"the mask of {one} is not {relation.word} of that of {other}: {excerpt(answer, words)}"


def _misplaced(turn: Turn, known: Known, number: int, place: str) -> str:
    middle = known.middle(turn.row, number)
    if middle is None:
        return ""
    x, y = middle
    words = place.lower()
    wrong = (
        ("left" in words and x > BEYOND)
        or ("right" in words and x < 1 - BEYOND)
        or (("upper" in words or "top" in words) and y > BEYOND)
        or (("lower" in words or "bottom" in words) and y < 1 - BEYOND)
    )
    where = f"the middle of <region{number}> lies at {x:.0%} of the width and {y:.0%} of the height"
    return f"{where}: {excerpt(turn.answer, place)}" if wrong else ""
