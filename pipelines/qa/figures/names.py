"""How often each of very many names occurs, in memory that does not grow with their length.

Eight bytes of hash and eight of count are kept for each distinct name; the names themselves only of the commonest of
each piece and of an even sample of the others (those with the lowest hashes), so that the result does not depend on how
shards were shared out. Below `SAMPLED` names all of them are kept.
"""

from collections.abc import Mapping
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from pipelines.qa.figures.records import Name, Vocabulary

Ints = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]

SAMPLED = 20_000
"""Names kept whatever their frequency."""
_HEAD = 100
"""Commonest names of a piece that are kept besides."""
_LONGEST = 200
"""Characters of a name that are kept: a text without blanks may be taken for one name."""
_LISTED = 50
"""Names of the head and the tail of a vocabulary."""


class Counted(NamedTuple):
    """Distinct hashes, ascending, and how often each stands there."""

    hashes: Hashes
    counts: Ints


NOTHING = Counted(np.zeros(0, np.uint64), np.zeros(0, np.int64))


def hashes(values: pa.Array) -> Hashes:
    """(n,): eight bytes of each of n strings."""
    encoded = values.dictionary_encode()
    words = encoded.dictionary.to_numpy(zero_copy_only=False).astype(object)
    return pd.util.hash_array(words, categorize=False)[encoded.indices.to_numpy()]


def counted(found: Hashes, weights: Ints | None = None) -> Counted:
    """Counts of hashes (n,), each of them `weights` times."""
    distinct, place = np.unique(found, return_inverse=True)
    totals = np.bincount(place, minlength=len(distinct)) if weights is None else _sums(place, weights, len(distinct))
    return Counted(distinct, totals.astype(np.int64))


def _sums(place: Ints, weights: Ints, number: int) -> Ints:
    totals = np.zeros(number, np.int64)
    np.add.at(totals, place, weights)
    return totals


class Lexicon:
    """Names by hash: bounded, and the same whatever the order in which they came."""

    def __init__(self) -> None:
        self._heads: dict[int, str] = {}
        self._sample: dict[int, str] = {}

    def add(self, names: pa.Array, counts: Ints) -> Hashes:
        """Take note of the distinct names of a piece and their counts in it; returns their hashes."""
        texts = names.to_numpy(zero_copy_only=False).astype(object)
        found = pd.util.hash_array(texts, categorize=False)
        for place in np.lexsort((found, -counts))[:_HEAD].tolist():
            self._heads[int(found[place])] = str(texts[place])[:_LONGEST]
        lowest = np.argpartition(found, SAMPLED)[:SAMPLED] if len(found) > SAMPLED else np.arange(len(found))
        self._keep({int(found[place]): str(texts[place])[:_LONGEST] for place in lowest.tolist()})
        return found

    def merge(self, other: Self) -> None:
        """Add the names of another one."""
        self._heads.update(other._heads)
        self._keep(other._sample)

    def known(self) -> dict[int, str]:
        """All names that are kept."""
        return self._sample | self._heads

    def _keep(self, more: Mapping[int, str]) -> None:
        self._sample.update(more)
        if len(self._sample) > SAMPLED:
            self._sample = {one: self._sample[one] for one in sorted(self._sample)[:SAMPLED]}


class Names:
    """Names with their counts."""

    def __init__(self) -> None:
        self.lexicon = Lexicon()
        self._counted = NOTHING
        self._pending: list[Counted] = []

    def add(self, values: pa.Array, weights: Ints | None = None) -> None:
        """Count strings (n,), each of them `weights` times."""
        encoded = values.dictionary_encode()
        place = encoded.indices.to_numpy().astype(np.int64)
        number = len(encoded.dictionary)
        counts = np.bincount(place, minlength=number) if weights is None else _sums(place, weights, number)
        found = self.lexicon.add(encoded.dictionary, counts)
        self._append(counted(found, counts.astype(np.int64)))

    def merge(self, other: Self) -> None:
        """Add what another one counted."""
        self.lexicon.merge(other.lexicon)
        self._append(other.counted())

    def counted(self) -> Counted:
        """All of them."""
        if self._pending:
            parts = [self._counted, *self._pending]
            self._counted = counted(*(np.concatenate(column) for column in zip(*parts, strict=True)))
            self._pending = []
        return self._counted

    def top(self, number: int) -> tuple[Name, ...]:
        """The commonest."""
        return vocabulary(self.counted(), self.lexicon).top[:number]

    def _append(self, found: Counted) -> None:
        self._pending.append(found)
        if sum(len(one.hashes) for one in self._pending) > max(100_000, len(self._counted.hashes)):
            self.counted()


def vocabulary(found: Counted, lexicon: Lexicon) -> Vocabulary:
    """Head, tail and curve; names with equal counts in alphabetical order."""
    known = lexicon.known()
    keys = np.array(sorted(known), np.uint64)
    place = np.searchsorted(found.hashes, keys).clip(0, max(len(found.hashes) - 1, 0))
    here = found.hashes[place] == keys if len(found.hashes) else np.zeros(len(keys), bool)
    named = [
        Name(name=known[int(key)], count=int(found.counts[at]))
        for key, at in zip(keys[here].tolist(), place[here].tolist(), strict=True)
    ]
    curve = np.sort(found.counts)[::-1]
    return Vocabulary(
        distinct=len(curve), total=int(curve.sum()),
        top=tuple(sorted(named, key=lambda one: (-one.count, one.name))[:_LISTED]),
        tail=tuple(sorted(named, key=lambda one: (one.count, one.name))[:_LISTED]),
        curve=tuple(Name(name=str(rank), count=int(curve[rank - 1])) for rank in _ranks(len(curve))),
    )  # fmt: skip


def _ranks(number: int) -> list[int]:
    """Ranks from 1 to the last, eight to a power of ten."""
    steps = {round(10 ** (step / 8)) for step in range(8 * 10)}
    return sorted({rank for rank in steps if rank < number} | ({number} if number else set()))
