"""The reader of MATLAB 5 files against scipy's writer and reader, and against damage."""

import io
import pathlib
import random
from collections import Counter
from typing import Any

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from pipelines.sources.mat5 import BadMat, Structs, read_variables
from pipelines.sources.pascal_mat import read_mat
from tests.shared import SHARED, needs_shared
from tests.sources import mat_files

REAL = SHARED / "raw" / "pascal_part" / "Annotations_Part"


def written(value: Any, *, packed: bool = False) -> Any:
    """What the reader makes of a value that scipy has written."""
    stream = io.BytesIO()
    savemat(stream, {"value": value}, do_compression=packed)
    return read_variables(stream.getvalue())["value"]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kind", ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8", "bool"])
def test_numbers(kind: str, packed: bool) -> None:
    numbers = np.arange(6).reshape(2, 3).astype(kind)
    assert (written(numbers, packed=packed) == numbers).all()


@pytest.mark.parametrize("text", ["", "cat", "2008_000652", "Käse", "a much longer text than fits into a tag"])
def test_texts(text: str) -> None:
    assert written(text) == text or text == ""


def test_structs_and_cells() -> None:
    found = written(mat_files.structs([{"a": 1.0, "b": "x"}, {"a": 2.0, "b": "yy"}]))
    assert isinstance(found, Structs)
    assert [(row["a"].item(), row["b"]) for row in found.rows] == [(1, "x"), (2, "yy")]
    cells = np.empty((1, 2), object)
    cells[0, 0], cells[0, 1] = "x", 3.0
    assert [row[""] if isinstance(row[""], str) else row[""].item() for row in written(cells).rows] == ["x", 3]


def test_no_structs_are_an_empty_array() -> None:
    assert written(np.zeros((0, 0))).shape == (0, 0)


def test_what_is_neither_number_nor_text_is_none() -> None:
    assert written(np.array(["ab", "cd"])) is None


@pytest.mark.parametrize("packed", [False, True])
def test_any_damage_is_a_bad_mat_and_nothing_else(packed: bool) -> None:
    """A byte changed or the end missing: either it is still read, or it is said to be broken."""
    stream = io.BytesIO()
    savemat(
        stream, mat_files.anno("x", [mat_files.thing("cat", 8, mat_files.box(1, 1, 3, 3), {})]), do_compression=packed
    )
    good, draw = stream.getvalue(), random.Random(0)
    outcomes: Counter[bool] = Counter()
    for _ in range(1500):
        damaged = bytearray(good[: draw.randrange(129, len(good))] if draw.random() < 0.1 else good)
        damaged[draw.randrange(128, len(damaged))] = draw.randrange(256)
        try:
            read_mat(bytes(damaged))
            outcomes[True] += 1
        except BadMat:
            outcomes[False] += 1
    assert outcomes[False] > 200


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "header"),
        (b"MATLAB 7.3 MAT-file".ljust(126) + b"XX" + bytes(100), "header"),
        (b"x".ljust(126) + b"IM" + b"\x0e\x00\x00\x00\xff\xff\xff\x7f", "cut off: an element of 2147483647 bytes"),
        (b"x".ljust(126) + b"IM" + b"\x63\x00\x00\x00\x00\x00\x00\x00", "type 99 where a variable"),
        (b"x".ljust(126) + b"IM" + b"\x0f\x00\x00\x00\x04\x00\x00\x00abcd", "incorrect header check"),
        (mat_files.structs_without_fields(2**31 - 1), "cut off: 4611686014132420609 structs of 0 fields"),
        (mat_files.numbers_of_shape(np.array([np.inf, 1], "f4")), "infinity"),
    ],
)
def test_broken_content(content: bytes, message: str) -> None:
    with pytest.raises(BadMat, match=message):
        read_variables(content)


@needs_shared
@pytest.mark.parametrize("path", sorted(REAL.glob("*.mat")), ids=lambda path: path.stem)
def test_real_files_as_scipy_reads_them(path: pathlib.Path) -> None:
    expected = loadmat(path)["anno"][0, 0]["objects"].ravel()
    found = read_mat(path.read_bytes()).objects
    assert [one.name for one in found] == [str(one["class"].item()) for one in expected]
    for one, other in zip(found, expected, strict=True):
        assert (one.mask == (other["mask"] != 0)).all()
        parts = other["parts"].ravel()
        assert [part.name for part in one.parts] == [str(part["part_name"].item()) for part in parts]
        assert all((part.mask == (its["mask"] != 0)).all() for part, its in zip(one.parts, parts, strict=True))
