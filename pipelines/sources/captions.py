"""COCO's caption files."""

from collections.abc import Callable, Collection
from typing import Any, NamedTuple

import msgspec

from pipelines.sources.coco_json import Id, ImageEntry, image_row, rows_of
from pipelines.sources.json_stream import read_lists
from pipelines.sources.json_window import Window, broken_findings, record_key
from pipelines.sources.names import image_id
from pipelines.sources.spec import Finding
from pipelines.sources.text import clean_line
from schemas.records import Image, ImageText

UNIT = "captions"


class CaptionEntry(msgspec.Struct, gc=False):
    """An element of `annotations`."""

    id: Id
    image_id: Id
    caption: str


class Captions(NamedTuple):
    """Texts of a caption file, why the others were not kept, and how many captions and further images were read."""

    texts: list[ImageText]
    findings: list[Finding]
    read: int
    new_images: int


class ImageKind(NamedTuple):
    """How the images of a file are decoded and named."""

    entry: type[ImageEntry]
    key: Callable[[int], str]
    """Image id of a number."""
    row: Callable[[Any], Image]


def coco_images(source: str, folder: str) -> ImageKind:
    """Images of COCO."""
    return ImageKind(ImageEntry, image_id, lambda entry: image_row(entry, entry.id, source, folder, exhaustive=False))


def read_captions(path: str, source: str, folder: str, rows: dict[str, Image]) -> Captions:
    """The captions of a file about COCO's images.

    Images that `rows` (by image id) lacks are added to it: their objects are not annotated.
    """
    return captions_of(path, source, coco_images(source, folder), rows)


def captions_of(
    path: str, source: str, kind: ImageKind, rows: dict[str, Image], *, optional: Collection[str] = ()
) -> Captions:
    """The captions of a file about images of that kind; the lists in `optional` may lack."""
    reader = _Reader(source, kind, rows)
    images = msgspec.json.Decoder(list[kind.entry])  # type: ignore[name-defined]
    for window in read_lists(path, {"images": images, "annotations": _captions}, optional=optional):
        if window.array == "images":
            reader.add_images(window)
        else:
            reader.add_captions(window)
    return reader.finish()


_captions = msgspec.json.Decoder(list[CaptionEntry])


class _Reader:
    """Captions become texts window by window, so that those of a whole file are never held twice.

    Only where captions come before the images do they wait.
    """

    def __init__(self, source: str, kind: ImageKind, rows: dict[str, Image]) -> None:
        self._source = source
        self._kind = kind
        self._rows = rows
        self._images: list[ImageEntry] = []
        self._index: list[int] = []
        self._waiting: list[Window] = []
        self._texts: list[ImageText] = []
        self._findings: list[Finding] = []
        self._faulty_images: list[Finding] = []
        self._ids: set[int] = set()
        self._seen: set[tuple[str, str]] = set()
        self._read = self._new_images = 0
        self._settled = False

    def add_images(self, window: Window) -> None:
        """Images are looked at when all of them are read."""
        self._images += window.records
        self._index += window.indices
        self._faulty_images += broken_findings(window, "images")

    def add_captions(self, window: Window) -> None:
        """Add a window's captions, where the images are read."""
        self._findings += broken_findings(window, UNIT)
        self._read = window.stop
        if self._images and not self._settled:
            self._settle()
        if self._settled:
            self._add(window)
        else:
            self._waiting.append(window._replace(body=b""))

    def finish(self) -> Captions:
        """All that was read."""
        if not self._settled:
            self._settle()
        for window in self._waiting:
            self._add(window)
        return Captions(self._texts, [*self._findings, *self._faulty_images], self._read, self._new_images)

    def _settle(self) -> None:
        """Add the images that are not known yet."""
        key = self._kind.key
        new = [place for place, entry in enumerate(self._images) if key(entry.id) not in self._rows]
        entries, index = [self._images[place] for place in new], [self._index[place] for place in new]
        added = rows_of(entries, index, self._kind.row)
        self._rows |= {row.image_id: row for row in added.rows}
        self._new_images = len(new) + len(self._faulty_images)
        self._faulty_images += added.findings
        self._images, self._index, self._settled = [], [], True

    def _add(self, window: Window) -> None:
        for index, entry in zip(window.indices, window.records, strict=True):
            image, text = self._rows.get(self._kind.key(entry.image_id)), clean_line(entry.caption)
            reason = self._fault(entry, image, text)
            if reason or image is None:
                detail = text or f"image_id {entry.image_id}"
                self._findings.append(
                    Finding(record_key(UNIT, index, entry.id), reason, detail, image.image_id if image else "")
                )
                continue
            self._ids.add(entry.id)
            self._seen.add((image.image_id, text))
            self._texts.append(
                ImageText(image_id=image.image_id, source=self._source, role="caption", ordinal=index, text=text)
            )

    def _fault(self, entry: CaptionEntry, image: Image | None, text: str) -> str:
        if entry.id in self._ids:
            return "duplicate_id"
        if image is None:
            return "unknown_image"
        if not text:
            return "empty_text"
        return "duplicate_text" if (image.image_id, text) in self._seen else ""
