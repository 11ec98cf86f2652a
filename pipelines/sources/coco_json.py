"""The COCO annotation format, decoded window by window into typed records and then into columns.

Shared by COCO, RefCOCO's `instances.json`, Osprey's MDETR files and LVIS. Format: https://cocodataset.org/#format-data.
Fields that are not named here are ignored.
"""

from collections.abc import Callable, Collection, Iterable
from itertools import chain
from operator import attrgetter
from typing import Annotated, Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from pipelines.sources.json_stream import read_lists
from pipelines.sources.json_window import Window, broken_findings, positions, record_key
from pipelines.sources.names import category_text, image_id, image_paths, is_safe, synonym_texts
from pipelines.sources.spec import Finding, Ints
from schemas.errors import SourceError
from schemas.records import Category, Image
from schemas.rle import MAX_PIXELS, MAX_SIDE

Id = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Pixels = Annotated[int, msgspec.Meta(gt=0, le=MAX_SIDE)]
Flag = bool | Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31)]


class ImageEntry(msgspec.Struct, gc=False):
    """An element of `images`."""

    id: Id
    width: Pixels
    height: Pixels
    file_name: str | None = None
    coco_url: str | None = None

    def __post_init__(self) -> None:
        if self.width * self.height > MAX_PIXELS:
            raise ValueError(f"width {self.width}, height {self.height}: more than {MAX_PIXELS} pixels")


class AnnotationEntry(msgspec.Struct, gc=False):
    """An element of `annotations`; `area` is left out, since areas are counted from the masks."""

    id: Id
    image_id: Id
    category_id: Id
    bbox: tuple[float, float, float, float]
    segmentation: msgspec.Raw
    iscrowd: Flag = 0


class CategoryEntry(msgspec.Struct, gc=False):
    """An element of `categories`; synonyms and synset are LVIS's."""

    id: Id
    name: str
    synonyms: list[str] = []
    synset: str = ""


class Columns(NamedTuple):
    """Annotations as columns of one length; `boxes` has four values in each row, [x, y, width, height] in pixels."""

    position: Ints
    """In the file's list."""
    ids: Ints
    objects: Ints
    """`original_id` where the file has one (MDETR's layout repeats objects), else the id."""
    images: Ints
    categories: Ints
    boxes: npt.NDArray[np.float64]
    crowd: npt.NDArray[np.bool_]
    starts: Ints
    """Byte position of the segmentation in the file, and its length."""
    lengths: Ints

    def take(self, rows: npt.NDArray[Any]) -> "Columns":
        """These rows only."""
        return Columns(*(column[rows] for column in self))


class InstanceFile(NamedTuple):
    """A file of `images`, `annotations` and `categories`; `unit` is what an annotation counts as."""

    path: str
    images: list[Any]
    image_index: list[int]
    """Position in `images` of the file of each of `images`."""
    annotations: Columns
    categories: dict[int, Category]
    findings: list[Finding]
    """Broken records of all lists."""
    read: dict[str, int]
    """Images, and annotations under the name of their unit."""
    unit: str


class Images(NamedTuple):
    """Image rows, the numbers under which annotations name them, and why other images were not kept."""

    rows: list[Image]
    numbers: Ints
    findings: list[Finding]


def read_instances(
    path: str,
    image_entry: type[ImageEntry] = ImageEntry,
    annotation_entry: type[AnnotationEntry] = AnnotationEntry,
    unit: str = "annotations",
    *,
    extra: Callable[[Window], None] | None = None,
    optional: Collection[str] = (),
    values: dict[str, bytes] | None = None,
) -> InstanceFile:
    """All of an instances file. Raises SourceError where it is no such file.

    `extra` is shown each window of annotations, for fields that `Columns` has not; `optional` and `values` are those
    of `read_lists`.
    """
    images: list[Any] = []
    image_index: list[int] = []
    columns: list[Columns] = []
    categories: dict[int, Category] = {}
    findings: list[Finding] = []
    units = {"images": "images", "annotations": unit}
    read = {"images": 0, unit: 0}
    decoders = {
        "images": msgspec.json.Decoder(list[image_entry]),  # type: ignore[valid-type]
        "annotations": msgspec.json.Decoder(list[annotation_entry]),  # type: ignore[valid-type]
        "categories": msgspec.json.Decoder(list[CategoryEntry]),
    }
    for window in read_lists(path, decoders, optional=optional, values=values):
        if window.array == "categories":
            categories |= _categories(path, window)
            continue
        read[units[window.array]] = window.stop
        findings += broken_findings(window, units[window.array])
        if window.array == "images":
            images += window.records
            image_index += window.indices
        else:
            columns.append(_columns(window))
            if extra:
                extra(window)
    return InstanceFile(path, images, image_index, _joined(columns), categories, findings, read, unit)


def image_rows(
    entries: Iterable[ImageEntry],
    index: Iterable[int],
    source: str,
    folder: str,
    *,
    exhaustive: bool,
) -> Images:
    """Rows of entries about COCO's images, whose file name is safe and whose id is new."""
    return rows_of(entries, index, lambda entry: image_row(entry, entry.id, source, folder, exhaustive=exhaustive))


def rows_of(entries: Iterable[ImageEntry], index: Iterable[int], row: Callable[[Any], Image]) -> Images:
    """Rows, made by `row`, of entries whose file name is safe, whose id is new, and whose picture is."""
    rows: dict[int, Image] = {}
    names: set[str] = set()
    findings: list[Finding] = []
    for entry, position in zip(entries, index, strict=True):
        reason = "duplicate_id" if entry.id in rows else "" if is_safe_entry(entry) else "unsafe_path"
        made = None if reason else row(entry)
        if made is None or made.image_id in names:
            found = Finding(record_key("images", position, entry.id), reason or "duplicate_id", entry.file_name or "")
            findings.append(found)
            continue
        rows[entry.id] = made
        names.add(made.image_id)
    return Images(list(rows.values()), np.fromiter(rows, np.int64, len(rows)), findings)


def image_row(entry: ImageEntry, number: int, source: str, folder: str, *, exhaustive: bool) -> Image:
    """The image as this source knows it; `number` is COCO's."""
    return Image(
        image_id=image_id(number),
        source=source,
        paths=image_paths(number, entry.file_name or "", entry.coco_url or "", folder),
        width=entry.width,
        height=entry.height,
        exhaustive=exhaustive,
    )


def is_safe_entry(entry: ImageEntry) -> bool:
    """Whether the image's file name, if any, stays in its folder."""
    return not entry.file_name or is_safe(entry.file_name)


def _categories(path: str, window: Window) -> dict[int, Category]:
    """A broken vocabulary is a fault of the file: without it no annotation has a meaning."""
    if window.broken:
        first = window.broken[0]
        where = f"{path}: {first.key('categories')}"
        raise SourceError(f"{where}: {first.detail}", hint="Every category needs an id and a name.")
    return {
        entry.id: Category(
            name=entry.name,
            text=category_text(entry.name),
            synonyms=synonym_texts(entry.name, entry.synonyms),
            synset=entry.synset,
        )
        for entry in window.records
    }


def _columns(window: Window) -> Columns:
    records = window.records
    starts, lengths = positions(window, [each.segmentation for each in records])

    def column(name: str) -> Ints:
        return np.fromiter(map(attrgetter(name), records), np.int64, len(records))

    ids = column("id")
    boxes = chain.from_iterable(map(attrgetter("bbox"), records))
    return Columns(
        position=np.asarray(window.indices, np.int64),
        ids=ids,
        objects=column("original_id") if records and hasattr(records[0], "original_id") else ids,
        images=column("image_id"),
        categories=column("category_id"),
        boxes=np.fromiter(boxes, np.float64, 4 * len(records)).reshape(-1, 4),
        crowd=column("iscrowd") != 0,
        starts=starts,
        lengths=lengths,
    )


def _joined(parts: list[Columns]) -> Columns:
    if not parts:
        none = np.zeros(0, np.int64)
        return Columns(none, none, none, none, none, np.zeros((0, 4)), none.astype(bool), none, none)
    return Columns(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
