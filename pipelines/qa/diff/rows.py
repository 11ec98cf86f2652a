"""Rows of two builds, joined by sample id: which are new, gone, or other than they were."""

from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.qa.diff.hashing import GROUPS
from pipelines.qa.diff.signing import Signed
from pipelines.qa.reading import rows_at
from schemas.records import Record

SHOWN = 3
"""Examples of each kind: those whose ids have the lowest hashes, so that they are the same every time."""
_AROUND = 60
"""Characters shown of a text from where it differs."""

Ints = npt.NDArray[np.int64]


class Changed(Record, frozen=True, kw_only=True):
    """An example of a row that both builds have, with other content."""

    sample_id: str
    kind: str
    columns: tuple[str, ...]
    """Groups of columns that differ (`hashing.GROUPS`)."""
    details: tuple[str, ...]
    """For each of them, where the two first differ."""


class RowChanges(Record, frozen=True, kw_only=True):
    """Rows by kind; kinds without any are left out."""

    same: int = 0
    added: dict[str, int] = {}
    removed: dict[str, int] = {}
    changed: dict[str, int] = {}
    changed_columns: dict[str, dict[str, int]] = {}
    """Kind -> group of columns -> rows in which it differs."""
    added_examples: dict[str, tuple[str, ...]] = {}
    """Kind -> sample ids."""
    removed_examples: dict[str, tuple[str, ...]] = {}
    changed_examples: tuple[Changed, ...] = ()

    @property
    def equal(self) -> bool:
        """Whether both have the same rows with the same content."""
        return not (self.added or self.removed or self.changed)


def compare_rows(a: Signed, out_a: str, b: Signed, out_b: str) -> RowChanges:
    """Rows of build `b` as seen from build `a`; the builds lie in `out_a` and `out_b`."""
    _, in_a, in_b = np.intersect1d(a.ids, b.ids, assume_unique=True, return_indices=True)
    differs = a.content[in_a] != b.content[in_b]
    other = np.flatnonzero(differs.any(axis=1))
    gone, new = _others(len(a.ids), in_a), _others(len(b.ids), in_b)
    return RowChanges(
        same=len(in_a) - len(other),
        added=_by_kind(b, new), removed=_by_kind(a, gone), changed=_by_kind(a, in_a[other]),
        changed_columns=_columns(a, in_a[other], differs[other]),
        added_examples=_ids(out_b, b, _shown(b, new)), removed_examples=_ids(out_a, a, _shown(a, gone)),
        changed_examples=tuple(
            _example(_at(out_a, a, int(in_a[one])), _at(out_b, b, int(in_b[one])), differs[one])
            for one in other[np.isin(in_a[other], _shown(a, in_a[other]))].tolist()
        ),
    )  # fmt: skip


def _others(count: int, listed: Ints) -> Ints:
    left = np.ones(count, bool)
    left[listed] = False
    return np.flatnonzero(left)


def _by_kind(signed: Signed, rows: Ints) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for file, count in zip(*np.unique(signed.file[rows], return_counts=True), strict=True):
        counts[signed.kinds[file]] += int(count)
    return dict(sorted(counts.items()))


def _columns(signed: Signed, rows: Ints, differs: npt.NDArray[np.bool_]) -> dict[str, dict[str, int]]:
    kinds = np.array(signed.kinds or [""])[signed.file[rows]]
    found = {}
    for kind in sorted(set(kinds.tolist())):
        sums = differs[kinds == kind].sum(axis=0).tolist()
        found[kind] = {name: count for name, count in zip(GROUPS, sums, strict=True) if count}
    return found


def _shown(signed: Signed, rows: Ints) -> Ints:
    """The first few of each kind; rows are in the order of the hashes."""
    kinds = np.array(signed.kinds or [""])[signed.file[rows]]
    chosen = [rows[kinds == kind][:SHOWN] for kind in sorted(set(kinds.tolist()))]
    return np.concatenate([np.zeros(0, np.int64), *chosen])


def _at(out: str, signed: Signed, row: int) -> dict[str, Any]:
    [found] = rows_at(out, [(signed.files[signed.file[row]], int(signed.row[row]))])
    return found


def _ids(out: str, signed: Signed, rows: Ints) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for row in rows.tolist():
        kind = signed.kinds[signed.file[row]]
        found[kind] = (*found.get(kind, ()), str(_at(out, signed, row)["sample_id"]))
    return found


def _example(a: dict[str, Any], b: dict[str, Any], differs: npt.NDArray[np.bool_]) -> Changed:
    groups = [name for name, differ in zip(GROUPS, differs.tolist(), strict=True) if differ]
    details = [_detail(name, _plain(a.get(name)), _plain(b.get(name))) for group in groups for name in GROUPS[group]]
    return Changed(
        sample_id=str(a["sample_id"]), kind=str(a["kind"]), columns=tuple(groups), details=tuple(filter(None, details))
    )


def _plain(value: Any) -> Any:
    """Without the bytes of a picture, which are not compared."""
    return {key: one for key, one in value.items() if key != "bytes"} if isinstance(value, dict) else value


def _detail(name: str, a: Any, b: Any) -> str:
    """`messages[1].content: 'a cat' -> 'a dog'`: where two values first differ; nothing where they do not."""
    if a == b:
        return ""
    if isinstance(a, dict) and isinstance(b, dict):
        return next(filter(None, (_detail(f"{name}.{key}", a.get(key), b.get(key)) for key in {**a, **b})), "")
    if isinstance(a, list) and isinstance(b, list):
        if len(a) != len(b):
            return f"{name}: {len(a)} -> {len(b)} of them"
        return next(filter(None, (_detail(f"{name}[{n}]", *both) for n, both in enumerate(zip(a, b, strict=True)))), "")
    return f"{name}: {_from(a, b)} -> {_from(b, a)}"


def _from(value: Any, other: Any) -> str:
    """A value for reading; of a long text the part that begins a little before the other one goes on differently."""
    if not isinstance(value, str) or len(value) <= _AROUND:
        return repr(value)
    same = next((n for n, (x, y) in enumerate(zip(value, str(other), strict=False)) if x != y), len(str(other)))
    start = max(0, same - _AROUND // 3)
    cut = value[start : start + _AROUND]
    return f"{'... ' * (start > 0)}{cut!r}{' ...' * (start + _AROUND < len(value))}"
