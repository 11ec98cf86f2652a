"""Images on which only some categories are looked for: what is not annotated need not be absent (LVIS, section 3)."""

import msgspec

from pipelines.sources.coco_json import ImageEntry
from schemas.records import Category, Image


class FederatedImage(ImageEntry, kw_only=True, gc=False):
    """An image with the categories known to be absent, and those of which not every object is annotated."""

    neg_category_ids: list[int] = []
    not_exhaustive_category_ids: list[int] = []


def federated(row: Image, entry: FederatedImage, categories: dict[int, Category]) -> Image:
    """The row with the names of these categories; an id that the vocabulary lacks says nothing about any category."""
    return msgspec.structs.replace(
        row,
        absent=tuple(categories[each].name for each in entry.neg_category_ids if each in categories),
        not_exhaustive=tuple(categories[each].name for each in entry.not_exhaustive_category_ids if each in categories),
    )
