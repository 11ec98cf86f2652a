"""Builders: a scene becomes samples, or requests whose replies become samples.

Adding a kind: a module with `KIND` and `build(scene, context) -> Built`, its prompt folder, and one line
below. A kind that a language model writes is a `ModelKind`, renderer and parser side by side.
"""

from collections.abc import Callable
from functools import partial

from pipelines.builders import (
    commonsense,
    conversation,
    description,
    image_text,
    mask_text,
    model_kind,
    part_attribute,
    part_category,
    positive_negative,
    region_caption,
    short_form,
)
from pipelines.builders.context import Context
from schemas.records import Built, Scene

MODEL_KINDS = {
    description.KIND: description.MODEL_KIND,
    conversation.KIND: conversation.MODEL_KIND,
    short_form.KIND: short_form.MODEL_KIND,
    part_category.KIND: part_category.MODEL_KIND,
    part_attribute.KIND: part_attribute.MODEL_KIND,
}

BUILDERS: dict[str, Callable[[Scene, Context], Built]] = {
    image_text.KIND: image_text.build,
    mask_text.KIND: mask_text.build,
    **{name: partial(model_kind.build, kind) for name, kind in MODEL_KINDS.items()},
    positive_negative.KIND: positive_negative.build,
    region_caption.KIND: region_caption.build,
    commonsense.KIND: commonsense.build,
}
"""Kind -> its builder, in the order of `schemas.records.Kind`."""
