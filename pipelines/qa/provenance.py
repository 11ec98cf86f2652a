"""What rows rest on and on which terms, for card and Croissant: sources, licences, citations."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from pipelines.qa.figures.records import Figures
from pipelines.shards.manifest import Manifest
from pipelines.sources import SOURCES, osprey_724k
from schemas.licenses import FROM_FREE_TO_STRICT, strictest

OSPREY = osprey_724k.SPEC.citation.strip()
"""The paper that the recipes follow, as BibTeX."""


class SourceLine(NamedTuple):
    """A source; empty texts where it is none of ours."""

    name: str
    title: str
    homepage: str
    license: str
    note: str
    rows: int
    """Rows that rest on it."""
    masks: int
    """Regions, with repeats, whose mask is its own."""
    citation: str


def source_lines(figures: Figures, manifest: Manifest) -> list[SourceLine]:
    """The sources that rows rest on, the most used first."""
    return [_source_line(name, figures, manifest) for name in figures.row_sources]


def _source_line(name: str, figures: Figures, manifest: Manifest) -> SourceLine:
    """With the licence that the recipe states, where it states one."""
    rows, masks = figures.row_sources[name], figures.region_sources.get(name, 0)
    if name not in SOURCES and name != osprey_724k.SPEC.name:
        return SourceLine(name, name, "", "", "", rows, masks, "")
    spec = SOURCES[name].spec if name in SOURCES else osprey_724k.SPEC
    stated = manifest.recipe.get("sources", {}).get(name, {}).get("license")
    license, note = (stated, "As the recipe states.") if stated else (spec.license, spec.license_note)
    return SourceLine(name, spec.title, spec.homepage, license, note, rows, masks, spec.citation.strip())


def citations(lines: Iterable[SourceLine]) -> list[str]:
    """Osprey's, and that of every source that has one; each once."""
    return list(dict.fromkeys([OSPREY, *(line.citation for line in lines if line.citation)]))


def strictest_of(licenses: Mapping[str, int]) -> list[str]:
    """The strictest licence of rows; all of them where one is none of ours: nobody can say which is stricter."""
    if set(licenses) - set(FROM_FREE_TO_STRICT):
        return sorted(licenses)
    return [strictest(licenses)] if licenses else []


def license_url(name: str) -> str:
    """SPDX's page of a licence; the name itself where SPDX has none."""
    listed = name in FROM_FREE_TO_STRICT and not name.startswith("LicenseRef-")
    return f"https://spdx.org/licenses/{name}" if listed else name
