"""Checks of annotations at ingest, and the checked ones as columns. Masks are looked at later, by pipelines.regions."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.sources.coco_json import Columns, Images, InstanceFile
from pipelines.sources.json_window import record_key
from pipelines.sources.spec import Annotations, Finding, Ints
from schemas.columns import ANNOTATION
from schemas.records import TRAIN, Image

_REASONS = ("", "duplicate_id", "unknown_image", "unknown_category", "malformed_record", "crowd")
"""In the order in which they are judged: the first that applies is the one counted."""

_FIELDS = {
    "unknown_image": ("image_id", "images"),
    "unknown_category": ("category_id", "categories"),
    "malformed_record": ("bbox", "boxes"),
}
"""The field at fault, and the column that holds it."""

_DENSE = 1 << 24
"""Ids below this are looked up in a table; COCO's images have numbers below 600,000."""

EXPRESSIONS = ANNOTATION.field("expressions").type
ATTRIBUTES = ANNOTATION.field("attributes").type


class Links(NamedTuple):
    """For each annotation of a file the row of its image and of its category; -1 for what is not known."""

    images: Ints
    categories: Ints
    rows: Sequence[Image]
    """The images."""

    def image_id(self, annotation: int) -> str:
        """The id of an annotation's image; empty where it is not known."""
        place = int(self.images[annotation])
        return self.rows[place].image_id if place >= 0 else ""


class Checked(NamedTuple):
    """Annotations that passed, with the rows of their images and categories, and why the others did not."""

    columns: Columns
    images: Ints
    categories: Ints
    findings: list[Finding]
    rows: Ints
    """Their places among the annotations of the file that could be decoded."""

    def take(self, rows: Ints) -> "Checked":
        """These rows only."""
        taken = (self.columns.take(rows), self.images[rows], self.categories[rows])
        return Checked(*taken, self.findings, self.rows[rows])


def lookup(values: Ints, keys: Ints) -> Ints:
    """Position in `keys` (no repeats, none negative) of each value, which may be any; -1 where it is not there."""
    highest = int(keys.max(initial=0))
    if highest >= _DENSE:
        order = np.argsort(keys, kind="stable")
        found = order[np.clip(np.searchsorted(keys, values, sorter=order), 0, len(keys) - 1)]
        return np.where(keys[found] == values, found, -1)
    table = np.full(highest + 2, -1, np.int64)
    table[keys] = np.arange(len(keys))
    return table[np.clip(values, -1, highest + 1)]


def first_of_each(ids: Ints) -> npt.NDArray[np.bool_]:
    """True where an id stands for the first time."""
    first = np.zeros(len(ids), bool)
    first[np.unique(ids, return_index=True)[1]] = True
    return first


def link(file: InstanceFile, images: Images) -> Links:
    """Find each annotation's image and category."""
    categories = np.fromiter(file.categories, np.int64, len(file.categories))
    found = lookup(file.annotations.images, images.numbers), lookup(file.annotations.categories, categories)
    return Links(*found, images.rows)


def check(file: InstanceFile, links: Links) -> Checked:
    """Keep what has its own id, a known image and category, a finite box that is not negative, and is no crowd."""
    found = file.annotations
    sound = np.isfinite(found.boxes).all(axis=1) & (found.boxes[:, 2:] >= 0).all(axis=1)
    faults = np.stack([~first_of_each(found.ids), links.images < 0, links.categories < 0, ~sound, found.crowd])
    reason = np.where(faults.any(axis=0), faults.argmax(axis=0) + 1, 0)
    kept = np.flatnonzero(reason == 0)
    findings = [_finding(file, links, row, int(reason[row])) for row in np.flatnonzero(reason).tolist()]
    return Checked(found.take(kept), links.images[kept], links.categories[kept], findings, kept)


def _finding(file: InstanceFile, links: Links, row: int, reason: int) -> Finding:
    columns = file.annotations
    field = _FIELDS.get(_REASONS[reason])
    detail = f"{field[0]} {getattr(columns, field[1])[row].tolist()}" if field else ""
    key = record_key(file.unit, int(columns.position[row]), int(columns.ids[row]))
    return Finding(key, _REASONS[reason], detail, links.image_id(row))


def with_present(file: InstanceFile, images: Images, links: Links) -> list[Image]:
    """The image rows with the names of all categories annotated on them, rejected annotations included."""
    names = [category.name for category in file.categories.values()]
    known = (links.images >= 0) & (links.categories >= 0)
    pairs = np.sort(links.images[known] * len(names) + links.categories[known])
    pairs = pairs[np.diff(pairs, prepend=-1) > 0]
    edges = np.searchsorted(pairs, np.arange(len(images.rows) + 1) * len(names)).tolist()
    present = [names[each] for each in (pairs % max(1, len(names))).tolist()]
    return [
        msgspec.structs.replace(row, present=tuple(present[edges[index] : edges[index + 1]]))
        for index, row in enumerate(images.rows)
    ]


def annotations(
    file: InstanceFile, images: Images, checked: Checked, source: str, prefix: str, **columns: Any
) -> Annotations:
    """The checked annotations of a file; region ids are `<prefix>/<annotation id>`.

    `columns` replaces `ordinal`, `split`, `part_of`, `attributes` or `expressions`, which are the position in the file,
    train, and none.
    """
    kept = checked.columns
    categories = list(file.categories.values())
    image_ids = [image.image_id for image in images.rows]
    boxes = pa.FixedSizeListArray.from_arrays(pa.array(kept.boxes.ravel()), 4)
    frame = {
        "slot": pa.array(_pick([image.slot for image in images.rows], checked.images, np.uint8)),
        "region_id": pc.binary_join_element_wise(prefix, pc.cast(pa.array(kept.objects), pa.string()), "/"),
        "image_id": _dictionary(checked.images, image_ids),
        "source": _repeated(source, len(kept.ids)),
        "ordinal": pa.array(kept.position, pa.int32()),
        "category": _dictionary(checked.categories, [category.text for category in categories]),
        "category_raw": _dictionary(checked.categories, [category.name for category in categories]),
        "source_box": boxes,
        "split": _repeated(TRAIN, len(kept.ids)),
        "part_of": _repeated("", len(kept.ids)),
        "part": _dictionary(checked.categories, [category.part for category in categories]),
        "whole": _dictionary(checked.categories, [category.whole for category in categories]),
        "attributes": _empty_lists(ATTRIBUTES, len(kept.ids)),
        "expressions": _empty_lists(EXPRESSIONS, len(kept.ids)),
        "width": pa.array(_pick([image.width for image in images.rows], checked.images, np.int32)),
        "height": pa.array(_pick([image.height for image in images.rows], checked.images, np.int32)),
    }
    return Annotations(pa.table(frame | columns), file.path, kept.starts, kept.lengths)


def _pick(values: list[int], rows: Ints, kind: type[np.generic]) -> npt.NDArray[Any]:
    return np.array(values, kind)[rows]


def _dictionary(rows: Ints, values: list[str]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(rows, pa.int32()), pa.array(values, pa.string()))


def _repeated(value: str, count: int) -> pa.Array:
    return _dictionary(np.zeros(count, np.int64), [value])


def _empty_lists(kind: pa.DataType, count: int) -> pa.Array:
    empty = pa.array([], kind.value_type)
    return pa.ListArray.from_arrays(pa.array(np.zeros(count + 1, np.int32)), empty)
