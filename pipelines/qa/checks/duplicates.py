"""Question-answer pairs that stand in two rows: the same regions, the same words.

A pair is known by its image, by the regions that its text names (by their ids, whatever their numbers in the row), by
its question and by its answer. Where the text names none, all regions of the row count. So a short answer such as "Yes"
may stand a thousand times, and so may a question; the same answer to the same question about the same region may not.
"""

from typing import Self

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.qa.checks.base import KEPT, Finding, Scene, Spec
from pipelines.qa.checks.gathered import Gathered, Hashes, Numbers, hashed, looked_up, mixed, named, quoted
from pipelines.qa.pieces import Piece, column, field
from pipelines.qa.results import Evidence

_TAG = r"<region[0-9]+>"


class RepeatedPairs:
    """Keeps 16 bytes a question-answer pair, so that millions fit.

    Every copy beyond the first is at fault. Sources do say the same of a region in the same words (RefCOCO and RefCOCO+
    do), hence a warning, and only where more than five pairs in a thousand are copies.
    """

    spec = Spec(
        "no_repeated_pairs", "no question about the same regions stands with the same answer in two rows",
        "repeats", "warn", 0.005, "question-answer pairs",
    )  # fmt: skip

    def __init__(self) -> None:
        self._judged = 0
        self._pairs = Gathered()

    def add(self, piece: Piece) -> None:
        """Take note of a piece."""
        pairs = pd.DataFrame({"row": piece.turns["row"], "turn": piece.turns["turn"], "key": pair_keys(piece)})
        self._judged += len(pairs)
        once = pairs.drop_duplicates(["row", "key"])
        turns = once["turn"].to_numpy(np.int32)
        self._pairs.add(piece, once["row"].to_numpy(np.int64), key=once["key"].to_numpy(np.uint64), turn=turns)

    def merge(self, other: Self) -> None:
        """Add what another one saw."""
        self._judged += other._judged
        self._pairs.merge(other._pairs)

    def finding(self, scene: Scene) -> Finding:
        """The copies, with the row that has the pair first."""
        keys = self._pairs.column("key", np.uint64)
        order = np.argsort(keys, kind="stable")
        again = np.flatnonzero(keys[order][1:] == keys[order][:-1]) + 1
        if not self._judged:
            return Finding(0, 0, note="no row has a question and an answer")
        return Finding(self._judged, len(again), self._evidence(scene, order, again))

    def _evidence(self, scene: Scene, order: Numbers, again: Numbers) -> tuple[Evidence, ...]:
        """One copy of each of the first pairs in the order of hashes, which no sharding changes."""
        starts = again[np.diff(again, prepend=-2) > 1][:KEPT]
        firsts, copies = self._pairs.places(order[starts - 1]), self._pairs.places(order[starts])
        rows = looked_up(scene.out, [*firsts, *copies], ["sample_id", "messages"])
        turns = self._pairs.column("turn", np.int32)[order[starts]]
        found = []
        for first, copy, turn in zip(firsts, copies, turns, strict=True):
            question, answer = (rows[copy]["messages"][2 * int(turn) + i]["content"] for i in (0, 1))
            told = f"{quoted(question)} with the answer {quoted(answer)} stands also in {rows[first]['sample_id']}"
            found.append(named(copy, rows[copy], f"{told} ({first.file} row {first.row}), about the same regions"))
        return tuple(found)


def pair_keys(piece: Piece) -> Hashes:
    """(turns,): a hash of image, regions, question and answer."""
    turns = piece.turns
    rows = turns["row"].to_numpy()
    text = pa.array(turns["question"] + "\0" + turns["answer"], pa.string())
    images = hashed(column(piece.table, "image_id"))
    words = hashed(pc.replace_substring_regex(text, _TAG, "<region>"))
    return mixed(mixed(words, images[rows]), _regions(piece, rows, text))


def _regions(piece: Piece, rows: Numbers, text: pa.Array) -> Hashes:
    """(turns,): a hash of the ids of the regions that each text names in turn, or of all of its row."""
    ids = hashed(field(piece.regions, "region_id")) if len(piece.regions) else np.zeros(0, np.uint64)
    owners, numbers = _mentions(text)
    starts = np.searchsorted(piece.region_rows, np.arange(len(piece) + 1))
    at = starts[rows[owners]] + numbers - 1
    real = (numbers > 0) & (at < starts[rows[owners] + 1])
    owners, at = owners[real], at[real]
    named = np.zeros(len(rows), np.uint64)
    np.add.at(named, owners, mixed(ids[at], _ranks(owners).astype(np.uint64)))
    silent = np.ones(len(rows), bool)
    silent[owners] = False
    every = np.zeros(len(piece), np.uint64)
    np.add.at(every, piece.region_rows, ids)
    return np.where(silent, every[rows], named)


def _mentions(text: pa.Array) -> tuple[Numbers, Numbers]:
    """The text and the N of every `<regionN>`, in order."""
    parts = pc.split_pattern(text, "<region")
    owners = pc.list_parent_indices(parts).to_numpy().astype(np.int64)
    found = pc.struct_field(pc.extract_regex(pc.list_flatten(parts), r"^(?P<n>[0-9]{1,6})>"), "n")
    tags = np.flatnonzero(pc.is_valid(found).to_numpy(zero_copy_only=False) & (_ranks(owners) > 0))
    return owners[tags], found.take(pa.array(tags)).cast(pa.int64()).to_numpy()


def _ranks(owners: Numbers) -> Numbers:
    """Position of each item among those of its owner; equal owners stand together."""
    return np.arange(len(owners)) - np.searchsorted(owners, owners)
