"""Which sources can give which kind: what a kind is built from, and the sources that have it."""

from typing import NamedTuple

from schemas.recipe import KindSettings


class Need(NamedTuple):
    """What a kind is built from."""

    what: str
    unit: str
    """In which its records are counted where a source is read; "" for the regions themselves."""
    sources: tuple[str, ...]
    """Those that may have it."""


_REFERRING = ("refcoco", "refcoco+", "refcocog", "vg", "own")
_NAMED = (
    "coco", "refcoco", "refcoco+", "refcocog", "lvis", "paco", "part_imagenet", "pascal_part", "vcr", "own",
)  # fmt: skip
"""RefCOCO's layout of masks (MDETR) has objects of its own, with COCO's categories."""
_REFERRED = Need("referring expressions", "expressions", _REFERRING)
_OBJECTS = Need("regions with a category or a phrase", "", (*_NAMED, "vg"))

NEEDS = {
    "image_text": Need("captions", "captions", ("coco", "own", "llava_pretrain")),
    "mask_text": _OBJECTS,
    "description": _OBJECTS,
    "conversation": _OBJECTS,
    "short_form": _OBJECTS,
    "part_category": Need("parts of objects", "", ("paco", "part_imagenet", "pascal_part", "own")),
    "part_attribute": Need("attributes", "attributes", ("paco", "own")),
    "positive_negative": Need("categories", "", _NAMED),
    "region_caption": Need("phrases", "expressions", _REFERRING),
    "commonsense": Need("questions about regions", "records", ("vcr",)),
}
OF_SEVERAL = ("description", "conversation", "short_form")
"""Kinds that take regions with referring expressions unless the recipe says `regions: all`."""


def need(kind: str, settings: KindSettings) -> Need:
    """What the kind is built from under these settings."""
    return _REFERRED if kind in OF_SEVERAL and settings.regions == "referred" else NEEDS[kind]
