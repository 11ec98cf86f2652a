"""Answers that count fewer things than have a mask in the row."""

import re
from collections import Counter
from collections.abc import Iterator

from pipelines.builders.vocabulary import plain
from pipelines.qa.checks.base import Spec
from pipelines.qa.checks.claims import ClaimCheck, Known, Turn
from pipelines.qa.checks.objects import category, overlap, singulars
from pipelines.qa.checks.words import excerpt

_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_NUMBER = rf"(?P<number>\d{{1,2}}|{'|'.join(_WORDS[1:])})"
_HERE = r"(?: (?:here|in (?:the|this) (?:picture|image|photo|photograph|scene|frame)))?"
_ALL = rf"(?: (?:visible|present|shown|in total))?{_HERE}"
_THINGS = r"(?P<things>[a-z]+(?: [a-z]+)??)"
_THERE = re.compile(rf"\b[Tt]here (?:is|are) (?:only |exactly |a total of )?{_NUMBER} {_THINGS}{_ALL}\s*(?:[.!]|$)")
_ASKED = re.compile(
    rf"\s*How many {_THINGS}(?: (?:are there|can be seen|can you see|do you see|are))?{_ALL}\s*\?\s*$", re.IGNORECASE
)
_SAID = re.compile(rf"\s*(?:there (?:is|are) )?(?:only |exactly )?{_NUMBER}\b(?! (?:or|to)\b)", re.IGNORECASE)
_SAME_THING = 0.5
"""Overlap (IoU) of boxes of one category from which on they are one thing, which two sources annotated."""


class Counts(ClaimCheck):
    """Judges "there are two dogs" about the whole picture, and numbers in answer to "How many dogs are there?", where
    the row has regions of that category, synonyms included: fewer than those cannot be true.

    More may be, since a row need not have all. Not seen: counts of a part ("two dogs on the left"), and of things that
    no region of the row is annotated as.
    """

    spec = Spec("counts_true", "no answer counts fewer things than have masks", "truth", "warn", 0.02, "claims")
    pattern = r"(?i)\b(how many|there (is|are))\b"
    with_questions = True

    def claims(self, turn: Turn, known: Known) -> Iterator[str]:
        """One for each number about a category of which the row has regions."""
        asked = _ASKED.match(turn.question)
        if asked and (said := _SAID.match(turn.answer)):
            yield from _judged(turn, known, said["number"], asked["things"])
            return
        for found in _THERE.finditer(turn.answer):
            yield from _judged(turn, known, found["number"], found["things"])


def _judged(turn: Turn, known: Known, number: str, things: str) -> Iterator[str]:
    seen = _number_of(known, turn.row, _names(things))
    if not seen:
        return
    said = int(number) if number.isdigit() else _WORDS.index(number.lower())
    yield f"{seen} regions are annotated as {things}: {excerpt(turn.answer, number)}" if said < seen else ""


def _names(things: str) -> set[str]:
    """What one of the things may be annotated as."""
    found = set(singulars(plain(things)))
    return found | {name for one in found if (name := category(one))}


def _number_of(known: Known, row: int, names: set[str]) -> int:
    """How many things of these names the regions of a row show, those at one place counted once."""
    named = [name in names or category(name) in names for name in known.names(row)]
    boxes = known.boxes(row)[named]
    firsts = [not (overlap(box, boxes[:place]) >= _SAME_THING).any() for place, box in enumerate(boxes)]
    return Counter(firsts)[True]
