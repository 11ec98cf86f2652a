"""`part_attribute`: colour, pattern, material, reflectance of objects and parts (paper section 2, "part": attribute).

The template asks only what is wholly known, and answers with all the annotated words: a type with `other` among its
values, or without values, is never asked. A model's answer must be made of words that it was told, or be a yes or no.
"""

import re
from collections.abc import Sequence

import prompts
from pipelines.builders import forms, parts
from pipelines.builders.forms import Content
from pipelines.builders.model_kind import Candidate, ModelKind
from pipelines.builders.naming import listing, region_name
from pipelines.builders.replies import BadReply
from pipelines.builders.rows import turns
from schemas.keys import stable_choice, stable_order
from schemas.recipe import KindSettings
from schemas.records import Message, Region, Sample, Scene

KIND = "part_attribute"

_BETWEEN = re.compile(r"[,;/]|\b(?:and|or|with)\b", re.IGNORECASE)
_YES_NO = re.compile(r"(?:yes|no)\b[,.: ]*", re.IGNORECASE)
_TYPE_WORDS = frozenset(("colour", "color", "coloured", "colored", "pattern", "patterned", "material", "finish"))
"""May stand beside what was told: "striped pattern"."""
_SHORTEST = 3
"""Letters that two forms of a word share at least."""


def choose(scene: Scene, settings: KindSettings) -> list[Candidate]:
    """Objects and parts; those of which nothing is wholly known have no use."""
    return [
        parts.candidate(region, "" if parts.known(region) else "no_attributes")
        for source in settings.sources
        for region in scene.regions
        if region.source == source
    ]


def check(pairs: Content, row: Sample) -> tuple[Message, ...]:
    """Pairs to turns: one or two for each region, answers made of what was told."""
    found = parts.checked(pairs, row)
    for region, _, answer in found:
        if not is_founded(answer, region):
            reason = "reply_long_answer" if parts.too_long(answer) else "reply_unfounded"
            raise BadReply(reason, f"{answer[:80]!r} is none of the words told of {region.region_id}")
    return turns(parts.as_pairs(found))


def is_founded(answer: str, region: Region) -> bool:
    """Whether an answer is a yes or no, or made of known attributes: "Dark blue and white", "wooden", "gray".

    Words of two attributes do not make a third one: of something dark blue and light grey "light blue" is not told.
    """
    rest = _YES_NO.sub("", answer, count=1)
    values = [parts.content_words(value) for told in parts.known(region).values() for value in told]
    pieces = [words for piece in _BETWEEN.split(rest) if (words := _telling(piece))]
    if not pieces:
        return rest != answer
    return all(any(all(_among(word, value) for word in piece) for value in values) for piece in pieces)


def _telling(piece: str) -> list[str]:
    return [word for word in parts.content_words(piece) if word not in _TYPE_WORDS]


def _among(word: str, value: list[str]) -> bool:
    return any(_alike(_stem(word), _stem(told)) for told in value)


def _stem(word: str) -> str:
    """Without what forms of one word differ in: stripes and striped, gray and grey."""
    grey = word.replace("gray", "grey")
    if len(grey) > _SHORTEST + 1 and grey.endswith("ed"):
        return grey[:-1]
    return grey[:-1] if len(grey) > _SHORTEST and grey.endswith("s") and not grey.endswith("ss") else grey


def _alike(one: str, other: str) -> bool:
    shorter, longer = sorted((one, other), key=len)
    return one == other or (len(shorter) >= _SHORTEST and longer.startswith(shorter))


def compose(scene: Scene, regions: Sequence[Region], seed: int) -> Content:
    """One question for each type that is wholly known, at most two for a region."""
    return [pair for number, region in enumerate(regions, start=1) for pair in _about(region, number, seed)]


def _about(region: Region, number: int, seed: int) -> list[tuple[str, str]]:
    told = parts.known(region)
    asked = stable_order(list(told), str, seed, KIND, region.region_id)[: parts.MOST_QUESTIONS]
    return [(_ask(name, region, number, seed), listing(told[name])) for name in asked]


def _ask(name: str, region: Region, number: int, seed: int) -> str:
    forms = prompts.questions(KIND, f"{name}_questions")
    return stable_choice(forms, seed, KIND, name, region.region_id).format(region=region_name(number))


MODEL_KIND = ModelKind(KIND, parts.nothing, forms.PAIRS, check, compose, choose, parts.tell, about_image=False)
