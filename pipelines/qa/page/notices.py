"""What a reader has to know before anything else: pictures that are drawn, kinds without rows."""

from collections.abc import Sequence
from typing import NamedTuple

from pipelines.qa.checks.presence import KindsHaveRows, asked_for
from pipelines.qa.figures.records import KindFigures
from pipelines.qa.page.wording import listed
from pipelines.qa.results import Report
from pipelines.shards.manifest import Manifest


class Notice(NamedTuple):
    """A banner at the top of the page."""

    name: str
    """Of its style and its place in the page."""
    title: str
    says: str
    lines: Sequence[tuple[str, str]] = ()
    """Name and sentence, one below the other."""


def notices(manifest: Manifest, report: Report) -> list[Notice]:
    """The gravest first."""
    return [*_no_rows(manifest, report), *_drawn(report)]


def _drawn(report: Report) -> list[Notice]:
    """Sample scenes, which `osprey-data sample` draws."""
    if not report.sample_scenes:
        return []
    rows, whole = report.drawn_rows, report.figures.rows
    share = "All rows rest" if rows == whole else f"{rows:,} of {whole:,} rows rest"
    says = (
        f"{share} on scenes that osprey-data sample drew ({listed(report.sample_scenes)}). Pictures, regions and"
        " captions are made up: they show what a build does, and are not the data sets whose names they bear."
    )
    return [Notice("drawn", "Drawn sample scenes, no photographs", says)]


def _no_rows(manifest: Manifest, report: Report) -> list[Notice]:
    """The whole build, or some of its kinds, with what a check says of them."""
    told = {one.kind: one.detail.removeprefix(f"{one.kind}: ") for check in report.checks
            if check.name == KindsHaveRows.spec.name for one in check.evidence}  # fmt: skip
    asked = asked_for(manifest)
    empty = [kind for kind in asked if not report.figures.kinds.get(kind, KindFigures()).rows]
    lines = [(kind, told.get(kind, "no row")) for kind in empty]
    if not report.figures.rows:
        says = "Nothing can be said about its quality: where there are no rows a check holds whatever it asks."
        return [Notice("no-rows", "This build has no rows", says, lines)]
    if not empty:
        return []
    title = f"{len(empty)} of {len(asked)} kinds {'has' if len(empty) == 1 else 'have'} no rows"
    return [Notice("no-rows", title, "The recipe asks for them; other checks say nothing about them.", lines)]
