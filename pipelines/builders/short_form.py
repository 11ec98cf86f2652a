"""`short_form`: questions with an answer of a few words (paper section 2).

The sentence that asks for a short answer is the trainer's to append; the rows hold the bare questions.
"""

from collections.abc import Sequence

from pipelines.builders.conversation import values
from pipelines.builders.naming import place, region_name, sentence
from pipelines.builders.referred import ModelKind
from pipelines.builders.replies import BadReply, check_regions, check_talk, question_answer_pairs
from pipelines.builders.rows import turns
from schemas.keys import stable_choice
from schemas.records import Message, Region, Sample, Scene

KIND = "short_form"
MOST_WORDS = 6


def parse(text: str, row: Sample) -> tuple[Message, ...]:
    """`Question:` and `Answer:` blocks to turns with answers of one short line, whose final full stop is dropped.

    Every region is named in some question or answer.
    """
    pairs = [(question, answer.rstrip(" .")) for question, answer in question_answer_pairs(text)]
    contents = [content for pair in pairs for content in pair]
    check_regions(contents, len(row.regions))
    for _, answer in pairs:
        if "\n" in answer:
            raise BadReply("reply_format", f"{answer[:80]!r} has more than one line")
        if len(answer.split()) > MOST_WORDS:
            raise BadReply("reply_long_answer", f"{answer[:80]!r} has more than {MOST_WORDS} words")
        if not answer:
            raise BadReply("reply_format", "an empty answer")
    check_talk(contents)
    return turns(pairs)


def compose(scene: Scene, regions: Sequence[Region], seed: int) -> str:
    """Category and place of every region."""
    pairs = [pair for number, region in enumerate(regions, start=1) for pair in _about(scene, region, number, seed)]
    return "\n\n".join(f"Question: {question}\nAnswer: {answer}" for question, answer in pairs)


def _about(scene: Scene, region: Region, number: int, seed: int) -> list[tuple[str, str]]:
    name = region_name(number)
    what = stable_choice(("What is {}?", "Which kind of thing is {}?", "Name {}."), seed, KIND, region.region_id)
    where = stable_choice(
        ("Where in the picture is {}?", "In which part of the picture is {}?"), seed, KIND, region.region_id
    )
    spot = place(region, scene.width, scene.height)
    return [(what.format(name), sentence(region.category)), (where.format(name), sentence(spot))]


MODEL_KIND = ModelKind(KIND, values, parse, compose)
