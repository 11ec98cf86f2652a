"""What the command line shows: progress bars, tables, errors."""

from __future__ import annotations  # the types that only annotations name come with Beam, whose import takes seconds

import os
import re
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from schemas import ledger
from schemas.errors import OspreyDataError

if TYPE_CHECKING:
    from pipelines.phases.doctor import Diagnosis
    from pipelines.phases.outlook import Line, SourceLine
    from pipelines.phases.progress import Progress as Report
    from pipelines.phases.tally import Amount
    from pipelines.shards.manifest import Manifest

MUCH = 0.05
"""A share of a source's records that is not lost without a word on the screen."""
MOST_REASONS = 4
_PASSWORD = re.compile(r"(://[^/@:\s]*:)[^/@\s]*@")

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


@contextmanager
def bars() -> Iterator[Report]:
    """Progress bars, one for each thing that is done, while the block runs."""
    columns = (TextColumn("{task.description:<24}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err) as progress:
        tasks: dict[str, TaskID] = {}

        def report(what: str, done: int, total: int) -> None:
            name = what.split(":")[0]
            if name not in tasks:
                tasks[name] = progress.add_task(name, total=total)
            progress.update(tasks[name], completed=done, total=total, description=what)

        yield report


def show_manifest(manifest: Manifest) -> None:
    """What was built, kind by kind, and what became of the rest."""
    table = Table("kind", "rows", "regions", "turns", "paper", box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for kind, entry in manifest.kinds.items():
        paper = "" if entry.paper is None else f"{entry.paper:,}"
        table.add_row(kind, f"{entry.rows:,}", f"{entry.regions:,}", f"{entry.turns:,}", paper)
    out.print(table)
    for kind, entry in manifest.kinds.items():
        _tell_missing(kind, entry.rows, manifest)
    for (source, unit), (read, lost) in ledger.losses(manifest.ledger).items():
        if lost.total() > MUCH * read:
            reasons = ", ".join(f"{reason} {count:,}" for reason, count in lost.most_common(MOST_REASONS))
            out.print(f"{source}: {lost.total():,} of {read:,} {unit} were no use: {reasons}")
    rejected = sum(sum(line.rejected.values()) for line in manifest.ledger)
    out.print(f"ledger: {len(manifest.ledger)} lines, {rejected:,} rejects, each with its reason in rejects/")


def _tell_missing(kind: str, rows: int, manifest: Manifest) -> None:
    """Where replies were rejected, or a kind has no row at all, say what took them."""
    sources = manifest.recipe["kinds"][kind]["sources"]
    for line in manifest.ledger:
        own = line.stage == "assemble" and line.source == kind
        before = not rows and line.source in sources and line.stage in ("join", f"build:{kind}")
        if line.rejected and (own or before):
            reasons = ", ".join(f"{reason} {count:,}" for reason, count in line.rejected.items())
            out.print(f"{kind}: of {line.read:,} {line.unit} ({line.source}, {line.stage}) rejected: {reasons}")


def show_outlook(lines: Sequence[Line], sources: Sequence[SourceLine], work: str) -> None:
    """What a recipe would give beside the paper's counts."""
    paper = ["paper"] if any(line.paper for line in lines) else []
    table = Table("kind, source", "rows", "regions", "turns", *paper, "why", box=None, pad_edge=False)
    for column in table.columns[1:-1]:
        column.justify = "right"
        column.no_wrap = True
    for line in lines:
        whole = not line.source
        cells = [f"{line.amount.rows:,}", f"{line.amount.regions:,}", _turns(line.amount)]
        cells += [f"{line.paper:,}" if line.paper else ""] * len(paper)
        name = line.kind if whole else f"  {line.source}"
        table.add_row(name, *cells, "; ".join(line.why), style="bold" if whole else "")
    before = Table("source", "DATA has", "left out before any kind is built", box=None, pad_edge=False)
    for one in sources:
        before.add_row(one.source, one.there, "; ".join(one.lost))
    show(table)
    out.print()
    show(before)
    out.print()
    show(
        Text(
            "A row counts for every source that it is told by. "
            f"Nothing is built: what was read is kept under {work}, for the build to go on with."
        )
    )


def _turns(amount: Amount) -> str:
    """A question mark for those that only replies will tell."""
    if not amount.asked:
        return f"{amount.turns:,}"
    return f"{amount.turns:,} + ?" if amount.turns else "?"


STATES = {
    "complete": "green", "partly": "yellow", "found": "green",
    "broken": "red", "incomplete": "yellow", "missing": "dim",
}  # fmt: skip
UNBROKEN = 10_000
"""Columns of what is not printed to a terminal: there a line is as long as it has to be, for `grep` and copying."""


def show(*what: object) -> None:
    """Print, folded to the width of a terminal, but of nothing else."""
    wide = out if out.is_terminal else Console(file=out.file, width=UNBROKEN, highlight=False)
    wide.print(*what, soft_wrap=False)


def show_diagnosis(diagnosis: Diagnosis) -> None:
    """A table of sources, what each lacks, and which of them share images with evaluation sets."""
    if diagnosis.empty:
        _show_expected(diagnosis)
    else:
        _show_findings(diagnosis)
        _show_overlap(diagnosis)
    _show_unused(diagnosis)
    for what in diagnosis.idle:
        show(Text(what))


def _show_expected(diagnosis: Diagnosis) -> None:
    """Where nothing is there: a file of each source, and who offers it."""
    out.print("None of these is there:")
    for one in diagnosis.findings:
        out.print(Text(f"  {one.expected}: {one.offered}"))


def _show_findings(diagnosis: Diagnosis) -> None:
    table = Table("source", "state", "DATA has", "pictures", "for the kinds", box=None, pad_edge=False)
    for column in table.columns:
        column.overflow = "fold"
    for one in diagnosis.findings:
        counts = "\n".join(_count(*count) for count in one.counts)
        present = "{:,} of {:,}".format(*one.pictures) if one.pictures and one.pictures[1] else ""
        state = Text(one.state, style=STATES[one.state])
        table.add_row(one.name, state, counts or "\n".join(one.files), present, ", ".join(one.kinds) or one.serves)
    show(table)
    for one in diagnosis.findings:
        for what in one.wanting:
            show(Text(f"{one.name}: {what}", style=STATES[one.state]))
        for what in one.notes:
            show(Text(f"{one.name}: {what}"))


def _count(unit: str, read: int, official: int) -> str:
    return f"{read:,} of {official:,} {unit}" if official else f"{read:,} {unit}"


def _show_overlap(diagnosis: Diagnosis) -> None:
    """Two matrices, evaluation sets by sources; what is nowhere in a set has no column."""
    for unit, means in (
        ("images", "Training images that evaluation sets have too"),
        ("annotations", "Training annotations that evaluation sets have too (the same id)"),
    ):
        lines = [line for line in diagnosis.overlap if getattr(line, unit)]
        sources = list(dict.fromkeys(line.source for line in lines))
        table = Table("", *sources, box=None, pad_edge=False)
        for name in sorted({line.evaluation_set for line in lines}):
            found = {line.source: getattr(line, unit) for line in lines if line.evaluation_set == name}
            table.add_row(name, *(f"{found[source]:,}" if source in found else "-" for source in sources))
        for column in table.columns[1:]:
            column.justify = "right"
        if lines:
            show(Text(f"\n{means}"))
            show(table)
    if diagnosis.unknown_sets:
        names = ", ".join(diagnosis.unknown_sets)
        show(Text(f"\nNot guarded, because no file under DATA lists their images: {names}"))


def _show_unused(diagnosis: Diagnosis) -> None:
    for source, recipe in diagnosis.unused:
        use = f"is there, but not in this recipe: --recipe {recipe}" if recipe else "is there, but in no recipe of ours"
        show(Text(f"{source} {use}"))


def command() -> str:
    """The command that is running, for running it again; a password in it is left out."""
    words = [os.path.basename(sys.argv[0]), *sys.argv[1:]]
    return _PASSWORD.sub(r"\1***@", shlex.join(words))


def fail(error: OspreyDataError) -> None:
    """An error as a user should see it."""
    err.print(f"error: {error.message}", style="bold red", markup=False)
    if error.hint:
        err.print(error.hint, markup=False)


def refused(error: OSError) -> OspreyDataError:
    """What the operating system does not let us do, as a user should see it."""
    named = f"{error.filename}: " if error.filename else ""
    return OspreyDataError(
        f"{named}{error.strerror or error}", hint="Look whether it may be read or written (ls -l), and for space (df)."
    )
