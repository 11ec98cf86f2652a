"""Long answers that say the same in almost the same words as an answer of another row."""

from collections.abc import Iterator
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.builders.context import TEMPLATE
from pipelines.qa.checks.base import KEPT, Finding, Scene, Spec
from pipelines.qa.checks.gathered import Gathered, Hashes, Numbers, counted, hashed, looked_up, named, quoted
from pipelines.qa.checks.grouping import Groups
from pipelines.qa.checks.minhash import PERMUTATIONS, Signatures, alike, plain, signatures, word_counts
from pipelines.qa.pieces import Piece
from pipelines.qa.results import Evidence

WORDS = 12
"""Fewer words are rightly alike: there are only so many ways to say what a small thing is."""
SIMILARITY = 0.8
"""Jaccard similarity of runs of three words from which on two answers are alike; of thirty words two or so differ."""


class _Alike(NamedTuple):
    """Answers of one kind of writer."""

    entries: Numbers
    """(texts,): the first answer with each distinct text."""
    others: Numbers
    """(texts,): the last answer with it, which is of another row where the text stands in several."""
    counts: Numbers
    """(texts,): answers with it."""
    groups: Groups
    at_fault: npt.NDArray[np.bool_]
    """(texts,)"""

    @property
    def answers(self) -> int:
        return int(self.counts.sum())

    @property
    def failed(self) -> int:
        return int(self.counts[self.at_fault].sum())


class NearAnswers:
    """Keeps 17 bytes an answer and 136 a distinct text.

    A template says the same of all that is the same, so only what models or people wrote is judged. What is written one
    by one differs; beyond two in a hundred the writer repeats itself.
    """

    spec = Spec(
        "answers_differ", f"answers of {WORDS} words or more are not nearly the same as those of other rows",
        "repeats", "warn", 0.02, "answers",
    )  # fmt: skip

    def __init__(self) -> None:
        self._answers = Gathered()
        self._keys: list[Hashes] = []
        self._signed: list[Signatures] = []

    def add(self, piece: Piece) -> None:
        """Take note of a piece."""
        texts = plain(pa.array(piece.turns["answer"], pa.string()))
        long = np.flatnonzero(word_counts(texts) >= WORDS)
        texts = texts.take(pa.array(long))
        rows = piece.turns["row"].to_numpy()[long]
        keys = hashed(texts)
        template = (piece.writers == TEMPLATE)[rows].astype(bool)
        turns = piece.turns["turn"].to_numpy(np.int32)[long]
        self._answers.add(piece, rows, key=keys, template=template, turn=turns)
        distinct, first = np.unique(keys, return_index=True)
        self._keys.append(distinct)
        self._signed.append(signatures(texts.take(pa.array(first))))

    def merge(self, other: Self) -> None:
        """Add what another one saw."""
        self._answers.merge(other._answers)
        self._keys += other._keys
        self._signed += other._signed

    def finding(self, scene: Scene) -> Finding:
        """The share of answers that are alike, and the largest groups of them."""
        template = self._answers.column("template", np.bool_)
        by_design, written = self._alike(np.flatnonzero(template)), self._alike(np.flatnonzero(~template))
        note = _note(written, by_design)
        if not written.answers:
            return Finding(0, 0, note=note)
        return Finding(written.answers, written.failed, tuple(self._evidence(scene, written)), note)

    def _alike(self, entries: Numbers) -> _Alike:
        owners = self._answers.owners()[entries]
        keys, inverse, counts = np.unique(
            self._answers.column("key", np.uint64)[entries], return_inverse=True, return_counts=True
        )
        ends = np.cumsum(counts)
        order = np.argsort(inverse, kind="stable")
        first, last = order[ends - counts], order[ends - 1]
        owner = np.where(owners[first] == owners[last], owners[first], -1)
        groups = alike(self._signatures(keys), owner, SIMILARITY)
        at_fault = (groups.sizes() > 1) | (owner < 0)
        return _Alike(entries[first], entries[last], counts, groups, at_fault)

    def _signatures(self, keys: Hashes) -> Signatures:
        """(keys, 128): of texts by their hashes."""
        self._keys = [np.concatenate([np.zeros(0, np.uint64), *self._keys])]
        self._signed = [np.concatenate([np.zeros((0, PERMUTATIONS), np.uint8), *self._signed])]
        known, at = np.unique(self._keys[0], return_index=True)
        found: Signatures = self._signed[0][at[np.searchsorted(known, keys)]]
        return found

    def _evidence(self, scene: Scene, found: _Alike) -> Iterator[Evidence]:
        sizes = found.groups.sizes(found.counts)
        shown = _largest(found, sizes)
        partners = found.groups.partners[shown]
        others = np.where(partners < 0, found.others[shown], found.entries[partners])
        turns = self._answers.column("turn", np.int32)
        left, right = self._answers.places(found.entries[shown]), self._answers.places(others)
        rows = looked_up(scene.out, [*left, *right], ["sample_id", "messages"])
        for text, one, other, at, there in zip(shown, found.entries[shown], others, left, right, strict=True):
            mine, its = (quoted(_answer(rows[p], turns[e])) for p, e in ((at, one), (there, other)))
            yield named(
                at, rows[at],
                f"{sizes[text]:,} answers are alike, such as {mine} and, in {rows[there]['sample_id']} ({there.file} "
                f"row {there.row}), {its}",
            )  # fmt: skip


def _largest(found: _Alike, sizes: Numbers) -> Numbers:
    """One text of each of the largest groups at fault: the first in the order of hashes."""
    fault = np.flatnonzero(found.at_fault)
    _, first = np.unique(found.groups.labels[fault], return_index=True)
    ones = np.sort(fault[first])
    return ones[np.argsort(-sizes[ones], kind="stable")][:KEPT]


def _answer(row: dict[str, Any], turn: int) -> str:
    return str(row["messages"][2 * int(turn) + 1]["content"])


def _note(written: _Alike, by_design: _Alike) -> str:
    told = []
    if written.failed:
        sizes = written.groups.sizes(written.counts)[written.at_fault]
        groups = len(np.unique(written.groups.labels[written.at_fault]))
        told.append(f"{counted(groups, 'group')}, the largest of {sizes.max():,} answers")
    if not written.answers:
        told.append(f"no answer of {WORDS} words or more was written by a model or taken over")
    if by_design.answers:
        share = by_design.failed / by_design.answers
        told.append(f"of {by_design.answers:,} such answers from templates {share:.1%} are alike, which is by design")
    return "; ".join(told)
