"""`mask_text` (stage 2): a region and its category, or its referring expression.

Paper section 3: at most 20 regions an image for COCO and 15 for the others. Regions of a source with categories give
one row an image; parts are called by their own and their object's name, "left front paw of the cat". A source's
expressions give further rows (see `phrases`). RefCOCO/+/g stand for their expressions alone, since their categories
are COCO's.
"""

from collections.abc import Sequence

import prompts
from pipelines.builders import phrases
from pipelines.builders.context import Context
from pipelines.builders.naming import region_name, region_names
from pipelines.builders.parts import is_named
from pipelines.builders.rows import capped, row, turns
from schemas.keys import stable_choice
from schemas.records import Built, Region, Reject, Sample, Scene

KIND = "mask_text"
STAGE = f"build:{KIND}"
EXPRESSIONS_ALONE = ("refcoco", "refcoco+", "refcocog")


def build(scene: Scene, context: Context) -> Built:
    """Rows for every source of the recipe that has regions or expressions here."""
    built = Built([], [], [], {})
    for source in context.kinds[KIND].sources:
        if source not in EXPRESSIONS_ALONE:
            _add_categories(built, scene, context, source)
        phrases.add_rows(built, scene, context, KIND, source, "phrase_questions")
    return built


def _add_categories(built: Built, scene: Scene, context: Context, source: str) -> None:
    regions = _of(scene, source)
    if not regions:
        return
    built.read[source, "regions"] = len(regions)
    named = [region for region in regions if not _unfit(region)]
    kept, rest = capped(context, KIND, source, named)
    built.rejects.extend(_reject(region, _unfit(region)) for region in regions if _unfit(region))
    built.rejects.extend(_reject(region, "region_cap") for region in rest)
    if kept:
        built.samples.append(_sample(scene, context, source, kept))


def _of(scene: Scene, source: str) -> list[Region]:
    """The source's own regions; one that has phrases instead of a category is counted with its phrases."""
    own = [region for region in scene.regions if region.source == source]
    return [region for region in own if region.category or not any(t.source == source for t in region.expressions)]


def _unfit(region: Region) -> str:
    if not is_named(region):
        return "no_category"
    return "names_region" if region_names(region.category) else ""


def _sample(scene: Scene, context: Context, source: str, regions: Sequence[Region]) -> Sample:
    asked = [
        (_ask(region, source, place, context.seed), region.category) for place, region in enumerate(regions, start=1)
    ]
    return row(context, scene, KIND, regions, turns(asked), variant=f"{source}:category", sources=[source])


def _ask(region: Region, source: str, place: int, seed: int) -> str:
    forms = prompts.questions(KIND, "part_questions" if region.part else "category_questions")
    return stable_choice(forms, seed, KIND, region.region_id, source, place).format(region=region_name(place))


def _reject(region: Region, reason: str) -> Reject:
    return Reject(stage=STAGE, source=region.source, unit="regions", key=region.region_id, reason=reason)
