"""What the command line shows of a finished build: the verdict, a row in words, what differs between two builds."""

from rich.table import Table
from rich.text import Text

from pipelines import console
from pipelines.console_replies import plain
from pipelines.qa.results import CheckResult, Report

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
    if skipped:
        console.out.print(f"not judged: {', '.join(one.name for one in skipped)}", markup=False)
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
