"""Answers that all begin alike: a model that has fallen into a groove teaches nothing but the groove."""

from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.qa.checks.base import KEPT, Fault, Finding, Scene, Spec, evidence
from pipelines.qa.checks.words import MODEL_WRITTEN, answers, is_model
from pipelines.qa.pieces import Piece
from pipelines.qa.results import Evidence

WORDS = 4
OFTEN = 0.05
"""Share of a kind's answers from which on an opening is a groove."""
ENOUGH = 200
"""Answers of a kind; of fewer, a share says little."""
_SLOTS = 8192
"""Openings are counted by hash in so many slots, so that memory is bounded whatever the texts; another opening in the
same slot adds about a ten-thousandth to a share."""
_LONGEST = 200
"""Characters of an opening that are kept."""
_OPENING = rf"^\s*(?P<opening>(?:\S+\s+){{{WORDS - 1}}}\S+)\s"


class _First(NamedTuple):
    """The answer of a slot whose row has the lowest rank."""

    rank: int
    opening: str
    place: Evidence


class _Kind:
    """Openings of the answers of one kind that one sort of writer wrote."""

    def __init__(self) -> None:
        self.counts: npt.NDArray[np.int64] = np.zeros(_SLOTS, np.int64)
        self.firsts: dict[int, _First] = {}

    def take(self, slot: int, first: _First) -> None:
        """Keep the lower of two."""
        self.firsts[slot] = min(self.firsts.get(slot, first), first, key=lambda one: (one.rank, one.opening))

    def merge(self, other: Self) -> None:
        """Add another's."""
        self.counts += other.counts
        for slot, first in other.firsts.items():
            self.take(slot, first)

    def common(self) -> list[tuple[int, _First]]:
        """Openings that begin more than `OFTEN` of the answers, the commonest first, with their counts."""
        total = int(self.counts.sum())
        if total < ENOUGH:
            return []
        slots = np.flatnonzero(self.counts > OFTEN * total).tolist()
        found = [(int(self.counts[slot]), self.firsts[slot]) for slot in slots]
        return sorted(found, key=lambda pair: (-pair[0], pair[1].opening))


class Openings:
    """Judges answers of models with five words or more, kind by kind. `<region1>` and `<region2>` are one word here.

    A template has few forms by design: it is counted too, in the note, and is no fault.
    """

    spec = Spec(
        "varied_openings", "few answers of a kind begin with the same four words", "language", "warn", 0.25, "answers"
    )

    def __init__(self) -> None:
        self._models: dict[str, _Kind] = {}
        self._templates: dict[str, _Kind] = {}

    def add(self, piece: Piece) -> None:
        """Count the openings of a piece."""
        turns = piece.turns
        if turns.empty:
            return
        rows = turns["row"].to_numpy()
        openings = _openings(answers(turns))
        has = openings.is_valid().to_numpy(zero_copy_only=False)
        by_model = is_model(piece)[rows]
        for kinds, flags in ((self._models, has & by_model), (self._templates, has & ~by_model)):
            if flags.any():
                kind = kinds.setdefault(piece.kind, _Kind())
                _count(kind, piece, rows[flags], openings.filter(pa.array(flags)))

    def merge(self, other: Self) -> None:
        """Add what another one counted."""
        for mine, theirs in ((self._models, other._models), (self._templates, other._templates)):
            for name, kind in theirs.items():
                mine.setdefault(name, _Kind()).merge(kind)

    def finding(self, scene: Scene) -> Finding:
        """The answers that begin with a common opening."""
        judged = {name: kind for name, kind in sorted(self._models.items()) if kind.counts.sum() >= ENOUGH}
        common = [(name, count, first) for name, kind in judged.items() for count, first in kind.common()]
        told = self._told(self._templates)
        if not judged:
            few = f"a kind needs {ENOUGH} long answers to be judged" if self._models else MODEL_WRITTEN
            return Finding(0, 0, note="; ".join(filter(None, [few, told])))
        shown = sorted(common, key=lambda one: (-one[1], one[0]))[:KEPT]
        return Finding(
            sum(int(kind.counts.sum()) for kind in judged.values()), sum(count for _, count, _ in common),
            tuple(_detail(name, count, first, judged[name]) for name, count, first in shown), told,
        )  # fmt: skip

    def _told(self, kinds: dict[str, _Kind]) -> str:
        """What the templates' share is, which is not judged."""
        shares = {
            name: sum(count for count, _ in kind.common()) / total
            for name, kind in sorted(kinds.items())
            if (total := int(kind.counts.sum())) >= ENOUGH
        }
        listed = ", ".join(f"{name} {share:.0%}" for name, share in shares.items() if share)
        return f"the template's answers, which are not judged, begin alike by design: {listed}" if listed else ""


def _openings(texts: pa.StringArray) -> pa.StringArray:
    """(answers,): the first words, null where there are no more than those."""
    plain = pc.replace_substring_regex(texts, r"<region\d+>", "<region>")
    return pc.struct_field(pc.extract_regex(plain, _OPENING), "opening")


def _count(kind: _Kind, piece: Piece, rows: npt.NDArray[np.int64], openings: pa.StringArray) -> None:
    texts = openings.to_numpy(zero_copy_only=False)
    slots = (pd.util.hash_array(texts, categorize=False) % np.uint64(_SLOTS)).astype(np.int64)
    kind.counts += np.bincount(slots, minlength=_SLOTS)
    ranks = piece.ranks[rows]
    order = np.lexsort((ranks, slots))
    first = order[np.flatnonzero(np.diff(slots[order], prepend=-1))]
    for index in first.tolist():
        slot, rank, row = int(slots[index]), int(ranks[index]), int(rows[index])
        known = kind.firsts.get(slot)
        if known is None or rank <= known.rank:
            kind.take(slot, _First(rank, str(texts[index])[:_LONGEST], evidence(piece, Fault(row, ""))))


def _detail(name: str, count: int, first: _First, kind: _Kind) -> Evidence:
    share = count / int(kind.counts.sum())
    return Evidence(
        detail=f'{share:.1%} of the long answers of {name} begin "{first.opening} ..."',
        sample_id=first.place.sample_id, kind=first.place.kind, file=first.place.file, row=first.place.row,
    )  # fmt: skip
