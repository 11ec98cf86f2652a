"""Files by path or URL, always written whole.

Every path goes through fsspec, so that a bucket works like a folder. A file is written under a temporary name
and renamed, so that whoever sees a name sees a complete file: a process killed at any moment leaves nothing
half written under a final name.
"""

import json
import os
import posixpath
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import fsspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from schemas.errors import BuildError
from schemas.keys import SLOTS

ROW_GROUP = 8192
_REACH = "Look whether it is spelled right, the network is there, and its keys are in the environment; or copy it here."


def join(root: str, *parts: str) -> str:
    """A path below `root`, with forward slashes."""
    return posixpath.join(root, *parts)


def is_local(path: str) -> bool:
    """Whether the path is on a local disk."""
    return "://" not in path or path.startswith("file://")


def exists(path: str) -> bool:
    """Whether a file or folder is there."""
    fs, name = fsspec.url_to_fs(path)
    return bool(fs.exists(name))


def require_reachable(path: str) -> None:
    """Raise BuildError where the file system of a URL cannot be asked: no network, no key, a library is missing."""
    try:
        fs, name = fsspec.url_to_fs(path)
        fs.info(name)
    except FileNotFoundError:
        return  # it can be asked; what has to be there is the command's affair
    except Exception as error:  # every file system has errors of its own
        offline = path.startswith("hf://") and os.environ.get("HF_HUB_OFFLINE") not in (None, "", "0")
        hint = "The Hub is asked only with HF_HUB_OFFLINE=0 in the environment." if offline else _REACH
        raise BuildError(f"{path} cannot be reached: {error}", hint=hint) from error


def list_files(folder: str, suffix: str = "") -> list[str]:
    """Names (not paths) of the files in a folder, sorted; none where there is no such folder."""
    fs, name = fsspec.url_to_fs(folder)
    if not fs.isdir(name):
        return []
    names = (posixpath.basename(found) for found in fs.ls(name, detail=False))
    return sorted(found for found in names if found.endswith(suffix) and not found.startswith("."))


def remove_tree(folder: str) -> None:
    """Remove a folder with all it holds, where it exists."""
    fs, name = fsspec.url_to_fs(folder)
    if fs.exists(name):
        fs.rm(name, recursive=True)


def remove(path: str) -> None:
    """Remove a file, where it exists."""
    fs, name = fsspec.url_to_fs(path)
    if fs.exists(name):
        fs.rm(name)


def make_folder(path: str) -> None:
    """Make a folder to write to, with those above it.

    BuildError where that cannot be: a file has its name, or nothing can be written there.
    """
    fs, name = fsspec.url_to_fs(path)
    try:
        fs.makedirs(name, exist_ok=True)
        if is_local(path):
            tempfile.TemporaryFile(dir=name).close()
    except OSError as error:
        raise BuildError(f"{path} is no folder to write to: {error}", hint="Name another folder.") from error


@contextmanager
def writing(path: str) -> Iterator[BinaryIO]:
    """A file to write to, which appears under `path` only when all went well."""
    fs, name = fsspec.url_to_fs(path)
    folder, base = posixpath.split(name)
    fs.makedirs(folder, exist_ok=True)
    partial = posixpath.join(folder, f".{base}.{os.getpid()}-{uuid.uuid4().hex[:8]}")
    try:
        with fs.open(partial, "wb") as stream:
            yield stream
        fs.mv(partial, name)
    except BaseException:  # whatever ended the writing, nothing half written stays; it is raised again
        if fs.exists(partial):
            fs.rm(partial)
        raise


def read_bytes(path: str) -> bytes:
    """All of a file."""
    with fsspec.open(path, "rb") as stream:
        content: bytes = stream.read()
    return content


def write_bytes(path: str, content: bytes) -> None:
    """Write a whole file."""
    with writing(path) as stream:
        stream.write(content)


def read_json(path: str) -> Any:
    """A small JSON file of our own."""
    return json.loads(read_bytes(path))


def write_json(path: str, value: Any) -> None:
    """A small JSON file, the same bytes for the same value."""
    write_bytes(path, (json.dumps(value, indent=2, sort_keys=False, ensure_ascii=False) + "\n").encode())


def write_table(path: str, table: pa.Table, *, row_group: int = ROW_GROUP) -> None:
    """A Parquet file; the same table gives the same bytes."""
    with writing(path) as stream:
        pq.write_table(table, stream, row_group_size=row_group, compression="zstd")


def read_table(path: str, slots: tuple[int, int] | None = None, columns: list[str] | None = None) -> pa.Table:
    """A Parquet file, or its rows whose `slot` is in the half-open range."""
    fs, name = fsspec.url_to_fs(path)
    return pq.read_table(name, filesystem=fs, columns=columns, filters=slots and _in(slots))


def _in(slots: tuple[int, int]) -> pc.Expression:
    return (pc.field("slot") >= slots[0]) & (pc.field("slot") < slots[1])


def part_name(index: int, count: int) -> str:
    """`part-00007-of-00128.parquet`: the slots [index * 256 / count, (index + 1) * 256 / count)."""
    return f"part-{index:05d}-of-{count:05d}.parquet"


def parts_for(count: int, slots: tuple[int, int]) -> range:
    """Which of `count` parts (a power of two) hold slots of the half-open range."""
    return range(slots[0] * count // SLOTS, -(-slots[1] * count // SLOTS))


def slots_of(index: int, count: int) -> tuple[int, int]:
    """The half-open range of slots that part `index` of `count` holds."""
    return index * SLOTS // count, (index + 1) * SLOTS // count
