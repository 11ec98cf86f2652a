"""The short questions of held-out rows, asked one by one with the right mask or with another region's."""

import io
import random
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from PIL import Image
from transformers import BatchFeature

from osprey_train import chat, geometry
from osprey_train.data.loader import Rows
from osprey_train.data.order import Place
from osprey_train.model import OspreyForConditionalGeneration, OspreyProcessor
from schemas import rle
from schemas.errors import ShardError
from schemas.records import Mask

SHORT_KINDS = ("mask_text", "short_form", "part_category", "part_attribute", "positive_negative")
"""Kinds whose answers are a word or a short phrase."""
OFFSETS = 16
"""Ways to move masks on that are tried: one region may be asked about twice, in questions half the topic apart."""
PICTURES = "Give as --images the folder of the raw data, with the pictures that the shards were built from."
_region = re.compile(r"<region(\d+)>")


class Question(NamedTuple):
    """A question about one region, called `<region1>`, and the answer that the row gives."""

    place: Place
    sample_id: str
    image_id: str
    topic: str
    text: str
    answer: str
    mask: Mask


def topic(kind: str, question: str, sources: Sequence[str]) -> str:
    """What a question is about: `category`, `part`, `colour`, `attribute`, `place`, `phrase` or `yes or no`."""
    asked = question.lower()
    if kind == "positive_negative":
        return "yes or no"
    if "colour" in asked or "color" in asked:
        return "colour"
    if kind == "short_form" and ("where" in asked or "part of the picture" in asked):
        return "place"
    if kind in ("part_attribute", "part_category"):
        return kind.removeprefix("part_").replace("category", "part")
    if kind == "mask_text" and any(source.startswith("refcoco") for source in sources):
        return "phrase"
    return "category" if kind in SHORT_KINDS else kind


def questions(rows: Rows, topics: Sequence[str] = ()) -> Iterator[Question]:
    """All questions about one region of the rows' shards, in the order of the shards."""
    for kind, groups in rows.shards.group_rows.items():
        for group, count in enumerate(groups):
            for number in range(count):
                place = Place(kind, group, number)
                yield from (one for one in _asked(rows.row(place), place) if not topics or one.topic in topics)


def _asked(row: Mapping[str, Any], place: Place) -> Iterator[Question]:
    for turn in chat.turns_of(row["messages"]):
        named, told = ({int(number) for number in _region.findall(text)} for text in turn)
        if len(named) != 1 or told - named:
            continue
        (number,) = named
        if not 1 <= number <= len(row["regions"]):
            raise ShardError(f"{row['sample_id']}: the text names <region{number}>, and the row has no such region")
        mask = row["regions"][number - 1]["mask"]
        question, answer = (_region.sub("<region1>", text) for text in turn)
        yield Question(
            place=place,
            sample_id=row["sample_id"],
            image_id=row["image_id"],
            topic=topic(place.kind, question, row["sources"]),
            text=question,
            answer=answer,
            mask=Mask(size=tuple(mask["size"]), counts=mask["counts"]),
        )


def sample(found: Sequence[Question], limit: int) -> list[Question]:
    """At most `limit` questions of each topic (0: all), chosen by chance, the same ones each time."""
    kept = [
        random.Random(0).sample(group, limit) if 0 < limit < len(group) else group for group in by_topic(found).values()
    ]
    return sorted((question for group in kept for question in group), key=lambda one: (one.place, one.text))


def by_topic(found: Iterable[Question]) -> dict[str, list[Question]]:
    """Questions by their topic."""
    groups: dict[str, list[Question]] = {}
    for question in found:
        groups.setdefault(question.topic, []).append(question)
    return groups


def shuffled(found: Sequence[Question]) -> list[Mask]:
    """For each question the mask of another one of its topic. The masks of a topic as a whole are the same, and only
    which belongs to which question is lost.

    All move on by one number of questions, chosen of `OFFSETS` so that few get a mask of their own picture; some may.
    A mask may also show another region of the same name: that is part of what this control measures.
    """
    given = {name: iter(_turned(group)) for name, group in by_topic(found).items()}
    return [next(given[question.topic]) for question in found]


def _turned(group: Sequence[Question]) -> list[Mask]:
    """The masks, all moved on by about half the questions: by as many as meet the fewest questions of their picture."""
    count = len(group)

    def own(step: int) -> int:
        return sum(group[(at + step) % count].image_id == one.image_id for at, one in enumerate(group))

    half = (count + 1) // 2
    step = min((step for step in range(half, half + OFFSETS) if step % count or count == 1), key=own)
    return [group[(at + step) % count].mask for at in range(count)]


@torch.no_grad()
def answers(
    model: OspreyForConditionalGeneration,
    processor: OspreyProcessor,
    rows: Rows,
    found: Sequence[Question],
    masks: Sequence[Mask],
    batch: int = 32,
    most_tokens: int = 32,
) -> Iterator[tuple[int, str]]:
    """What the model answers, greedily: the index of a question and the answer, in an order that makes good batches."""
    model.eval()
    for chosen in batches([len(question.text) for question in found], batch):
        asked = [found[index] for index in chosen]
        inputs = prompts(processor, rows, asked, [masks[index] for index in chosen]).to(model.device)
        ids = model.generate(**inputs, max_new_tokens=most_tokens, do_sample=False)
        yield from zip(chosen, processor.answers(ids, inputs), strict=True)


def batches(lengths: Sequence[int], batch: int, window: int = 32) -> Iterator[list[int]]:
    """Indices by similar length, within windows of so many batches, so that rows are still read near each other."""
    for start in range(0, len(lengths), window * batch):
        near = sorted(range(start, min(start + window * batch, len(lengths))), key=lengths.__getitem__)
        yield from (near[at : at + batch] for at in range(0, len(near), batch))


def prompts(processor: OspreyProcessor, rows: Rows, asked: Sequence[Question], masks: Sequence[Mask]) -> BatchFeature:
    """Inputs of `generate` for questions with the masks given, which may belong to pictures of other sizes."""
    opened = [picture_of(rows, question) for question in asked]
    own = [[{"size": question.mask.size, "counts": question.mask.counts}] for question in asked]
    inputs = processor(opened, [question.text for question in asked], masks=own)
    inputs["masks"] = torch.cat([geometry.coverage([mask], processor.frame) for mask in masks])
    return inputs


def picture_of(rows: Rows, question: Question) -> Image.Image:
    """The picture that a question is about; raises ShardError where there is none."""
    try:
        found = rows.picture(rows.row(question.place))
    except ValueError as error:
        raise ShardError(f"{question.sample_id}, image: {error}", hint=PICTURES) from error
    return Image.open(io.BytesIO(found)) if isinstance(found, bytes) else found


def save_example(rows: Rows, found: Sequence[Question], folder: Path) -> None:
    """`picture.png` and `mask.png` of the question whose region is the largest."""
    largest = max(found, key=lambda question: rle.area(question.mask))
    folder.mkdir(parents=True, exist_ok=True)
    picture_of(rows, largest).convert("RGB").save(folder / "picture.png")
    Image.fromarray(rle.decode(largest.mask)).save(folder / "mask.png")
