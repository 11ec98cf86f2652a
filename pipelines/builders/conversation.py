"""`conversation`: questions and answers about every referred region, some of which need reasoning (paper section 2)."""

from collections.abc import Sequence

from pipelines.builders import forms, referred
from pipelines.builders.forms import Content
from pipelines.builders.model_kind import ModelKind, Values
from pipelines.builders.naming import place, region_name, sentence, with_article
from pipelines.builders.parts import is_named
from pipelines.builders.replies import check_regions, check_talk
from pipelines.builders.rows import turns
from schemas.keys import stable_choice
from schemas.records import Message, Region, Sample, Scene

KIND = "conversation"


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
        pairs.append(_larger(regions))
    return pairs


def _about(scene: Scene, region: Region, number: int, seed: int) -> list[tuple[str, str]]:
    name = region_name(number)
    spot = place(region, scene.width, scene.height)
    question, answer = f"Where in the picture is {name}?", f"{name} is at the {spot} of the picture."
    if is_named(region):
        question = f"What is {name}, and where in the picture is it?"
        answer = f"{name} is {with_article(region.category)} at the {spot} of the picture."
    return [(question, answer), *_pointing(region, name, seed)]


def _pointing(region: Region, name: str, seed: int) -> list[tuple[str, str]]:
    if not region.expressions:
        return []
    phrase = stable_choice([text.text for text in region.expressions], seed, KIND, region.region_id)
    return [(f"Which words would lead somebody to {name}?", sentence(f"{phrase.rstrip(' .')}."))]


def _larger(regions: Sequence[Region]) -> tuple[str, str]:
    first, second = regions[0].area, regions[1].area
    larger, smaller = (1, 2) if first > second else (2, 1)
    answer = f"{region_name(larger)} takes up more of the picture than {region_name(smaller)}."
    if first == second:
        answer = "They take up the same space."
    return "Which takes up more of the picture, <region1> or <region2>?", answer


MODEL_KIND = ModelKind(KIND, values, forms.PAIRS, check, compose, referred.choose, referred.tell)
