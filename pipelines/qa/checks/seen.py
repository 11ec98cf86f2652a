"""The images that all rows show, each once: what checks of images and of their pictures rest on."""

from collections import defaultdict
from typing import Any, NamedTuple, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.qa.checks.base import Finding, Scene, Spec
from pipelines.qa.checks.gathered import Hashes, hashed
from pipelines.qa.pieces import Piece, Place, column, field

_LOOSE = 1 << 16
"""Entries that may be in memory twice."""
_SCHEMA = pa.schema([
    ("key", pa.uint64()), ("image_id", pa.string()), ("path", pa.string()), ("kind", pa.string()),
    ("file", pa.string()), ("row", pa.int32()),
])  # fmt: skip


class HashSet:
    """Distinct hashes; at most some twice as many are in memory."""

    def __init__(self) -> None:
        self._parts: list[Hashes] = []
        self._limit = _LOOSE

    def add(self, hashes: Hashes) -> None:
        """Take in some, with repeats or without."""
        self._parts.append(np.unique(hashes))
        if sum(map(len, self._parts)) > self._limit:
            self._limit = 2 * len(self.values()) + _LOOSE

    def merge(self, other: Self) -> None:
        """Take in those of another set."""
        self.add(other.values())

    def values(self) -> Hashes:
        """All, ascending."""
        self._parts = [np.unique(np.concatenate([np.zeros(0, np.uint64), *self._parts]))]
        return self._parts[0]


class Images(NamedTuple):
    """Distinct images in the order of their hashes."""

    table: pa.Table
    """`key`: hash of the id; `image_id`, `path`, and where the first row that shows it lies."""

    @property
    def keys(self) -> Hashes:
        found: Hashes = self.table["key"].to_numpy()
        return found

    def place(self, number: int) -> Place:
        """Of the first row that shows the image."""
        row = self.row(number)
        return Place(row["kind"], row["file"], row["row"])

    def places(self) -> list[Place]:
        """Of the first rows of all images."""
        columns = (self.table[name].to_pylist() for name in ("kind", "file", "row"))
        return [Place(*place) for place in zip(*columns, strict=True)]

    def row(self, number: int) -> dict[str, Any]:
        """An image as a dict."""
        found: dict[str, Any] = self.table.slice(number, 1).to_pylist()[0]
        return found


class SeenImages:
    """Some 150 bytes a distinct image, however many rows show it."""

    def __init__(self) -> None:
        self._tables: list[pa.Table] = []
        self._limit = _LOOSE
        self.splits: dict[str, HashSet] = defaultdict(HashSet)
        self.sources: dict[str, HashSet] = defaultdict(HashSet)
        """By source: the images of the rows that rest on it."""
        self.memo: Any = None
        """What checks that share this have worked out together."""

    def add(self, piece: Piece) -> None:
        """Take note of a piece."""
        if not len(piece):
            return
        images = column(piece.table, "image_id")
        keys = hashed(images)
        self.splits[piece.split].add(keys)
        self._add_sources(column(piece.table, "sources"), keys)
        distinct, first = np.unique(keys, return_index=True)
        paths = field(column(piece.table, "image"), "path")[first]
        self._keep(pa.table([
            pa.array(distinct), images.take(pa.array(first)), pa.array(paths, pa.string()),
            pa.array([piece.kind] * len(first)), pa.array([piece.file] * len(first)),
            pa.array(piece.places[first].astype(np.int32)),
        ], schema=_SCHEMA))  # fmt: skip

    def _add_sources(self, sources: pa.Array, keys: Hashes) -> None:
        rows = pc.list_parent_indices(sources).to_numpy()
        coded = pc.list_flatten(sources).dictionary_encode()
        codes = coded.indices.to_numpy()
        for number, name in enumerate(coded.dictionary.to_pylist()):
            self.sources[name].add(keys[rows[codes == number]])

    def merge(self, other: Self) -> None:
        """Add what another one saw."""
        for mine, others in ((self.splits, other.splits), (self.sources, other.sources)):
            for name, hashes in others.items():
                mine[name].merge(hashes)
        for table in other._tables:
            self._keep(table)

    def images(self) -> Images:
        """What was seen, each image with its first row in the order of files."""
        self._compact()
        return Images(self._tables[0])

    def _keep(self, table: pa.Table) -> None:
        self._tables.append(table)
        if sum(map(len, self._tables)) > self._limit:
            self._compact()
            self._limit = 2 * len(self._tables[0]) + _LOOSE

    def _compact(self) -> None:
        every = pa.concat_tables([_SCHEMA.empty_table(), *self._tables])
        every = every.sort_by([(name, "ascending") for name in ("key", "file", "row")])
        keys = every["key"].to_numpy()
        first = np.append(True, keys[1:] != keys[:-1])[: len(keys)]
        self._tables = [every.filter(pa.array(first)).combine_chunks()]


class ImageCheck:
    """A check of images. Several share what was seen; the one that is `looking` sees for all of them."""

    spec: Spec

    def __init__(self, seen: SeenImages | None = None) -> None:
        self._looking = seen is None
        self.seen = SeenImages() if seen is None else seen

    def add(self, piece: Piece) -> None:
        """Take note of a piece."""
        if self._looking:
            self.seen.add(piece)

    def merge(self, other: Self) -> None:
        """Add what another one saw."""
        if self._looking:
            self.seen.merge(other.seen)

    def finding(self, scene: Scene) -> Finding:
        """What was found."""
        raise NotImplementedError
