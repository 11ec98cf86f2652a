"""Replies as lines of JSON: what is exported, taken in from another store, or saved from a store that takes no more."""

import io
import os
import shlex
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from pipelines.generation.ask import Ask
from pipelines.generation.store.database import readable, sqlite_file
from pipelines.generation.store.owners import Entry
from schemas.errors import GenerationError
from schemas.records import Record, Reply


class Line(Record, frozen=True, kw_only=True):
    """One line of such a file."""

    kind: str
    payload: dict[str, Any]
    row: str = ""
    reply: Reply


def write_lines(stream: BinaryIO, entries: Iterable[Entry]) -> int:
    """Write replies with what was asked; how many."""
    count = 0
    for ask, reply in entries:
        line = Line(kind=ask.kind, payload=ask.payload, row=ask.row, reply=reply)
        stream.write(msgspec.json.encode(line) + b"\n")
        count += 1
    return count


def read_lines(path: str) -> Iterator[Entry]:
    """The replies of a file; GenerationError with the position where a line is none."""
    decoder = msgspec.json.Decoder(Line)
    try:
        with open(path, "rb") as stream:
            for number, text in enumerate(stream, 1):
                if text.strip():
                    line = _decoded(decoder, text, f"{path}, line {number}")
                    reply = line.reply
                    yield Entry(Ask(reply.key, line.kind, line.payload, line.row, reply.repair_of), reply)
    except OSError as error:
        raise GenerationError(f"{path} cannot be read: {error.strerror}") from None


def rescue(url: str, entries: Iterable[Entry]) -> str:
    """Put answers that a store does not take into a file of their own, on the disk before this returns; its path.

    It lies next to the store, or in the folder for temporary files where there is no room or right to write there.
    GenerationError where nothing can be written anywhere.
    """
    kept = list(entries)
    problems = []
    for folder, name in _places(url):
        path = folder / f"{name}.rescued-{os.getpid()}.jsonl"
        try:
            _append(path, kept)
        except OSError as error:
            problems.append(f"{path}: {error.strerror}")
        else:
            return str(path)
    raise GenerationError(
        f"answers that are paid for cannot be written anywhere, {len(kept):,} in all ({'; '.join(problems)})",
        hint="Make room on the disk before the next run, which asks them again.",
    )


def rescued(url: str, path: str, count: int) -> str:
    """What to tell a user of a rescue file."""
    command = f"osprey-data replies import {shlex.quote(path)} --replies {shlex.quote(readable(url))}"
    return f"{count:,} answers are in {path}: once there is room, this takes them in: {command}"


def _places(url: str) -> Iterator[tuple[Path, str]]:
    if (file := sqlite_file(url)) is not None:
        yield file.parent, file.name
    yield Path(tempfile.gettempdir()), "osprey-replies"


def _append(path: Path, entries: list[Entry]) -> None:
    """All or nothing: a file that was there before is as long as before where this fails."""
    lines = io.BytesIO()
    write_lines(lines, entries)
    left = lines.getbuffer()
    with path.open("ab", buffering=0) as stream:
        before = stream.tell()
        try:
            while left:
                left = left[stream.write(left) :]
            os.fsync(stream.fileno())
        except OSError:
            os.truncate(path, before)
            raise


def _decoded(decoder: msgspec.json.Decoder[Line], text: bytes, where: str) -> Line:
    try:
        return decoder.decode(text)
    except msgspec.MsgspecError as error:
        raise GenerationError(
            f"{where} is no stored reply: {error}",
            hint="Give a file that `osprey-data replies export` or a run wrote; the lines before this one are stored.",
        ) from None
