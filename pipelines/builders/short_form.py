"""`short_form`: questions with an answer of a few words (paper section 2).

The sentence that asks for a short answer is the trainer's to append; the rows hold the bare questions.
"""

from collections.abc import Sequence

from pipelines.builders import forms, referred
from pipelines.builders.conversation import values
from pipelines.builders.forms import Content
from pipelines.builders.model_kind import ModelKind
from pipelines.builders.naming import place, region_name, sentence
from pipelines.builders.parts import is_named
from pipelines.builders.replies import (
    BadReply,
    check_one_line,
    check_regions,
    check_talk,
    short_answers,
)
from pipelines.builders.rows import turns
from schemas.keys import stable_choice
from schemas.records import Message, Region, Sample, Scene

KIND = "short_form"
MOST_WORDS = 6

WHAT = (
    "What is {}?",
    "Which kind of thing is {}?",
    "Name {}.",
    "Which object is {}?",
    "What is shown in {}?",
    "What would you call {}?",
    "Identify {}.",
)
WHERE = (
    "Where in the picture is {}?",
    "In which part of the picture is {}?",
    "Where does {} lie in the picture?",
    "In which part of the picture does one find {}?",
)


def check(content: Content, row: Sample) -> tuple[Message, ...]:
    """Pairs to turns with answers of one short line, whose final full stop is dropped.

    Every region is named in some question or answer.
    """
    pairs = short_answers(content)
    contents = [text for pair in pairs for text in pair]
    check_regions(contents, len(row.regions))
    for _, answer in pairs:
        check_one_line(answer)
        if len(answer.split()) > MOST_WORDS:
            raise BadReply("reply_long_answer", f"{answer[:80]!r} has more than {MOST_WORDS} words")
    check_talk(contents)
    return turns(pairs)


def compose(scene: Scene, regions: Sequence[Region], seed: int) -> Content:
    """Category, where there is one, and place of every region."""
    return [pair for number, region in enumerate(regions, start=1) for pair in _about(scene, region, number, seed)]


def _about(scene: Scene, region: Region, number: int, seed: int) -> list[tuple[str, str]]:
    name = region_name(number)
    what = stable_choice(WHAT, seed, KIND, "what", region.region_id)
    where = stable_choice(WHERE, seed, KIND, "where", region.region_id)
    spot = place(region, scene.width, scene.height)
    named = [(what.format(name), sentence(region.category))] if is_named(region) else []
    return [*named, (where.format(name), sentence(spot))]


MODEL_KIND = ModelKind(KIND, values, forms.PAIRS, check, compose, referred.choose, referred.tell)
