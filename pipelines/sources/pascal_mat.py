"""Pascal-Part's own files: one MATLAB file an image, with a mask for every object and every part of it.

Form: `anno` is a struct of `imname` and `objects`; an object has `class`, `mask` and `parts`, a part `part_name` and
`mask`. Masks are as large as the image. No parts, or no objects, is an array of shape (0, 0).
"""

from typing import Any, NamedTuple

import numpy as np

from pipelines.sources.mat5 import BadMat, Structs, read_variables
from schemas.rle import MAX_PIXELS, MAX_SIDE, BoolArray


class MatPart(NamedTuple):
    """A part of an object."""

    name: str
    mask: BoolArray


class MatObject(NamedTuple):
    """An object with its parts."""

    name: str
    mask: BoolArray
    parts: list[MatPart]


class MatFile(NamedTuple):
    """What one file says of one image."""

    name: str
    """Of the image, without extension."""
    objects: list[MatObject]


def read_mat(content: bytes) -> MatFile:
    """The content of a file. Raises BadMat where it is no MATLAB file, or one of another form."""
    annos = _structs(read_variables(content), "anno", "")
    if len(annos) != 1:
        raise BadMat(f"anno: {len(annos)} of them")
    objects = _structs(annos[0], "objects", "anno.")
    return MatFile(
        name=_text(annos[0], "imname", "anno."),
        objects=[_object(one, f"objects({index}).") for index, one in enumerate(objects, 1)],
    )


def _object(one: dict[str, Any], where: str) -> MatObject:
    parts = _structs(one, "parts", where)
    return MatObject(
        name=_text(one, "class", where),
        mask=_mask(one, where),
        parts=[_part(part, f"{where}parts({index}).") for index, part in enumerate(parts, 1)],
    )


def _part(one: dict[str, Any], where: str) -> MatPart:
    return MatPart(name=_text(one, "part_name", where), mask=_mask(one, where))


def _value(one: dict[str, Any], name: str, where: str) -> Any:
    if name not in one:
        raise BadMat(f"has no {where}{name}, only {', '.join(one) or 'nothing'}")
    return one[name]


def _structs(one: dict[str, Any], name: str, where: str) -> list[dict[str, Any]]:
    """The elements of an array of structs; an empty array of any kind has none."""
    value = _value(one, name, where)
    if isinstance(value, Structs):
        return value.rows
    if isinstance(value, np.ndarray) and not value.size:
        return []
    raise BadMat(f"{where}{name}: no structs")


def _text(one: dict[str, Any], name: str, where: str) -> str:
    value = _value(one, name, where)
    if not isinstance(value, str):
        raise BadMat(f"{where}{name}: no text")
    return value


def _mask(one: dict[str, Any], where: str) -> BoolArray:
    value = _value(one, "mask", where)
    if not isinstance(value, np.ndarray) or value.ndim != 2 or not value.size:
        raise BadMat(f"{where}mask: no array of rows and columns")
    if max(value.shape) > MAX_SIDE or value.size > MAX_PIXELS:
        raise BadMat(f"{where}mask: {value.shape} is no size of an image")
    return value != 0
