"""`positive_negative`: whether yes and no are right, and whether they are in balance."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Self

import prompts
from pipelines.builders.vocabulary import Vocabulary, plain, same_thing
from pipelines.qa.checks.base import Finding, Scene, Spec
from pipelines.qa.checks.claims import REMEMBERED, ClaimCheck, Known, Turn, form_pattern
from pipelines.qa.checks.objects import category, overlap
from pipelines.qa.checks.words import answers, matching
from pipelines.qa.pieces import Piece

KIND = "positive_negative"
FEW = 50
"""Answers of which the balance is not judged: chance alone would put them out of it."""
_SAME_PLACE = 0.5
_TAG = r"<region(?P<region>[0-9]{1,6})>"
_NAME = r"(?:an? )?(?P<name>[^<>?,]{1,60}?)"


def _forms() -> tuple[re.Pattern[str], ...]:
    """Our questions, and the plainest ones of others."""
    more = ("Is there {a_category} in {region}?", "Is {region} the {a_category}?", "Is this {region} {a_category}?")
    return tuple(form_pattern(form, region=_TAG, a_category=_NAME) for form in (*prompts.questions(KIND), *more))


_FORMS = _forms()
_NO_WORDS = Vocabulary({}, {}, {})


class YesNo(ClaimCheck):
    """Judges the answers to "Is <region1> a ...?" against the category of the region.

    No to its own category is wrong, and so is yes to another, unless one is the wider term of the other, a synonym (of
    COCO's categories), or the name of another region at the same place. Questions in other words are not judged.
    """

    spec = Spec("yes_no_true", "yes and no agree with the region's category", "truth", "fail", 0.01, "answers")
    pattern = r"(?i)^\s*(yes|no)\b"
    kinds = (KIND,)
    nothing = f"no rows of {KIND} with questions that are understood"

    def claims(self, turn: Turn, known: Known) -> Iterator[str]:
        """One for a question that names one region and one category."""
        number, asked = _asked(turn.question)
        own = known.name(turn.row, number)
        if not own:
            return
        if turn.answer.strip().lower().startswith("no"):
            wrong = plain(asked) == plain(own)
        else:
            wrong = not _alike(asked, own) and not _is_there(known, turn.row, number, asked)
        yield f"<region{number}> is annotated as {own}: {turn.question.strip()} {turn.answer[:80]}" if wrong else ""


@lru_cache(maxsize=REMEMBERED)
def _asked(question: str) -> tuple[int, str]:
    """The region and the category that a question is about; 0 where it has none of the forms."""
    found = next((match for form in _FORMS if (match := form.match(question))), None)
    return (int(found["region"]), found["name"]) if found else (0, "")


@lru_cache(maxsize=REMEMBERED)
def _alike(one: str, other: str) -> bool:
    known = category(one)
    return same_thing(_NO_WORDS, one, other) or bool(known and known == category(other))


def _is_there(known: Known, row: int, number: int, asked: str) -> bool:
    box = known.box(row, number)
    if box is None:
        return False
    near = overlap(box, known.boxes(row)) >= _SAME_PLACE
    return any(flag and _alike(name, asked) for flag, name in zip(near, known.names(row), strict=True) if name)


class Balance:
    """Judges the share of yes among all answers with yes or no: a model that always says yes must not be right."""

    spec = Spec("yes_no_balance", "45 to 55 % of the answers are yes", "truth", "warn", 0.05, "answers")

    def __init__(self) -> None:
        self._yes = self._no = 0

    def add(self, piece: Piece) -> None:
        """Count."""
        if piece.kind == KIND and len(piece):
            texts = answers(piece.turns)
            self._yes += int(matching(texts, r"(?i)^\s*yes\b").sum())
            self._no += int(matching(texts, r"(?i)^\s*no\b").sum())

    def merge(self, other: Self) -> None:
        """Add what another one counted."""
        self._yes += other._yes
        self._no += other._no

    def finding(self, scene: Scene) -> Finding:
        """At fault are the answers that one of the two has more than half."""
        judged = self._yes + self._no
        if judged < FEW:
            return Finding(0, 0, note=f"{judged} answers of {KIND} are yes or no; {FEW} are needed")
        return Finding(judged, max(self._yes, self._no) - (judged + 1) // 2, note=f"yes: {self._yes / judged:.1%}")
