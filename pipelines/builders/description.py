"""`description`: one paragraph for every referred region (paper section 2)."""

import re
from collections.abc import Sequence

import prompts
from pipelines.builders import referred
from pipelines.builders.model_kind import ModelKind, Values
from pipelines.builders.naming import (
    box_text,
    place,
    region_name,
    region_names,
    sentence,
    unique,
    with_article,
)
from pipelines.builders.parts import is_named
from pipelines.builders.replies import MARK_END, MARK_START, BadReply, blocks, check_regions, check_talk
from pipelines.builders.rows import turns
from schemas.keys import stable_choice
from schemas.records import Message, Region, Sample, Scene

KIND = "description"
FEWEST_WORDS = 4
OBJECT_SOURCES = ("coco", "own")
"""Data sets whose objects are all listed: the paper lists COCO's, and data of one's own stands in its place."""

NAMED_OPENINGS = (
    "{thing} can be seen at the {spot} of the picture.",
    "At the {spot} of the picture there is {thing}.",
    "The picture shows {thing}, which is at the {spot}.",
)
OPENINGS = ("It lies at the {spot} of the picture.", "One finds it at the {spot} of the picture.")
"""Of regions without a category."""

_MARK = re.compile(rf"{MARK_START}<region([0-9]{{1,4}})>{MARK_END}", re.MULTILINE)


def values(scene: Scene) -> Values:
    """All named objects of the image, in the file's order, with the boxes as annotated."""
    return {
        "objects": [
            {"category": region.category, "box": box_text(region.source_box, scene.width, scene.height)}
            for region in scene.regions
            if region.source in OBJECT_SOURCES and is_named(region)
        ]
    }


def parse(text: str, row: Sample) -> tuple[Message, ...]:
    """`<region1>: paragraph` blocks to a question and its answer for every region."""
    paragraphs = _paragraphs(text, len(row.regions))
    check_talk(paragraphs.values())
    questions = prompts.questions(KIND)
    return turns(
        (
            stable_choice(questions, KIND, row.sample_id, number).format(region=region_name(number)),
            paragraphs[number],
        )
        for number in sorted(paragraphs)
    )


def _paragraphs(text: str, count: int) -> dict[int, str]:
    """Number of a region -> its paragraph; the number of paragraphs is checked before the names."""
    marks = list(_MARK.finditer(text))
    if not marks:
        raise BadReply("reply_format", "no line starts with `<region1>:`")
    numbers = [int(mark.group(1)) for mark in marks]
    names = [region_name(number) for number in numbers]
    if len(marks) != count:
        raise BadReply(
            "reply_region_count", f"{len(marks)} descriptions of {count} regions: {', '.join(names[: count + 1])}"
        )
    check_regions(names, count)
    found = {number: " ".join(block.split()) for number, block in zip(numbers, blocks(text, marks), strict=True)}
    for number, paragraph in found.items():
        if len(paragraph.split()) < FEWEST_WORDS:
            raise BadReply("reply_format", f"<region{number}>: {paragraph!r} is no description")
        if region_names(paragraph) - set(names):
            raise BadReply("reply_unknown_region", f"<region{number}> speaks of a region that was not given")
    return found


def compose(scene: Scene, regions: Sequence[Region], seed: int) -> str:
    """Paragraphs made of category, place, size and expressions, as far as there are any."""
    return "\n\n".join(
        f"{region_name(number)}: {_paragraph(scene, region, seed)}" for number, region in enumerate(regions, start=1)
    )


def _paragraph(scene: Scene, region: Region, seed: int) -> str:
    spot = place(region, scene.width, scene.height)
    share = round(100 * region.area / (scene.width * scene.height))
    phrases = unique(text.text for text in region.expressions)
    openings = NAMED_OPENINGS if is_named(region) else OPENINGS
    opening = stable_choice(openings, seed, KIND, region.region_id).format(
        thing=with_article(region.category), spot=spot
    )
    size = (
        f"It takes up about {share} percent of the view." if share else "It is small and takes up little of the view."
    )
    words = " or as ".join(f'"{phrase}"' for phrase in phrases[:3])
    pointing = f" One could point it out as {words}." if words else ""
    return sentence(f"{opening} {size}{pointing}")


MODEL_KIND = ModelKind(KIND, values, parse, compose, referred.choose, referred.tell)
