"""Which annotations of a scene show one object.

Data sets that annotate the same pictures outline the same things, each in its own hand and words: LVIS drew COCO's
objects anew. Two regions are one object

* where their masks are almost the same pixels, under whichever names, or
* where two data sets give the same thing (`vocabulary.same_thing`) masks that have more in common than not. One data
  set means two objects when it outlines two of a name, such as a book and the pile it is in.

A part is never its object: the body of a bowl that hides all else of it is another thing to ask about.
"""

from collections.abc import Sequence

from pipelines.builders.vocabulary import Vocabulary, same_thing
from schemas import rle
from schemas.records import Region

SAME_PIXELS = 0.95
"""Intersection over union of masks above which they are one, whoever drew them."""
SAME_OBJECT = 0.5
"""From which on two data sets mean one object, if they give it one name."""

Objects = dict[str, tuple[Region, ...]]
"""Region id -> the regions that show the object, the one that stands for it first."""


def objects(regions: Sequence[Region], vocabulary: Vocabulary) -> Objects:
    """Each object's regions, by the id of every one of them; the first in the order given stands for all.

    A region joins the object that it has most in common with. It is compared with what stands for an object, not with
    what joined it, so that a chain of outlines does not become one.
    """
    overlaps = rle.overlaps([region.mask for region in regions])
    groups: dict[int, list[Region]] = {}
    for place, region in enumerate(regions):
        same = [first for first in groups if _is_one(region, regions[first], overlaps[place, first], vocabulary)]
        chosen = max(same, key=lambda first: float(overlaps[place, first]), default=place)
        groups.setdefault(chosen, []).append(region)
    return {region.region_id: tuple(group) for group in groups.values() for region in group}


def same_pixels(regions: Sequence[Region]) -> list[list[bool]]:
    """Whether two regions are one object by their masks alone, for each with each."""
    overlaps = rle.overlaps([region.mask for region in regions])
    return [
        [bool(overlap > SAME_PIXELS) and bool(one.part) == bool(other.part) for other, overlap in pairs]
        for one, pairs in ((one, zip(regions, row, strict=True)) for one, row in zip(regions, overlaps, strict=True))
    ]


def _is_one(one: Region, other: Region, overlap: float, vocabulary: Vocabulary) -> bool:
    if overlap < SAME_OBJECT or bool(one.part) != bool(other.part):
        return False
    return overlap > SAME_PIXELS or (
        one.source != other.source and same_thing(vocabulary, one.category, other.category)
    )
