"""What no single shard can show: an id in two shards, an image in two splits.

Eight bytes an id are kept, so that millions fit; names are looked up again only for the few that are at fault.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from pipelines import storage
from pipelines.qa.reading import column_pieces
from pipelines.qa.suite.expectations import EXAMPLES, Failure

Hashes = npt.NDArray[np.uint64]

_NAMED = 1000
"""Ids at fault of which the names are looked up, at most."""


class CrossChecks:
    """Fed with every piece of every shard, it says at the end what the shards have in common that they must not."""

    def __init__(self) -> None:
        self._ids: dict[str, list[Hashes]] = defaultdict(list)
        self._images: dict[str, dict[str, list[Hashes]]] = {}

    def add(self, file: str, split: str, piece: pa.Table) -> None:
        """Take note of the ids of a piece (columns `sample_id`, `image_id`) of a file of a split."""
        self._ids[file].append(_hashes(piece["sample_id"]))
        self._images.setdefault(split, {}).setdefault(file, []).append(np.unique(_hashes(piece["image_id"])))

    def merge(self, other: Self) -> None:
        """Add what another one saw, of other files."""
        self._ids.update(other._ids)
        for split, files in other._images.items():
            self._images.setdefault(split, {}).update(files)

    def failures(self, out: str) -> list[Failure]:
        """The failures, once all is added."""
        return [*self._double_ids(out), *self._split_images(out)]

    def _double_ids(self, out: str) -> list[Failure]:
        every, counts = np.unique(_joined(self._ids.values()), return_counts=True)
        double = every[counts > 1]
        if not len(double):
            return []
        files = _places(out, self._ids, "sample_id", double)
        return [_failure("sample_id_unique_in_build", int((counts - 1).sum()), files, "the same id stands in")]

    def _split_images(self, out: str) -> list[Failure]:
        by_split = [np.unique(_joined(files.values())) for files in self._images.values()]
        every, counts = np.unique(_joined([by_split]), return_counts=True)
        shared = every[counts > 1]
        if not len(shared):
            return []
        files = {name: parts for split in self._images.values() for name, parts in split.items()}
        places = _places(out, files, "image_id", shared)
        return [_failure("image_in_one_split", len(shared), places, "the same image is in")]


def _hashes(column: pa.ChunkedArray) -> Hashes:
    return pd.util.hash_array(column.drop_null().to_numpy().astype(object), categorize=False)


def _joined(lists: Iterable[list[Hashes]]) -> Hashes:
    return np.concatenate([np.zeros(0, np.uint64), *(part for parts in lists for part in parts)])


def _places(out: str, files: dict[str, list[Hashes]], column: str, wanted: Hashes) -> dict[str, list[str]]:
    """Files by id, for the first of the ids whose hashes are wanted."""
    wanted = wanted[:_NAMED]
    found: dict[str, list[str]] = defaultdict(list)
    for file, parts in files.items():
        if not np.isin(wanted, _joined([parts])).any():
            continue
        for piece in column_pieces(storage.join(out, file), [column]):
            hit = np.isin(_hashes(piece[column]), wanted)
            for name in set(piece[column].drop_null().filter(pa.array(hit)).to_pylist()):
                found[name].append(file)
    return dict(sorted(found.items()))


def _failure(expectation: str, count: int, places: dict[str, list[str]], says: str) -> Failure:
    first, files = next(iter(places.items()))
    return Failure(
        expectation=expectation, kind="", file="", count=count, examples=tuple(places)[:EXAMPLES],
        detail=f"{first}: {says} {' and '.join(dict.fromkeys(files))}",
    )  # fmt: skip
