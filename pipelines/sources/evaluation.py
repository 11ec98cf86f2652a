"""Evaluation files: only their images are read, so that the join can keep them out of training.

Here the number of an image is all that matters: one whose size or file name is broken is kept out like any other.
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeGuard

import msgspec

from pipelines.sources.json_stream import read_lists
from pipelines.sources.json_window import record_key
from pipelines.sources.names import coco_number, image_id, image_paths, is_safe
from pipelines.sources.spec import Finding, Reading
from schemas.records import Image
from schemas.rle import MAX_SIDE

_HIGHEST = 2**63 - 1
_DIGITS = re.compile(r"[0-9]{1,18}")


class _AnyImage(msgspec.Struct, gc=False):
    """An element of `images`, whatever its fields hold."""

    id: Any = None
    original_id: Any = None
    file_name: Any = None
    coco_url: Any = None
    width: Any = None
    height: Any = None

    def number(self, field: str) -> int | None:
        """COCO's number: the field's, or else the one in the file's name."""
        for given in (getattr(self, field), self.file_name, self.coco_url):
            if isinstance(given, str):
                given = int(given) if _DIGITS.fullmatch(given) else coco_number(given)
            if is_number(given):
                return given
        return None


class Listed(NamedTuple):
    """An image of an evaluation set."""

    key: str
    """Its record, as rejects name it; nothing where it has none."""
    number: int
    """COCO's."""
    entry: _AnyImage = _AnyImage()


_decoder = msgspec.json.Decoder(list[_AnyImage])


def add_evaluation_images(
    rows: dict[str, Image], path: str, source: str, folder: str, split: str, *, exhaustive: bool
) -> tuple[int, list[Finding]]:
    """Add the images of `path` to `rows` (by image id); returns how many were read, and the faulty ones.

    One that is a training image too counts as a repeat, and is for evaluation from then on.
    """
    listed, findings = read_listed(path)
    count = len(listed) + len(findings)
    seen: set[str] = set()
    for each in listed:
        key = image_id(each.number)
        known = rows.get(key)
        if known:
            detail = "" if key in seen else "a training image too"
            findings.append(Finding(each.key, "duplicate_id", detail))
        seen.add(key)
        made = known or held_out(each, source, folder, split, exhaustive=exhaustive)
        rows[key] = msgspec.structs.replace(made, split=split)
    return count, findings


def read_held_out(source: str, lists: Sequence[tuple[str, str]], folder: str) -> Reading:
    """Nothing but the images of evaluation sets, from (path, name of the set): where the training file is not there,
    these have to be kept out of other sources all the same.
    """
    rows: dict[str, Image] = {}
    findings: list[Finding] = []
    read = 0
    for path, split in lists:
        count, faults = add_evaluation_images(rows, path, source, folder, split, exhaustive=False)
        findings += faults
        read += count
    rejects = [finding.reject(source) for finding in findings]
    return Reading(list(rows.values()), [], [], rejects, {"images": read}, None)


def read_listed(path: str, number_field: str = "id") -> tuple[list[Listed], list[Finding]]:
    """The images of a file, and the records that do not say which image they are.

    The rest of the file is not read where the images come first.
    """
    listed: list[Listed] = []
    findings: list[Finding] = []
    for window in read_lists(path, {"images": _decoder}, only=True):
        broken = [(each.position, _entry(each.record)) for each in window.broken]
        for position, entry in [*zip(window.indices, window.records, strict=True), *broken]:
            key = record_key("images", position, entry.id if isinstance(entry.id, int | str) else "")
            if (number := entry.number(number_field)) is None:
                findings.append(Finding(key, "malformed_record", f"no number of an image - at `$.{number_field}`"))
            else:
                listed.append(Listed(key, number, entry))
    return listed, findings


def is_number(given: Any) -> TypeGuard[int]:
    """Whether this can be the id of an image or annotation."""
    return isinstance(given, int) and not isinstance(given, bool) and 0 <= given <= _HIGHEST


def held_out(listed: Listed, source: str, folder: str, split: str, *, exhaustive: bool = False) -> Image:
    """The image's row; a size that is none is 0, and a file name that is none is that of the number."""
    entry = listed.entry
    return Image(
        image_id=image_id(listed.number),
        source=source,
        paths=image_paths(listed.number, _name(entry.file_name), _name(entry.coco_url, url=True), folder),
        width=_side(entry.width),
        height=_side(entry.height),
        split=split,
        exhaustive=exhaustive,
    )


def _entry(record: bytes) -> _AnyImage:
    """A record with NaN, whose other fields may still say which image it is; nothing where it is no object."""
    try:
        return msgspec.json.decode(record, type=_AnyImage)
    except msgspec.DecodeError:
        return _AnyImage()


def _name(given: Any, *, url: bool = False) -> str:
    return given if isinstance(given, str) and (url or is_safe(given)) else ""


def _side(given: Any) -> int:
    return given if isinstance(given, int) and 0 < given <= MAX_SIDE else 0
