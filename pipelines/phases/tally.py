"""What the planned rows hold, kind by kind and source by source, and where the recipe's caps on rows cut.

Every slot range leaves a small table beside its samples. A cap is exact and the same for any number of workers: rows
are ranked by a hash of seed, kind and sample id, and those up to the rank of the last one within the cap are kept.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines import storage
from schemas.keys import stable_int
from schemas.recipe import KindSettings
from schemas.records import Built, Record, Sample

ALL = ""
"""The `source` of what is counted of a kind as a whole."""

TALLY = pa.schema([
    ("kind", pa.string()), ("source", pa.string()), ("split", pa.string()), ("rank", pa.uint64()),
    ("regions", pa.int64()), ("turns", pa.int64()), ("asked", pa.int64()),
])  # fmt: skip
"""For each row a line for the whole, and one for each source that it is told by; `asked` is 1 for a request."""

_REGION = re.compile(r"<region(\d+)>")


class Amount(Record, frozen=True, kw_only=True):
    """Planned rows and what they hold."""

    rows: int = 0
    regions: int = 0
    turns: int = 0
    """Question-answer pairs; of rows that wait for a reply nobody knows them yet."""
    asked: int = 0
    """Rows that wait for a reply."""

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(
            rows=self.rows + other.rows, regions=self.regions + other.regions, turns=self.turns + other.turns,
            asked=self.asked + other.asked,
        )  # fmt: skip


class Tally(NamedTuple):
    """All rows of a plan, those above a cap left out."""

    cuts: dict[str, int]
    """Kind -> rank of the last row that is kept; only of kinds that have more rows than their cap."""
    rows: dict[str, dict[str, int]]
    """Kind -> split -> rows."""
    amounts: dict[str, dict[str, Amount]]
    """Kind -> source (`ALL` for the kind) -> what its rows hold."""


def rank(seed: int, kind: str, sample_id: str) -> int:
    """The place of a row among those of its kind, as a 64-bit number."""
    return stable_int(seed, "rows", kind, sample_id)


def within(cuts: Mapping[str, int], seed: int, kind: str) -> Callable[[str], bool]:
    """Says of a sample id whether its row is within the cap of its kind."""
    cut = cuts.get(kind)
    return lambda sample_id: cut is None or rank(seed, kind, sample_id) <= cut


def table(built: Mapping[str, Built], kinds: Mapping[str, KindSettings], seed: int) -> pa.Table:
    """The lines of one slot range, as `TALLY`."""
    lines = [
        (kind, source, sample.split, place, regions, turns, asked)
        for kind, made in built.items()
        for sample, asked in _planned(made)
        for place in [rank(seed, kind, sample.sample_id)]
        for source, regions, turns in _shares(sample, kinds[kind].sources)
    ]
    columns: list[Sequence[Any]] = list(zip(*lines, strict=True)) or [[] for _ in TALLY]
    return pa.table([pa.array(column, field.type) for column, field in zip(columns, TALLY, strict=True)], schema=TALLY)


def _planned(made: Built) -> Iterator[tuple[Sample, int]]:
    yield from ((sample, 0) for sample in made.samples)
    yield from ((request.sample, 1) for request in made.requests)


def _shares(sample: Sample, sources: Sequence[str]) -> Iterator[tuple[str, int, int]]:
    """(source, regions, turns) of the whole row, then of each source that it is told by.

    A region is told by the source of its mask and by those of its expressions, a turn by those of the regions it names.
    """
    yield ALL, len(sample.regions), len(sample.messages) // 2
    told = told_by(sample, sources)
    by_region = [{r.source, *(e.source for e in r.expressions)} for r in sample.regions]
    turns = list(_turns(sample)) if len(told) > 1 else []
    for source in told:
        own = {number for number, names in enumerate(by_region, start=1) if source in names}
        named = sum(not numbers or bool(numbers & own) for numbers in turns)
        yield source, len(own), named if turns else len(sample.messages) // 2


def told_by(sample: Sample, sources: Sequence[str]) -> list[str]:
    """The kind's sources that a row is told by: those of its expressions where the row rests on these, else all."""
    resting = [source for source in sources if source in sample.sources]
    speaking = {expression.source for region in sample.regions for expression in region.expressions}
    return [source for source in resting if source in speaking] or resting


def _turns(sample: Sample) -> Iterator[set[int]]:
    """The numbers of the regions that each turn names."""
    contents = [message.content for message in sample.messages]
    for question, answer in zip(contents[::2], contents[1::2], strict=True):
        yield {int(number) for number in _REGION.findall(f"{question} {answer}")}


def gather(paths: Sequence[str], kinds: Mapping[str, KindSettings]) -> Tally:
    """The tables of all slot ranges together, one in memory at a time."""
    cuts = {kind: cut for kind, settings in kinds.items() if (cut := _cut(paths, kind, settings.rows)) is not None}
    tally = Tally(cuts, {}, {kind: {} for kind in kinds})
    for path in paths:
        _add(tally, _kept(storage.read_table(path), cuts))
    return tally


def _cut(paths: Iterable[str], kind: str, rows: int | None) -> int | None:
    if rows is None:
        return None
    own = (pc.field("kind") == kind) & (pc.field("source") == ALL)
    found = (storage.read_table(path, columns=["kind", "source", "rank"]) for path in paths)
    ranks = np.concatenate([one.filter(own)["rank"].to_numpy() for one in found])
    return int(np.partition(ranks, rows - 1)[rows - 1]) if len(ranks) > rows else None


def _kept(lines: pa.Table, cuts: Mapping[str, int]) -> pa.Table:
    for kind, cut in cuts.items():
        lines = lines.filter((pc.field("kind") != kind) | (pc.field("rank") <= pa.scalar(cut, pa.uint64())))
    return lines


def _add(tally: Tally, lines: pa.Table) -> None:
    sums = [("rank", "count"), ("regions", "sum"), ("turns", "sum"), ("asked", "sum")]
    for one in lines.group_by(["kind", "source", "split"]).aggregate(sums).to_pylist():
        kind, source, split, rows = one["kind"], one["source"], one["split"], one["rank_count"]
        more = Amount(rows=rows, regions=one["regions_sum"], turns=one["turns_sum"], asked=one["asked_sum"])
        tally.amounts[kind][source] = tally.amounts[kind].get(source, Amount()) + more
        if source == ALL:
            splits = tally.rows.setdefault(kind, {})
            splits[split] = splits.get(split, 0) + rows
