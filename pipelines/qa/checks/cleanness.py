"""Words that one does not want a model to learn: slurs and obscenities, names of persons, letters of other scripts.

Questions are judged with their answers, since most such words come from the sources: expressions of crowd workers,
captions, scenes of films. The figures are a lower bound: what the lists do not have is not found.
"""

import re
from functools import cache

import pyarrow as pa

from pipelines.qa.checks.base import Faults, Spec
from pipelines.qa.checks.wordlists import COMMON, INNOCENT, NEUTRAL, NOT_AFTER, NOT_BEFORE
from pipelines.qa.checks.words import WordCheck, any_of, matching
from pipelines.qa.pieces import Piece

_STRANGE = r"[^\P{L}\p{Latin}\p{Common}]|\x{FFFD}|\p{Co}|â€|Ã[\x{80}-\x{BF}]"


@cache
def _slurs() -> str:
    """A pattern of the library's list of English words, without what may be innocent."""
    from glin_profanity.data.dictionary import dictionary

    words = {word.lower() for word in dictionary.get_words("english")} - INNOCENT
    return any_of((word for word in words if word.isascii() and word[0].isalnum()), "(?:s|es|ed)?")


@cache
def _names() -> frozenset[str]:
    """The commonest given names of the United States, by the library's census figures."""
    from faker.providers.person.en_US import Provider

    return frozenset(Provider.first_names) - COMMON - NEUTRAL


class Slurs(WordCheck):
    """Words of `glin-profanity`, plurals included. Crowd-sourced expressions have eight in ten thousand."""

    spec = Spec("no_slurs", "texts hold no slurs or obscene words", "language", "warn", 0.002, "turns")
    with_questions = True

    def faults(self, piece: Piece) -> Faults:
        """The list is loaded when the first piece is seen."""
        self.pattern = f"(?i){_slurs()}"
        return super().faults(piece)

    def at_fault(self, text: str) -> str:
        """The first such word."""
        found = re.search(_slurs(), text, re.IGNORECASE)
        return found.group() if found else ""


class Names(WordCheck):
    """Given names that stand with a capital inside a sentence: the picture does not say what somebody is called.

    Not counted: names that are words, places or makes too, gender-neutral names that VCR made up, names in quotes (what
    a sign reads), parts of place names, and texts in which every word has a capital. A statue of a known person is, so
    captions have a few in ten thousand.
    """

    spec = Spec("no_personal_names", "texts do not name persons", "language", "warn", 0.002, "turns")
    with_questions = True
    pattern = r"[\pL\d,;'\x{2019}>)] [A-Z][a-z]"

    def at_fault(self, text: str) -> str:
        """The first name."""
        named = (found for found in _CAPITAL.finditer(text) if found[2] in _names())
        return next((found[2] for found in named if _is_person(text, found)), "")


_CAPITAL = re.compile(r"(?<![^\s.!?:\"\u201c])([^\s.!?:\"\u201c]+) ([A-Z][a-z]+)\b(?= ?([\w-]*))")
"""The word before, a word with a capital, the word after. It starts where a word does, so time is linear."""


def _is_person(text: str, found: re.Match[str]) -> bool:
    before, after = found[1].strip("(,;"), found[3]
    quoted = text[: found.start(2)].count('"') % 2 == 1 or text[found.start(2) - 1] in "\"'\u201c\u2018"
    return not (quoted or before in NOT_AFTER or after in NOT_BEFORE or _is_title(text))


def _is_title(text: str) -> bool:
    """Whether most words have a capital, so that it tells nothing."""
    words = [word for word in text.split() if word[0].isalpha()]
    return sum(word[0].isupper() for word in words) > 0.6 * len(words)


class Script(WordCheck):
    """Letters that are not Latin, private characters and what broken decoding leaves. A caption may quote a sign, so a
    few in a thousand are let pass.
    """

    spec = Spec(
        "latin_script", "texts are in Latin letters, without broken characters", "language", "warn", 0.002, "turns"
    )
    pattern = _STRANGE
    with_questions = True

    def at_fault(self, text: str) -> str:
        """The run of such letters, which the words around it do not show."""
        flags = matching(pa.array(list(text), pa.string()), _STRANGE.partition("|â€")[0])
        strange = [char for char, flag in zip(text, flags, strict=True) if flag]
        return "".join(strange[:40]) or "â€"
