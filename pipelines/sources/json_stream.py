"""Large JSON files, a few megabytes at a time, decoded straight into typed records.

Public annotation files are one object (or one list) with a few very long lists. Such a list is read in windows
(`pipelines.sources.json_window`), so that a file of any size needs the memory of one window, and no tree of dicts is
built. A file that is not JSON is a `SourceError` with its byte position; a record that does not fit its type is not.
"""

import re
from collections.abc import Collection, Iterator
from typing import Any, BinaryIO

import fsspec
import msgspec

from pipelines.sources.json_window import Split, Window, one_by_one, place, record_key, split_records
from schemas.errors import SourceError

WINDOW = 1 << 20
"""Bytes read at a time: larger ones leave the processor's cache, and are slower."""

AGAIN = "Fetch or copy the file again, or name another one for it in the recipe."

_BLANKS = re.compile(rb"[ \t\r\n]*")

_raw = msgspec.json.Decoder(msgspec.Raw)
_raw_list = msgspec.json.Decoder(list[msgspec.Raw])


def read_lists(
    path: str,
    decoders: dict[str, msgspec.json.Decoder[Any]],
    *,
    only: bool = False,
    window: int = WINDOW,
    optional: Collection[str] = (),
    values: dict[str, bytes] | None = None,
) -> Iterator[Window]:
    """Windows of the named lists of a JSON object, in the order of the file; other members are passed over.

    With `only`, reading stops after the last of the named lists. The lists in `optional` may lack. The text of the
    members named in `values`, which are small, is put there.

    Raises:
        SourceError: where the file is not JSON, is cut off, or lacks one of the lists.
    """
    with fsspec.open(path, "rb") as stream:
        text = JsonText(stream, path, window)
        missing = set(decoders) - set(optional)
        for name in text.members(decoders):
            if name in decoders:
                missing.discard(name)
                yield from text.records(name, decoders[name])
                if only and not missing:
                    return
            elif values is not None and name in values:
                values[name] = text.value()
            else:
                text.skip(name)
        if missing:
            names = ", ".join(f"`{name}`" for name in sorted(missing))
            raise SourceError(
                f"{path}: has no {names}", hint=f"Expected a JSON object with the lists {', '.join(decoders)}. {AGAIN}"
            )


def read_list(path: str, decoder: msgspec.json.Decoder[Any], *, window: int = WINDOW) -> Iterator[Window]:
    """Windows of a file that is one JSON list. Raises SourceError where it is not."""
    with fsspec.open(path, "rb") as stream:
        text = JsonText(stream, path, window)
        if text.peek() not in (b"[", b""):
            raise SourceError(f"{path}: expected a JSON list of records, found {text.peek().decode()!r}", hint=AGAIN)
        yield from text.records("", decoder)
        text.finish()


class JsonText:
    """The text of a file from front to back, of which only the part around the current position is held."""

    def __init__(self, stream: BinaryIO, name: str, window: int = WINDOW) -> None:
        self._stream = stream
        self._name = name
        self._window = window
        self._data = b""
        self._at = 0
        self._start = 0
        self._ended = False

    def members(self, named: dict[str, Any]) -> Iterator[str]:
        """Names of an object's members; the caller consumes each value before asking for the next."""
        if self.peek() not in (b"{", b""):
            found = self.peek().decode(errors="replace")
            hint = f"Expected a JSON object with the lists {', '.join(named)}. {AGAIN}"
            raise SourceError(f"{self._name}: starts with {found!r}, not with an object", hint=hint)
        self.take(b"{")
        more = self.peek() != b"}"
        while more:
            yield self._member_name()
            more = self.peek() == b","
            if more:
                self.take(b",")
        self.take(b"}")
        self.finish()

    def _member_name(self) -> str:
        if self.peek() not in (b'"', b""):
            raise self._invalid(self._start + self._at, "expected the name of a member")
        name = msgspec.json.decode(self.value(), type=str)
        self.take(b":")
        return name

    def skip(self, name: str) -> None:
        """Pass over a value; long lists window by window."""
        if self.peek() == b"[":
            for _ in self.records(name, _raw_list):
                pass
        else:
            self.value()

    def peek(self) -> bytes:
        """The next byte that is not blank; nothing at the end of the file."""
        while True:
            blanks = _BLANKS.match(self._data, self._at)
            assert blanks
            self._at = blanks.end()
            if self._at < len(self._data):
                return self._data[self._at : self._at + 1]
            if not self._more():
                return b""

    def take(self, expected: bytes) -> None:
        """Pass over a punctuation mark, which must be there."""
        found = self.peek()
        if not found:
            raise self._cut_off()
        if found != expected:
            raise self._invalid(self._start + self._at, f"expected {expected.decode()!r}")
        self._at += 1

    def finish(self) -> None:
        """Raise SourceError unless nothing but blanks follows."""
        if self.peek():
            raise self._invalid(self._start + self._at, "text after the end of the data")

    def value(self) -> bytes:
        """The text of the next value."""
        self.peek()
        while True:
            rest = memoryview(self._data)[self._at :]
            try:
                _raw.decode(rest)
                length = len(rest)
                if not self._ended and self._more():
                    continue
            except msgspec.DecodeError as error:
                reason, length = place(error, rest)
                if reason == "truncated" and self._more():
                    continue
                if reason == "truncated":
                    raise self._cut_off() from error
                if reason != "trailing":
                    raise self._invalid(self._start + self._at + length, reason) from error
            self._at += length
            return bytes(rest[:length])

    def records(self, array: str, decoder: msgspec.json.Decoder[Any]) -> Iterator[Window]:
        """Windows of the list that follows."""
        if self.peek() not in (b"[", b""):
            raise self._invalid(self._start + self._at, f"`{array}` is not a list")
        self.take(b"[")
        first = 0
        closed = self.peek() == b"]"
        while not closed:
            window, closed = self._next_window(array, first, decoder)
            first = window.stop
            yield window
            if not closed:
                self.take(b",")
        self.take(b"]")

    def _next_window(self, array: str, first: int, decoder: msgspec.json.Decoder[Any]) -> tuple[Window, bool]:
        self.peek()
        if len(self._data) - self._at < self._window:
            self._more()
        while (split := self._split(decoder)) is None:
            if not self._more():
                raise self._cut_off(f" inside {record_key(array or 'record', first)} or after it")
        offset = self._start + self._at - 1
        self._at += split.end - (2 if split.closed else 1)
        if split.records is not None:
            stop = first + len(split.records)
            return Window(array, first, stop, split.records, range(first, stop), [], split.body, offset), split.closed
        return one_by_one(array, first, split, decoder, offset), split.closed

    def _split(self, decoder: msgspec.json.Decoder[Any]) -> Split | None:
        text = b"".join((b"[", memoryview(self._data)[self._at :]))
        try:
            return split_records(text, decoder)
        except msgspec.DecodeError as error:
            reason, at = place(error, text)
            raise self._invalid(self._start + self._at + at - 1, reason) from error
        except UnicodeDecodeError as error:
            raise self._invalid(self._start + self._at + error.start - 1, "not UTF-8") from error

    def _more(self) -> bool:
        rest = self._data[self._at :]
        chunk = b"" if self._ended else self._stream.read(max(self._window, len(rest)))
        self._ended = not chunk
        self._start += self._at
        self._data, self._at = rest + chunk, 0
        return bool(chunk)

    def _cut_off(self, where: str = "") -> SourceError:
        size = self._start + len(self._data)
        if not size:
            return SourceError(f"{self._name}: the file is empty (byte 0)", hint=AGAIN)
        return SourceError(f"{self._name}: cut off: the file ends at byte {size}{where}", hint=AGAIN)

    def _invalid(self, byte: int, reason: str) -> SourceError:
        return SourceError(f"{self._name}: not valid JSON at byte {byte}: {reason}", hint=AGAIN)
