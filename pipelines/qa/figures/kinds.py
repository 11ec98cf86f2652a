"""The figures of one kind."""

import re
from collections import Counter
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.qa.figures.names import Hashes, Names, hashes
from pipelines.qa.figures.records import KindFigures
from pipelines.qa.figures.regions import Shapes, vanished
from pipelines.qa.figures.tally import SHARE, Ints, Tally, shares
from pipelines.qa.figures.vanishing import STRIDES
from pipelines.qa.figures.words import lengths, openings
from pipelines.qa.pieces import Piece, column

CONTEXT = 2048
"""Tokens of a row that the model reads (paper section 3)."""
IMAGE_TOKENS, REGION_TOKENS = 1024, 2
"""Of a picture, and of a region (paper section 1)."""
_OPENING_WORDS = 3
_OPENINGS = 12
_YES, _NO = r"(?i)^\W*yes\b", r"(?i)^\W*no\b"


class Images:
    """Distinct images, eight bytes each."""

    def __init__(self) -> None:
        self._all: Hashes = np.zeros(0, np.uint64)
        self._pending: list[Hashes] = []

    def add(self, found: Hashes) -> None:
        """Take note of images."""
        self._pending.append(np.unique(found))
        if sum(map(len, self._pending)) > max(100_000, len(self._all)):
            self.distinct()

    def distinct(self) -> Hashes:
        """Each once, ascending."""
        if self._pending:
            self._all = np.unique(np.concatenate([self._all, *self._pending]))
            self._pending = []
        return self._all


class KindSurvey:
    """Counts and measures the rows of one kind."""

    def __init__(self) -> None:
        self.images = Images()
        self._tallies = {
            "area_px": Tally(logarithmic=True), "area_share": Tally(SHARE, logarithmic=True),
            **{name: Tally() for name in (
                "regions_per_row", "turns_per_row", "question_words", "answer_words", "tokens")},
        }  # fmt: skip
        self._counts: Counter[str] = Counter()
        self._seen = np.zeros(len(STRIDES), np.int64)
        self._openings = Names()

    def add(self, piece: Piece, found: Shapes) -> None:
        """Take note of a piece, of which the regions were measured."""
        self.images.add(hashes(column(piece.table, "image_id")))
        regions = np.bincount(piece.region_rows, minlength=len(piece))
        self._tallies["regions_per_row"].add(regions)
        self._tallies["area_px"].add(found.area)
        self._tallies["area_share"].add(shares(found.area, found.pixels))
        self._seen += found.seen.sum(axis=0)
        self._counts.update(rows=len(piece), regions=len(found.area), turns=len(piece.asked))
        self._add_texts(piece, regions)

    def _add_texts(self, piece: Piece, regions: Ints) -> None:
        words, tokens = lengths(piece.messages)
        row_tokens = np.bincount(piece.message_rows, tokens, len(piece)).astype(np.int64)
        row_tokens += IMAGE_TOKENS + REGION_TOKENS * regions
        answers = piece.messages.take(pa.array(piece.asked + 1))
        self._tallies["turns_per_row"].add(np.bincount(piece.message_rows[piece.asked], minlength=len(piece)))
        self._tallies["question_words"].add(words[piece.asked])
        self._tallies["answer_words"].add(words[piece.asked + 1])
        self._tallies["tokens"].add(row_tokens)
        self._counts.update(over_context=int((row_tokens > CONTEXT).sum()), yes=_matches(answers, _YES),
                            no=_matches(answers, _NO))  # fmt: skip
        self._openings.add(openings(answers, _OPENING_WORDS))

    def merge(self, other: Self) -> None:
        """Add what another one saw."""
        self.images.add(other.images.distinct())
        for name, tally in self._tallies.items():
            tally.merge(other._tallies[name])
        self._counts.update(other._counts)
        self._seen += other._seen
        self._openings.merge(other._openings)

    def figures(self) -> KindFigures:
        """What was counted."""
        found: dict[str, Any] = {name: tally.distribution() for name, tally in self._tallies.items()}
        return KindFigures(
            **found | self._counts, images=len(self.images.distinct()), openings=self._openings.top(_OPENINGS),
            vanishing=vanished(self._counts["regions"], self._seen.tolist()),
        )  # fmt: skip


def _matches(texts: pa.Array, pattern: str) -> int:
    return pc.sum(pc.match_substring_regex(texts, pattern)).as_py() or 0


_BETWEEN = re.compile(r"[,;/]|\b(?:and|or|with)\b", re.IGNORECASE)
_AROUND = re.compile(r"^(?:yes|no|a|an|the)\b[,. ]*", re.IGNORECASE)
_MOST_WORDS = 3
"""Of an attribute; what is longer is a sentence."""


def attributes(answers: pa.Array) -> tuple[pa.Array, Ints]:
    """The attributes named in answers (n,) of `part_attribute` ("dark blue and white"), and how often each is."""
    found: Counter[str] = Counter()
    for one in pc.value_counts(answers).to_pylist():
        for name in attribute_names(str(one["values"])):
            found[name] += one["counts"]
    return pa.array(list(found), pa.string()), np.array(list(found.values()), np.int64)


def attribute_names(answer: str) -> list[str]:
    """Those of one answer, in lower case, without small words."""
    names = [_AROUND.sub("", piece.strip(" .!\"'")).lower().strip() for piece in _BETWEEN.split(answer)]
    return [name for name in names if name and len(name.split()) <= _MOST_WORDS]
