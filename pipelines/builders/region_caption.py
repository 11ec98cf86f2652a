"""`region_caption` (stage 3): regions with a phrase each, as Visual Genome has them.

Paper section 3: 3 regions an image, which is the recipe's cap. One row an image, one turn a region; where a region has
several phrases, as data of one's own may have, the others follow in rows of their own.
"""

from pipelines.builders import phrases
from pipelines.builders.context import Context
from schemas.records import Built, Region, Reject, Scene

KIND = "region_caption"
STAGE = f"build:{KIND}"


def build(scene: Scene, context: Context) -> Built:
    """Rows for every source of the recipe that has phrases here."""
    built = Built([], [], [], {})
    for source in context.kinds[KIND].sources:
        phrases.add_rows(built, scene, context, KIND, source, "questions")
        silent = [region for region in scene.regions if region.source == source and not _has_phrase(region, source)]
        if silent:
            built.read[source, "regions"] = len(silent)
            built.rejects.extend(_reject(region) for region in silent)
    return built


def _has_phrase(region: Region, source: str) -> bool:
    return any(text.source == source for text in region.expressions)


def _reject(region: Region) -> Reject:
    return Reject(stage=STAGE, source=region.source, unit="regions", key=region.region_id, reason="no_phrase")
