"""Texts in another language than English, by a language identifier (py3langid)."""

import re
from functools import cache
from typing import Any, NamedTuple, Self

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.qa.checks.base import KEPT, Fault, Finding, Scene, Spec, evidence
from pipelines.qa.checks.words import answers
from pipelines.qa.pieces import Piece
from pipelines.qa.results import Evidence

LETTERS = 40
"""An answer with fewer characters is too short to tell: of 4,000 real expressions of any length it takes 16 % for
another language, of those of this length two, and those without being sure."""
SURE = 0.75
"""Probability from which on it is another language. Of 9,000 real English texts none comes to 0.6."""
LOOKED_AT = 5000
"""Distinct answers, those with the lowest hashes: a sample that the order of the shards does not change."""
_CUT = 1000
"""Characters of a text that are looked at."""
_TAG = re.compile(r"<region\d+>")


class _Text(NamedTuple):
    """A distinct text, and where it stands, in the row with the lowest rank."""

    rank: int
    text: str
    place: Evidence


class English:
    """Judges distinct answers that are long enough, at most 5,000 of them."""

    spec = Spec("english", "answers are in English", "language", "warn", 0.005, "distinct answers")

    def __init__(self) -> None:
        self._texts: dict[int, _Text] = {}
        self._long = 0

    def add(self, piece: Piece) -> None:
        """Keep the long answers with the lowest hashes."""
        turns = piece.turns
        texts = answers(turns)
        long = np.flatnonzero(pc.greater_equal(pc.utf8_length(texts), LETTERS).to_numpy(zero_copy_only=False))
        self._long += len(long)
        rows = turns["row"].to_numpy()[long]
        content = texts.take(pa.array(long)).to_numpy(zero_copy_only=False)
        hashes = pd.util.hash_array(content, categorize=False)
        low = np.flatnonzero(hashes <= self._highest())
        low = low[np.argsort(hashes[low], kind="stable")]
        kept = low[np.isin(hashes[low], np.unique(hashes[low])[:LOOKED_AT])]
        for index in kept.tolist():
            row = int(rows[index])
            place = evidence(piece, Fault(row, ""))
            self._take(int(hashes[index]), _Text(int(piece.ranks[row]), str(content[index])[:_CUT], place))
        self._shorten()

    def merge(self, other: Self) -> None:
        """Add what another one kept."""
        self._long += other._long
        for key, text in other._texts.items():
            self._take(key, text)
        self._shorten()

    def finding(self, scene: Scene) -> Finding:
        """Ask the identifier about each text that was kept."""
        if not self._texts:
            return Finding(0, 0, note=f"no answer has {LETTERS} characters or more")
        model = _identifier()
        texts = sorted(self._texts.values(), key=lambda one: (one.rank, one.text))
        told = [(one, *_language(model, one.text)) for one in texts]
        bad = [(one, language) for one, language, sure in told if language != "en" and sure >= SURE]
        shown = tuple(_detail(one, language) for one, language in bad[:KEPT])
        note = f"{len(texts):,} distinct answers of the {self._long:,} with {LETTERS} characters or more"
        return Finding(len(texts), len(bad), shown, note)

    def _highest(self) -> np.uint64:
        full = len(self._texts) >= LOOKED_AT
        return np.uint64(max(self._texts) if full else np.iinfo(np.uint64).max)

    def _take(self, key: int, text: _Text) -> None:
        known = self._texts.get(key)
        if known is None or (text.rank, text.place.row) < (known.rank, known.place.row):
            self._texts[key] = text

    def _shorten(self) -> None:
        if len(self._texts) > LOOKED_AT:
            self._texts = {key: self._texts[key] for key in sorted(self._texts)[:LOOKED_AT]}


def _detail(one: _Text, language: str) -> Evidence:
    return msgspec.structs.replace(one.place, detail=f"{language}: {one.text[:200]}")


@cache
def _identifier() -> Any:
    """Loaded once, when it is needed, which takes a second."""
    from py3langid import langid

    return langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE, norm_probs=True)


def _language(model: Any, text: str) -> tuple[str, float]:
    """Code of the language, and its probability."""
    language, sure = model.classify(_TAG.sub(" ", text))
    return str(language), float(sure)
