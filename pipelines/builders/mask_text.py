"""`mask_text` (stage 2): a region and its category, or its referring expression.

Paper section 3: at most 20 regions an image for COCO and 15 for the others. A source of categories gives one
row an image. A source of expressions gives as many rows as its richest region has expressions: the first row
holds the first expression of every region, and so on, so that no row asks about one region twice.
"""

import prompts
from pipelines.builders.context import Context
from pipelines.builders.naming import region_name
from pipelines.builders.rows import capped, row, turns
from schemas.keys import stable_choice
from schemas.records import Built, Expression, Region, Reject, Sample, Scene

KIND = "mask_text"
STAGE = f"build:{KIND}"

Phrases = list[tuple[Region, list[Expression]]]


def build(scene: Scene, context: Context) -> Built:
    """Rows for every source of the recipe that has regions or expressions here."""
    built = Built([], [], [], {})
    for source in context.kinds[KIND].sources:
        phrases = expressions(scene, source)
        if phrases:
            _add_phrases(built, scene, context, source, phrases)
        else:
            _add_categories(built, scene, context, source)
    return built


def expressions(scene: Scene, source: str) -> Phrases:
    """The regions that a source has expressions for, by first sight, each with its expressions."""
    found = [
        (region, [text for text in region.expressions if text.source == source])
        for region in scene.regions
        if any(text.source == source for text in region.expressions)
    ]
    return sorted(found, key=lambda pair: pair[1][0].ordinal)


def _add_categories(built: Built, scene: Scene, context: Context, source: str) -> None:
    regions = [region for region in scene.regions if region.source == source]
    if not regions:
        return
    kept, rest = capped(context, KIND, source, regions)
    built.read[source, "regions"] = len(regions)
    built.rejects.extend(_over_cap(source, "regions", region.region_id) for region in rest)
    built.samples.append(_sample(scene, context, source, "category", [(region, region.category) for region in kept], 0))


def _add_phrases(built: Built, scene: Scene, context: Context, source: str, phrases: Phrases) -> None:
    kept, _ = capped(context, KIND, source, [region for region, _ in phrases])
    names = {region.region_id for region in kept}
    built.read[source, "expressions"] = sum(len(texts) for _, texts in phrases)
    for region, texts in phrases:
        if region.region_id not in names:
            keys = (f"{region.region_id}#{text.source}:{text.ordinal}" for text in texts)
            built.rejects.extend(_over_cap(source, "expressions", key) for key in keys)
    used = [(region, texts) for region, texts in phrases if region.region_id in names]
    for number in range(max(len(texts) for _, texts in used)):
        pairs = [(region, texts[number].text) for region, texts in used if number < len(texts)]
        built.samples.append(_sample(scene, context, source, "phrase", pairs, number))


def _sample(
    scene: Scene, context: Context, source: str, form: str, pairs: list[tuple[Region, str]], number: int
) -> Sample:
    questions = prompts.questions(KIND, f"{form}_questions")
    asked = [
        (
            stable_choice(questions, context.seed, KIND, region.region_id, source, place).format(
                region=region_name(place)
            ),
            text,
        )
        for place, (region, text) in enumerate(pairs, start=1)
    ]
    regions = [region for region, _ in pairs]
    return row(context, scene, KIND, regions, turns(asked), variant=f"{source}:{number}", sources=[source])


def _over_cap(source: str, unit: str, key: str) -> Reject:
    return Reject(stage=STAGE, source=source, unit=unit, key=key, reason="region_cap")
