"""Looking for words in millions of texts: one pattern over all of them at once, and a second look at what it finds."""

import re
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.qa.checks.base import Fault, Faults, RowCheck
from pipelines.qa.pieces import Piece

Flags = npt.NDArray[np.bool_]

TEMPLATE = "template"
"""The one writer that is no model; of imported texts it is not known who wrote them, and most of them a model did."""
MODEL_WRITTEN = "the build has no answers of a language model"
_AROUND = 90
"""Characters of a text shown on either side of the words at fault."""


def answers(turns: pd.DataFrame) -> pa.StringArray:
    """(turns,): the answers."""
    return pa.array(turns["answer"], pa.string())


def said(turns: pd.DataFrame) -> pa.StringArray:
    """(turns,): question and answer as one text each."""
    return pc.binary_join_element_wise(pa.array(turns["question"], pa.string()), answers(turns), "\n")


def matching(texts: pa.StringArray, pattern: str) -> Flags:
    """(texts,): where a pattern of RE2 is found; it takes linear time whatever the text."""
    return pc.match_substring_regex(texts, pattern).to_numpy(zero_copy_only=False)


def is_model(piece: Piece) -> Flags:
    """(rows,): whether a model wrote the answers of the row."""
    return piece.writers != TEMPLATE


def model_turns(piece: Piece) -> pd.DataFrame:
    """The turns whose answers a model wrote."""
    turns = piece.turns
    return turns[is_model(piece)[turns["row"].to_numpy()]]


def as_re2(pattern: re.Pattern[str]) -> str:
    """A pattern of `re` without lookarounds, as RE2 reads it."""
    text = re.sub(r"\\u([0-9a-f]{4})", lambda code: chr(int(code[1], 16)), pattern.pattern)
    return f"(?i){text}" if pattern.flags & re.IGNORECASE else text


def any_of(words: Iterable[str], suffix: str = "") -> str:
    """A pattern of any of the words as whole words, the longest first."""
    listed = "|".join(re.escape(word) for word in sorted(words, key=lambda word: (-len(word), word)))
    return rf"\b(?:{listed}){suffix}\b"


def excerpt(text: str, words: str) -> str:
    """The words at fault and what stands around them."""
    start = max(text.find(words), 0)
    before, after = max(start - _AROUND, 0), start + len(words) + _AROUND
    shown = " ".join(text[before:after].split())
    return f"{words.strip()!r} in: {'… ' * (before > 0)}{shown}{' …' * (after < len(text))}"


class WordCheck(RowCheck):
    """Judges each answer, or each question with its answer, by the words in it."""

    pattern = ""
    """Of RE2: where it is not found there is nothing at fault."""
    models_only = False
    """Only answers of models are judged."""
    with_questions = False

    def at_fault(self, text: str) -> str:
        """The words at fault in a text where the pattern was found; empty where there are none after all."""
        raise NotImplementedError

    def faults(self, piece: Piece) -> Faults:
        """A fault for each row with such words."""
        turns = model_turns(piece) if self.models_only else piece.turns
        texts = said(turns) if self.with_questions else answers(turns)
        hit = np.flatnonzero(matching(texts, self.pattern))
        looked = [(row, text, self.at_fault(text)) for row, text in self._texts(turns, texts, hit)]
        bad = [(row, excerpt(text, words)) for row, text, words in looked if words]
        return Faults(len(turns), len(bad), [Fault(row, detail) for row, detail in _first_of_rows(bad)])

    def _texts(
        self, turns: pd.DataFrame, texts: pa.StringArray, hit: npt.NDArray[np.int64]
    ) -> Iterable[tuple[int, str]]:
        return zip(turns["row"].to_numpy()[hit].tolist(), texts.take(pa.array(hit)).to_pylist(), strict=True)


def _first_of_rows(bad: Iterable[tuple[int, str]]) -> Iterable[tuple[int, str]]:
    first: dict[int, str] = {}
    for row, detail in bad:
        first.setdefault(row, detail)
    return first.items()
