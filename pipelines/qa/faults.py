"""What the figures say against a build, for those who read the card: measured, and nothing that was not."""

from collections.abc import Iterable
from typing import NamedTuple

from pipelines.qa.figures.records import Figures, KindFigures, Name
from pipelines.qa.page.overview import CheckLine, findings, groups, writers
from pipelines.qa.page.wording import percent, plain
from pipelines.qa.results import CheckResult, Report, State
from schemas.records import IMPORTED

COMMONEST = 10
"""Names that the head of a vocabulary is taken to be."""


class FaultLine(NamedTuple):
    """A check that found something."""

    result: CheckResult
    example: str
    where: str


class LeakSet(NamedTuple):
    """An evaluation set that pictures of sources belong to. A picture may be in several sources: nothing is summed."""

    name: str
    before: dict[str, int]
    """Training pictures by source, before any were kept out."""
    after: dict[str, int] | None
    """Pictures of finished rows by source; None where the set's list was not at hand."""


class Shape(NamedTuple):
    """How large the rows of a kind are, as text."""

    kind: str
    regions: str
    answer_words: str
    tokens: str
    longest: str
    over: str


def fault_lines(report: Report) -> list[FaultLine]:
    """Checks that warn or fail, the gravest first, each with an example."""
    return [_fault(line) for line in findings(groups(report))]


def _fault(line: CheckLine) -> FaultLine:
    example = line.seen[0] if line.seen else None
    return FaultLine(line.result, example.detail if example else "", example.where if example else "")


def not_judged(report: Report) -> list[CheckResult]:
    """Checks that had nothing to judge, which is no pass."""
    return [check for check in report.checks if check.state == "not judged"]


def outcomes(report: Report) -> dict[State, int]:
    """Checks by how they stand."""
    order: tuple[State, ...] = ("pass", "warn", "fail", "not judged", "off")
    counts = {one: sum(check.state == one for check in report.checks) for one in order}
    return {one: count for one, count in counts.items() if count}


def leak_sets(report: Report) -> list[LeakSet]:
    """Evaluation sets that some picture was in, before or after."""
    found = []
    for name in sorted({line.evaluation_set for line in report.leakage}):
        lines = [line for line in report.leakage if line.evaluation_set == name]
        before = {line.source: line.images_before for line in lines if line.images_before}
        known = [line for line in lines if line.images_after is not None]
        after = {line.source: line.images_after for line in known if line.images_after}
        if before or after:
            found.append(LeakSet(name, before, after if known else None))
    return found


def shapes(figures: Figures) -> list[Shape]:
    """The kinds whose rows were measured."""
    return [_shape(kind, found) for kind, found in figures.kinds.items() if found.answer_words.number]


def _shape(kind: str, found: KindFigures) -> Shape:
    over = percent(found.over_context / found.rows) if found.rows else "-"
    return Shape(
        kind, plain(found.regions_per_row.median), plain(found.answer_words.median), plain(found.tokens.median),
        plain(found.tokens.high), f"{found.over_context:,} ({over})",
    )  # fmt: skip


def remarks(report: Report) -> list[str]:
    """Sentences on what the data cannot teach or misses, each from a figure."""
    figures = report.figures
    found = [_writers(figures), _context(figures), *_vanishing(figures), *_tail(figures), *_yes_no(figures)]
    return [one for one in found if one]


def _writers(figures: Figures) -> str:
    counts = writers(figures)
    by = ", ".join(f"{name} {percent(rows / figures.rows)}" for name, rows in counts.items()) if figures.rows else ""
    if not by:
        return ""
    if set(counts) == {"template"}:
        return "Every answer is composed from annotations by rules: right as far as they are, and monotonous."
    models = sum(rows for name, rows in counts.items() if name not in ("template", IMPORTED))
    told = f"Rows by writer: {by}."
    seen = " Nobody has read the models' answers; what the checks do not find is still in them." if models else ""
    return told + seen


def _context(figures: Figures) -> str:
    measured = [kind for kind in figures.kinds.values() if kind.tokens.number]
    if not measured:
        return ""
    over, rows = sum(kind.over_context for kind in measured), sum(kind.rows for kind in measured)
    counted = f" (counted by {figures.tokenizer})" if figures.tokenizer else ""
    return f"{over:,} of {rows:,} rows ({percent(over / rows)}) are longer than {figures.context:,} tokens{counted}."


def _vanishing(figures: Figures) -> Iterable[str]:
    shares = [f"{percent(one.vanished / one.judged)} at {one.stride}" for one in figures.vanishing if one.judged]
    if shares:
        yield (
            "Regions that are too small for a feature map see nothing of it under the paper's pooling: by stride "
            f"(pixels of the model's picture a cell), {', '.join(shares)}. Only finer levels show them to the model."
        )


def _tail(figures: Figures) -> Iterable[str]:
    for named, found in (("category", figures.categories), ("part", figures.parts), ("attribute", figures.attributes)):
        head = sum(one.count for one in found.top[:COMMONEST])
        if found.total and found.distinct > COMMONEST:
            yield (
                f"Long tail: of {found.distinct:,} {named} names the {COMMONEST} commonest make "
                f"{percent(head / found.total)} of {found.total:,}{_middle(found.distinct, found.curve)}."
            )


def _middle(distinct: int, curve: Iterable[Name]) -> str:
    """The count of a name in the middle of the ranks."""
    ranks = {int(one.name): one.count for one in curve}
    later = [rank for rank in sorted(ranks) if rank >= distinct / 2]
    return f"; at rank {later[0]:,} a name stands {ranks[later[0]]:,} times" if later else ""


def _yes_no(figures: Figures) -> Iterable[str]:
    for kind, found in figures.kinds.items():
        answers = found.yes + found.no
        if kind == "positive_negative" and answers:
            yield f"Of {answers:,} answers of {kind} that begin with yes or no, {percent(found.yes / answers)} say yes."
