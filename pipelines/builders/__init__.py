"""Builders: a scene becomes samples, or requests whose replies become samples.

Adding a kind: a module with `KIND` and `build(scene, context) -> Built`, its prompt folder, and one line
below. A kind that a language model writes is a `ModelKind`, renderer and parser side by side.
"""

from collections.abc import Callable
from functools import partial

from pipelines.builders import conversation, description, mask_text, model_kind, positive_negative, short_form
from pipelines.builders.context import Context
from schemas.records import Built, Scene

MODEL_KINDS = {
    description.KIND: description.MODEL_KIND,
    conversation.KIND: conversation.MODEL_KIND,
    short_form.KIND: short_form.MODEL_KIND,
}

BUILDERS: dict[str, Callable[[Scene, Context], Built]] = {
    mask_text.KIND: mask_text.build,
    **{name: partial(model_kind.build, kind) for name, kind in MODEL_KINDS.items()},
    positive_negative.KIND: positive_negative.build,
}
"""Kind -> its builder."""
