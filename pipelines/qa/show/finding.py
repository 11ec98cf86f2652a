"""A sample id, or a part of one that is unique -> where its row lies. Only the column of ids is read."""

import difflib
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines import storage
from pipelines.qa.reading import opened, pieces, rows_at
from pipelines.shards.manifest import Manifest
from schemas.columns import SHARD
from schemas.errors import BuildError, RecipeError

COLUMN = "sample_id"
_AGAIN = "`osprey-data assemble` with this --out writes damaged and missing shards again."
TOLD = 6
"""Ids named in an error."""
_CANDIDATES = 40
"""Ids with most letters in common that are compared letter by letter."""
_LIKE = 0.8
"""Share of letters in common, in order, from which on an id may be the one that was meant."""
_LONGEST = 64
"""Characters of what is asked for that ids are compared by."""


class Place(NamedTuple):
    """Where a row lies."""

    sample_id: str
    file: str
    """Relative to OUT."""
    row: int


def find(out: str, manifest: Manifest, wanted: str) -> Place:
    """The row with this id, or the only one whose id holds it.

    Raises:
        RecipeError: no id holds it (the nearest are named), or several do.
        BuildError: it is in no shard that can be read, but there are some that cannot.
    """
    wanted = wanted.strip()
    if not wanted:
        raise RecipeError("no sample id was given", hint="Ids stand in the column `sample_id`, and in the report.")
    search = _Search(out, _shards(manifest, wanted))
    if exact := search.exact(wanted):
        return exact
    count, holding = search.holding(wanted)
    if count == 1:
        return holding[0]
    if holding:
        more = f" and {count - TOLD:,} more" if count > TOLD else ""
        named = ", ".join(one.sample_id for one in holding)
        raise RecipeError(f"{count:,} samples have {wanted!r} in their id", hint=f"One of: {named}{more}.")
    search.require_all_read(wanted)
    raise RecipeError(f"no sample {wanted!r} in {out}", hint=_hint(search, wanted))


def _hint(search: "_Search", wanted: str) -> str:
    """The ids that may have been meant; where none is like it, what ids look like."""
    nearest = search.nearest(wanted[:_LONGEST])
    if nearest:
        return f"Is one of these meant? {', '.join(nearest)}"
    first = search.first()
    return (
        f"No id is like it. Ids look like {first}; the report shows some of each kind." if first else "It has no rows."
    )


def row_at(out: str, place: Place) -> dict[str, Any]:
    """The row, all columns; where it is broken and something is missing, with something empty of its type.

    Raises:
        BuildError: the shard cannot be read there.
    """
    try:
        [row] = rows_at(out, [(place.file, place.row)])
    except (OSError, pa.ArrowException) as error:
        raise BuildError(f"{place.file} cannot be read: {error}", hint=_AGAIN) from error
    return {field.name: _filled(row.get(field.name), field.type) for field in SHARD}


def _filled(value: Any, kind: pa.DataType) -> Any:
    """The value with something empty of its type wherever a broken row has nothing."""
    if pa.types.is_struct(kind):
        return {field.name: _filled((value or {}).get(field.name), field.type) for field in kind}
    if pa.types.is_fixed_size_list(kind):
        return [_filled(one, kind.value_type) for one in value or [None] * kind.list_size]
    if pa.types.is_list(kind):
        return [_filled(one, kind.value_type) for one in value or ()]
    if value is None and not pa.types.is_binary(kind):
        return "" if pa.types.is_string(kind) else 0
    return value


def _shards(manifest: Manifest, wanted: str) -> list[str]:
    """All shards; first those of the kind with which the id begins."""
    kinds = sorted(manifest.kinds, key=lambda kind: (not wanted.startswith(kind), kind))
    return [file.path for kind in kinds for file in manifest.kinds[kind].files]


class _Search:
    """Goes through the ids of all shards; those that cannot be read are remembered."""

    def __init__(self, out: str, shards: list[str]) -> None:
        self._out = out
        self._shards = shards
        self._unread: dict[str, str] = {}

    def exact(self, wanted: str) -> Place | None:
        """Where row groups tell their least and greatest id, only those that may hold it are read."""
        for path, file in self._files():
            before = 0
            for group in range(file.metadata.num_row_groups):
                if _may_hold(file.metadata.row_group(group), wanted):
                    ids = file.read_row_group(group, columns=[COLUMN])[COLUMN]
                    if (row := pc.index(ids, wanted).as_py()) >= 0:
                        return Place(wanted, path, before + row)
                before += file.metadata.row_group(group).num_rows
        return None

    def holding(self, part: str) -> tuple[int, list[Place]]:
        """How many rows have the part in their id, and the first few of them."""
        count, found = 0, list[Place]()
        for path, before, ids in self._ids():
            rows = np.flatnonzero(_has(ids, part)).tolist()
            count += len(rows)
            found += [Place(ids[row].as_py(), path, before + row) for row in rows[: TOLD - len(found)]]
        return count, found

    def first(self) -> str:
        """An id; "" where there is none."""
        return next((ids[0].as_py() or "" for _, _, ids in self._ids() if len(ids)), "")

    def nearest(self, wanted: str) -> list[str]:
        """Ids that may have been meant, the likest first."""
        threes = sorted({wanted[start : start + 3] for start in range(max(1, len(wanted) - 2))})
        best: list[tuple[int, str]] = []
        for _, _, ids in self._ids():
            shared = np.sum([_has(ids, three) for three in threes], axis=0)
            likest = np.argsort(-shared, kind="stable")[:_CANDIDATES].tolist()
            best = sorted([*best, *((-int(shared[row]), ids[row].as_py() or "") for row in likest)])[:_CANDIDATES]
        likeness = difflib.SequenceMatcher(b=wanted, autojunk=False)
        ranked = []
        for _, name in best:
            likeness.set_seq1(name)
            ranked.append((-likeness.ratio(), name))
        return [name for ratio, name in sorted(ranked)[:TOLD] if -ratio >= _LIKE]

    def require_all_read(self, wanted: str) -> None:
        """Raise BuildError where a shard could not be read: the row may be in there."""
        for path, why in self._unread.items():
            raise BuildError(
                f"{wanted!r} is not in the shards that can be read; {path} cannot: {why}",
                hint=_AGAIN,
            )

    def _files(self) -> Iterator[tuple[str, pq.ParquetFile]]:
        for path in self._shards:
            try:
                with opened(storage.join(self._out, path)) as file:
                    yield path, file
            except (OSError, pa.ArrowException) as error:
                self._unread.setdefault(path, "missing" if isinstance(error, FileNotFoundError) else str(error))

    def _ids(self) -> Iterator[tuple[str, int, pa.ChunkedArray]]:
        """(shard, rows before, ids) in pieces."""
        for path, file in self._files():
            before = 0
            for piece in pieces(file, [COLUMN]):
                yield path, before, piece[COLUMN]
                before += piece.num_rows


def _may_hold(group: pq.RowGroupMetaData, wanted: str) -> bool:
    columns = (group.column(index) for index in range(group.num_columns))
    known = next((column.statistics for column in columns if column.path_in_schema == COLUMN), None)
    return known is None or not known.has_min_max or known.min <= wanted <= known.max


def _has(ids: pa.ChunkedArray, part: str) -> np.ndarray:
    found: np.ndarray = pc.match_substring(ids, part).fill_null(False).to_numpy(zero_copy_only=False)
    return found.astype(np.int64)
