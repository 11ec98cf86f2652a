"""Pictures looked at: by several threads, each picture once, and not again for the next report."""

import io
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from pipelines import storage
from pipelines.qa.checks.gathered import Hashes, hashed
from pipelines.qa.checks.perceptual import LOOK, Looks, look
from pipelines.qa.pieces import Place, column
from pipelines.qa.reading import opened

KEPT_LOOKS = "work/picture_looks.parquet"
"""Below OUT."""
Progress = Callable[[str, int, int], None]
_SCHEMA = pa.schema([("key", pa.uint64()), ("look", pa.binary(LOOK.itemsize))])
_AT_ONCE = 256
"""Pictures of which the bytes are in memory."""


class Picture(NamedTuple):
    """Where a picture is: a file, or inside a row."""

    path: str
    place: Place | None = None
    """Of a row that carries the picture's bytes."""
    shard_sha256: str = ""


def looks_of(out: str, pictures: Sequence[Picture], progress: Progress | None = None) -> Looks:
    """(pictures,): how each looks; those that were looked at before, and have not changed, are not decoded again."""
    keys = hashed([_state(picture) for picture in pictures])
    known_keys, known = _read(out)
    found = np.zeros(len(pictures), LOOK)
    at = np.minimum(np.searchsorted(known_keys, keys), max(len(known_keys) - 1, 0))
    old = known_keys[at] == keys if len(known_keys) else np.zeros(len(keys), bool)
    found[old] = known[at[old]]
    todo = np.array(sorted(np.flatnonzero(~old).tolist(), key=lambda number: _order(pictures[number])), np.int64)
    for done, looks in _looked_at(out, [pictures[number] for number in todo.tolist()]):
        found[todo[done]] = looks
        if progress:
            progress("look at the pictures", int(done.stop), len(todo))
    if len(todo):
        _write(out, keys, found)
    return found


def _state(picture: Picture) -> str:
    """Changes with the picture, as far as shard, or size and time of the file, tell."""
    if picture.place:
        return f"{picture.shard_sha256} {picture.place.row}"
    try:
        stat = os.stat(picture.path)
    except OSError:
        return f"missing {picture.path}"
    return f"{stat.st_size} {stat.st_mtime_ns} {picture.path}"


def _order(picture: Picture) -> tuple[str, int]:
    """So that each row group is read once."""
    return (picture.place.file, picture.place.row) if picture.place else (picture.path, 0)


def _looked_at(out: str, pictures: Sequence[Picture]) -> Iterator[tuple[slice, Looks]]:
    """Looks at pictures, some hundred at a time. Decoding lets go of Python's lock, so threads share the work."""
    contents = _contents(out, pictures)
    with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
        for start in range(0, len(pictures), _AT_ONCE):
            looks = list(threads.map(look, islice(contents, _AT_ONCE)))
            yield slice(start, start + len(looks)), np.concatenate(looks)


def _contents(out: str, pictures: Iterable[Picture]) -> Iterator[str | io.BytesIO]:
    """Paths, or the bytes of pictures that rows carry; pictures of one shard in the order of rows are read quickly."""
    group = _Group()
    for picture in pictures:
        yield io.BytesIO(group.bytes(out, picture.place)) if picture.place else picture.path


class _Group:
    """The row group that was read last: the pictures of a shard come in the order of its rows."""

    def __init__(self) -> None:
        self._file = ""
        self._rows = range(0)
        self._content: pa.Array = pa.array([], pa.binary())

    def bytes(self, out: str, place: Place) -> bytes:
        """Of the picture in a row; none where the row carries none."""
        if place.file != self._file or place.row not in self._rows:
            self._read(out, place)
        found = self._content[place.row - self._rows.start].as_py() if place.row in self._rows else None
        return found or b""

    def _read(self, out: str, place: Place) -> None:
        self._file, self._rows = place.file, range(0)
        try:
            self._find(out, place)
        except (OSError, pa.ArrowException):  # the report says elsewhere that the shard is damaged
            self._rows = range(0)

    def _find(self, out: str, place: Place) -> None:
        start = 0
        with opened(storage.join(out, place.file)) as file:
            for number in range(file.metadata.num_row_groups):
                self._rows = range(start, start + file.metadata.row_group(number).num_rows)
                if place.row in self._rows:
                    image = column(file.read_row_group(number, columns=["image.bytes"]), "image")
                    self._content = image.field("bytes")
                    return
                start = self._rows.stop


def _read(out: str) -> tuple[Hashes, Looks]:
    """What is kept; nothing where it is of another version or damaged: it is then made again."""
    try:
        table = storage.read_table(storage.join(out, KEPT_LOOKS))
        return table["key"].to_numpy(), np.frombuffer(b"".join(table["look"].to_pylist()), LOOK)
    except (OSError, pa.ArrowException, KeyError, ValueError):
        return np.zeros(0, np.uint64), np.zeros(0, LOOK)


def _write(out: str, keys: Hashes, looks: Looks) -> None:
    """Those that were asked for now, and no others, so that the file does not grow."""
    keys, first = np.unique(keys, return_index=True)
    content = pa.array([one.tobytes() for one in looks[first]], _SCHEMA.field("look").type)
    storage.write_table(storage.join(out, KEPT_LOOKS), pa.table([pa.array(keys), content], schema=_SCHEMA))
