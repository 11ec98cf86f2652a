"""Large files written record by record: JSON with long arrays, and pickles that are one long list.

Arrays are kept on disk until the file is closed, so that several can grow at once and memory stays small.
"""

import shutil
import tempfile
from collections.abc import Callable
from typing import IO, Any

import msgspec

from pipelines import storage

CHUNK = 1 << 20


class JsonFile:
    """A JSON object with some long arrays; or, with the one array named "", a bare list."""

    separator = b","

    def __init__(
        self, path: str, head: dict[str, Any], arrays: tuple[str, ...], tail: Callable[[], dict[str, Any]]
    ) -> None:
        """`head` stands before the arrays and `tail()` after them; `tail` is called when the file is closed."""
        self.path, self._head, self._tail = path, head, tail
        self._arrays: dict[str, IO[bytes]] = {name: tempfile.TemporaryFile() for name in arrays}  # noqa: SIM115

    def add(self, array: str, records: bytes) -> None:
        """Append encoded records, which are already separated by commas."""
        spool = self._arrays[array]
        if spool.tell():
            spool.write(self.separator)
        spool.write(records)

    def close(self) -> None:
        """Write the file under its name."""
        with storage.writing(self.path) as stream:
            self._write(stream)
        self.discard()

    def discard(self) -> None:
        """Give up what has been collected."""
        for spool in self._arrays.values():
            spool.close()

    def _write(self, stream: IO[bytes]) -> None:
        if "" in self._arrays:
            self._copy(stream, "", b"[", b"]")
            return
        parts = [(name, value) for name, value in self._head.items()]
        stream.write(b"{" + b"".join(_member(*part) + b", " for part in parts))
        for at, name in enumerate(self._arrays):
            self._copy(stream, name, (b", " if at else b"") + _key(name) + b"[", b"]")
        stream.write(b"".join(b", " + _member(*part) for part in self._tail().items()) + b"}")

    def _copy(self, stream: IO[bytes], name: str, before: bytes, after: bytes) -> None:
        stream.write(before)
        self._arrays[name].seek(0)
        shutil.copyfileobj(self._arrays[name], stream, CHUNK)
        stream.write(after)


class JsonLinesFile(JsonFile):
    """One JSON record a line."""

    separator = b"\n"

    def __init__(self, path: str) -> None:
        super().__init__(path, {}, ("",), dict)

    def _write(self, stream: IO[bytes]) -> None:
        self._copy(stream, "", b"", b"\n" if self._arrays[""].tell() else b"")


class PickleFile(JsonFile):
    """A protocol 2 pickle of one list. Each batch of bodies is added to it by a MARK and an APPENDS."""

    separator = b""

    def __init__(self, path: str) -> None:
        super().__init__(path, {}, ("refs",), dict)

    def add(self, array: str, records: bytes) -> None:
        """Append bodies as `refer.pickle_body` makes them."""
        super().add(array, b"(" + records + b"e")

    def _write(self, stream: IO[bytes]) -> None:
        self._copy(stream, "refs", b"\x80\x02]", b".")


def _key(name: str) -> bytes:
    return msgspec.json.encode(name) + b": "


def _member(name: str, value: Any) -> bytes:
    return _key(name) + msgspec.json.encode(value)
