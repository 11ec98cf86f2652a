"""What the gallery holds: the fixed sample of every kind, rows at fault, and rejects of every reason."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from pipelines import storage
from pipelines.qa.page import rejected
from pipelines.qa.page.gallery import Card, card, faults_of
from pipelines.qa.page.locating import locate
from pipelines.qa.page.rejected import RejectCard
from pipelines.qa.reading import column_pieces, rows_at
from pipelines.qa.results import Report
from pipelines.shards.manifest import Manifest

OF_A_CHECK = 4
"""Rows at fault that are shown of a check, besides those that the sample holds anyway."""
SAMPLE, AT_FAULT, REJECTED = "sample", "at fault", "rejected"

Place = tuple[str, int]
"""Shard, relative to OUT, and row."""
Facets = dict[str, list[str]]
"""What a card can be found by."""


class Exhibits(NamedTuple):
    """Everything in the gallery."""

    rows: dict[str, list[Card]]
    """By kind."""
    rejects: dict[str, list[RejectCard]]
    """By reason."""

    def choices(self) -> dict[str, dict[str, int]]:
        """By facet: the values that occur, and on how many cards."""
        found: dict[str, Counter[str]] = defaultdict(Counter)
        everything: list[Card | RejectCard] = [*chain(*self.rows.values()), *chain(*self.rejects.values())]
        for one in everything:
            for name, values in facets(one).items():
                found[name].update(values)
        return {name: dict(sorted(counts.items())) for name, counts in found.items()}

    def held(self) -> tuple[int, int]:
        """Rows, rejects."""
        return sum(map(len, self.rows.values())), sum(map(len, self.rejects.values()))


def exhibits(out: str, manifest: Manifest, report: Report, data: str | None) -> Exhibits:
    """Read what is shown from the shards, OUT/rejects and OUT/work; pictures come from the rows or below `data`."""
    found = rejected.examples(out)
    shards = [file.path for entry in manifest.kinds.values() for file in entry.files]
    located = locate(out, rejected.all_names(found), shards)
    return Exhibits(_rows(out, report, data), rejected.cards(found, located, data))


def facets(one: Card | RejectCard) -> Facets:
    """By what a card is filtered."""
    if isinstance(one, Card):
        show = [SAMPLE] * one.sampled + [AT_FAULT] * bool(one.faults)
        checks = sorted(one.faults)
        return {"show": show, "kind": [one.kind], "source": one.sources, "generator": [one.generator], "check": checks}
    reject = one.reject
    kind = [reject.source] if reject.stage == "assemble" else [reject.stage.partition(":")[2]] * (":" in reject.stage)
    source = [] if reject.stage == "assemble" else [reject.source]
    return {"show": [REJECTED], "kind": kind, "source": source, "reason": [reject.reason], "stage": [reject.stage]}


def _rows(out: str, report: Report, data: str | None) -> dict[str, list[Card]]:
    told = _told(out, report)
    sampled = {(one.file, one.row) for shown in report.figures.shown.values() for one in shown}
    places, rows = _read(out, [*sorted(sampled), *(place for place in told if place not in sampled)])
    kinds: dict[str, list[Card]] = defaultdict(list)
    for place, row, seen in zip(places, rows, faults_of(rows), strict=True):
        one = card(row, data, {**seen, **told.get(place, {})}, sampled=place in sampled)
        kinds[one.kind].append(one)
    return dict(sorted(kinds.items()))


def _told(out: str, report: Report) -> dict[Place, dict[str, str]]:
    """Rows that the report finds at fault, some of each check, with what is wrong with them."""
    found: dict[Place, dict[str, str]] = defaultdict(dict)
    for check in report.checks:
        for one in [one for one in check.evidence if one.file and one.row >= 0][:OF_A_CHECK]:
            found[one.file, one.row].setdefault(check.name, one.detail)
    for name, place in _of_the_suite(out, report):
        found[place].setdefault(name, "")
    return dict(found)


def _of_the_suite(out: str, report: Report) -> Iterator[tuple[str, Place]]:
    """Rows that the suite's failures name by their ids."""
    shown: Counter[str] = Counter()
    for failure in report.failures:
        left = OF_A_CHECK - shown[failure.expectation]
        if left > 0 and failure.file.startswith("data/"):
            for row in _rows_named(storage.join(out, failure.file), failure.examples[:left]):
                shown[failure.expectation] += 1
                yield failure.expectation, (failure.file, row)


def _rows_named(path: str, ids: Iterable[str]) -> list[int]:
    """Numbers of the first rows with the ids; none of a file that cannot be read."""
    wanted, found, first = pa.array(list(ids), pa.string()), [], 0
    try:
        for piece in column_pieces(path, ["sample_id"]):
            hit = pc.indices_nonzero(pc.is_in(piece["sample_id"].cast(pa.string()), wanted))
            found += [first + row for row in hit.to_pylist()]
            first += piece.num_rows
    except (OSError, KeyError, pa.ArrowException):
        return []
    return found[: len(wanted)]


def _read(out: str, places: Iterable[Place]) -> tuple[list[Place], list[Mapping[str, Any]]]:
    """The rows of the places, shard by shard; a shard that cannot be read any more shows none."""
    files: dict[str, list[Place]] = defaultdict(list)
    for place in places:
        files[place[0]].append(place)
    found: dict[Place, Mapping[str, Any]] = {}
    for mine in files.values():
        try:
            found |= zip(mine, rows_at(out, mine), strict=True)
        except (OSError, IndexError, pa.ArrowException):
            continue
    ordered = [place for mine in files.values() for place in mine if place in found]
    return ordered, [found[place] for place in ordered]
