"""Run-length encoding against plain numpy."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pycocotools import mask as coco_mask

from schemas import rle
from tests.properties import quick

masks = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=14))
lengths = st.lists(st.integers(1, 40_000), min_size=1, max_size=12)


def by_hand(pixels: npt.NDArray[np.bool_]) -> list[int]:
    """Column-major runs, the first one of zeros (and so perhaps empty)."""
    flat = pixels.flatten(order="F").astype(int)
    borders = [0, *(np.flatnonzero(np.diff(flat)) + 1).tolist(), len(flat)]
    found = np.diff(borders).tolist()
    return [0, *found] if flat[0] else found


@quick
@given(masks)
def test_decode_undoes_encode(pixels: npt.NDArray[np.bool_]) -> None:
    mask = rle.encode(pixels)
    assert mask.size == pixels.shape
    np.testing.assert_array_equal(rle.decode(mask), pixels)


@quick
@given(masks)
def test_runs_are_those_of_the_pixels(pixels: npt.NDArray[np.bool_]) -> None:
    mask = rle.encode(pixels)
    assert rle.runs(mask.counts) == by_hand(pixels)
    rle.check_runs(rle.runs(mask.counts), mask.size)


@quick
@given(lengths)
def test_runs_of_large_images(given_runs: list[int]) -> None:
    """Numbers of several characters, and differences below zero."""
    size = (sum(given_runs), 1)
    packed = coco_mask.frPyObjects({"size": list(size), "counts": given_runs}, *size)
    assert rle.runs(packed["counts"].decode()) == given_runs


@quick
@given(masks)
def test_area_and_box_are_those_of_the_pixels(pixels: npt.NDArray[np.bool_]) -> None:
    mask = rle.encode(pixels)
    rows, columns = np.nonzero(pixels)
    assert rle.area(mask) == len(rows)
    if len(rows):
        left, top = columns.min(), rows.min()
        assert rle.box(mask) == (left, top, np.ptp(columns) + 1, np.ptp(rows) + 1)
    else:
        assert rle.box(mask) == (0, 0, 0, 0)


@quick
@given(arrays(np.bool_, (5, 6, 4)))
def test_ious_are_those_of_the_pixels(stack: npt.NDArray[np.bool_]) -> None:
    first, *others = stack
    found = rle.ious(rle.encode(first), [rle.encode(other) for other in others])
    expected = [(first & other).sum() / max((first | other).sum(), 1) for other in others]
    assert found == pytest.approx(expected)
    assert rle.ious(rle.encode(first), []) == []


@quick
@given(st.text(max_size=30) | st.text(st.characters(min_codepoint=40, max_codepoint=120), max_size=30))
def test_any_string_is_read_or_refused(counts: str) -> None:
    try:
        found = rle.runs(counts)
    except ValueError:
        return
    assert all(isinstance(length, int) for length in found)
    assert all(48 <= ord(char) < 112 for char in counts)


@pytest.mark.parametrize(
    ("counts", "message"),
    [("o", "within a number"), ("05?o", "within a number"), ("0 5", "character ' '"), ("0é", "character 'é'")],
)
def test_broken_strings_are_refused(counts: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        rle.runs(counts)


@pytest.mark.parametrize(
    ("runs", "message"),
    [([3, -1, 10], "negative"), ([3, 4], "add up to 7 pixels, the image has 12"), ([], "add up to 0"), ([13], "13")],
)
def test_runs_that_do_not_fill_the_image(runs: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        rle.check_runs(runs, (3, 4))


@quick
@given(masks, st.data())
def test_empty_runs_do_not_make_another_mask(pixels: npt.NDArray[np.bool_], data: st.DataObject) -> None:
    """A run cut in two by an empty one is the same run."""
    plain = by_hand(pixels)
    at = data.draw(st.integers(0, len(plain) - 1))
    first = data.draw(st.integers(0, plain[at]))
    assert rle.joined([*plain[:at], first, 0, plain[at] - first, *plain[at + 1 :]]) == plain
    assert rle.joined(plain) == plain


def test_known_string() -> None:
    """A column-major square in the middle of 4 x 4: 5 zeros, 2 ones, 2 zeros, 2 ones, 5 zeros.

    From the fourth number on they are written as differences to the last but one.
    """
    pixels = np.zeros((4, 4), bool)
    pixels[1:3, 1:3] = True
    assert rle.encode(pixels).counts == "52203"
    assert rle.runs("52203") == [5, 2, 2, 2, 5]
