"""What a recipe would give, kind by kind and source by source, beside the paper's count, and why they differ."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from pipelines.phases.plan import Plan
from pipelines.phases.tally import ALL, Amount
from pipelines.qa.figures.survey import PAPER_UNIT
from pipelines.recipes.giving import need
from pipelines.shards.manifest import PAPER_COUNTS
from pipelines.sources import SOURCES
from schemas.ledger import LedgerLine

MOST_REASONS = 3
EVALUATION_ALONE = "only its evaluation images can be read"
UNITS = ("annotations", "expressions", "records", "images")
"""By which it is said how much of a source is there: the first that its authors counted and the reader counts."""


class Line(NamedTuple):
    """A kind (`source` is `ALL`), or one of its sources."""

    kind: str
    source: str
    amount: Amount
    why: list[str]
    """What took records away, or what the paper's number counts."""
    paper: int | None = None


class SourceLine(NamedTuple):
    """A source before any kind is built from it."""

    source: str
    there: str
    lost: list[str]


def outlook(plan: Plan, missing: Collection[str] = ()) -> list[Line]:
    """Each kind of the recipe, followed by its sources; `missing` are those of which no files are there."""
    return [line for kind in plan.recipe.kinds for line in _kind(plan, kind, missing)]


def _kind(plan: Plan, kind: str, missing: Collection[str]) -> Iterator[Line]:
    amounts, paper = plan.amounts[kind], PAPER_COUNTS.get(kind)
    amount = amounts.get(ALL, Amount())
    yield Line(kind, ALL, amount, list(_about_kind(plan, kind, amount, paper)), paper)
    for source in plan.recipe.kinds[kind].sources:
        own = amounts.get(source, Amount())
        why = _about_source(plan, kind, source) if source in plan.sources else [_not_read(source, missing)]
        yield Line(kind, source, own, why or ([] if own.rows else [_why_nothing(plan, kind, source)]))


def _about_kind(plan: Plan, kind: str, amount: Amount, paper: int | None) -> Iterator[str]:
    unit = PAPER_UNIT.get(kind, "turns")
    if paper is not None and amount.asked and unit == "turns":
        yield "the paper counts turns, which only the replies will tell"
    elif paper is not None:
        yield f"the paper counts {unit}; this is {share(getattr(amount, unit), paper)} of them"
    if kind in plan.cuts:
        yield f"capped at {plan.recipe.kinds[kind].rows:,} rows"


def share(part: int, whole: int) -> str:
    """A percentage with two digits that count, or `none`."""
    percent = 100 * part / whole
    if not part:
        return "none"
    return f"{percent:.0f} %" if percent >= 10 else f"{percent:.2g} %"


def _not_read(source: str, missing: Collection[str]) -> str:
    return "not under DATA" if source in missing else "cannot be read"


def _about_source(plan: Plan, kind: str, source: str) -> list[str]:
    return _reasons(line for line in plan.ledger if (line.source, line.stage) == (source, f"build:{kind}"))


def _why_nothing(plan: Plan, kind: str, source: str) -> str:
    """Why a source of which nothing was rejected for the kind has no row of it either."""
    lines, wanted = _before(plan, source), need(kind, plan.recipe.kinds[kind])
    read = {line.unit for line in lines if line.stage == "ingest" and line.read}
    if _evaluation_alone(lines):
        return EVALUATION_ALONE
    known = {wanted.unit, "records"} if wanted.unit == "captions" else {wanted.unit}
    if source not in wanted.sources or (wanted.unit and not known & read):
        return f"has no {wanted.what}"
    lost = ", ".join(_reasons(lines))
    return f"nothing of it is left: {lost}" if lost else f"has no {wanted.what}"


def _before(plan: Plan, source: str) -> list[LedgerLine]:
    return [line for line in plan.ledger if line.source == source and line.stage in ("ingest", "regions", "join")]


def _evaluation_alone(lines: Iterable[LedgerLine]) -> bool:
    """Whether nothing but images was read, as of a source whose training file is broken or absent."""
    return {line.unit for line in lines if line.stage == "ingest"} == {"images"}


def before_building(plan: Plan, missing: Collection[str] = ()) -> list[SourceLine]:
    """Each source of the recipe: how much of it is there, and what reading, masks and the join left out."""
    return [
        SourceLine(source, *_read(plan, source))
        if source in plan.sources
        else SourceLine(source, _not_read(source, missing), [])
        for source in plan.recipe.sources
    ]


def _read(plan: Plan, source: str) -> tuple[str, list[str]]:
    lines = _before(plan, source)
    if _evaluation_alone(lines):
        return EVALUATION_ALONE, []
    return coverage(source, {line.unit: line.read for line in lines if line.stage == "ingest"}), _reasons(lines)


def coverage(source: str, read: Mapping[str, int]) -> str:
    """How much of a data set is there, by what its authors counted first."""
    official = SOURCES[source].spec.counts
    unit = next((unit for unit in UNITS if unit in official and unit in read), "")
    return f"{read[unit]:,} of {official[unit]:,} {unit}" if unit else ""


def _reasons(lines: Iterable[LedgerLine]) -> list[str]:
    """The reasons that took most."""
    counts: Counter[str] = Counter()
    for line in lines:
        counts.update(line.rejected)
    return [f"{reason} {count:,}" for reason, count in counts.most_common(MOST_REASONS)]
