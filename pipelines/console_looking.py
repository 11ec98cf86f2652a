"""What the command line shows of a finished build: the verdict, a row in words, what differs between two builds."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from pipelines import console
from pipelines.console_replies import plain, section
from pipelines.exchange.coco_export import SCRIPT, Written
from pipelines.qa.diff.comparing import Comparison
from pipelines.qa.diff.rows import RowChanges
from pipelines.qa.diff.settings import Line
from pipelines.qa.results import CheckResult, Report
from pipelines.qa.show.finding import Place

COLOURS = {"pass": "green", "warn": "yellow", "fail": "red", "not judged": "dim"}
WORDS = {
    "pass": "pass", "warn": "warn: the data keeps its promises, and there is something to look at",
    "fail": "fail: the data breaks its promises",
}  # fmt: skip
_ORDER = ("fail", "warn", "pass", "not judged")


def report(found: Report, page: str) -> None:
    """Every check that found something, the worst first, and last the verdict."""
    telling = sorted((one for one in found.checks if one.failed), key=lambda one: _ORDER.index(one.outcome))
    if telling:
        console.show(_checks(telling))
    skipped = [one for one in found.checks if one.outcome == "not judged"]
    for state in ("not judged", "off"):
        names = [one.name for one in skipped if one.state == state]
        if names:
            console.out.print(f"{state}: {', '.join(names)}", markup=False)
    quiet = len(found.checks) - len(telling) - len(skipped)
    console.out.print(f"{found.figures.rows:,} rows, {quiet} of {len(found.checks)} checks find nothing")
    console.out.print(f"report: {page}", markup=False)
    console.out.print(Text.assemble("verdict: ", (WORDS[found.verdict], COLOURS[found.verdict])))


def _checks(telling: list[CheckResult]) -> Table:
    table = Table("check", "", "found", "what should hold", box=None, pad_edge=False)
    for one in telling:
        found = f"{one.failed:,}" if one.group in ("form", "build") else f"{one.failed:,} of {one.judged:,} {one.unit}"
        outcome = Text(one.outcome, style=COLOURS[one.outcome])
        table.add_row(Text(one.name), outcome, Text(found), Text(plain(one.means)))
    return table


def pictures_on_grey(why: str) -> None:
    """That the report shows masks without their pictures."""
    console.out.print(f"{why}: its regions stand on grey; give the folder of the pictures with --data", markup=False)


def coco(written: Written, to: str) -> None:
    """What the COCO file holds, what not, and how FiftyOne opens it."""
    console.out.print(f"{to}: {written.regions:,} regions on {written.images:,} pictures, as COCO", markup=False)
    for why, count in sorted(written.left_out.items()):
        console.out.print(f"{count:,} {why}: left out", markup=False)
    console.out.print(f"to open it (python {to}/{SCRIPT}, or with pip install fiftyone):", markup=False)
    console.out.print(written.lines, markup=False)


def row(found: Mapping[str, Any], place: Place) -> None:
    """A row in words: what it is, its regions, its conversation."""
    generator = found["generator"]
    facts = {
        "sample": place.sample_id, "kind": found["kind"], "split": found["split"],
        "image": f"{found['image']['path']} ({found['image_id']}), {found['width']} x {found['height']} pixels",
        "sources": ", ".join(found["sources"]), "license": found["license"],
        "generator": " ".join(filter(None, (generator["name"], generator["prompt"]))),
        "shard": f"{place.file}, row {place.row}",
    }  # fmt: skip
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in facts.items():
        table.add_row(name, Text(plain(value)))
    console.show(table)
    if found["regions"]:
        console.out.print()
        console.show(_regions(found))
    for message in found["messages"]:
        section(message["role"], message["content"])
    console.out.print()


def _regions(found: Mapping[str, Any]) -> Table:
    table = Table("", "category", "part of", "pixels", "of the picture", "region", box=None, pad_edge=False)
    for column in table.columns[3:5]:
        column.justify = "right"
    pixels = max(1, found["width"] * found["height"])
    for number, one in enumerate(found["regions"], 1):
        share = f"{100 * one['area'] / pixels:.2g} %"
        cells = (one["category"] or "(none)", one["part_of"] or "", f"{one['area']:,}", share, one["region_id"])
        table.add_row(f"<region{number}>", *(Text(plain(cell)) for cell in cells))
    return table


_COUNTED = ("generators (rows)", "rejects (records)", "replies and their cost")
"""Headings of a comparison with numbers below them: what a build has none of is 0."""
MOST_LINES = 12
"""Of one heading of a comparison; --json has them all."""


def comparison(found: Comparison) -> None:
    """What differs between two builds, the rows first."""
    console.out.print(f"a: {found.a}\nb: {found.b}", markup=False)
    console.show(_kinds(found))
    for line in _examples(found.rows):
        console.show(Text(plain(line)))
    headings = {
        "recipe and options": found.recipe, "prompts": found.prompts, "generators (rows)": found.generators,
        "rejects (records)": found.rejects, "replies and their cost": found.costs, "checks": found.checks,
        "versions": found.versions,
    }  # fmt: skip
    for heading, lines in headings.items():
        _tell(heading, lines, "0" if heading in _COUNTED else "none")
    if None not in found.verdicts and found.verdicts[0] != found.verdicts[1]:
        console.out.print("verdict: {} -> {}".format(*found.verdicts))
    for note in (*found.faults, *found.notes):
        console.out.print(plain(note), markup=False)
    console.out.print("nothing differs" if found.equal else "the builds differ")


def _kinds(found: Comparison) -> Table:
    table = Table("kind", "rows", "regions", "turns", "added", "removed", "changed", "in", box=None, pad_edge=False)
    for column in table.columns[1:-1]:
        column.justify = "right"
        column.no_wrap = True
    rows = found.rows
    for one in found.kinds:
        columns = rows.changed_columns.get(one.kind, {})
        table.add_row(
            one.kind, *(f"{x:,}" if x == y else f"{x:,} -> {y:,}" for x, y in (one.rows, one.regions, one.turns)),
            *(f"{part[one.kind]:,}" if one.kind in part else "" for part in (rows.added, rows.removed, rows.changed)),
            ", ".join(f"{name} {count:,}" for name, count in columns.items()),
        )  # fmt: skip
    return table


def _examples(rows: RowChanges) -> Iterator[str]:
    for word, examples in (("added", rows.added_examples), ("removed", rows.removed_examples)):
        if examples:
            yield f"{word}, such as: {', '.join(ids[0] for ids in examples.values())}"
    for one in rows.changed_examples[:MOST_LINES]:
        yield f"{one.sample_id}: {'; '.join(one.details)}"


def _tell(heading: str, lines: Sequence[Line], lacking: str) -> None:
    if not lines:
        return
    console.out.print(f"\n{heading}", style="bold")
    table = Table(box=None, show_header=False, pad_edge=False)
    for line in lines[:MOST_LINES]:
        both = (_value(one, lacking) for one in (line.a, line.b))
        table.add_row(Text(plain(f"  {line.name}")), Text(plain(" -> ".join(both))))
    console.show(table)
    if len(lines) > MOST_LINES:
        console.out.print(f"  ... {len(lines) - MOST_LINES:,} more; --json FILE has them all")


def _value(value: object, lacking: str) -> str:
    if value is None:
        return lacking
    if isinstance(value, list | tuple):
        return ", ".join(str(one)[:12] if len(str(one)) == 64 else str(one) for one in value) or "none"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
