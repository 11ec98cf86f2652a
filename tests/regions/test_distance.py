"""Distances between masks, against the pixels themselves."""

import time

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as coco_mask
from scipy.spatial.distance import cdist

from pipelines.regions.distance import box_gap, distance, vertical_runs
from schemas import rle
from schemas.records import Mask
from tests.factories import box_mask
from tests.properties import quick

Pixels = npt.NDArray[np.bool_]


@st.composite
def two_masks(draw: st.DrawFn) -> tuple[Pixels, Pixels]:
    """Masks of one size, each with a pixel; sparse, so that many are far apart, or full, so that runs cross columns."""
    shape = draw(st.tuples(st.integers(1, 12), st.integers(1, 12)))
    fill = draw(st.sampled_from([0.02, 0.3, 0.95]))
    made = np.random.default_rng(draw(st.integers(0, 2**32))).random((2, *shape)) < fill
    for pixels in made:
        pixels.flat[draw(st.integers(0, pixels.size - 1))] = True
    return made[0], made[1]


@quick
@given(two_masks())
def test_distance_is_that_of_the_nearest_pixels(masks: tuple[Pixels, Pixels]) -> None:
    one, other = masks
    expected = cdist(np.argwhere(one), np.argwhere(other)).min()
    first, second = (vertical_runs(rle.encode(pixels)) for pixels in masks)
    assert distance(first, second) == pytest.approx(expected)
    assert distance(second, first) == pytest.approx(expected)


@quick
@given(two_masks())
def test_box_gap_is_never_more_than_the_distance(masks: tuple[Pixels, Pixels]) -> None:
    one, other = (rle.encode(pixels) for pixels in masks)
    assert box_gap(rle.box(one), rle.box(other)) <= distance(vertical_runs(one), vertical_runs(other)) + 1e-9


@quick
@given(arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_runs_cover_the_pixels_once(pixels: Pixels) -> None:
    assume(pixels.any())
    runs = vertical_runs(rle.encode(pixels))
    drawn = np.zeros(pixels.shape, int)
    for column, first, last in zip(*runs, strict=True):
        drawn[first : last + 1, column] += 1
    np.testing.assert_array_equal(drawn, pixels.astype(int))


def test_a_run_over_column_ends_is_cut() -> None:
    """Rows 2 to 3 of column 0 and rows 0 to 1 of column 1 are one run in memory, and two in the picture."""
    pixels = np.zeros((4, 3), bool)
    pixels[2:, 0] = pixels[:2, 1] = True
    runs = vertical_runs(rle.encode(pixels))
    assert [part.tolist() for part in runs] == [[0, 1], [2, 0], [3, 1]]


def test_runs_of_no_length_are_no_runs() -> None:
    """Other programs write them: they are valid and hold no pixel."""
    packed = coco_mask.frPyObjects({"size": [4, 3], "counts": [2, 0, 3, 2, 0, 1, 4, 0]}, 4, 3)
    runs = vertical_runs(Mask(size=(4, 3), counts=packed["counts"].decode()))
    assert [part.tolist() for part in runs] == [[1, 1], [1, 3], [2, 3]]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((0, 0, 5, 5), (5, 0, 5, 5), 1.0),
        ((0, 0, 5, 5), (4, 4, 5, 5), 0.0),
        ((0, 0, 5, 5), (7, 8, 2, 2), 5.0),
        ((10, 0, 5, 5), (10, 20, 5, 5), 16.0),
        ((0, 10, 5, 5), (20, 0, 5, 60), 16.0),
    ],
)
def test_rectangles(one: tuple[int, int, int, int], other: tuple[int, int, int, int], expected: float) -> None:
    masks = [box_mask(*one), box_mask(*other)]
    first, second = (vertical_runs(mask) for mask in masks)
    boxes = [rle.box(mask) for mask in masks]
    assert distance(first, second) == distance(second, first) == expected
    assert box_gap(*boxes) == box_gap(*boxes[::-1]) == expected


def test_ragged_masks_take_neither_memory_nor_time() -> None:
    """Chessboards of 75,000 runs each: their pairs would need 40 GB."""
    board = np.indices((480, 640)).sum(axis=0) % 2 == 0
    left, right = board.copy(), board.copy()
    left[:, 310:], right[:, :320] = False, False
    start = time.perf_counter()
    found = distance(vertical_runs(rle.encode(left)), vertical_runs(rle.encode(right)))
    assert found == pytest.approx(np.hypot(11, 1))
    assert time.perf_counter() - start < 5
