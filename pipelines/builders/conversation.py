"""`conversation`: questions and answers about every referred region, some of which need reasoning (paper section 2)."""

from collections.abc import Sequence

from pipelines.builders import forms, referred
from pipelines.builders.forms import Content
from pipelines.builders.model_kind import ModelKind, Values
from pipelines.builders.naming import agreeing, place, region_name, sentence, with_article
from pipelines.builders.parts import is_named
from pipelines.builders.replies import check_regions, check_talk
from pipelines.builders.rows import turns
from schemas.keys import stable_choice
from schemas.records import Message, Region, Sample, Scene

KIND = "conversation"

QUESTIONS = (
    "What is {name}, and where in the picture is it?",
    "Where in the picture is {name}, and what is it?",
    "Can you tell me what {name} is, and in which part of the picture?",
    "What do you see in {name}, and where in the picture?",
    "Which object is {name}, and where in the picture does one find it?",
)
ANSWERS = (
    "{name} [is|shows] {thing} at the {spot} of the picture.",
    "{name} shows {thing} at the {spot} of the picture.",
    "At the {spot} of the picture, {name} [is|shows] {thing}.",
    "{name} [is|shows] {thing}, and [it lies|they lie] at the {spot} of the picture.",
    "{name}, at the {spot} of the picture, [is|shows] {thing}.",
)
WHERE = (
    "Where in the picture is {name}?",
    "In which part of the picture is {name}?",
    "Where does one find {name} in the picture?",
)
THERE = (
    "{name} is at the {spot} of the picture.",
    "{name} lies at the {spot} of the picture.",
    "One finds {name} at the {spot} of the picture.",
)
"""Questions and answers of regions without a category."""
WORDS = (
    "Which words would lead somebody to {name}?",
    "How could one point out {name} to somebody?",
    "What would you say so that somebody finds {name}?",
    "In which words could {name} be told from the rest?",
)
LARGER = (
    "Which takes up more of the picture, <region1> or <region2>?",
    "Of <region1> and <region2>, which takes up more of the picture?",
    "Is more of the picture taken up by <region1> or by <region2>?",
)


def values(scene: Scene) -> Values:
    """Nothing beside the regions: this kind lists no boxes of other objects."""
    return {}


def check(pairs: Content, row: Sample) -> tuple[Message, ...]:
    """Pairs to turns; every region is named in some question or answer."""
    contents = [content for pair in pairs for content in pair]
    check_regions(contents, len(row.regions))
    check_talk(contents)
    return turns(pairs)


def compose(scene: Scene, regions: Sequence[Region], seed: int) -> Content:
    """What and where each region is, which words lead to it, and how large two of them are beside each other."""
    pairs = [pair for number, region in enumerate(regions, start=1) for pair in _about(scene, region, number, seed)]
    if len(regions) > 1:
        pairs.append(_larger(regions, seed))
    return pairs


def _about(scene: Scene, region: Region, number: int, seed: int) -> list[tuple[str, str]]:
    name, thing = region_name(number), with_article(region.category)
    spot = place(region, scene.width, scene.height)
    asked, said = (QUESTIONS, ANSWERS) if is_named(region) else (WHERE, THERE)
    question = stable_choice(asked, seed, KIND, "question", region.region_id).format(name=name)
    answer = agreeing(stable_choice(said, seed, KIND, "answer", region.region_id), region.category)
    return [(question, answer.format(name=name, thing=thing, spot=spot)), *_pointing(region, name, seed)]


def _pointing(region: Region, name: str, seed: int) -> list[tuple[str, str]]:
    if not region.expressions:
        return []
    phrase = stable_choice([text.text for text in region.expressions], seed, KIND, region.region_id)
    question = stable_choice(WORDS, seed, KIND, "words", region.region_id).format(name=name)
    return [(question, sentence(f"{phrase.rstrip(' .')}."))]


def _larger(regions: Sequence[Region], seed: int) -> tuple[str, str]:
    first, second = regions[0].area, regions[1].area
    larger, smaller = (1, 2) if first > second else (2, 1)
    answer = f"{region_name(larger)} takes up more of the picture than {region_name(smaller)}."
    if first == second:
        answer = "They take up the same space."
    return stable_choice(LARGER, seed, KIND, "larger", regions[0].region_id, regions[1].region_id), answer


MODEL_KIND = ModelKind(KIND, values, forms.PAIRS, check, compose, referred.choose, referred.tell)
