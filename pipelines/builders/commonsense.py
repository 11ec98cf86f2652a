"""`commonsense` (stage 3): questions about people and things of a film scene, with answer and reason, as VCR has them.

One row a record. Its regions are those that question, answer and reason name, numbered by first mention, so a record
that names none has no row, and neither has one that names a region which was rejected. VCR's rationales answer no
question of their own: between answer and rationale stands a question for the reason, one of ours.
"""

import prompts
from pipelines.builders.context import Context
from pipelines.builders.naming import region_name, region_names
from pipelines.builders.rows import row, turns
from schemas.keys import stable_choice
from schemas.records import Built, ImageText, Region, Reject, Scene

KIND = "commonsense"
STAGE = f"build:{KIND}"
ROLE = "question_answer"


def build(scene: Scene, context: Context) -> Built:
    """A row for every question of the recipe's sources whose regions are all there."""
    built = Built([], [], [], {})
    by_id = {region.region_id: region for region in scene.regions}
    for source in context.kinds[KIND].sources:
        texts = [text for text in scene.texts if text.role == ROLE and text.source == source]
        if texts:
            built.read[source, "records"] = len(texts)
        for text in texts:
            _add(built, scene, context, text, by_id)
    return built


def _add(built: Built, scene: Scene, context: Context, text: ImageText, by_id: dict[str, Region]) -> None:
    reason, detail = _fault(text, by_id)
    if reason:
        built.rejects.append(_reject(text, reason, detail))
        return
    regions = [by_id[region_id] for region_id in text.regions]
    messages = turns(zip(_filled(text, context.seed)[::2], text.turns[1::2], strict=True))
    variant = f"{text.source}:{text.ordinal}"
    built.samples.append(row(context, scene, KIND, regions, messages, variant=variant, sources=[text.source]))


def _fault(text: ImageText, by_id: dict[str, Region]) -> tuple[str, str]:
    """(reason, detail), empty where the record can be used."""
    if not text.regions:
        return "no_regions", ""
    gone = [region_id for region_id in text.regions if region_id not in by_id]
    if gone:
        return "unknown_region", gone[0]
    odd = region_names(" ".join(text.turns)) ^ {region_name(number) for number in range(1, len(text.regions) + 1)}
    return ("unknown_region", f"names {min(odd)[:80]} against {len(text.regions)} regions") if odd else ("", "")


def _filled(text: ImageText, seed: int) -> list[str]:
    """The turns; where a question is left empty, one for the reason."""
    why = stable_choice(prompts.questions(KIND, "why_questions"), seed, KIND, text.image_id, text.ordinal)
    return [turn or why if place % 2 == 0 else turn for place, turn in enumerate(text.turns)]


def _reject(text: ImageText, reason: str, detail: str) -> Reject:
    key = f"{text.image_id}#{text.role}:{text.ordinal}"
    return Reject(stage=STAGE, source=text.source, unit="records", key=key, reason=reason, detail=detail)
