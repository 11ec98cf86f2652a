"""OUT/qa/index.html: what is in the data, whether it keeps its promises, and why the rest is missing.

One file without a network, a server or a script. Every text goes through Jinja's escaping, and the page's own policy
forbids scripts besides.
"""

import pathlib
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import jinja2
import msgspec

from pipelines import storage
from pipelines.qa.figures.records import Figures
from pipelines.qa.figures.survey import PAPER_UNIT
from pipelines.qa.kinds import MEANS
from pipelines.qa.page.gallery import Card, card
from pipelines.qa.reading import rows_at
from pipelines.qa.results import Report
from pipelines.shards.manifest import KindEntry, Manifest, costs, read_manifest
from schemas.ledger import REASONS, LedgerLine

PAGE = "qa/index.html"
BLANK = "\N{NO-BREAK SPACE}"


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


def write_report(out: str, report: Report, data: str | None = None) -> str:
    """Write the page of a finished build, and return its path.

    Pictures of the gallery come from the rows, or from below `data`; where there are none the masks stand on grey.

    Raises:
        BuildError: the manifest is missing or unreadable.
    """
    manifest = read_manifest(out)
    figures = report.figures
    path = storage.join(out, PAGE)
    page = environment().get_template("report.html").render(
        manifest=manifest, kinds=kind_lines(manifest, figures), reasons=reason_lines(manifest.ledger), figures=figures,
        report=report, gallery=_gallery(out, figures, data), totals=_totals(manifest),
        costs=costs(manifest),
        recipe=msgspec.json.format(msgspec.json.encode(manifest.recipe, order="deterministic"), indent=2).decode(),
    )  # fmt: skip
    storage.write_bytes(path, page.encode())
    return path


def environment() -> jinja2.Environment:
    """Templates of this package: HTML is escaped, an unknown name is an error."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(pathlib.Path(__file__).parents[1] / "templates"),
        autoescape=jinja2.select_autoescape(["html"]), undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    made.filters["thousands"] = lambda number: f"{number:,}"
    made.filters["percent"] = percent
    made.filters["usd"] = usd
    return made


def usd(amount: float | None) -> str:
    """Dollars, with more digits for small amounts; a dash for none."""
    if amount is None:
        return "-"
    return f"{amount:,.2f} USD" if amount >= 1 or not amount else f"{amount:.6f} USD"


def percent(share: float) -> str:
    """A share of 1 for reading, in one piece: few digits, and never 0 % or 100 % for what is not quite that."""
    if 0 < share < 0.001:
        words = "< 0.1 %"
    elif 0.999 < share < 1:
        words = "> 99.9 %"
    else:
        words = f"{100 * share:.1f} %".replace(".0 %", " %")
    return words.replace(" ", BLANK)


def kind_lines(manifest: Manifest, figures: Figures) -> list[KindLine]:
    """The kinds of a build, the largest first."""
    entries = sorted(manifest.kinds.items(), key=lambda item: (-item[1].rows, item[0]))
    return [_kind_line(kind, entry, figures) for kind, entry in entries]


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


def reason_lines(ledger: Iterable[LedgerLine]) -> list[ReasonLine]:
    """Reasons of rejection, the commonest first."""
    counts: Counter[str] = Counter()
    where: dict[str, dict[str, None]] = {}
    for line in ledger:
        counts.update(line.rejected)
        for reason in line.rejected:
            where.setdefault(reason, {})[f"{line.stage} {line.source}"] = None
    return [
        ReasonLine(reason, REASONS.get(reason, "no definition"), count, ", ".join(where[reason]))
        for reason, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        if count
    ]


def _totals(manifest: Manifest) -> dict[str, int]:
    entries = manifest.kinds.values()
    return {name: sum(getattr(entry, name) for entry in entries) for name in ("rows", "regions", "turns")} | {
        "shards": sum(len(entry.files) for entry in entries),
        "bytes": sum(file.bytes for entry in entries for file in entry.files),
    }


def _gallery(out: str, figures: Figures, data: str | None) -> dict[str, list[Card]]:
    return {
        kind: [card(row, data) for row in rows_at(out, [(one.file, one.row) for one in shown])]
        for kind, shown in figures.shown.items()
        if shown
    }
