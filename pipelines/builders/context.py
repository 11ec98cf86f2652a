"""What a builder knows beside the scene."""

from typing import NamedTuple

from pipelines.builders.vocabulary import Vocabulary
from schemas.recipe import GenerationSettings, KindSettings, VisionSettings

TEMPLATE = "template"
OPENAI = "openai"
GENERATORS = (TEMPLATE, OPENAI)


class Context(NamedTuple):
    """The same for all scenes of a build; small, because every worker gets a copy."""

    seed: int
    kinds: dict[str, KindSettings]
    licenses: dict[str, str]
    """Source -> licence."""
    generator: str = TEMPLATE
    generation: GenerationSettings = GenerationSettings()
    vocabulary: Vocabulary | None = None
    """Only `positive_negative` needs it."""

    @property
    def vision(self) -> VisionSettings | None:
        """How pictures are shown to the model; None where none are, and where no model is asked."""
        return None if self.generator == TEMPLATE else self.generation.vision
