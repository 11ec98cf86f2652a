"""Answers that give a region another colour than its annotation does.

What is annotated and what is said stand in different rows, often of different shards. Both are kept as numbers (twelve
bytes for a region, some more for a claim) and joined once at the end, so that millions fit.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from pipelines.qa.checks.base import KEPT, Fault, Finding, Scene, Spec, evidence
from pipelines.qa.checks.claims import Known, Turn
from pipelines.qa.checks.colour_words import PATTERN, answered, asked_for, claimed, meet, phrased, told
from pipelines.qa.checks.objects import category
from pipelines.qa.checks.words import Flags, answers, is_model, matching
from pipelines.qa.pieces import Piece, field
from pipelines.qa.reading import rows_at
from pipelines.qa.results import Evidence
from schemas.columns import SHARD

ANNOTATED = ("part_attribute", "mask_text", "region_caption")
"""Kinds whose texts are the annotation, unless a model wrote them."""
CLAIMING = ("conversation", "description", "short_form")
"""Kinds that are held against it, whoever wrote them; of other kinds, what models wrote."""

_KNOWN = np.dtype([("region", "u8"), ("bits", "u4")])
_CLAIM = np.dtype([("region", "u8"), ("bits", "u4"), ("rank", "u8"), ("row", "u4")])
_PARTS = 64
"""Arrays are joined once there are more."""

Table = npt.NDArray[np.void]


class _Claim(NamedTuple):
    """A region of a row and the colours that are said of it."""

    row: int
    number: int
    bits: int
    answer: str


class Colours:
    """Judges the colour that is said of a region ("<region1> is red", "a red bus", answers to "What colour is
    <region1>?") where annotations say one of the region too: PACO's attributes, and phrases such as "the red bus".

    Neighbours such as red and orange, or blue and grey, do not contradict each other. Not seen: colours of clothes and
    parts, persons ("a white man"), and regions of which no annotation tells the colour.
    """

    spec = Spec("colours_true", "colours of regions agree with their annotations", "truth", "warn", 0.05, "claims")

    def __init__(self) -> None:
        self._known: list[Table] = []
        self._claims: dict[str, list[Table]] = defaultdict(list)

    def add(self, piece: Piece) -> None:
        """Take note of colours that are annotated, and of those that are said."""
        if not len(piece):
            return
        by_model = is_model(piece)
        judged = by_model | (piece.kind in CLAIMING)
        if piece.kind in ANNOTATED:
            self._known.append(_table(_KNOWN, piece, _annotated(piece, ~by_model)))
            if len(self._known) > _PARTS:
                self._known = [_joined(self._known)]
        if judged.any():
            claims = _table(_CLAIM, piece, _said(piece, judged))
            if len(claims):
                self._claims[piece.file].append(claims)

    def merge(self, other: Self) -> None:
        """Add what another one took note of."""
        self._known = [_joined([*self._known, *other._known])]
        for file, parts in other._claims.items():
            self._claims[file].extend(parts)

    def finding(self, scene: Scene) -> Finding:
        """Join the two by region."""
        known = _joined(self._known)
        judged, bad = 0, list[tuple[int, str, int, int]]()
        for file, parts in sorted(self._claims.items()):
            claims = np.concatenate(parts)
            place = np.searchsorted(known["region"], claims["region"])
            there = place < len(known)
            there[there] = known["region"][place[there]] == claims["region"][there]
            claims, facts = claims[there], known["bits"][place[there]]
            judged += len(claims)
            wrong = ~meet(claims["bits"], facts)
            bad += [
                (int(one["rank"]), file, int(one["row"]), int(fact))
                for one, fact in zip(claims[wrong], facts[wrong], strict=True)
            ]
        if not judged:
            return Finding(0, 0, note="no answer says a colour of a region of which an annotation does")
        return Finding(judged, len(bad), tuple(_shown(scene, *one[1:]) for one in sorted(set(bad))[:KEPT]))


def _annotated(piece: Piece, flags: Flags) -> Iterator[_Claim]:
    """Colours that the annotation's own words give the one region that a question names."""
    known = Known(piece)
    for turn in _coloured(piece, flags):
        number = turn.only_region()
        own = known.name(turn.row, number)
        if not number or category(own) == "person":
            continue
        by_attribute = piece.kind == "part_attribute"
        bits = answered(turn.answer) * asked_for(turn.question) if by_attribute else phrased(turn.answer, own)
        if bits:
            yield _Claim(turn.row, number, bits, turn.answer)


def _said(piece: Piece, flags: Flags) -> Iterator[_Claim]:
    """Colours that answers give to regions."""
    known = Known(piece)
    for turn in _coloured(piece, flags):
        found = claimed(turn, dict(enumerate(known.names(turn.row), start=1)))
        for number, bits in found.items():
            yield _Claim(turn.row, number, bits, turn.answer)


def _coloured(piece: Piece, flags: Flags) -> Iterator[Turn]:
    """The turns of some rows whose answers name a colour."""
    turns = piece.turns
    picked = turns[matching(answers(turns), PATTERN) & flags[turns["row"].to_numpy()]]
    rows, questions, said = (picked[name].tolist() for name in ("row", "question", "answer"))
    for row, question, answer in zip(rows, questions, said, strict=True):
        yield Turn(row, piece.kind, question, answer)


def _table(dtype: np.dtype[Any], piece: Piece, claims: Iterable[_Claim]) -> Table:
    """Claims as numbers; a region is the hash of its id."""
    listed = list(claims)
    made = np.zeros(len(listed), dtype)
    if not listed:
        return made
    rows = np.array([claim.row for claim in listed])
    places = np.searchsorted(piece.region_rows, rows) + np.array([claim.number for claim in listed]) - 1
    made["region"] = pd.util.hash_array(field(piece.regions, "region_id")[places].astype(object), categorize=False)
    made["bits"] = [claim.bits for claim in listed]
    if "row" in (dtype.names or ()):
        made["rank"], made["row"] = piece.ranks[rows], piece.places[rows]
    return made


def _joined(parts: Sequence[Table]) -> Table:
    """Each region once, in order, with all colours that are annotated of it."""
    every = np.concatenate([np.zeros(0, _KNOWN), *parts])
    every = every[np.argsort(every["region"], kind="stable")]
    regions, starts = np.unique(every["region"], return_index=True)
    made = np.zeros(len(regions), _KNOWN)
    made["region"] = regions
    if len(regions):
        made["bits"] = np.bitwise_or.reduceat(every["bits"], starts)
    return made


def _shown(scene: Scene, file: str, row: int, fact: int) -> Evidence:
    """The row is read again, since texts are not kept."""
    (values,) = rows_at(scene.out, [(file, row)])
    piece = Piece(str(values["kind"]), "", file, np.array([row]), pa.Table.from_pylist([values], schema=SHARD))
    for claim in _said(piece, np.ones(1, np.bool_)):
        if not meet(np.array([claim.bits], np.uint32), np.array([fact], np.uint32))[0]:
            region = field(piece.regions, "region_id")[claim.number - 1]
            detail = f"<region{claim.number}> ({region}) is annotated as {told(fact)}: {claim.answer[:200]}"
            return evidence(piece, Fault(0, detail))
    return evidence(piece, Fault(0, f"a region that is annotated as {told(fact)}"))
