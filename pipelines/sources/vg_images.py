"""Visual Genome's images: their size, where the picture may lie, and which of COCO's pictures they are."""

from typing import Annotated, Any, NamedTuple

import msgspec

from pipelines.sources.coco_json import Id, Pixels
from pipelines.sources.json_stream import read_list, read_lists
from pipelines.sources.json_window import Broken, broken_findings, record_key
from pipelines.sources.names import image_id, is_safe
from pipelines.sources.spec import Finding
from schemas.records import Image
from schemas.rle import MAX_PIXELS

SOURCE = "vg"
UNIT = "images"
_FOLDERS = ("VG_100K", "VG_100K_2", "image")
"""The official two, and the one of Osprey's loader."""


CocoId = Annotated[int, msgspec.Meta(ge=0, lt=10**12)]


class Entry(msgspec.Struct, gc=False):
    """An element of `image_data.json`, or of `images` in a COCO-style file; the id has two names."""

    width: Pixels
    height: Pixels
    id: Id | None = None
    image_id: Id | None = None
    url: str | None = None
    file_name: str | None = None
    coco_id: CocoId | None = None

    def __post_init__(self) -> None:
        if self.id is None and self.image_id is None:
            raise ValueError("has neither `image_id` nor `id`")
        if self.width * self.height > MAX_PIXELS:
            raise ValueError(f"width {self.width}, height {self.height}: more than {MAX_PIXELS} pixels")

    @property
    def number(self) -> int:
        """Visual Genome's own."""
        return (self.image_id if self.image_id is not None else self.id) or 0


class _Loose(msgspec.Struct, gc=False):
    """A record of which something is broken may still say which of COCO's pictures it is about."""

    id: Any = None
    image_id: Any = None
    coco_id: Any = None


class Listed(NamedTuple):
    """Image rows by number, why others were not kept, and how many were read."""

    rows: dict[int, Image]
    findings: list[Finding]
    read: int
    coco: dict[int, str | None]
    """By number, of broken records too: the id of COCO's picture, empty where it is none of COCO's, None where the
    record says so in a way that cannot be read."""


NONE = Listed({}, [], 0, {})

_list = msgspec.json.Decoder(list[Entry])
_loose = msgspec.json.Decoder(_Loose)


def read_image_data(path: str) -> Listed:
    """The images of `image_data.json`. Raises SourceError where it is no JSON list."""
    found = Listed({}, [], 0, {})
    for window in read_list(path, _list):
        found.findings.extend(broken_findings(window, UNIT))
        for each in window.broken:
            found.coco.update(_broken_coco(each))
        for position, entry in zip(window.indices, window.records, strict=True):
            found.coco[entry.number] = _coco(entry) or found.coco.get(entry.number, "")
            _add(found, position, entry, found.coco[entry.number])
        found = found._replace(read=window.stop)
    return found


def read_images(path: str, known: Listed) -> Listed:
    """The `images` of a COCO-style file; what `known` says of one (folder, COCO's number) is added to it.

    An image of which `known` has COCO's number in a form that cannot be read may be one of an evaluation set: it is not
    kept. Of `known` only the broken records are counted, since the others are no records of this file.
    """
    found = Listed({}, [], 0, {})
    for window in read_lists(path, {UNIT: _list}, only=True):
        found.findings.extend(broken_findings(window, UNIT))
        for position, entry in zip(window.indices, window.records, strict=True):
            number = _number_of_file(entry)
            _add(found, position, entry, _coco(entry) or known.coco.get(number, ""), known.rows.get(number))
        found = found._replace(read=window.stop)
    faulty = [each._replace(detail=f"image_data.json: {each.detail}") for each in known.findings]
    return found._replace(findings=found.findings + faulty, read=found.read + len(faulty))


def _coco(entry: Entry) -> str:
    return image_id(entry.coco_id) if entry.coco_id is not None else ""


def _broken_coco(broken: Broken) -> dict[int, str | None]:
    """What a broken record says of COCO's picture, by number; nothing where it has no number."""
    try:
        loose = _loose.decode(broken.record)
        number = msgspec.convert(loose.id if loose.image_id is None else loose.image_id, int)
    except msgspec.MsgspecError:
        return {}
    try:
        coco = msgspec.convert(loose.coco_id, CocoId | None)
    except msgspec.ValidationError:
        return {number: None}
    return {number: "" if coco is None else image_id(coco)}


def _number_of_file(entry: Entry) -> int:
    """Visual Genome's number by the file's name, since a file of one's own may number its images anew."""
    stem = (entry.file_name or "").rpartition("/")[2].partition(".")[0]
    return int(stem) if stem.isascii() and stem.isdigit() and len(stem) < 19 else entry.number


def _add(found: Listed, position: int, entry: Entry, same_as: str | None, known: Image | None = None) -> None:
    """Add an entry's row; `same_as` is of the form of `Listed.coco`."""
    name = entry.file_name or (entry.url or "").rpartition("/")[2] or f"{entry.number}.jpg"
    reason = "duplicate_id" if entry.number in found.rows else "" if is_safe(name) else "unsafe_path"
    if reason or same_as is None:
        detail = name if reason else "image_data.json: which picture of COCO's it is cannot be read"
        found.findings.append(Finding(record_key(UNIT, position, entry.number), reason or "malformed_record", detail))
        return
    found.rows[entry.number] = Image(
        image_id=f"{SOURCE}/{entry.number}",
        source=SOURCE,
        paths=tuple(dict.fromkeys((*_paths(name, entry.url), *(known.paths if known else ())))),
        width=entry.width,
        height=entry.height,
        same_as=same_as,
    )


def _paths(name: str, url: str | None) -> list[str]:
    """Below DATA; only the URL tells which of the two official folders holds the picture."""
    folder = (url or "").rpartition("/")[0].rpartition("/")[2]
    folders = (folder, *_FOLDERS) if folder in _FOLDERS else _FOLDERS
    return [f"visual_genome/{each}/{name.rpartition('/')[2]}" for each in dict.fromkeys(folders)]
