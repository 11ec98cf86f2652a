"""Colours in words, as sets of bits, and which of them people do not tell apart."""

import re
from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

import prompts
from pipelines.qa.checks.claims import CLAUSE, NAMING, POINTING, TAG, Forms, Turn, form_pattern, matches
from pipelines.qa.checks.objects import category, head

_WORDS = {
    "red": "red crimson scarlet maroon", "orange": "orange", "yellow": "yellow gold golden",
    "green": "green olive lime", "blue": "blue navy teal turquoise cyan", "purple": "purple violet lavender",
    "pink": "pink magenta",
    "brown": "brown tan beige khaki", "black": "black", "grey": "grey gray silver", "white": "white cream ivory",
}  # fmt: skip
_NEAR = (
    "red orange brown pink purple", "orange yellow brown pink", "yellow green brown white", "green blue grey brown",
    "blue purple grey black", "purple pink", "brown black grey white pink", "black grey", "grey white",
)  # fmt: skip
"""The first of each line is not held to contradict the others: light differs, and people's words for it."""

_NAMES = tuple(_WORDS)
_BIT = {word: 1 << _NAMES.index(name) for name, words in _WORDS.items() for word in words.split()}
_ANY = "|".join(_BIT)
_LIGHT = r"(?:light|dark|bright|pale|deep|mostly)"
_LIST = rf"(?:{_LIGHT}[ -])?(?:{_ANY})(?:(?:,| and|, and| or|-) ?(?:{_LIGHT}[ -])?(?:{_ANY}))*"

PATTERN = rf"(?i)\b(?:{_ANY})\b"
"""Of RE2: texts that name a colour."""
_COLOUR = re.compile(PATTERN)
_END = r"(?=\s*(?:[.,;!]|$))"
_IS = re.compile(
    rf"(?:{CLAUSE}|(?:^|[.!?]\s+)[Tt]he (?P<noun>[a-z -]{{1,30}}) (?:in|at) ){TAG} (?:is|appears|looks) "
    rf"(?:mostly |mainly |entirely )?(?P<colours>{_LIST}){_END}",
    re.IGNORECASE | re.MULTILINE,
)
_IS_A = re.compile(rf"{CLAUSE}{TAG} (?:is|shows) (?:an?|the) ", re.IGNORECASE | re.MULTILINE)
_FIRST = re.compile(r"\s*(?:the (?:picture|image) shows )?(?:an?|the) ", re.IGNORECASE)
_ARTICLE = re.compile(r"\s*(?:an?|the) ", re.IGNORECASE)
_ONLY = re.compile(rf"\s*(?:(?:it|{TAG}) is )?{_LIST}\s*\.?\s*$", re.IGNORECASE)
_QUESTIONS = Forms(
    form_pattern(form, region=TAG)
    for form in (
        *prompts.questions("part_attribute", "color_questions"), "What color is {region}?", "Which color is {region}?",
        "What is the color of {region}?",
    )
)  # fmt: skip

_ABOUT = Forms((*NAMING, *POINTING))
"""Questions that an answer names or points out a region to."""


def bits_of(text: str) -> int:
    """The colours that a text names."""
    found = 0
    for match in _COLOUR.finditer(text):
        found |= _BIT[match.group().lower()]
    return found


def told(bits: int) -> str:
    """Names of colours."""
    return " and ".join(name for place, name in enumerate(_NAMES) if bits >> place & 1)


def asked_for(question: str) -> bool:
    """Whether a question asks for the colour of a region as a whole."""
    return matches(_QUESTIONS, question)


def answered(answer: str) -> int:
    """The colours of an answer that says nothing else."""
    return bits_of(answer) if _ONLY.match(answer) else 0


def phrased(phrase: str, own: str) -> int:
    """The colours that a phrase such as "the red bus with a white roof" gives its noun, where that names the region.

    Of persons none: "white man" is no colour. Of an orange none either, which is a fruit here.
    """
    article = _ARTICLE.match(phrase)
    named, words = head(phrase[article.end() if article else 0 :])
    if not named or named in ("person", "orange") or (own and category(own) != named):
        return 0
    return bits_of(words)


def claimed(turn: Turn, names: Mapping[int, str]) -> dict[int, int]:
    """Number of a region -> the colours that an answer gives it; `names` are the regions' categories."""
    found = dict(_named(turn.answer, names))
    only = turn.only_region()
    if only and not found and (bits := _unnamed(turn, names.get(only, ""))):
        found = {only: bits}
    return {
        number: bits for number, bits in found.items() if bits and category(names.get(number, "person")) != "person"
    }


def _named(answer: str, names: Mapping[int, str]) -> Iterator[tuple[int, int]]:
    """ "<region1> is red", "the bus in <region1> is red", "<region1> is a red bus"."""
    for match in _IS.finditer(answer):
        number = int(re.findall(TAG, match.group())[-1])
        noun = head(match["noun"] or "")[0]
        if not match["noun"] or noun == category(names.get(number, "")):
            yield number, bits_of(match["colours"])
    for match in _IS_A.finditer(answer):
        yield int(match[1]), phrased(answer[match.end() :], names.get(int(match[1]), ""))


def _unnamed(turn: Turn, own: str) -> int:
    """The colours that an answer without the region's name gives the one region of its question."""
    if asked_for(turn.question):
        return answered(turn.answer)
    if "<region" in turn.answer or not own:
        return 0
    if turn.kind == "description" and (first := _FIRST.match(turn.answer)):
        return phrased(turn.answer[first.end() :], own)
    return phrased(turn.answer, own) if matches(_ABOUT, turn.question) else 0


def _spread() -> npt.NDArray[np.uint32]:
    near = np.array([1 << place for place in range(len(_NAMES))], np.uint32)
    for line in _NEAR:
        first, *others = (_NAMES.index(name) for name in line.split())
        for other in others:
            near[first] |= np.uint32(1 << other)
            near[other] |= np.uint32(1 << first)
    return near


_SPREAD = _spread()


def meet(one: npt.NDArray[np.uint32], other: npt.NDArray[np.uint32]) -> npt.NDArray[np.bool_]:
    """(n,): whether two sets of colours have one in common, or near ones."""
    wide = np.zeros_like(one)
    for place, near in enumerate(_SPREAD):
        wide |= np.where(one >> np.uint32(place) & np.uint32(1), near, np.uint32(0))
    return (wide & other) != 0
