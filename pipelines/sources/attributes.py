"""What PACO's annotations say beyond COCO's: the object of a part, and attributes from the file's own table.

Format: github.com/facebookresearch/paco docs/PACO_DATASET.md.
"""

from itertools import chain
from typing import Annotated, NamedTuple, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.sources.checks import ATTRIBUTES, Checked, first_of_each, lookup
from pipelines.sources.coco_json import AnnotationEntry, InstanceFile
from pipelines.sources.json_window import Window, record_key
from pipelines.sources.spec import Finding, Ints
from pipelines.sources.text import clean_line
from schemas.errors import SourceError

UNIT = "attributes"
TYPES = ("color", "pattern_marking", "material", "transparency")
TABLES = ("attributes", "attr_type_to_attr_idxs")

_REASONS = ("", "unknown_annotation", "unknown_attribute", "uncertain_attribute", "duplicate_id")
"""In the order in which they are judged: the first that applies is the one counted."""

T = TypeVar("T")
Number = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class PartAnnotation(AnnotationEntry, kw_only=True, gc=False):
    """An object or part. A flag `unknown_*` says that the annotators could not tell attributes of this type."""

    obj_ann_id: Number | None = None
    attribute_ids: list[Number] = []
    unknown_color: int | bool = 0
    unknown_pattern_marking: int | bool = 0
    unknown_material: int | bool = 0
    unknown_transparency: int | bool = 0


class Details(NamedTuple):
    """The further fields of every annotation of a file that could be decoded, as columns."""

    objects: Ints
    """Annotation id of the object; its own id where none is named."""
    ids: Ints
    """Attribute ids of all annotations, one after the other, and how many each has."""
    lengths: Ints
    unknown: npt.NDArray[np.bool_]
    """A row an annotation, a column for each of `TYPES`."""


class DetailReader:
    """Collects `Details` window by window."""

    def __init__(self) -> None:
        self._parts: list[Details] = []

    def add(self, window: Window) -> None:
        """Add a window of annotations."""
        records: list[PartAnnotation] = window.records
        count = len(records)
        objects = (each.id if each.obj_ann_id is None else each.obj_ann_id for each in records)
        flags = (bool(flag) for each in records for flag in _flags(each))
        lengths = np.fromiter((len(each.attribute_ids) for each in records), np.int64, count)
        ids = chain.from_iterable(each.attribute_ids for each in records)
        self._parts.append(
            Details(
                objects=np.fromiter(objects, np.int64, count),
                ids=np.fromiter(ids, np.int64, int(lengths.sum())),
                lengths=lengths,
                unknown=np.fromiter(flags, bool, len(TYPES) * count).reshape(-1, len(TYPES)),
            )
        )

    def details(self) -> Details:
        """Those of all windows."""
        none = np.zeros(0, np.int64)
        empty = Details(none, none, none, np.zeros((0, len(TYPES)), bool))
        return Details(*(np.concatenate(columns) for columns in zip(empty, *self._parts, strict=True)))


def _flags(entry: PartAnnotation) -> tuple[int, int, int, int]:
    return entry.unknown_color, entry.unknown_pattern_marking, entry.unknown_material, entry.unknown_transparency


class AttributeTable(NamedTuple):
    """The attributes of a file: id, place of the type in `TYPES`, and name as one would write it."""

    ids: Ints
    types: Ints
    names: list[str]


class _Entry(msgspec.Struct):
    id: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
    name: str


def attribute_table(path: str, values: dict[str, bytes]) -> AttributeTable:
    """From the text of the two members of a file named in `TABLES`; empty where one of them lacks.

    An attribute of no type, or of another type than `TYPES`, is left out: its uses are then rejected.

    Raises:
        SourceError: where they are not of PACO's form.
    """
    entries = _decoded(path, values, "attributes", list[_Entry]) or []
    types = _decoded(path, values, "attr_type_to_attr_idxs", dict[str, list[int]]) or {}
    type_of = {number: TYPES.index(name) for name, numbers in types.items() if name in TYPES for number in numbers}
    known = {entry.id: entry for entry in entries if entry.id in type_of}
    numbers = np.fromiter(known, np.int64, len(known))
    places = np.fromiter((type_of[number] for number in known), np.int64, len(known))
    return AttributeTable(numbers, places, [attribute_text(entry.name) for entry in known.values()])


def _decoded(path: str, values: dict[str, bytes], name: str, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(values[name], type=kind) if values[name] else None
    except msgspec.DecodeError as error:
        raise SourceError(
            f"{path}: `{name}`: {error}",
            hint="Expected PACO's tables: `attributes` (a list of ids and names) and `attr_type_to_attr_idxs`.",
        ) from error


def attribute_text(name: str) -> str:
    """`dark_blue` is `dark blue`, `other(color)` is `other`."""
    text = clean_line(name.replace("_", " "))
    return "other" if text.startswith("other") and not text[5:6].isalnum() else text


def attribute_lists(
    file: InstanceFile, checked: Checked, details: Details, table: AttributeTable
) -> tuple[pa.Array, list[Finding]]:
    """The attributes of the checked annotations (in the order of the file), and why others were not kept."""
    owner = np.repeat(np.arange(len(details.lengths)), details.lengths)
    found = lookup(details.ids, table.ids)
    known = found >= 0
    uncertain = np.zeros(len(owner), bool)
    uncertain[known] = details.unknown[owner[known], table.types[found[known]]]
    annotated = np.zeros(len(details.lengths), bool)
    annotated[checked.rows] = True
    again = ~first_of_each(owner * (len(table.ids) + 1) + found)
    faults = np.stack([~annotated[owner], ~known, uncertain, again])
    reason = np.where(faults.any(axis=0), faults.argmax(axis=0) + 1, 0)
    rows = np.flatnonzero(reason).tolist()
    ids = file.annotations.ids
    findings = [_finding(row, int(ids[owner[row]]), int(details.ids[row]), int(reason[row])) for row in rows]
    kept = reason == 0
    lengths = np.bincount(owner[kept], minlength=len(details.lengths))[checked.rows]
    return _lists(table, found[kept], lengths), findings


def _finding(position: int, annotation: int, attribute: int, reason: int) -> Finding:
    return Finding(record_key(UNIT, position, annotation), _REASONS[reason], f"attribute_id {attribute}")


def _lists(table: AttributeTable, found: Ints, lengths: npt.NDArray[np.int64]) -> pa.Array:
    types = pa.array(TYPES).take(pa.array(table.types[found]))
    names = pa.array(table.names, pa.string()).take(pa.array(found))
    values = pa.StructArray.from_arrays([types, names], fields=list(ATTRIBUTES.value_type))
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), values)
