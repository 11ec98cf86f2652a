"""A record of Osprey's files to a row of ours, or the reason why not.

Nothing is rewritten but the regions' names: regions that no text names are left out, and the others numbered anew.
Texts stay as they are. Of `positive_negative` the loader gives every name in the questions the next mask, whatever its
number; where there are as many names as masks, so do we, and masks that repeat become one region.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

import prompts
from pipelines.builders.naming import region_name
from pipelines.builders.rows import turns
from pipelines.exchange.names import numbers, odd_name, renamed
from pipelines.exchange.osprey_json import (
    DESCRIPTION,
    PART_KINDS,
    PART_LEVEL,
    POSITIVE_NEGATIVE,
    SOURCE,
    Annotation,
    Described,
    Entry,
    Talk,
    part_kind,
)
from pipelines.regions.clean import BadMask, to_rle
from pipelines.sources.names import FOLDERS, coco_number, image_id, image_paths, is_safe
from pipelines.sources.osprey_724k import SPEC
from schemas import rle
from schemas.keys import digest, stable_choice, stable_fraction
from schemas.records import IMPORTED, Generator, Mask, Region, Sample

_PREFIX = re.compile(r"\s*<\s*region\s*\d{1,4}\s*>\s*:\s*", re.IGNORECASE)
_OURS = re.compile(r"[a-z_]+-[0-9a-f]{20}")

Fault = tuple[str, str]
"""(reason, detail) of what is not kept."""
Place = Callable[[Sequence[str], int, int], str | Fault]
"""Where a picture of (width, height) lies of several places, or why it cannot be used."""


class BadRecord(ValueError):
    """A record that gives no row; `reason` is from the ledger's list."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


class Converted(NamedTuple):
    """A row, and the annotations (by place in the record) that are not in it."""

    sample: Sample
    faults: dict[int, Fault]


class _Told(NamedTuple):
    """Annotations in the order of the new names, texts with these, and what is left out."""

    used: list[int]
    texts: list[str]
    faults: dict[int, Fault]


class Splitting(NamedTuple):
    """How images are shared out, as in a build."""

    seed: int = 0
    val_fraction: float = 0.02

    def split(self, image: str) -> str:
        return "val" if stable_fraction(self.seed, "split", image) < self.val_fraction else "train"


def annotations_of(entry: Entry) -> int:
    """What a record's annotations count as: a description without an annotation is one as well."""
    return max(len(entry.annotation), len(entry.description) if isinstance(entry, Described) else 0)


def convert(entry: Entry, form: str, place: Place, splitting: Splitting) -> Converted:
    """The row of a record. Raises BadRecord where there is none."""
    image, paths = picture(entry.file_name)
    path = place(paths, entry.width, entry.height)
    if isinstance(path, tuple):
        raise BadRecord(*path)
    masks = [_mask(each, (entry.height, entry.width)) for each in entry.annotation]
    told = _described(entry, masks) if isinstance(entry, Described) else _talked(entry, form, masks)
    kind = _kind(entry, form, told.texts)
    regions = _regions(entry.annotation, masks, told.used, image)
    sample_id = _sample_id(entry, kind, image, told.texts, regions)
    sample = Sample(
        sample_id=sample_id, kind=kind, split=splitting.split(image), image_id=image, path=path,
        width=entry.width, height=entry.height, regions=tuple(regions),
        messages=turns(_pairs(kind, sample_id, told.texts)), generator=Generator(name=IMPORTED),
        sources=(SOURCE,), license=SPEC.license,
    )  # fmt: skip
    return Converted(sample, told.faults)


def picture(file_name: str) -> tuple[str, tuple[str, ...]]:
    """(image id, places below DATA) of a picture: COCO's under whichever of its names, others where the name says."""
    if not is_safe(file_name):
        raise BadRecord("unsafe_path", file_name)
    number = coco_number(file_name)
    if number is None:
        stem = file_name.rpartition(".")[0] or file_name
        return f"{SOURCE}/{stem}", (file_name, f"coco/train2017/{file_name}")
    folder = file_name.rpartition("/")[0].rpartition("/")[2]
    folder = folder if folder in FOLDERS else FOLDERS[0]
    return image_id(number), image_paths(number, file_name, "", folder)


def _mask(annotation: Annotation, size: tuple[int, int]) -> Mask | BadMask:
    try:
        made = to_rle(bytes(annotation.segmentation), size)
    except BadMask as bad:
        return bad
    return Mask(size=size, counts=made["counts"].decode())


def _described(entry: Described, masks: list[Mask | BadMask]) -> _Told:
    """A description that lacks the name before it, or spans lines, is a description all the same."""
    texts = [_PREFIX.sub("", text, count=1).strip() for text in entry.description]
    faults = {place: _fault(place, texts, masks) for place in range(annotations_of(entry))}
    kept = [place for place, fault in faults.items() if fault is None]
    while odd := [place for place in kept if not {n - 1 for n in numbers(texts[place])} <= set(kept)]:
        faults |= {place: ("unknown_region", f"names {numbers(texts[place])}") for place in odd}
        kept = [place for place in kept if place not in odd]
    if not kept:
        raise BadRecord(
            "no_regions", "; ".join(f"{reason} {detail}" for reason, detail in filter(None, faults.values()))
        )
    new = {old: number for number, old in enumerate(kept, start=1)}
    answers = [renamed(texts[place], [new[n - 1] for n in numbers(texts[place])]) for place in kept]
    return _Told(kept, answers, {place: fault for place, fault in faults.items() if fault})


def _fault(place: int, texts: list[str], masks: list[Mask | BadMask]) -> Fault | None:
    if place >= len(masks):
        return "unknown_region", "a description without an annotation"
    if isinstance(bad := masks[place], BadMask):
        return bad.reason, bad.detail
    if place >= len(texts) or not texts[place]:
        return "empty_text", "no description"
    return ("unknown_region", odd) if (odd := odd_name(texts[place])) else None


def _talked(entry: Entry, form: str, masks: list[Mask | BadMask]) -> _Told:
    assert isinstance(entry, Talk)
    texts = _texts(entry)
    named = _named(texts, form, len(masks))
    same = list(range(len(masks)))
    if form == POSITIVE_NEGATIVE:
        same = _first_alike(entry.annotation, masks)
        named = [[same[place] for place in places] for places in named]
    seen = list(dict.fromkeys(place for places in named for place in places))
    for place in seen:
        if isinstance(bad := masks[place], BadMask):
            raise BadRecord(bad.reason, f"region {place + 1}: {bad.detail}")
    if not seen:
        raise BadRecord("no_regions", "the text names none")
    used = seen if form == POSITIVE_NEGATIVE else sorted(seen)
    new = {old: number for number, old in enumerate(used, start=1)}
    said = [renamed(text, map(new.__getitem__, places)) for text, places in zip(texts, named, strict=True)]
    return _Told(used, said, {place: ("unnamed_region", "") for place in range(len(masks)) if same[place] not in new})


def _first_alike(given: list[Annotation], masks: list[Mask | BadMask]) -> list[int]:
    """For each annotation the place of the first one with its id or, where it has none, with its mask."""
    first: dict[str, int] = {}
    return [
        place if isinstance(mask, BadMask) else first.setdefault(each.region_id or mask.counts, place)
        for place, (each, mask) in enumerate(zip(given, masks, strict=True))
    ]


def _texts(entry: Talk) -> list[str]:
    speakers = [{"user": "human", "assistant": "gpt"}.get(turn.speaker, turn.speaker) for turn in entry.conversations]
    if not speakers or speakers != ["human", "gpt"] * (len(speakers) // 2):
        raise BadRecord("malformed_record", f"speakers {speakers[:6]}: expected human and gpt in turn")
    texts = [turn.value for turn in entry.conversations]
    if not all(map(str.strip, texts)):
        raise BadRecord("empty_text", "a turn is blank")
    if odd := next(filter(None, map(odd_name, texts)), ""):
        raise BadRecord("unknown_region", f"names {odd}")
    return texts


def _named(texts: list[str], form: str, count: int) -> list[list[int]]:
    """Places of the annotations that each text names, in order."""
    named = [[number - 1 for number in numbers(text)] for text in texts]
    asked = sum(map(len, named[::2]))
    if form == POSITIVE_NEGATIVE and asked == count:
        following = iter(range(count))
        named[::2] = [[next(following) for _ in places] for places in named[::2]]
    outside = [place + 1 for places in named for place in places if not 0 <= place < count]
    if outside:
        raise BadRecord("unknown_region", f"names {region_name(outside[0])}, there are {count} annotations")
    return named


def _pairs(kind: str, sample_id: str, texts: list[str]) -> list[tuple[str, str]]:
    """Questions and answers; descriptions get the questions that a build of ours would ask."""
    if kind != DESCRIPTION:
        return list(zip(texts[::2], texts[1::2], strict=True))
    forms = prompts.questions(kind)
    return [
        (stable_choice(forms, kind, sample_id, number).format(region=region_name(number)), text)
        for number, text in enumerate(texts, start=1)
    ]


def _regions(given: list[Annotation], masks: list[Mask | BadMask], used: list[int], image: str) -> list[Region]:
    """A mask without an id has the same one wherever it stands; the second of its kind in a row is told apart."""
    seen: Counter[str] = Counter()
    regions = []
    for place in used:
        mask = masks[place]
        assert isinstance(mask, Mask)
        name = given[place].region_id or f"{SOURCE}/{digest(image, mask.counts)[:16]}"
        seen[name] += 1
        box = rle.box(mask)
        regions.append(Region(
            region_id=name if seen[name] == 1 else f"{name}#{seen[name]}", image_id=image, source=SOURCE, ordinal=place,
            category=given[place].category, category_raw=given[place].category,
            source_box=given[place].bbox or box, bbox=box, area=rle.area(mask), mask=mask,
        ))  # fmt: skip
    return regions


def _kind(entry: Entry, form: str, texts: list[str]) -> str:
    """Of the part-level file the questions tell, unless the record came from us."""
    if form != PART_LEVEL:
        return form
    own = str(entry.id).rpartition("-")[0]
    return own if own in PART_KINDS else part_kind(texts[::2])


def _sample_id(entry: Entry, kind: str, image: str, texts: list[str], regions: list[Region]) -> str:
    """Our own id where the record came from us; else from the content, so that a repeat has the same."""
    if isinstance(entry.id, str) and _OURS.fullmatch(entry.id):
        return entry.id
    masks = [region.mask.counts for region in regions]
    return f"{kind}-{digest(SOURCE, kind, image, entry.id, *texts, *masks)[:20]}"
