"""REFER's `refs(*).p` (Kazemzadeh et al., EMNLP 2014; Yu et al., ECCV 2016; layout of github.com/lichengunc/refer).

A pickle can run code, so only plain containers and scalars are admitted.
"""

import io
import pickle
import pickletools
from typing import Any

import msgspec

from pipelines.sources.coco_json import Id
from pipelines.sources.json_stream import AGAIN
from schemas.errors import SourceError


class Ref(msgspec.Struct):
    """An annotation with its sentences. `file_name` is left out: it is no COCO name but carries a running number."""

    ref_id: Id
    ann_id: Id
    image_id: Id
    split: str
    sentences: list[Any]


class Sentence(msgspec.Struct):
    """One referring expression; `sent` is the cleaned form of `raw`."""

    sent_id: Id
    sent: str


class _Refused(Exception):
    pass


class _PlainUnpickler(pickle.Unpickler):
    """Lists, dicts, tuples, strings and numbers; nothing that has to be imported."""

    def find_class(self, module: str, name: str) -> Any:
        raise _Refused(f"{module}.{name}")

    def persistent_load(self, pid: Any) -> Any:
        raise _Refused("a persistent object")


def load(path: str) -> list[Any]:
    """The elements of a pickled list. Raises SourceError where the file is no such pickle, or would import anything."""
    with open(path, "rb") as stream:
        content = stream.read()
    try:
        found = _load(content)
    except _Refused as error:
        raise SourceError(
            f"{path}: byte {_stop(content)}: the pickle asks for {error}, which a list of references never needs",
            hint="It could run code and is not read. Take the file from the page named in the source's list of files.",
        ) from error
    except _FAULTS as error:
        if isinstance(error, EOFError) or "truncated" in str(error):
            raise SourceError(f"{path}: cut off: the file ends at byte {len(content)}", hint=AGAIN) from error
        raise SourceError(f"{path}: no pickle, at byte {_stop(content)}: {error}", hint=AGAIN) from error
    if not isinstance(found, list):
        raise SourceError(f"{path}: holds a {type(found).__name__}, not a list of references", hint=AGAIN)
    return found


_FAULTS = (
    pickle.UnpicklingError, EOFError, ValueError, LookupError, TypeError, AttributeError, OverflowError, MemoryError,
    RecursionError,
)  # fmt: skip
"""What the standard library raises for bytes that are no pickle."""


_IMPORTS = ("GLOBAL", "STACK_GLOBAL", "INST", "PERSID", "BINPERSID")


def _load(content: bytes) -> Any:
    """The release was written by Python 2, whose strings are bytes: UTF-8, or Latin-1 where they are not that."""
    try:
        return _PlainUnpickler(io.BytesIO(content), encoding="utf-8").load()
    except UnicodeDecodeError:
        return _PlainUnpickler(io.BytesIO(content), encoding="latin-1").load()


def _stop(content: bytes) -> int:
    """Byte position of the first operation that imports something, or else of the last one that can be read."""
    position = 0
    try:
        for operation, _, at in pickletools.genops(content):
            position = at or 0
            if operation.name in _IMPORTS:
                break
    except _FAULTS:
        pass
    return position
