"""OUT/qa/index.html: what is in the data, what is wrong with it, and why the rest is missing.

One file that needs no network and no server. Every text goes through Jinja's escaping; the page's own policy allows
one script, the one of this package, by its sha256, and nothing from elsewhere. Without a script it shows everything.
"""

import base64
import hashlib
import json
import pathlib

import jinja2
import msgspec

from pipelines import storage
from pipelines.qa.page import panels, wording
from pipelines.qa.page.exhibits import Exhibits, exhibits, facets
from pipelines.qa.page.notices import notices
from pipelines.qa.page.overview import (
    definition,
    findings,
    groups,
    kind_lines,
    reason_lines,
    states,
    tolerated,
    totals,
    writers,
)
from pipelines.qa.provenance import source_lines
from pipelines.qa.results import Report
from pipelines.shards.manifest import Manifest, costs, read_manifest

PAGE = "qa/index.html"
TEMPLATES = pathlib.Path(__file__).parents[1] / "templates"


def write_report(out: str, report: Report, data: str | None = None) -> str:
    """Write the page of a finished build, and return its path.

    Pictures of the gallery come from the rows, or from below `data`; where there are none the masks stand on grey.

    Raises:
        BuildError: the manifest is missing or unreadable.
    """
    manifest = read_manifest(out)
    page = render(manifest, report, exhibits(out, manifest, report, data))
    path = storage.join(out, PAGE)
    storage.write_bytes(path, page.encode())
    return path


def render(manifest: Manifest, report: Report, gallery: Exhibits) -> str:
    """The page."""
    figures = report.figures
    checks = groups(report)
    script = (TEMPLATES / "report.js").read_text(encoding="utf-8")
    recipe = msgspec.json.format(msgspec.json.encode(manifest.recipe, order="deterministic"), indent=2).decode()
    return environment().get_template("report.html").render(
        manifest=manifest, report=report, figures=figures, totals=totals(manifest, figures),
        tolerated=tolerated(report), recipe=recipe, notices=notices(manifest, report), states=states(report),
        titles={line.name: line.title for line in source_lines(figures, manifest)},
        kinds=kind_lines(manifest, figures), reasons=reason_lines(manifest.ledger), writers=writers(figures),
        costs=costs(manifest), groups=checks, findings=findings(checks), panels=panels.panels(figures),
        measures=panels.MEASURES, shapes=panels.shapes(figures), yes_no=panels.yes_no(figures),
        openings=panels.openings(figures), vocabularies=panels.vocabularies(figures),
        levels=panels.levels(figures), matrix=panels.kinds_by_source(figures), leaks=panels.leaks(report.leakage),
        gallery=gallery, choices=gallery.choices(), held=gallery.held(), script=script, digest=sha256(script),
    )  # fmt: skip


def sha256(script: str) -> str:
    """A script's name in a content security policy."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def environment() -> jinja2.Environment:
    """Templates of this package: HTML is escaped, an unknown name is an error."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=jinja2.select_autoescape(["html"]), undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    made.filters["thousands"] = lambda number: f"{number:,}"
    for name in ("percent", "fine_percent", "usd", "short", "plain"):
        made.filters[name] = getattr(wording, name)
    made.globals["definitions"] = definition
    made.filters["tail_sentence"] = panels.tail_sentence
    made.filters["facets"] = lambda one: json.dumps(facets(one), ensure_ascii=False)
    return made
