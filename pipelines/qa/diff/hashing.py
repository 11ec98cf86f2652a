"""Rows as numbers: 64 bits for the id and for each group of columns, made column by column and not row by row.

Equal content has equal numbers. Different content has the same number in one of 10^19 cases.
"""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.qa.pieces import column

Hashes: TypeAlias = npt.NDArray[np.uint64]

GROUPS: dict[str, tuple[str, ...]] = {
    "kind": ("kind",), "split": ("split",), "image": ("image", "image_id", "width", "height"), "regions": ("regions",),
    "messages": ("messages",), "generator": ("generator",), "sources": ("sources",), "license": ("license",),
}  # fmt: skip
"""What is told apart of a row. The bytes of a picture are not looked at."""

_SEED = np.uint64(0x9E3779B97F4A7C15)
_NONE = np.uint64(0x2545F4914F6CDD1D)


def group_hashes(table: pa.Table, group: str) -> Hashes:
    """(rows,): of the columns of a group."""
    found = np.zeros(table.num_rows, np.uint64)
    for name in GROUPS[group]:
        found = _join(found, hashes(column(table, name)))
    return found


def hashes(array: pa.Array) -> Hashes:
    """(n,): of the values of an array of any type, however nested. A missing value is one of its own."""
    kind = array.type
    if pa.types.is_struct(kind):
        found = np.zeros(len(array), np.uint64)
        for field in kind:
            found = _join(found, hashes(pc.struct_field(array, field.name)))
    elif pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind):
        found = _lists(array)
    elif pa.types.is_string(kind) or pa.types.is_binary(kind):
        found = _strings(array)
    else:
        found = pd.util.hash_array(array.fill_null(0).to_numpy(zero_copy_only=False))
    if array.null_count:
        found[array.is_null().to_numpy(zero_copy_only=False)] = _NONE
    return found


def _strings(array: pa.Array) -> Hashes:
    """Each different text once: in most columns they repeat."""
    coded = array.dictionary_encode()
    texts = coded.dictionary.to_numpy(zero_copy_only=False)
    known = pd.util.hash_array(texts, categorize=False) if len(texts) else np.zeros(1, np.uint64)
    places = coded.indices.fill_null(0).to_numpy(zero_copy_only=False)
    found: Hashes = np.append(known, _NONE)[places]
    return found


def _lists(array: pa.Array) -> Hashes:
    """Each value with its place, added up over its list; the length besides."""
    lengths = pc.list_value_length(array).fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    values = hashes(pc.list_flatten(array))
    starts = np.cumsum(lengths) - lengths
    places = np.arange(len(values), dtype=np.int64) - np.repeat(starts, lengths)
    placed = _mixed(values ^ _mixed(places.astype(np.uint64) + _SEED))
    sums = np.concatenate((np.zeros(1, np.uint64), np.cumsum(placed, dtype=np.uint64)))
    return _mixed((sums[starts + lengths] - sums[starts]) ^ lengths.astype(np.uint64))


def _join(first: Hashes, second: Hashes) -> Hashes:
    return _mixed(first * np.uint64(31) + second)


def _mixed(values: Hashes) -> Hashes:
    """Every bit depends on all (the finalizer of splitmix64)."""
    values = values + _SEED
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: Hashes = values ^ (values >> np.uint64(31))
    return mixed
