"""A row of ours as a record of the file that Osprey's loader of its kind reads.

What the loaders do is looked at record by record: one that Osprey would read wrongly is not written, and counted.
Regions are repeated in `positive_negative`, whose loader takes one mask for each name in the questions, in their order.
"""

from collections.abc import Sequence
from typing import Any

from pipelines.builders.naming import region_name
from pipelines.exchange.names import numbers, renamed
from pipelines.exchange.osprey_json import DESCRIPTION, PART_KINDS, PART_LEVEL, POSITIVE_NEGATIVE, told_by_loader
from pipelines.sources.names import coco_number

Row = dict[str, Any]


class Unfit(ValueError):
    """A row that the format cannot hold; the argument says why."""


def form_of(kind: str) -> str:
    """The form that rows of a kind go to."""
    return PART_LEVEL if kind in PART_KINDS else kind


def record(row: Row) -> Row:
    """The record of a row; Unfit where Osprey would not read from it what the row says."""
    kind, messages = row["kind"], row["messages"]
    if kind == DESCRIPTION:
        return {**_common(row, row["regions"]), "description": _descriptions(row)}
    texts = [message["content"] for message in messages]
    regions = row["regions"]
    if kind == POSITIVE_NEGATIVE:
        texts, order = _one_mask_a_name(texts)
        regions = [regions[number - 1] for number in order]
    return {**_common(row, regions), "conversations": conversation(texts)}


def conversation(texts: Sequence[str]) -> list[Row]:
    """Questions and answers as turns of `human` and `gpt`."""
    return [{"from": ("human", "gpt")[place % 2], "value": text} for place, text in enumerate(texts)]


def _common(row: Row, regions: Sequence[Row]) -> Row:
    return {
        "id": row["sample_id"], "file_name": file_name(row["image"]["path"]),
        "height": row["height"], "width": row["width"], "annotation": [annotation(region) for region in regions],
    }  # fmt: skip


def file_name(path: str) -> str:
    """COCO's pictures by their bare name, as Osprey has them in one folder; others by their path below DATA."""
    return path.rpartition("/")[2] if coco_number(path) is not None else path


def misread_name(row: Row) -> bool:
    """Whether the kind's loader would look for another picture: all but one keep what follows the last `_`."""
    return row["kind"] != POSITIVE_NEGATIVE and "_" in file_name(row["image"]["path"])


def annotation(region: Row) -> Row:
    """A region as Osprey has it, with its id, and its category where it has one."""
    named = {"category": region["category"]} if region["category"] else {}
    return {
        "bbox": list(region["bbox"]), "segmentation": segmentation(region), "region_id": region["region_id"], **named
    }  # fmt: skip


def segmentation(region: Row) -> Row:
    """The mask as compressed RLE."""
    return {"size": list(region["mask"]["size"]), "counts": region["mask"]["counts"]}


def _descriptions(row: Row) -> list[str]:
    contents = [message["content"] for message in row["messages"]]
    questions, answers = contents[::2], contents[1::2]
    if [numbers(question) for question in questions] != [[n] for n in range(1, len(row["regions"]) + 1)]:
        raise Unfit("does not ask once about each region in turn")
    told = [" ".join(answer.split()) for answer in answers]
    lines = [f"{region_name(number)}: {text}" for number, text in enumerate(told, start=1)]
    if list(map(told_by_loader, lines)) != told:
        raise Unfit("holds `>: `, at which Osprey's loader would cut the text")
    return lines


def _one_mask_a_name(texts: Sequence[str]) -> tuple[list[str], list[int]]:
    """Names in the questions numbered as they come, and the region that each stood for."""
    order: list[int] = []
    found = list(texts)
    for place, text in enumerate(texts):
        named = numbers(text)
        if place % 2 and named:
            raise Unfit("an answer names a region, for which Osprey's loader has no mask")
        found[place] = renamed(text, range(len(order) + 1, len(order) + 1 + len(named)))
        order += named
    return found, order
