"""What answers say of regions, beside what the row knows of them."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

import prompts
from pipelines.qa.checks.base import Fault, Faults, RowCheck
from pipelines.qa.checks.words import answers, matching, said
from pipelines.qa.pieces import Piece, column, field

TAG = r"<region([0-9]{1,6})>"
"""No row has a million regions; longer numbers are text."""
CLAUSE = r"(?:^|[.!?;:,]\s+|\n[^\S\n]*|\b(?:[Tt]hat|and|while|because|[Ii]s|so)\s+)"
"""What stands before the subject of a clause: "the hat of <region1>" says nothing of the region as a whole."""
REMEMBERED = 50_000
"""Outcomes that are kept of a function that is asked the same again and again."""
_TAG = re.compile(TAG)


def form_pattern(form: str, **groups: str) -> re.Pattern[str]:
    """A pattern of a question's form, such as `What is {region}?`, with patterns for its names."""
    parts = re.split(r"\{(\w+)\}", form)
    text = "".join(groups[part] if place % 2 else re.escape(part) for place, part in enumerate(parts))
    return re.compile(rf"\s*{text}\s*$", re.IGNORECASE)


class Forms(tuple[re.Pattern[str], ...]):
    """Forms of questions. Known by identity: to hash patterns takes longer than to match them."""

    __slots__ = ()
    __eq__ = object.__eq__
    __hash__ = object.__hash__


NAMING = Forms(
    form_pattern(form, region=TAG)
    for form in (
        *prompts.questions("mask_text", "category_questions"), *prompts.questions("part_category", "object_questions"),
        "Name {region}.", "Which kind of thing is {region}?", "What object is in {region}?", "What is in {region}?",
        "What is shown in {region}?", "Identify {region}.",
    )
)  # fmt: skip
"""Questions after what a region is: those of our prompts, and the shortest ones of others."""

POINTING = Forms(form_pattern(form, region=TAG) for form in prompts.questions("mask_text", "phrase_questions"))
"""Questions after a phrase that points a region out."""


@lru_cache(maxsize=REMEMBERED)
def matches(forms: Forms, question: str) -> bool:
    """Whether a question has one of some forms; asked over and over of the same questions."""
    return any(form.match(question) for form in forms)


class Turn(NamedTuple):
    """A question and its answer."""

    row: int
    kind: str
    question: str
    answer: str
    by_model: bool = True
    """Whether a model may have written it; only checks that ask for it are told that the template did."""

    def only_region(self) -> int:
        """The number of the one region that the question names; 0 where it names none or several."""
        numbers = set(_TAG.findall(self.question))
        return int(numbers.pop()) if len(numbers) == 1 else 0


class Known:
    """The regions of a piece, by row and number."""

    def __init__(self, piece: Piece) -> None:
        owner = piece.region_rows
        self._starts = np.searchsorted(owner, np.arange(len(piece) + 1))
        self._names = field(piece.regions, "category")
        boxes = pc.list_flatten(pc.struct_field(piece.regions, "bbox")).to_numpy(zero_copy_only=False)
        self._boxes: npt.NDArray[np.float64] = boxes.reshape(-1, 4).astype(np.float64)
        self.widths = column(piece.table, "width").to_numpy(zero_copy_only=False)
        self.heights = column(piece.table, "height").to_numpy(zero_copy_only=False)

    def name(self, row: int, number: int) -> str:
        """The category of a region; empty where there is no such region, or it has none."""
        place = self._place(row, number)
        return str(self._names[place] or "") if place is not None else ""

    def box(self, row: int, number: int) -> npt.NDArray[np.float64] | None:
        """[x, y, width, height] in pixels."""
        place = self._place(row, number)
        return self._boxes[place] if place is not None else None

    def middle(self, row: int, number: int) -> tuple[float, float] | None:
        """The middle of a region's box, in shares of the picture's width and height."""
        box = self.box(row, number)
        if box is None or not self.widths[row] or not self.heights[row]:
            return None
        x, y, width, height = box.tolist()
        return (x + width / 2) / float(self.widths[row]), (y + height / 2) / float(self.heights[row])

    def names(self, row: int) -> list[str]:
        """Categories of all regions of a row."""
        return [str(name or "") for name in self._names[self._starts[row] : self._starts[row + 1]]]

    def boxes(self, row: int) -> npt.NDArray[np.float64]:
        """(regions of the row, 4)."""
        return self._boxes[self._starts[row] : self._starts[row + 1]]

    def _place(self, row: int, number: int) -> int | None:
        place = int(self._starts[row]) + number - 1
        return place if number >= 1 and place < self._starts[row + 1] else None


class ClaimCheck(RowCheck):
    """Judges what answers say of regions, as far as it is understood: what is judged are claims, not answers."""

    pattern = ""
    """Of RE2: answers, or questions and answers, that may hold a claim."""
    with_questions = False
    kinds: tuple[str, ...] = ()
    """Only these are looked at; all where empty."""
    nothing = "no answer says such a thing in words that are understood"

    def claims(self, turn: Turn, known: Known) -> Iterator[str]:
        """For each claim of an answer what is wrong with it; empty where it is true."""
        raise NotImplementedError

    def faults(self, piece: Piece) -> Faults:
        """A fault for each row with a false claim."""
        if self.kinds and piece.kind not in self.kinds:
            return Faults(0, 0, [])
        judged, bad = 0, list[tuple[int, str]]()
        known = Known(piece)
        for turn in self._turns(piece):
            for wrong in self.claims(turn, known):
                judged += 1
                if wrong:
                    bad.append((turn.row, wrong))
        first = dict(reversed(bad))
        return Faults(judged, len(bad), [Fault(row, first[row]) for row in sorted(first)])

    def _turns(self, piece: Piece) -> Iterator[Turn]:
        turns = piece.turns
        texts = said(turns) if self.with_questions else answers(turns)
        hit = np.flatnonzero(matching(texts, self.pattern))
        picked = turns.iloc[hit]
        for row, question, answer in zip(
            picked["row"].tolist(), picked["question"].tolist(), picked["answer"].tolist(), strict=True
        ):
            yield Turn(row, piece.kind, question, answer)
