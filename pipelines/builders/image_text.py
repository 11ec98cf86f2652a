"""`image_text` (stage 1): a question about the whole picture and a sentence about it; rows without regions.

LLaVA's records bring their own question. Captions, of COCO or of one's own data, are asked for with one of ours, a row
each: the paper's stage 1 learns from such pairs, and to be shown five captions at once would be another task.
"""

from collections.abc import Sequence

import prompts
from pipelines.builders.context import Context
from pipelines.builders.naming import region_names
from pipelines.builders.rows import row, turns
from pipelines.regions.join import text_unit
from schemas.keys import stable_choice
from schemas.records import Built, ImageText, Reject, Scene

KIND = "image_text"
STAGE = f"build:{KIND}"
ROLES = ("image_text", "caption")


def build(scene: Scene, context: Context) -> Built:
    """A row for every text of the recipe's sources."""
    built = Built([], [], [], {})
    for source in context.kinds[KIND].sources:
        for text in scene.texts:
            if text.source == source and text.role in ROLES:
                _add(built, scene, context, text)
    return built


def _add(built: Built, scene: Scene, context: Context, text: ImageText) -> None:
    unit = text_unit(text.role)
    built.read[text.source, unit] = built.read.get((text.source, unit), 0) + 1
    said = _turns(text, context.seed)
    if any(region_names(turn) for turn in said):
        key = f"{text.image_id}#{text.role}:{text.ordinal}"
        built.rejects.append(Reject(stage=STAGE, source=text.source, unit=unit, key=key, reason="names_region"))
        return
    messages = turns(zip(said[::2], said[1::2], strict=True))
    variant = f"{text.source}:{text.role}:{text.ordinal}"
    built.samples.append(row(context, scene, KIND, (), messages, variant=variant, sources=[text.source]))


def _turns(text: ImageText, seed: int) -> Sequence[str]:
    """Question and answer in turn; what has no question gets one."""
    own = text.turns or ("", text.text)
    question = stable_choice(prompts.questions(KIND), seed, KIND, text.image_id, text.source, text.ordinal)
    return [turn or question if place % 2 == 0 else turn for place, turn in enumerate(own)]
