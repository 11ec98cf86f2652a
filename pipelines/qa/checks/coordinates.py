"""Answers that talk of what nobody who looks at the picture could know: drawn boxes, coordinates, captions.

The rules are those that replies of a model must keep (`pipelines.builders.talk`), so a build of ours breaks them only
through texts that were taken over as they are. The digits of a scoreboard or a clock are not at fault.
"""

import re

from pipelines.builders.talk import PLACE, TOLD, place_talk, told_talk
from pipelines.qa.checks.base import Spec
from pipelines.qa.checks.words import MODEL_WRITTEN, WordCheck


def _words(groups: tuple[tuple[tuple[str, ...], re.Pattern[str]], ...]) -> str:
    """Any word without which none of the groups' patterns is found."""
    return "(?i)" + "|".join(re.escape(word) for words, _ in groups for word in words)


class Coordinates(WordCheck):
    """Judges every answer, whoever wrote it. One in a thousand of real texts may say such words of what is seen."""

    spec = Spec("no_coordinates", "answers do not talk of boxes or coordinates", "language", "fail", 0.001, "answers")
    pattern = _words(PLACE)

    def at_fault(self, text: str) -> str:
        """The first words about a drawn box or a coordinate."""
        return place_talk(text)


class Sources(WordCheck):
    """Judges answers of models. People who speak of a caption or of a description mean something in the picture."""

    spec = Spec(
        "no_source_talk", "models do not speak of captions, descriptions or what they were told", "language", "warn",
        0.005, "answers",
    )  # fmt: skip
    nothing = MODEL_WRITTEN
    pattern = _words(TOLD)
    models_only = True

    def at_fault(self, text: str) -> str:
        """The first words about what the model was told."""
        return told_talk(text)
