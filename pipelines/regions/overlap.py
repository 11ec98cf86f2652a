"""Which training records lie in which evaluation sets, counted before any are kept out.

An image counts by picture, under whichever name (`Image.same_as`); an annotation by its region id, which sources that
rest on COCO's annotations share.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from schemas.records import TRAIN, Record


class Overlap(Record, frozen=True, kw_only=True):
    """A source against an evaluation set that was seen; no line where the source or the set was not read."""

    source: str
    evaluation_set: str
    images: int
    """Images that the source has something to train on and that are in the set."""
    annotations: int
    """Training annotations of the source that the set has by the same id."""


class Listing(NamedTuple):
    """What one source names, for a range of slots."""

    source: str
    images: Sequence[tuple[str, str, str]]
    """(image id, split, other name of the same picture)."""
    texts: Sequence[str]
    """Image ids of the texts."""
    regions: Sequence[tuple[str, str, str]]
    """(image id, split, region id)."""


class _HeldOut(NamedTuple):
    """Pictures and region ids of each evaluation set."""

    images: dict[str, set[str]]
    regions: dict[str, set[str]]


def overlap(listings: Sequence[Listing]) -> list[Overlap]:
    """A line for each source and each evaluation set of which these name an image."""
    names = {image: same_as for one in listings for image, _, same_as in one.images if same_as}
    held = _held_out(listings, names)
    return [_line(one, name, held, names) for one in listings for name in sorted(held.images)]


def _held_out(listings: Sequence[Listing], names: dict[str, str]) -> _HeldOut:
    held = _HeldOut(defaultdict(set), defaultdict(set))
    for one in listings:
        for image, split, _ in (*one.images, *one.regions):
            if split != TRAIN:
                held.images[split].add(names.get(image, image))
        for _, split, region in one.regions:
            if split != TRAIN:
                held.regions[split].add(region)
    return held


def _line(listing: Listing, name: str, held: _HeldOut, names: dict[str, str]) -> Overlap:
    trained = [(image, region) for image, split, region in listing.regions if split == TRAIN]
    images = {*listing.texts, *(image for image, _ in trained)}
    return Overlap(
        source=listing.source,
        evaluation_set=name,
        images=sum(names.get(image, image) in held.images[name] for image in images),
        annotations=sum(region in held.regions[name] for _, region in trained),
    )


def merge(lines: Iterable[Overlap]) -> list[Overlap]:
    """Lines of several slot ranges, summed, by source in order of first sight and by name of the set."""
    sums: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    order: dict[str, int] = {}
    for line in lines:
        sums[line.source, line.evaluation_set].update(images=line.images, annotations=line.annotations)
        order.setdefault(line.source, len(order))
    return [
        Overlap(source=source, evaluation_set=name, images=sums[source, name]["images"],
                annotations=sums[source, name]["annotations"])
        for source, name in sorted(sums, key=lambda key: (order[key[0]], key[1]))
    ]  # fmt: skip
