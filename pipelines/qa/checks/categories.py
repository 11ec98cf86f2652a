"""Answers that call a region what it is not."""

import re
from collections.abc import Iterator

from pipelines.qa.checks.base import Spec
from pipelines.qa.checks.claims import CLAUSE, NAMING, TAG, ClaimCheck, Known, Turn, matches
from pipelines.qa.checks.objects import WORN, category, contradict, head, overlap
from pipelines.qa.checks.words import excerpt

_SAME_PLACE = 0.5
"""Overlap (IoU) of boxes from which on a region may be called by the other's name: a rider and the horse."""
_IS = r"(?:is|shows|depicts|represents|appears to be|seems to be|can be seen to be) (?:clearly |simply |just )?"
_SENTENCE = re.compile(rf"{CLAUSE}{TAG} {_IS}(an?|one|the) ", re.MULTILINE)
_FIRST = re.compile(
    r"\s*(?:(?:the (?:picture|image|photo|region) shows|this is|it is|here is|there is"
    r"|(?:at|on|in) the [a-z ]{1,20} of the (?:picture|image) there is) )?(an?|the) ",
    re.IGNORECASE,
)
_ARTICLE = re.compile(r"\s*(?:an?|the|one) ", re.IGNORECASE)


class Categories(ClaimCheck):
    """Judges what a region is said to be, where both its own category and the one said are COCO's, synonyms included.

    It reads "<region1> is a ...", short answers to "What is <region1>?", and how a description starts. Not seen: what
    is said later in a description without the region's name, categories beyond COCO's 80, parts, and confusions of
    categories that annotators confuse too (car and truck, cup and bowl). Phrases by which people point a region out
    are not judged: of 232 real ones 13 name something else ("last car" of a train, "tie" for who wears it). Not held
    against an answer: the name of another region at the same place, and in a description the person who has the thing.
    """

    spec = Spec("categories_true", "a region is not called what it is not", "truth", "warn", 0.01, "claims")
    pattern = "."
    kinds = ("mask_text", "description", "conversation", "short_form", "part_category", "commonsense")

    def claims(self, turn: Turn, known: Known) -> Iterator[str]:
        """One for each region that is called something."""
        for found in _SENTENCE.finditer(turn.answer):
            yield from self._judged(turn, known, int(found[1]), turn.answer[found.end() :])
        number = turn.only_region()
        start = self._start(turn) if number else None
        if start is not None:
            yield from self._judged(turn, known, number, turn.answer[start:], about=turn.kind == "description")

    def _start(self, turn: Turn) -> int | None:
        """Where the noun stands in an answer about the one region that its question names."""
        if "<region" in turn.answer:
            return None
        if turn.kind == "description":
            found = _FIRST.match(turn.answer)
            return found.end() if found else None
        if matches(NAMING, turn.question):
            article = _ARTICLE.match(turn.answer)
            return article.end() if article else 0
        return None

    def _judged(self, turn: Turn, known: Known, number: int, text: str, *, about: bool = False) -> Iterator[str]:
        own = category(known.name(turn.row, number))
        claimed, words = head(text)
        if not own or not claimed:
            return
        wrong = contradict(own, claimed) and not (about and claimed == "person" and own in WORN)
        if wrong and not _is_there(known, turn.row, number, claimed):
            yield f"<region{number}> is annotated as {known.name(turn.row, number)}: {excerpt(turn.answer, words)}"
        else:
            yield ""


def _is_there(known: Known, row: int, number: int, claimed: str) -> bool:
    """Whether a region of the claimed category lies at the same place."""
    box = known.box(row, number)
    if box is None:
        return False
    near = overlap(box, known.boxes(row)) >= _SAME_PLACE
    return any(flag and category(name) == claimed for flag, name in zip(near, known.names(row), strict=True))
