"""A reader of MATLAB 5 files (MATLAB's versions 5 to 7.2): numbers, texts, cells and structs.

`scipy.io.loadmat` trusts the type codes in a file: where one is damaged it may end the whole process. Here every code
and length is checked. Form: "MAT-File Format", The MathWorks, chapter 1.
"""

import math
import struct
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

_HEADER = 128
_MATRIX, _COMPRESSED = 14, 15
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_TEXTS = {1: "utf-8", 2: "utf-8", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
_CELL, _STRUCT, _CHAR = 1, 2, 4
_NUMERIC = range(6, 16)

_MOST = 1 << 29
"""Bytes of a variable: what claims to be larger is not unpacked."""
_DEEPEST = 16
"""Structs within structs."""


class BadMat(ValueError):
    """A file that is broken or of another form; the message says what is wrong."""


class Structs(NamedTuple):
    """An array of structs, or of cells (without fields), column by column."""

    fields: tuple[str, ...]
    rows: list[dict[str, Any]]


class _Element(NamedTuple):
    kind: int
    data: memoryview


def read_variables(content: bytes) -> dict[str, Any]:
    """The variables of a file by name: arrays of numbers, `str`, `Structs`, or None for what is none of these.

    Raises BadMat where it is no such file.
    """
    if len(content) < _HEADER or content[126:128] not in (b"IM", b"MI"):
        raise BadMat("no MATLAB 5 file: its header is missing")
    order = "<" if content[126:128] == b"IM" else ">"
    try:
        return dict(_variables(_elements(memoryview(content)[_HEADER:], order), order))
    except (struct.error, zlib.error, UnicodeDecodeError, OverflowError, ValueError) as error:
        raise BadMat(str(error)) from error


def _variables(elements: Iterator[_Element], order: str) -> Iterator[tuple[str, Any]]:
    for element in elements:
        packed = element.kind == _COMPRESSED
        found = _next(_elements(_unpacked(element.data), order)) if packed else element
        if found.kind != _MATRIX:
            raise BadMat(f"type {found.kind} where a variable should be")
        yield _matrix(found.data, order, 0)


def _unpacked(data: memoryview) -> memoryview:
    unpacker = zlib.decompressobj()
    found = unpacker.decompress(data, _MOST)
    if not unpacker.eof:
        raise BadMat("packed data are cut off, or too large")
    return memoryview(found)


def _elements(data: memoryview, order: str) -> Iterator[_Element]:
    """The elements that follow one another; each is padded to 8 bytes, but a packed one is not."""
    at = 0
    while at < len(data):
        kind, size = struct.unpack_from(f"{order}II", data, at)
        start = at + 8
        if kind >> 16:  # four bytes or less lie in the tag itself
            kind, size, start = kind & 0xFFFF, kind >> 16, at + 4
        if start + size > len(data) or (start == at + 4 and size > 4):
            raise BadMat(f"cut off: an element of {size} bytes, {len(data) - start} left")
        yield _Element(kind, data[start : start + size])
        at = start + size if kind == _COMPRESSED else at + 8 + (-(-size // 8) * 8 if start == at + 8 else 0)


def _matrix(data: memoryview, order: str, depth: int) -> tuple[str, Any]:
    """(name, value) of a variable, or of an element of a cell or field of a struct, which have no name."""
    if not len(data):
        return "", np.zeros((0, 0))
    if depth > _DEEPEST:
        raise BadMat("structs within structs without end")
    elements = _elements(data, order)
    kind = int(_numbers(_next(elements), order)[0]) & 0xFF
    shape = tuple(int(side) for side in _numbers(_next(elements), order))
    if min(shape, default=-1) < 0:
        raise BadMat(f"an array of shape {shape}")
    name = _text(_next(elements), order)
    if kind in (_CELL, _STRUCT):
        return name, _structs(elements, kind, math.prod(shape), len(data), order, depth)
    if kind == _CHAR:
        return name, _text(_next(elements), order) if len(shape) == 2 and shape[0] <= 1 else None
    return name, _array(_next(elements), shape, order) if kind in _NUMERIC else None


def _structs(elements: Iterator[_Element], kind: int, count: int, size: int, order: str, depth: int) -> Structs:
    fields = _fields(elements, order) if kind == _STRUCT else ("",)
    if count * max(1, len(fields)) * 8 > size:
        raise BadMat(f"cut off: {count} structs of {len(fields)} fields in {size} bytes")
    rows = [{name: _field(_next(elements), order, depth) for name in fields} for _ in range(count)]
    return Structs(fields, rows)


def _field(element: _Element, order: str, depth: int) -> Any:
    if element.kind != _MATRIX:
        raise BadMat(f"type {element.kind} where a field's value should be")
    return _matrix(element.data, order, depth + 1)[1]


def _fields(elements: Iterator[_Element], order: str) -> tuple[str, ...]:
    """Names of a struct's fields, which stand one after the other in slots of one length."""
    width = int(_numbers(_next(elements), order)[0])
    text = bytes(_next(elements).data)
    if width < 1 or len(text) % width:
        raise BadMat(f"field names of {width} characters in {len(text)} bytes")
    slots = (text[at : at + width] for at in range(0, len(text), width))
    return tuple(slot.partition(b"\0")[0].decode() for slot in slots)


def _next(elements: Iterator[_Element]) -> _Element:
    found = next(elements, None)
    if found is None:
        raise BadMat("cut off: an array without its content")
    return found


def _numbers(element: _Element, order: str) -> Array:
    if element.kind not in _NUMBERS or not len(element.data):
        raise BadMat(f"type {element.kind} of {len(element.data)} bytes where numbers should be")
    return np.frombuffer(element.data, order + _NUMBERS[element.kind])


def _array(element: _Element, shape: tuple[int, ...], order: str) -> Array:
    """Numbers lie column by column; they may be stored in a smaller type than their class."""
    found = _numbers(element, order) if math.prod(shape) else np.zeros(0)
    if len(found) != math.prod(shape):
        raise BadMat(f"{len(found)} numbers in an array of shape {shape}")
    return found.reshape(shape, order="F")


def _text(element: _Element, order: str) -> str:
    if element.kind not in _TEXTS:
        raise BadMat(f"type {element.kind} where a text should be")
    code = _TEXTS[element.kind]
    return bytes(element.data).decode(code if code == "utf-8" else code + ("-le" if order == "<" else "-be"))
