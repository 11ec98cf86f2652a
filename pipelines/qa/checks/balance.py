"""The ledger and the rejects: on every line read = kept + rejected, and every reject that is counted can be read."""

from collections import Counter
from collections.abc import Iterable

import pyarrow as pa

from pipelines import storage
from pipelines.qa.reading import column_pieces
from pipelines.qa.suite.expectations import Failure
from schemas.ledger import REASONS, LedgerLine

Key = tuple[str, str, str, str]
"""Stage, source, unit and reason."""
KEY = ("stage", "source", "unit", "reason")


def ledger_failures(ledger: Iterable[LedgerLine]) -> list[Failure]:
    """Lines on which a record vanished, or whose reasons have no definition."""
    return [_line_failure(line, fault) for line in ledger if (fault := _fault(line))]


def _fault(line: LedgerLine) -> str:
    unknown = sorted(set(line.rejected) - set(REASONS))
    if unknown:
        return f"no definition of {', '.join(unknown)}"
    rejected = sum(line.rejected.values())
    if line.read == line.kept + rejected and min(line.read, line.kept, *line.rejected.values(), 0) >= 0:
        return ""
    return f"read {line.read}, kept {line.kept}, rejected {rejected}"


def _line_failure(line: LedgerLine, fault: str) -> Failure:
    name = f"{line.stage} {line.source} {line.unit}"
    off = abs(line.read - line.kept - sum(line.rejected.values()))
    return Failure(
        expectation="ledger_balances", kind="", file="manifest.json", count=off or 1, examples=(name,),
        detail=f"{name}: {fault}",
    )  # fmt: skip


def counted_rejects(out: str) -> Counter[Key]:
    """How many rejects lie under OUT/rejects, by stage, source, unit and reason."""
    folder = storage.join(out, "rejects")
    counts: Counter[Key] = Counter()
    for name in storage.list_files(folder, ".parquet"):
        for piece in column_pieces(storage.join(folder, name), list(KEY)):
            counts.update(_groups(piece))
    return counts


def _groups(piece: pa.Table) -> dict[Key, int]:
    grouped = piece.group_by(list(KEY)).aggregate([([], "count_all")]).to_pylist()
    return {(row["stage"], row["source"], row["unit"], row["reason"]): row["count_all"] for row in grouped}


def reject_failures(out: str, ledger: Iterable[LedgerLine]) -> list[Failure]:
    """Where the ledger counts more or fewer rejects than can be read."""
    said: Counter[Key] = Counter()
    for line in ledger:
        said.update({(line.stage, line.source, line.unit, reason): n for reason, n in line.rejected.items()})
    found = counted_rejects(out)
    off = [key for key in sorted(said | found) if said[key] != found[key]]
    return [_reject_failure(key, said[key], found[key]) for key in off]


def _reject_failure(key: Key, said: int, found: int) -> Failure:
    name = " ".join(key)
    return Failure(
        expectation="rejects_match_ledger", kind="", file="rejects", count=abs(said - found), examples=(name,),
        detail=f"{name}: the ledger counts {said}, rejects/ holds {found}",
    )  # fmt: skip
