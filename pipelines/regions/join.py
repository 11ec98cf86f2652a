"""The join on the image: what every source says about one picture becomes one `Scene`.

Sources are cut into the same slots (`schemas.keys.slot`), so a range of slots can be joined without the rest.
The same object in two sources (same COCO annotation id) is one region: the source that is given first gives the mask,
the others add their expressions.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol

import msgspec

from pipelines.regions.overlap import Listing, Overlap, overlap
from schemas.keys import stable_fraction
from schemas.records import TRAIN, Expression, Image, ImageText, Region, Reject, Scene

STAGE = "join"
IMAGES = "images"
"""The `source` of the ledger line that counts distinct images."""


class Noise(Protocol):
    """A list of wrong referring expressions."""

    def names(self, source: str, region_id: str, text: str) -> bool:
        """Whether the list names this text of this region in this source."""


class Policy(NamedTuple):
    """What the recipe and the command line say about images."""

    seed: int = 0
    val_fraction: float = 0.0
    exclude_evaluation: frozenset[str] = frozenset()
    limit_to: frozenset[str] | None = None
    """Image ids; None for all."""
    noise: Noise | None = None
    """Expressions that are rejected as `label_noise`."""
    captions: frozenset[str] = frozenset()
    """Sources whose captions are wanted for themselves, so that their images need no region."""


class SourceRows(NamedTuple):
    """What one source has for a range of slots."""

    name: str
    images: Sequence[Image]
    texts: Sequence[ImageText]
    regions: Sequence[Region]


class Joined(NamedTuple):
    """Scenes, ordered by image id; rejects; and how many records were read, by (source, unit)."""

    scenes: list[Scene]
    rejects: list[Reject]
    read: dict[tuple[str, str], int]
    overlap: list[Overlap]
    """Training records in evaluation sets, before these are kept out."""


class _Parts(NamedTuple):
    images: list[Image]
    texts: list[ImageText]
    regions: list[Region]


Find = Callable[[Sequence[str]], str | None]
"""Takes the places where a picture may lie and gives the one that counts, None if it is missing."""
Size = tuple[int, int]
Check = Callable[[str, int, int], Size | None]
"""The (width, height) of the picture at a path; None where it cannot be read or has another size than this.

A source that does not know them says 0 and 0, which every picture fits.
"""

STANDALONE = "image_text"
"""Role of texts that make an image worth keeping by themselves; to others regions belong."""


def as_annotated(_path: str, width: int, height: int) -> Size | None:
    """Believes the annotations."""
    return width, height


def join(
    sources: Sequence[SourceRows], policy: Policy, find_picture: Find, check_picture: Check = as_annotated
) -> Joined:
    """Join the rows of several sources on the image; the first source that has an object gives its mask."""
    grouped = _group(sources)
    splits = _splits(grouped)
    scenes: list[Scene] = []
    rejects: list[Reject] = []
    for image_id in sorted(grouped):
        parts = grouped[image_id]
        barred = bool(splits[_identity(image_id, parts)] & policy.exclude_evaluation)
        scene, rejected = _scene(image_id, parts, policy, find_picture, check_picture, barred=barred)
        scenes += [scene] if scene else []
        rejects += rejected
    return Joined(scenes, rejects, _read(grouped), overlap([_listing(source) for source in sources]))


def _listing(rows: SourceRows) -> Listing:
    return Listing(
        rows.name,
        [(image.image_id, image.split, image.same_as) for image in rows.images],
        [text.image_id for text in rows.texts],
        [(region.image_id, region.split, region.region_id) for region in rows.regions],
    )


def _group(sources: Sequence[SourceRows]) -> dict[str, _Parts]:
    grouped: dict[str, _Parts] = defaultdict(lambda: _Parts([], [], []))
    for source in sources:
        for image in source.images:
            grouped[image.image_id].images.append(image)
        for text in source.texts:
            grouped[text.image_id].texts.append(text)
        for region in source.regions:
            grouped[region.image_id].regions.append(region)
    return grouped


def _identity(image_id: str, parts: _Parts) -> str:
    """The picture's name in the source that other sources know it by."""
    return next((image.same_as for image in parts.images if image.same_as), image_id)


def _splits(grouped: dict[str, _Parts]) -> dict[str, set[str]]:
    """The splits that each picture has in any source, under any of its names."""
    splits: dict[str, set[str]] = defaultdict(set)
    for image_id, parts in grouped.items():
        found = splits[_identity(image_id, parts)]
        found |= {image.split for image in parts.images} | {region.split for region in parts.regions}
    return splits


def _scene(
    image_id: str, parts: _Parts, policy: Policy, find_picture: Find, check_picture: Check, *, barred: bool
) -> tuple[Scene | None, list[Reject]]:
    """The scene with the rejects among its regions; None, with a reject for every record, where it is left out."""
    reason = _left_out(image_id, parts, policy, barred=barred)
    if reason:
        return None, _reject_all(image_id, parts, reason)
    path = find_picture(_candidates(parts.images))
    if path is None:
        return None, _reject_all(image_id, parts, "image_missing")
    first = next((image for image in parts.images if image.width and image.height), parts.images[0])
    size = check_picture(path, first.width, first.height)
    if size is None or not all(size):
        return None, _reject_all(image_id, parts, "image_unreadable")
    width, height = size
    clear, noisy = _without_noise(parts.regions, policy.noise)
    regions, rejects = merge(clear, (height, width))
    rejects += noisy
    if not regions and not _stands_alone(parts, policy):  # each region has a reason of its own
        return None, rejects + _reject_all(image_id, parts._replace(regions=[]), "no_regions")
    identity = _identity(image_id, parts)
    share = stable_fraction(policy.seed, "split", identity)
    scene = Scene(
        image_id=image_id, path=path, width=width, height=height,
        split="val" if share < policy.val_fraction else TRAIN,
        regions=tuple(regions), texts=tuple(parts.texts), images=tuple(parts.images),
        same_as=identity if identity != image_id else "",
    )  # fmt: skip
    return scene, rejects


def _left_out(image_id: str, parts: _Parts, policy: Policy, *, barred: bool) -> str | None:
    if not parts.images:
        return "unknown_image"
    if barred:
        return "evaluation_split"
    if not parts.regions and not _stands_alone(parts, policy):
        return "no_regions"
    if policy.limit_to is not None and image_id not in policy.limit_to:
        return "over_limit"
    return None


def _stands_alone(parts: _Parts, policy: Policy) -> bool:
    return any(text.role == STANDALONE or _is_wanted_caption(text, policy) for text in parts.texts)


def _is_wanted_caption(text: ImageText, policy: Policy) -> bool:
    return text.role == "caption" and text.source in policy.captions


def _reject_all(image_id: str, parts: _Parts, reason: str) -> list[Reject]:
    return [
        Reject(stage=STAGE, source=source, unit=unit, key=key, reason=reason)
        for source, unit, key in _records(image_id, parts)
    ]


def _without_noise(regions: Sequence[Region], noise: Noise | None) -> tuple[Sequence[Region], list[Reject]]:
    """Regions without the expressions that a list names; one that has only such goes with them."""
    if noise is None:
        return regions, []
    kept: list[Region] = []
    rejects: list[Reject] = []
    for region in regions:
        wrong = tuple(e for e in region.expressions if noise.names(e.source, region.region_id, e.text))
        if not wrong:
            kept.append(region)
            continue
        rejects += _region_rejects(msgspec.structs.replace(region, expressions=wrong), "label_noise", "")
        rest = tuple(e for e in region.expressions if e not in wrong)
        kept += [msgspec.structs.replace(region, expressions=rest)] if rest else []
    return kept, rejects


def _candidates(images: Iterable[Image]) -> list[str]:
    """Places to look for the picture, each once, in order."""
    return list(dict.fromkeys(path for image in images for path in image.paths))


def merge(regions: Iterable[Region], size: tuple[int, int]) -> tuple[list[Region], list[Reject]]:
    """One region per region id, with the expressions of all; the same mask and category twice is a `duplicate_region`.

    Expressions of a duplicate that are new go to the region that stays: Visual Genome has several phrases for one mask.
    `size` is the image's (height, width); a mask of another size is rejected. Two sources may well have the same mask
    under two ids (PACO's objects are LVIS's), and each knows something else of it.
    """
    merged: dict[str, Region] = {}
    masks: dict[tuple[str, str, str], str] = {}
    rejects: list[Reject] = []
    for region in regions:
        known = merged.get(region.region_id)
        shape = (region.source, region.category, region.mask.counts)
        if region.mask.size != size:
            rejects += _region_rejects(region, "size_mismatch", f"mask {region.mask.size}, image {size}")
        elif known is not None:
            merged[region.region_id] = _saying(known, region.expressions)
        elif masks.setdefault(shape, region.region_id) != region.region_id:
            first = merged[masks[shape]]
            new, repeated = _told_apart(region, first)
            merged[first.region_id] = _saying(first, new)
            rejects += (
                _region_rejects(repeated, "duplicate_region", f"the mask of {first.region_id}") if repeated else []
            )
        else:
            merged[region.region_id] = region
    return list(merged.values()), rejects


def _saying(region: Region, expressions: tuple[Expression, ...]) -> Region:
    return msgspec.structs.replace(region, expressions=region.expressions + expressions)


def _told_apart(region: Region, first: Region) -> tuple[tuple[Expression, ...], Region | None]:
    """A duplicate's expressions that are new, and the duplicate with the others; None where all are new."""
    known = {(each.source, each.text) for each in first.expressions}
    new = tuple(each for each in region.expressions if (each.source, each.text) not in known)
    rest = tuple(each for each in region.expressions if each not in new)
    return new, msgspec.structs.replace(region, expressions=rest) if rest or not new else None


def _region_rejects(region: Region, reason: str, detail: str) -> list[Reject]:
    return [
        Reject(stage=STAGE, source=region.source, unit=region_unit(region), key=key, reason=reason, detail=detail)
        for key in region_keys(region)
    ]


def region_keys(region: Region) -> list[str]:
    """The records that a region stands for: its expressions, where its source is one of expressions, else itself."""
    return [f"{region.region_id}#{text.source}:{text.ordinal}" for text in region.expressions] or [region.region_id]


def _records(image_id: str, parts: _Parts) -> list[tuple[str, str, str]]:
    """(source, unit, key) of every record of an image."""
    return [
        (IMAGES, "images", image_id),
        *((text.source, text_unit(text.role), f"{image_id}#{text.role}:{text.ordinal}") for text in parts.texts),
        *((region.source, region_unit(region), key) for region in parts.regions for key in region_keys(region)),
    ]


def _read(grouped: dict[str, _Parts]) -> dict[tuple[str, str], int]:
    read: Counter[tuple[str, str]] = Counter()
    read[IMAGES, "images"] = len(grouped)
    for parts in grouped.values():
        read.update((text.source, text_unit(text.role)) for text in parts.texts)
        for region in parts.regions:
            read[region.source, region_unit(region)] += len(region.expressions) or 1
    return dict(read)


def text_unit(role: str) -> str:
    """What a text counts as in the ledger."""
    return "captions" if role == "caption" else "records"


def region_unit(region: Region) -> str:
    """What a region's records count as in the ledger."""
    return "expressions" if region.expressions else "annotations"
