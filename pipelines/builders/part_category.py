"""`part_category`: what an object is, or which part of which object (paper section 2, "part": category).

The template's answers are the annotated names: "handle of the mug", "mug". It asks one question a region: of a part, by
a throw of the seed's dice, which part of what it is, or what it belongs to. So three regions of 33,000 images make the
paper's 99 thousand turns.
"""

from collections.abc import Sequence

import prompts
from pipelines.builders import forms, parts
from pipelines.builders.forms import Content
from pipelines.builders.model_kind import Candidate, ModelKind
from pipelines.builders.naming import region_name
from pipelines.builders.replies import BadReply
from pipelines.builders.rows import turns
from schemas.keys import stable_choice
from schemas.recipe import KindSettings
from schemas.records import Message, Region, Sample, Scene

KIND = "part_category"


def choose(scene: Scene, settings: KindSettings) -> list[Candidate]:
    """Parts, and the objects of data sets that mark parts on this image."""
    with_parts = {region.source for region in scene.regions if region.part}
    return [
        parts.candidate(region, _unfit(region, with_parts))
        for source in settings.sources
        for region in scene.regions
        if region.source == source
    ]


def _unfit(region: Region, with_parts: set[str]) -> str:
    if region.source not in with_parts:
        return "not_a_part"
    return "" if parts.is_named(region) and not parts.tells_nothing(region.whole) else "no_category"


def check(pairs: Content, row: Sample) -> tuple[Message, ...]:
    """Pairs to turns: one or two for each region, answers of a few words."""
    found = parts.checked(pairs, row)
    for region, _, answer in found:
        if parts.too_long(answer) and answer.lower() not in _names(region):
            raise BadReply("reply_long_answer", f"{answer[:80]!r} has more than {parts.MOST_WORDS} words")
    return turns(parts.as_pairs(found))


def _names(region: Region) -> set[str]:
    return {name.lower().rstrip(" .") for name in (region.category, region.part, region.whole)}


def compose(scene: Scene, regions: Sequence[Region], seed: int) -> Content:
    """What each region is, or of a part what it belongs to."""
    return [_about(region, number, seed) for number, region in enumerate(regions, start=1)]


def _about(region: Region, number: int, seed: int) -> tuple[str, str]:
    if not region.part:
        return _ask("object", region, number, seed), region.category
    what = stable_choice(("part", "whole"), seed, KIND, "asked", region.region_id) if region.whole else "part"
    return _ask(what, region, number, seed), region.category if what == "part" else region.whole


def _ask(what: str, region: Region, number: int, seed: int) -> str:
    forms = prompts.questions(KIND, f"{what}_questions")
    return stable_choice(forms, seed, KIND, what, region.region_id).format(region=region_name(number))


MODEL_KIND = ModelKind(KIND, parts.nothing, forms.PAIRS, check, compose, choose, parts.tell, about_image=False)
