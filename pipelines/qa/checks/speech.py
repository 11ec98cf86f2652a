"""Talk that belongs to a chat with an assistant and not into a sample: refusals, "as an AI", words of leave."""

import re

from pipelines.builders.replies import without_closing
from pipelines.builders.talk import CLOSING, REFUSAL
from pipelines.qa.checks.base import Spec
from pipelines.qa.checks.words import MODEL_WRITTEN, WordCheck, as_re2

_ASSISTANT = re.compile(
    r"\bas an? (?:AI|artificial intelligence|(?:large )?language model|(?:AI |text-based )(?:assistant|model))\b"
    r"|\b(?:I am|I['\u2019]m) (?:just |only )?an? (?:AI|(?:large )?language model|text-based)\b"
    r"|\bI (?:cannot|can['\u2019]t|can not|am unable to|am not able to|do not have the ability to) "
    r"(?:directly |actually )?(?:see|view|access|look at|analy[sz]e|process) (?:the |any |this |your |an? )?"
    r"(?:actual )?(?:images?|pictures?|photos?|visual)\b"
    r"|\bthere (?:is|was) no (?:image|picture|photo) (?:here|to|provided|given|available|attached)\b"
    r"|\bno (?:image|picture|photo) (?:was|is|has been) (?:provided|given|attached|available|uploaded)\b",
    re.IGNORECASE,
)
_REFUSED = re.compile(rf"^(?:{REFUSAL.pattern})", re.IGNORECASE)


class Refusals(WordCheck):
    """Judges every answer: those of crowd workers, too, say "there is no image here". "I'm sorry" may also be what
    somebody in a film says, so one answer in a thousand is let pass.
    """

    spec = Spec(
        "no_refusals", 'no answer turns the request down or speaks "as an AI"', "language", "warn", 0.001, "answers"
    )
    pattern = f"{as_re2(_REFUSED)}|{as_re2(_ASSISTANT)}"

    def at_fault(self, text: str) -> str:
        """The words that refuse."""
        found = _REFUSED.search(text) or _ASSISTANT.search(text)
        return found.group() if found else ""


class Boilerplate(WordCheck):
    """Judges answers of models. Our own parsers cut such words off, so only imported texts have them."""

    spec = Spec(
        "no_closing_words", 'no answer ends with words to the one who asked, such as "I hope this helps"', "language",
        "warn", 0.002, "answers",
    )  # fmt: skip
    nothing = MODEL_WRITTEN
    pattern = rf"(?:^|\n\s*\n)(?:{as_re2(CLOSING)})"
    models_only = True

    def at_fault(self, text: str) -> str:
        """The last paragraphs, where they speak to the one who asked."""
        return text[len(without_closing(text)) :].strip()[:120]
