"""COCO's caption files."""

from collections import defaultdict
from typing import Any, NamedTuple

import msgspec

from pipelines.sources.coco_json import Id, ImageEntry, image_rows
from pipelines.sources.json_stream import read_lists
from pipelines.sources.json_window import broken_findings, record_key
from pipelines.sources.names import image_id
from pipelines.sources.spec import Finding
from pipelines.sources.text import clean_line
from schemas.records import Image, ImageText


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


def read_captions(path: str, source: str, folder: str, rows: dict[str, Image]) -> Captions:
    """The captions of a file.

    Images that `rows` (by image id) lacks are added to it: their objects are not annotated.
    """
    images: list[Any] = []
    index: list[int] = []
    entries: list[tuple[int, CaptionEntry]] = []
    findings: list[Finding] = []
    malformed: list[Finding] = []
    read = 0
    decoders: dict[str, msgspec.json.Decoder[Any]] = {
        "images": msgspec.json.Decoder(list[ImageEntry]),
        "annotations": msgspec.json.Decoder(list[CaptionEntry]),
    }
    for window in read_lists(path, decoders):
        if window.array == "images":
            images += window.records
            index += window.indices
            malformed += broken_findings(window, "images")
        else:
            entries += zip(window.indices, window.records, strict=True)
            findings += broken_findings(window, "captions")
            read = window.stop
    new = [position for position, entry in enumerate(images) if image_id(entry.id) not in rows]
    added = image_rows([images[i] for i in new], [index[i] for i in new], source, folder, exhaustive=False)
    rows |= {row.image_id: row for row in added.rows}
    texts = _texts(entries, source, rows, findings)
    return Captions(texts, [*findings, *malformed, *added.findings], read, len(new) + len(malformed))


def _texts(
    entries: list[tuple[int, CaptionEntry]], source: str, rows: dict[str, Image], findings: list[Finding]
) -> list[ImageText]:
    texts: list[ImageText] = []
    ids: set[int] = set()
    seen: defaultdict[str, set[str]] = defaultdict(set)
    for index, entry in entries:
        image, text = rows.get(image_id(entry.image_id)), clean_line(entry.caption)
        if reason := _fault(entry, image, text, ids, seen):
            detail = text or f"image_id {entry.image_id}"
            findings.append(Finding(record_key("captions", index, entry.id), reason, detail))
            continue
        assert image
        ids.add(entry.id)
        seen[image.image_id].add(text)
        texts.append(ImageText(image_id=image.image_id, source=source, role="caption", ordinal=index, text=text))
    return texts


def _fault(entry: CaptionEntry, image: Image | None, text: str, ids: set[int], seen: defaultdict[str, set[str]]) -> str:
    if entry.id in ids:
        return "duplicate_id"
    if image is None:
        return "unknown_image"
    if not text:
        return "empty_text"
    return "duplicate_text" if text in seen[image.image_id] else ""
