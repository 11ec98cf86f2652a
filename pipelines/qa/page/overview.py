"""What the page says in words and tables: kinds, checks by group, and why records are missing."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from pipelines.qa.figures.records import Figures, KindFigures
from pipelines.qa.figures.survey import PAPER_UNIT
from pipelines.qa.kinds import MEANS
from pipelines.qa.results import CheckResult, Report, State
from pipelines.qa.suite.expectations import Failure
from pipelines.shards.manifest import KindEntry, Manifest
from schemas.ledger import AS_MEANT, REASONS, LedgerLine

GROUPS = {
    "form": "Form: is every row what the format says?",
    "build": "Build: are files, counts and ledger those that were written?",
    "repeats": "Repeats: does the same thing stand there twice?",
    "leakage": "Leakage: is anything in it that a benchmark asks about?",
    "truth": "Truth: do the answers agree with the annotations?",
    "language": "Language: how are the answers written?",
    "fit": "Fit: can a model be trained on it?",
}
"""Groups of checks in the order of the page, each with the question that it answers."""
_ORDER: dict[State, int] = {"fail": 0, "warn": 1, "not judged": 2, "off": 3, "pass": 4}
SHOWN_EVIDENCE = 5


class KindLine(NamedTuple):
    """A kind in the table of the report."""

    name: str
    means: str
    entry: KindEntry
    splits: dict[str, int]
    paper_unit: str
    share: float | None
    """Of the paper's count, where it has one."""
    by_template: float
    """Share of rows that no model wrote."""


class ReasonLine(NamedTuple):
    """Why records are missing."""

    reason: str
    means: str
    records: int
    where: str
    """Stages and sources."""
    as_meant: bool
    """Whether sound data meets it too: what the recipe leaves out, and what holds nothing new."""


class Seen(NamedTuple):
    """Something a check found, in words."""

    detail: str
    where: str


class CheckLine(NamedTuple):
    """A check as the page shows it."""

    result: CheckResult
    state: State
    seen: list[Seen]
    more: int
    """Further evidence in qa/report.json."""


class Group(NamedTuple):
    """Checks of one sort."""

    name: str
    asks: str
    checks: list[CheckLine]
    outcomes: dict[State, int]


def kind_lines(manifest: Manifest, figures: Figures) -> list[KindLine]:
    """The kinds of a build as they were counted, the largest first."""
    counted = {kind: _counted(kind, entry, figures) for kind, entry in manifest.kinds.items()}
    entries = sorted(counted.items(), key=lambda item: (-item[1].rows, item[0]))
    return [_kind_line(kind, entry, figures) for kind, entry in entries]


def _counted(kind: str, entry: KindEntry, figures: Figures) -> KindEntry:
    """The entry of the manifest with what is really there: of a shard that cannot be read nothing was counted."""
    found = figures.kinds.get(kind, KindFigures())
    generators: Counter[str] = Counter()
    for cell in figures.cells:
        if cell.kind == kind:
            generators[cell.generator] += cell.rows
    return msgspec.structs.replace(
        entry, rows=found.rows, regions=found.regions, turns=found.turns, generators=dict(generators.most_common())
    )


def _kind_line(kind: str, entry: KindEntry, figures: Figures) -> KindLine:
    unit = PAPER_UNIT.get(kind, "turns")
    share = getattr(entry, unit) / entry.paper if entry.paper else None
    by_template = entry.generators.get("template", 0) / max(1, entry.rows)
    return KindLine(kind, MEANS.get(kind, ""), entry, splits_of(kind, figures), unit, share, by_template)


def splits_of(kind: str, figures: Figures) -> dict[str, int]:
    """Rows of a kind by split."""
    counts: Counter[str] = Counter()
    for cell in figures.cells:
        if cell.kind == kind:
            counts[cell.split] += cell.rows
    return dict(sorted(counts.items()))


def writers(figures: Figures) -> dict[str, int]:
    """Rows by who wrote the answers, the most first."""
    counts: Counter[str] = Counter()
    for cell in figures.cells:
        counts[cell.generator] += cell.rows
    return dict(counts.most_common())


def reason_lines(ledger: Iterable[LedgerLine]) -> list[ReasonLine]:
    """Reasons of rejection, the commonest first."""
    counts: Counter[str] = Counter()
    where: dict[str, dict[str, None]] = {}
    for line in ledger:
        counts.update(line.rejected)
        for reason in line.rejected:
            where.setdefault(reason, {})[f"{line.stage} {line.source}"] = None
    return [
        ReasonLine(reason, definition(reason), count, ", ".join(where[reason]), reason in AS_MEANT)
        for reason, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        if count
    ]


def definition(reason: str) -> str:
    """What a reason means."""
    return REASONS.get(reason, "no definition")


def totals(manifest: Manifest, figures: Figures) -> dict[str, int]:
    """Of all kinds and shards; `uncounted` are the manifest's rows that are not there or cannot be read."""
    entries = manifest.kinds.values()
    return {
        "rows": figures.rows,
        "regions": figures.regions,
        "turns": figures.turns,
        "uncounted": sum(entry.rows for entry in entries) - figures.rows,
        "shards": sum(len(entry.files) for entry in entries),
        "bytes": sum(file.bytes for entry in entries for file in entry.files),
    }


def groups(report: Report) -> list[Group]:
    """All checks by group; groups that the page has no words for come last, under their own names."""
    names = dict.fromkeys((*GROUPS, *(check.group for check in report.checks)))
    failures: dict[str, list[Failure]] = {}
    for failure in report.failures:
        failures.setdefault(failure.expectation, []).append(failure)
    found = [_group(name, [one for one in report.checks if one.group == name], failures) for name in names]
    return [group for group in found if group.checks]


def _group(name: str, checks: list[CheckResult], failures: Mapping[str, list[Failure]]) -> Group:
    ordered = sorted(checks, key=lambda one: _ORDER[one.state])
    outcomes = Counter(one.state for one in ordered)
    lines = [_check_line(one, failures.get(one.name, [])) for one in ordered]
    return Group(name, GROUPS.get(name, name), lines, {one: outcomes[one] for one in _ORDER if outcomes[one]})


def _check_line(result: CheckResult, failures: list[Failure]) -> CheckLine:
    seen = [_of_failure(one) for one in failures]
    seen += [Seen(one.detail, one.sample_id or one.file) for one in result.evidence]
    return CheckLine(result, result.state, seen[:SHOWN_EVIDENCE], max(0, len(seen) - SHOWN_EVIDENCE))


def _of_failure(failure: Failure) -> Seen:
    if failure.detail:
        return Seen(failure.detail, failure.file)
    return Seen(f"{failure.count:,}, such as {', '.join(failure.examples)}", failure.file)


def states(report: Report) -> dict[State, int]:
    """Checks by how they stand; all that occur and `pass`, `not judged`, `off` besides."""
    counts = Counter(one.state for one in report.checks)
    return {one: counts[one] for one in _ORDER}


def tolerated(report: Report) -> list[CheckResult]:
    """Checks that find something and pass, as it is within their threshold."""
    return [check for check in report.checks if check.outcome == "pass" and check.failed]


def findings(found: Iterable[Group]) -> list[CheckLine]:
    """Checks that find something, the gravest first."""
    lines = [line for group in found for line in group.checks if line.result.outcome in ("fail", "warn")]
    return sorted(lines, key=lambda line: _ORDER[line.result.outcome])
