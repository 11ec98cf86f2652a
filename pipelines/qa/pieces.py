"""A piece of a shard as figures and checks look at it, flattened once for all of them."""

from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

Ints = npt.NDArray[np.int64]


class Place(NamedTuple):
    """Where a row lies."""

    kind: str
    file: str
    """Relative to OUT."""
    row: int


class Piece:
    """Consecutive rows of one shard: columns of `SHARD`, without the pictures' bytes and without missing values."""

    def __init__(self, kind: str, split: str, file: str, places: Ints, table: pa.Table) -> None:
        self.kind, self.split, self.file = kind, split, file
        self.places = places
        """(rows,): the number of each row within its shard."""
        self.table = table.combine_chunks()

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def place(self, row: int) -> Place:
        """Of a row of this piece."""
        return Place(self.kind, self.file, int(self.places[row]))

    @cached_property
    def ids(self) -> npt.NDArray[np.object_]:
        """(rows,): sample ids."""
        return column(self.table, "sample_id").to_numpy(zero_copy_only=False)

    @cached_property
    def ranks(self) -> npt.NDArray[np.uint64]:
        """(rows,): hashes of the sample ids; the lowest are a sample that the shards' order does not change."""
        return pd.util.hash_array(self.ids, categorize=False)

    @cached_property
    def writers(self) -> npt.NDArray[np.object_]:
        """(rows,): `template`, the importer's name, or the model that answered."""
        return pc.struct_field(column(self.table, "generator"), "name").to_numpy(zero_copy_only=False)

    @cached_property
    def regions(self) -> pa.StructArray:
        """All regions of all rows, in order."""
        return pc.list_flatten(column(self.table, "regions"))

    @cached_property
    def region_rows(self) -> Ints:
        """(regions,): the row that each region belongs to."""
        return pc.list_parent_indices(column(self.table, "regions")).to_numpy().astype(np.int64)

    @cached_property
    def messages(self) -> pa.StringArray:
        """The contents of all messages of all rows, in order."""
        return pc.struct_field(pc.list_flatten(column(self.table, "messages")), "content")

    @cached_property
    def message_rows(self) -> Ints:
        """(messages,): the row that each message belongs to."""
        return pc.list_parent_indices(column(self.table, "messages")).to_numpy().astype(np.int64)

    @cached_property
    def asked(self) -> Ints:
        """(turns,): which of `messages` ask; the next one answers."""
        owner = self.message_rows
        return np.flatnonzero((_positions(owner) % 2 == 0) & (np.append(owner[1:], -1) == owner))

    @cached_property
    def turns(self) -> pd.DataFrame:
        """A line for each question-answer pair: `row`, `turn` (from 0 in each row), `question`, `answer`."""
        content = self.messages.to_numpy(zero_copy_only=False)
        place = _positions(self.message_rows)[self.asked]
        return pd.DataFrame({
            "row": self.message_rows[self.asked], "turn": place // 2,
            "question": content[self.asked], "answer": content[self.asked + 1],
        })  # fmt: skip


class Observer(Protocol):
    """Sees every piece of every shard once, and is added up with others that saw other shards."""

    def add(self, piece: Piece) -> None:
        """Take note of a piece."""

    def merge(self, other: Any) -> None:
        """Add what another one saw, of later shards. The sum must not depend on how shards were shared out."""


def column(table: pa.Table, name: str) -> pa.Array:
    """A column as one array."""
    chunks = table[name].chunks or [pa.array([], table.schema.field(name).type)]
    return pa.concat_arrays(chunks) if len(chunks) != 1 else chunks[0]


def field(array: pa.Array, *path: str) -> npt.NDArray[np.generic]:
    """A nested field of an array of structs, as numpy."""
    return pc.struct_field(array, list(path)).to_numpy(zero_copy_only=False)


def _positions(owner: Ints) -> Ints:
    """Position of each item among those of its owner; equal owners stand together."""
    first = np.flatnonzero(np.diff(owner, prepend=-1))
    lengths = np.diff(np.append(first, len(owner)))
    return np.arange(len(owner)) - np.repeat(first, lengths)
