"""Visual Genome's images: their size, where the picture may lie, and which of COCO's pictures they are."""

from typing import Annotated, NamedTuple

import msgspec

from pipelines.sources.coco_json import Id, Pixels
from pipelines.sources.json_stream import read_list, read_lists
from pipelines.sources.json_window import broken_findings, record_key
from pipelines.sources.names import image_id, is_safe
from pipelines.sources.spec import Finding
from schemas.records import Image
from schemas.rle import MAX_PIXELS

SOURCE = "vg"
UNIT = "images"
_FOLDERS = ("VG_100K", "VG_100K_2", "image")
"""The official two, and the one of Osprey's loader."""


class Entry(msgspec.Struct, gc=False):
    """An element of `image_data.json`, or of `images` in a COCO-style file; the id has two names."""

    width: Pixels
    height: Pixels
    id: Id | None = None
    image_id: Id | None = None
    url: str | None = None
    file_name: str | None = None
    coco_id: Annotated[int, msgspec.Meta(ge=0, lt=10**12)] | None = None

    def __post_init__(self) -> None:
        if self.id is None and self.image_id is None:
            raise ValueError("has neither `image_id` nor `id`")
        if self.width * self.height > MAX_PIXELS:
            raise ValueError(f"width {self.width}, height {self.height}: more than {MAX_PIXELS} pixels")

    @property
    def number(self) -> int:
        """Visual Genome's own."""
        return (self.image_id if self.image_id is not None else self.id) or 0


class Listed(NamedTuple):
    """Image rows by number, why others were not kept, and how many were read."""

    rows: dict[int, Image]
    findings: list[Finding]
    read: int


NONE = Listed({}, [], 0)

_list = msgspec.json.Decoder(list[Entry])


def read_image_data(path: str) -> Listed:
    """The images of `image_data.json`. Raises SourceError where it is no JSON list."""
    found = Listed({}, [], 0)
    for window in read_list(path, _list):
        found.findings.extend(broken_findings(window, UNIT))
        for position, entry in zip(window.indices, window.records, strict=True):
            _add(found, position, entry)
        found = found._replace(read=window.stop)
    return found


def read_images(path: str, known: Listed) -> Listed:
    """The `images` of a COCO-style file; what `known` says of one (folder, COCO's number) is added to it.

    Of `known` only the broken records are counted, since the others are no records of this file.
    """
    found = Listed({}, [], 0)
    for window in read_lists(path, {UNIT: _list}, only=True):
        found.findings.extend(broken_findings(window, UNIT))
        for position, entry in zip(window.indices, window.records, strict=True):
            _add(found, position, entry, known.rows.get(entry.number))
        found = found._replace(read=window.stop)
    faulty = [each._replace(detail=f"image_data.json: {each.detail}") for each in known.findings]
    return found._replace(findings=found.findings + faulty, read=found.read + len(faulty))


def _add(found: Listed, position: int, entry: Entry, known: Image | None = None) -> None:
    name = entry.file_name or (entry.url or "").rpartition("/")[2] or f"{entry.number}.jpg"
    reason = "duplicate_id" if entry.number in found.rows else "" if is_safe(name) else "unsafe_path"
    if reason:
        found.findings.append(Finding(record_key(UNIT, position, entry.number), reason, name))
        return
    same_as = image_id(entry.coco_id) if entry.coco_id is not None else ""
    found.rows[entry.number] = Image(
        image_id=f"{SOURCE}/{entry.number}",
        source=SOURCE,
        paths=tuple(dict.fromkeys((*_paths(name, entry.url), *(known.paths if known else ())))),
        width=entry.width,
        height=entry.height,
        same_as=same_as or (known.same_as if known else ""),
    )


def _paths(name: str, url: str | None) -> list[str]:
    """Below DATA; only the URL tells which of the two official folders holds the picture."""
    folder = (url or "").rpartition("/")[0].rpartition("/")[2]
    folders = (folder, *_FOLDERS) if folder in _FOLDERS else _FOLDERS
    return [f"visual_genome/{each}/{name.rpartition('/')[2]}" for each in dict.fromkeys(folders)]
