"""The regions of the three object kinds: those that people referred to, or with `regions: all` every one.

Paper section 2: regions in order of first sight, RefCOCO before RefCOCO+ before RefCOCOg; the expressions of
one region are merged, each once. Data of one's own seldom has expressions: there `regions: all` takes every region,
in the order of its file, and a category alone is enough to tell of.
"""

from collections.abc import Sequence

import msgspec

from pipelines.builders.model_kind import Candidate, Values
from pipelines.builders.naming import box_text, unique
from pipelines.builders.parts import is_named
from schemas.recipe import KindSettings
from schemas.records import Expression, Region, Scene


def choose(scene: Scene, settings: KindSettings) -> list[Candidate]:
    """The regions of the recipe's sources, with the expressions of these.

    What other sources say of a region is left out: the row would rest on them without naming them.
    """
    if settings.regions == "referred":
        return [_referred(region, settings.sources) for region in referred(scene, settings.sources)]
    return [
        _any(region, settings.sources)
        for region in _with_said(scene, settings.sources)
        if region.expressions or region.source in settings.sources
    ]


def referred(scene: Scene, sources: Sequence[str]) -> list[Region]:
    """Regions with expressions of some sources, by first sight: source by source, then by place in its file."""
    found = [region for region in _with_said(scene, sources) if region.expressions]
    return sorted(found, key=lambda region: _first_sight(sources, region.expressions[0]))


def tell(scene: Scene, region: Region) -> Values:
    """Category, box and expressions, as the paper's prompts have them; category and expressions may lack."""
    return {
        "category": region.category if is_named(region) else "",
        "box": box_text(region.source_box, scene.width, scene.height),
        "expressions": unique(e.text for e in region.expressions),
    }


def _with_said(scene: Scene, sources: Sequence[str]) -> list[Region]:
    """All regions, with what these sources say of them, by first sight, and nothing else."""
    found = []
    for region in scene.regions:
        said = [e for e in region.expressions if e.source in sources]
        said.sort(key=lambda expression: _first_sight(sources, expression))
        found.append(msgspec.structs.replace(region, expressions=tuple(said)))
    return found


def _first_sight(sources: Sequence[str], expression: Expression) -> tuple[int, int]:
    return sources.index(expression.source), expression.ordinal


def _referred(region: Region, sources: Sequence[str]) -> Candidate:
    """Counts towards the source that it was first seen in, and as its expressions."""
    keys = [(e.source, f"{region.region_id}#{e.source}:{e.ordinal}") for e in region.expressions]
    records = tuple((source, "expressions", key) for source, key in keys)
    return Candidate(region, min((source for source, _ in keys), key=sources.index), records)


def _any(region: Region, sources: Sequence[str]) -> Candidate:
    """Counts as a region of its own source, or of the one that refers to it where its own is none of the recipe's."""
    source = region.source if region.source in sources else region.expressions[0].source
    reason = "" if is_named(region) or region.expressions else "no_category"
    return Candidate(region, source, ((source, "regions", region.region_id),), reason)
