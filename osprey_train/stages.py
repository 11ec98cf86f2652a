"""The three stages of training as a table (paper, section 3). Presets and flags override single fields."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from schemas.errors import TrainingError

WARM_UP = 0.03
"""Share of the steps in which the learning rate rises; then it falls along a cosine. There is no weight decay."""
CONTEXT = 2048
"""Tokens of a sample at most, in the paper."""


@dataclasses.dataclass(frozen=True)
class Stage:
    """What a stage trains, on what, and how. All that `trains` does not name is frozen."""

    number: int
    name: str
    trains: tuple[str, ...]
    """Parts of the model, of `image_projector`, `mask_extractor`, `language_model`."""
    kinds: tuple[str, ...]
    learning_rate: float
    batch: int
    """Samples of a step, over all processes and accumulated micro-batches."""
    epochs: float
    weights: Mapping[str, float] = dataclasses.field(default_factory=dict)
    """How often an epoch shows each row of a kind; 1 where a kind is not named."""


OSPREY_724K = ("description", "conversation", "short_form", "part_category", "part_attribute", "positive_negative")
STAGES = {
    stage.number: stage
    for stage in (
        Stage(1, "image-text", ("image_projector",), ("image_text",), 1e-3, 128, 1),
        Stage(2, "mask-text", ("mask_extractor",), ("mask_text",), 2e-5, 4, 2),
        Stage(
            3,
            "end to end",
            ("image_projector", "mask_extractor", "language_model"),
            (*OSPREY_724K, "region_caption", "commonsense"),
            1e-5,
            4,
            2,
        ),
    )
}


def stage_of(number: int, *overrides: Mapping[str, Any]) -> Stage:
    """A row of the table with some fields replaced, by later overrides last; raises TrainingError for no such row."""
    if number not in STAGES:
        table = "; ".join(f"{stage.number} is {stage.name}" for stage in STAGES.values())
        raise TrainingError(f"there is no stage {number}", hint=f"{table}. `osprey-train --list` shows the table.")
    changes = {name: value for fields in overrides for name, value in fields.items()}
    return dataclasses.replace(STAGES[number], **changes)
