"""Rows about the phrases that one source has for regions: a turn a region, and as many rows as there are rounds.

The first row holds the first phrase of every region, and so on, so that no row asks about one region twice. Nor does
one ask about two outlines of one object, such as two people drew for Visual Genome: the later one comes in a later row.
"""

from collections.abc import Iterator

import prompts
from pipelines.builders.context import Context
from pipelines.builders.naming import region_name, region_names
from pipelines.builders.rows import capped, row, turns
from pipelines.builders.same_object import same_pixels
from schemas.keys import stable_choice
from schemas.records import Built, Expression, Region, Reject, Sample, Scene

Phrases = list[tuple[Region, list[Expression]]]


def expressions(scene: Scene, source: str) -> Phrases:
    """The regions that a source has expressions for, by first sight, each with its expressions."""
    found = [
        (region, [text for text in region.expressions if text.source == source])
        for region in scene.regions
        if any(text.source == source for text in region.expressions)
    ]
    return sorted(found, key=lambda pair: pair[1][0].ordinal)


def add_rows(built: Built, scene: Scene, context: Context, kind: str, source: str, questions: str) -> None:
    """Rows, rejects and counts of a source's phrases; `questions` is the kind's list of wordings."""
    phrases = expressions(scene, source)
    if not phrases:
        return
    built.read[source, "expressions"] = sum(len(texts) for _, texts in phrases)
    clear = _without_names(phrases)
    kept, _ = capped(context, kind, source, [region for region, _ in clear])
    names = {region.region_id for region in kept}
    built.rejects.extend(_rejects(kind, phrases, names))
    used = [(region, texts) for region, texts in clear if region.region_id in names]
    for number, pairs in enumerate(_rounds(used)):
        built.samples.append(row_of(scene, context, kind, source, questions, pairs, str(number)))


def _rounds(used: Phrases) -> list[list[tuple[Region, str]]]:
    """The pairs of each row: every phrase in the first row that has its region, and none that is the same, not yet."""
    same = same_pixels([region for region, _ in used])
    rows: list[dict[int, str]] = []
    for place, (_, texts) in enumerate(used):
        number = 0
        for text in texts:
            while number < len(rows) and any(same[place][other] for other in rows[number]):
                number += 1
            rows += [{}] if number == len(rows) else []
            rows[number][place] = text.text
    return [[(used[place][0], said) for place, said in one.items()] for one in rows]


def row_of(
    scene: Scene,
    context: Context,
    kind: str,
    source: str,
    questions: str,
    pairs: list[tuple[Region, str]],
    variant: str,
) -> Sample:
    """A row that asks once about each region; `pairs` hold the answers."""
    forms = prompts.questions(kind, questions)
    asked = [
        (
            stable_choice(forms, context.seed, kind, region.region_id, source, place).format(region=region_name(place)),
            text,
        )
        for place, (region, text) in enumerate(pairs, start=1)
    ]
    regions = [region for region, _ in pairs]
    return row(context, scene, kind, regions, turns(asked), variant=f"{source}:{variant}", sources=[source])


def _without_names(phrases: Phrases) -> Phrases:
    """Without texts that hold what would be read as the name of a region."""
    clear = [(region, [text for text in texts if not region_names(text.text)]) for region, texts in phrases]
    return [(region, texts) for region, texts in clear if texts]


def _rejects(kind: str, phrases: Phrases, kept: set[str]) -> Iterator[Reject]:
    for region, texts in phrases:
        for text in texts:
            key = f"{region.region_id}#{text.source}:{text.ordinal}"
            reason = "names_region" if region_names(text.text) else "region_cap"
            if reason == "names_region" or region.region_id not in kept:
                yield Reject(stage=f"build:{kind}", source=text.source, unit="expressions", key=key, reason=reason)
