"""`description`: one paragraph for every referred region (paper section 2)."""

import re
from collections.abc import Sequence

import prompts
from pipelines.builders import forms, referred
from pipelines.builders.forms import Content
from pipelines.builders.model_kind import ModelKind, Values
from pipelines.builders.naming import (
    agreeing,
    box_text,
    place,
    region_name,
    region_names,
    sentence,
    unique,
    with_article,
)
from pipelines.builders.parts import is_named
from pipelines.builders.replies import BadReply, check_regions, check_talk
from pipelines.builders.rows import turns
from schemas.keys import stable_choice
from schemas.records import Message, Region, Sample, Scene

KIND = "description"
FEWEST_WORDS = 4
OBJECT_SOURCES = ("coco", "own")
"""Data sets whose objects are all listed: the paper lists COCO's, and data of one's own stands in its place."""

NAMED_OPENINGS = (
    "{thing} can be seen at the {spot} of the picture.",
    "At the {spot} of the picture there [is|are] {thing}.",
    "The picture shows {thing}, which [is|are] at the {spot}.",
    "There [is|are] {thing} at the {spot} of the picture.",
    "[This is|These are] {thing}, at the {spot} of the picture.",
    "One sees {thing} at the {spot} of the picture.",
    "What one sees at the {spot} of the picture [is|are] {thing}.",
    "{thing} [has its|have their] place at the {spot} of the picture.",
)
OPENINGS = (
    "It lies at the {spot} of the picture.",
    "One finds it at the {spot} of the picture.",
    "Its place is at the {spot} of the picture.",
    "It can be seen at the {spot} of the picture.",
)
"""Of regions without a category."""
SIZES = (
    "[It takes|They take] up about {share} percent of the view.",
    "[It covers|They cover] about {share} percent of the picture.",
    "About {share} percent of the picture [belongs to it|belong to them].",
    "Of the whole view, [it fills|they fill] about {share} percent.",
)
SMALL = (
    "[It is small and takes|They are small and take] up little of the view.",
    "[It covers|They cover] less than a hundredth of the picture.",
    "[It is|They are] so small that next to nothing of the view is taken up.",
)
"""Of what covers less than half a percent."""
POINTING = (
    "One could point [it|them] out as {words}.",
    "Whoever points [it|them] out may say {words}.",
    "[It|They] could be told from the rest as {words}.",
    "To lead somebody there, one would say {words}.",
)

_NAME = re.compile(r"<region[0-9]{1,4}>")
_ZEROS = re.compile(r"(?<=^<region)0+(?=[0-9])")


def values(scene: Scene) -> Values:
    """All named objects of the image, in the file's order, with the boxes as annotated."""
    return {
        "objects": [
            {"category": region.category, "box": box_text(region.source_box, scene.width, scene.height)}
            for region in scene.regions
            if region.source in OBJECT_SOURCES and is_named(region)
        ]
    }


def check(content: Content, row: Sample) -> tuple[Message, ...]:
    """Named paragraphs to a question and its answer for every region."""
    paragraphs = _paragraphs(content, len(row.regions))
    check_talk(paragraphs.values())
    questions = prompts.questions(KIND)
    return turns(
        (
            stable_choice(questions, KIND, row.sample_id, number).format(region=region_name(number)),
            paragraphs[number],
        )
        for number in sorted(paragraphs)
    )


def _paragraphs(content: Content, count: int) -> dict[int, str]:
    """Number of a region -> its paragraph; the number of paragraphs is checked before the names."""
    names = [_plain(name) for name, _ in content]
    if len(names) != count:
        listed = ", ".join(name[:80] for name in names[: count + 1])
        raise BadReply("reply_region_count", f"{len(names)} descriptions of {count} regions: {listed}")
    odd = [name for name in names if not _NAME.fullmatch(name)]
    if odd:
        raise BadReply("reply_unknown_region", f"{odd[0][:80]!r} is no region")
    check_regions(names, count)
    numbers = [int(name[len("<region") : -1]) for name in names]
    found = {number: " ".join(block.split()) for number, (_, block) in zip(numbers, content, strict=True)}
    for number, paragraph in found.items():
        if len(paragraph.split()) < FEWEST_WORDS:
            raise BadReply("reply_format", f"<region{number}>: {paragraph!r} is no description")
        if region_names(paragraph) - set(names):
            raise BadReply("reply_unknown_region", f"<region{number}> speaks of a region that was not given")
    return found


def _plain(name: str) -> str:
    """A name without zeros before its number: a model that counts `<region01>` means the first."""
    return _ZEROS.sub("", name)


def compose(scene: Scene, regions: Sequence[Region], seed: int) -> Content:
    """Paragraphs made of category, place, size and expressions, as far as there are any."""
    return [(region_name(n), _paragraph(scene, region, seed)) for n, region in enumerate(regions, start=1)]


def _paragraph(scene: Scene, region: Region, seed: int) -> str:
    spot = place(region, scene.width, scene.height)
    share = round(100 * region.area / (scene.width * scene.height))
    phrases = unique(text.text for text in region.expressions)[:3]
    forms = [
        NAMED_OPENINGS if is_named(region) else OPENINGS,
        SIZES if share else SMALL,
        *([POINTING] if phrases else []),
    ]
    chosen = (stable_choice(form, seed, KIND, number, region.region_id) for number, form in enumerate(forms))
    words = " or ".join(f'"{phrase}"' for phrase in phrases)
    thing = with_article(region.category)
    return " ".join(
        sentence(agreeing(form, region.category).format(thing=thing, spot=spot, share=share, words=words))
        for form in chosen
    )


MODEL_KIND = ModelKind(KIND, values, forms.PARAGRAPHS, check, compose, referred.choose, referred.tell)
