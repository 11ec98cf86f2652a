"""Windows: whole records at the start of a text that goes on, decoded into their type.

The text up to the end of some record, closed with a bracket, is decoded as a whole. That it decodes proves that the
cut was right, because a cut inside a record leaves something open. Where a record does not fit its type the window is
decoded record by record, and the faulty ones become `Broken`. The tokens NaN and Infinity, which are no JSON but which
Python writes, break their record only.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa

from pipelines.sources.spec import Finding, Ints

_FIRST_KEY = re.compile(rb'\[\s*(\{\s*"[^"\\]*")')
_RECORD_ENDS = re.compile(rb"\}[ \t\r\n]*,[ \t\r\n]*$")
_STRING_OR_CONSTANT = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|-?(?:NaN|Infinity)', re.DOTALL)
_BYTE = re.compile(r"^(.*?) ?\(byte (\d+)\)$")
_MAX_CUTS = 256
_CONSTANTS = (b"NaN", b"Infinity")
"""A text may end within one of them, or within a number: where nothing is left, that is no error yet."""

Buffer = bytes | memoryview

_raw = msgspec.json.Decoder(msgspec.Raw)
_raw_list = msgspec.json.Decoder(list[msgspec.Raw])
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Broken(NamedTuple):
    """A record that does not fit its type."""

    position: int
    """In its list."""
    record_id: str
    """Its `id` as written, or nothing."""
    detail: str
    """What is wrong, with the field."""
    record: bytes
    """Its text, with NaN and Infinity as empty objects, which fit no number and no text."""

    def key(self, unit: str) -> str:
        """How a reject names the record: `annotations[17] id 42`."""
        return record_key(unit, self.position, self.record_id)


class Window(NamedTuple):
    """Whole records that follow one another in one list."""

    array: str
    """The list's name; nothing where the file is one list."""
    first: int
    """Position in the list of the window's first record."""
    stop: int
    """Position after the window's last record."""
    records: list[Any]
    indices: Sequence[int]
    """Position in the list of each of `records`."""
    broken: list[Broken]
    body: bytes
    """The text that was decoded: `msgspec.Raw` fields of the records point into it."""
    offset: int
    """Byte position in the file of `body[0]`."""


class Split(NamedTuple):
    """Where whole records end in a text; `records` is None where they have to be decoded one by one."""

    records: list[Any] | None
    body: bytes
    end: int
    closed: bool
    constants: list[int]


def record_key(unit: str, index: int, record_id: object = "") -> str:
    """`annotations[17] id 42`: what is counted, its position in its list, and its id where it has one."""
    return f"{unit}[{index}] id {record_id}" if record_id != "" else f"{unit}[{index}]"


def broken_findings(window: Window, unit: str) -> list[Finding]:
    """A window's broken records."""
    return [Finding(each.key(unit), "malformed_record", each.detail) for each in window.broken]


def positions(window: Window, fields: Sequence[msgspec.Raw]) -> tuple[Ints, Ints]:
    """Byte positions in the file, and lengths, of raw fields that were decoded with a window."""
    base = pa.py_buffer(window.body).address - window.offset
    buffers = [pa.py_buffer(field) for field in fields]
    starts = np.fromiter(map(attrgetter("address"), buffers), np.int64, len(buffers)) - base
    return starts, np.fromiter(map(attrgetter("size"), buffers), np.int64, len(buffers))


def place(error: msgspec.DecodeError, text: Buffer) -> tuple[str, int]:
    """(reason, byte position in the decoded text); the reason is `trailing`, `truncated`, or in msgspec's words."""
    found = _BYTE.match(str(error))
    if not found:
        return ("truncated" if "truncated" in str(error) else str(error)), 0
    reason, at = found[1].removeprefix("JSON is malformed: "), int(found[2])
    if reason == "trailing characters":  # msgspec names the byte after the first one that is too many
        return "trailing", at - 1
    rest = bytes(memoryview(text)[at:][:9])
    return ("truncated" if any(constant.startswith(rest) for constant in _CONSTANTS) else reason), at


def _cuts(text: bytes, opening: bytes) -> Iterator[int]:
    """Positions after a `}` that is followed by a comma and `opening`, the last one first."""
    brace = len(text)
    while (brace := text.rfind(opening, 1, brace)) > 0:
        ends = _RECORD_ENDS.search(text, max(0, brace - 256), brace)
        if ends:
            yield ends.start() + 1


def _openings(text: bytes) -> list[bytes]:
    """How a record may start: like the first one with its first key, or anyhow."""
    like_first = _FIRST_KEY.match(text)
    return [like_first[1], b"{"] if like_first else [b"{"]


def split_records(text: bytes, decoder: msgspec.json.Decoder[Any]) -> Split | None:
    """Whole records at the start of `text`, which begins with the bracket; None where no record is whole."""
    opening = _openings(text)[0]
    cut = next(_cuts(text, opening), 0)
    if cut:
        body = _closed(text, cut)
        try:
            return Split(decoder.decode(_utf8(body)), body, cut, False, [])
        except msgspec.DecodeError:
            pass
    return _careful_split(text, decoder)


def _careful_split(text: bytes, decoder: msgspec.json.Decoder[Any]) -> Split | None:
    """The extent of the text first, its records after; for the end of a list and for faulty records."""
    constants: list[int] = []
    try:
        extent = _extent(text)
    except msgspec.DecodeError:
        text, constants = _without_constants(text)
        if not constants:
            raise
        extent = _extent(text)
    if extent is None:
        return None
    end, closed = extent
    body = _utf8(text[:end] if closed else _closed(text, end))
    if not constants:
        try:
            return Split(decoder.decode(body), body, end, closed, [])
        except msgspec.DecodeError:
            pass
    return Split(None, body, end, closed, constants)


def _closed(text: bytes, end: int) -> bytes:
    """The text up to `end`, copied once, with the bracket that closes the list."""
    return b"".join((memoryview(text)[:end], b"]"))


def _utf8(text: bytes) -> bytes:
    """The text itself; raises UnicodeDecodeError, since msgspec does not look into the fields it passes over."""
    if not text.isascii():
        text.decode()
    return text


def _extent(text: bytes) -> tuple[int, bool] | None:
    """(end, whether the list is closed there) of the whole records in `text`; None where there is none.

    Raises DecodeError where the text is not JSON.
    """
    try:
        _raw.decode(text)
        return len(text.rstrip()), True
    except msgspec.DecodeError as error:
        reason, at = place(error, text)
        if reason == "trailing":
            return len(text[:at].rstrip()), True
        if reason != "truncated":
            raise
    for opening in _openings(text):
        for _, cut in zip(range(_MAX_CUTS), _cuts(text, opening), strict=False):
            if _is_whole(_closed(text, cut)):
                return cut, False
    return None


def _is_whole(text: bytes) -> bool:
    try:
        _raw.decode(text)
    except msgspec.DecodeError:
        return False
    return True


def _without_constants(text: bytes) -> tuple[bytes, list[int]]:
    """`text` with NaN and Infinity (outside strings) as objects of the same length, and where they stood."""
    found: list[int] = []

    def replace(match: re.Match[bytes]) -> bytes:
        token = match[0]
        if token.startswith(b'"'):
            return token
        found.append(match.start())
        return b"{}".ljust(len(token))

    return _STRING_OR_CONSTANT.sub(replace, text), found


def one_by_one(array: str, first: int, split: Split, decoder: msgspec.json.Decoder[Any], offset: int) -> Window:
    """The window decoded record by record, so that one broken record spoils no other."""
    single = msgspec.json.Decoder(decoder.type.__args__[0])
    base = pa.py_buffer(split.body).address
    records: list[Any] = []
    indices: list[int] = []
    broken: list[Broken] = []
    raws = _raw_list.decode(split.body)
    for index, raw in enumerate(raws, first):
        detail = _constant_in(raw, base, split.constants)
        try:
            if not detail:
                records.append(single.decode(raw))
                indices.append(index)
        except msgspec.DecodeError as error:
            detail = str(error)
        if detail:
            broken.append(Broken(index, _record_id(raw), detail, bytes(raw)))
    return Window(array, first, first + len(raws), records, indices, broken, split.body, offset)


def _constant_in(raw: msgspec.Raw, base: int, constants: list[int]) -> str:
    """Says which field of a record holds NaN or Infinity; nothing where none does."""
    if not _holds(raw, base, constants):
        return ""
    try:
        fields = _fields.decode(raw)
    except msgspec.DecodeError:
        return "NaN or Infinity is no number of JSON"
    names = [name for name, value in fields.items() if _holds(value, base, constants)]
    return f"NaN or Infinity is no number - at `$.{names[0] if names else '?'}`"


def _holds(raw: msgspec.Raw, base: int, constants: list[int]) -> bool:
    if not constants:
        return False
    buffer = pa.py_buffer(raw)
    start = buffer.address - base
    after = bisect_left(constants, start)
    return after < len(constants) and constants[after] < start + buffer.size


def _record_id(raw: msgspec.Raw) -> str:
    try:
        written = _fields.decode(raw).get("id")
    except msgspec.DecodeError:
        return ""
    return bytes(written).decode(errors="replace").strip('"')[:40] if written is not None else ""
