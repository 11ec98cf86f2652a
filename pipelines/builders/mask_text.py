"""`mask_text` (stage 2): a region and its category, or its referring expression.

Paper section 3: at most 20 regions an image for COCO and 15 for the others. A source of categories gives one
row an image. A source of expressions gives as many rows as its richest region has expressions: the first row
holds the first expression of every region, and so on, so that no row asks about one region twice.
"""

from collections.abc import Iterator

import prompts
from pipelines.builders.context import Context
from pipelines.builders.naming import region_name, region_names
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
    built.rejects.extend(_reject(source, "regions", region.region_id, "region_cap") for region in rest)
    built.samples.append(_sample(scene, context, source, "category", [(region, region.category) for region in kept], 0))


def _add_phrases(built: Built, scene: Scene, context: Context, source: str, phrases: Phrases) -> None:
    built.read[source, "expressions"] = sum(len(texts) for _, texts in phrases)
    clear = _without_names(phrases)
    kept, _ = capped(context, KIND, source, [region for region, _ in clear])
    names = {region.region_id for region in kept}
    built.rejects.extend(_phrase_rejects(phrases, names))
    used = [(region, texts) for region, texts in clear if region.region_id in names]
    for number in range(max((len(texts) for _, texts in used), default=0)):
        pairs = [(region, texts[number].text) for region, texts in used if number < len(texts)]
        built.samples.append(_sample(scene, context, source, "phrase", pairs, number))


def _without_names(phrases: Phrases) -> Phrases:
    """Without texts that hold what would be read as the name of a region."""
    clear = [(region, [text for text in texts if not region_names(text.text)]) for region, texts in phrases]
    return [(region, texts) for region, texts in clear if texts]


def _phrase_rejects(phrases: Phrases, kept: set[str]) -> Iterator[Reject]:
    for region, texts in phrases:
        for text in texts:
            key = f"{region.region_id}#{text.source}:{text.ordinal}"
            if region_names(text.text):
                yield _reject(text.source, "expressions", key, "names_region")
            elif region.region_id not in kept:
                yield _reject(text.source, "expressions", key, "region_cap")


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


def _reject(source: str, unit: str, key: str, reason: str) -> Reject:
    return Reject(stage=STAGE, source=source, unit=unit, key=key, reason=reason)
