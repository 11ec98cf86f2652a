"""Outlines that are the mask, and numbers that hide little of it."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipelines.qa.page.badges import badges
from pipelines.qa.page.outline import outlines, path, simplified

masks = st.tuples(st.integers(1, 12), st.integers(1, 12)).flatmap(lambda shape: arrays(np.bool_, shape))


def filled(loops: list[np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    """Pixels whose centre lies in an odd number of loops, by counting the borders to their left."""
    inside = np.zeros(shape, int)
    for loop in loops:
        for (x, y), (to_x, to_y) in zip(loop, np.roll(loop, -1, axis=0), strict=True):
            if x == to_x:
                inside[min(y, to_y) : max(y, to_y), x:] += 1
    return inside % 2 == 1


@given(masks)
def test_outlines_filled_again_are_the_mask(mask: np.ndarray) -> None:
    assert (filled(outlines(mask), mask.shape) == mask).all()


@given(masks, st.sampled_from([0.0, 0.75, 2.0]))
def test_a_simpler_loop_stays_near(mask: np.ndarray, tolerance: float) -> None:
    for loop in outlines(mask):
        kept = simplified(loop, tolerance)
        assert {tuple(point) for point in kept.tolist()} <= {tuple(point) for point in loop.tolist()}
        ends = np.roll(kept, -1, axis=0)
        for point in loop:
            assert min(_away(point, a, b) for a, b in zip(kept, ends, strict=True)) <= tolerance + 1e-9


def _away(point: np.ndarray, start: np.ndarray, end: np.ndarray) -> float:
    along = (end - start).astype(float)
    part = float(np.clip((point - start) @ along / max(along @ along, 1e-12), 0, 1))
    return float(np.hypot(*(start + part * along - point)))


def test_a_square_is_four_corners() -> None:
    mask = np.zeros((40, 40), bool)
    mask[10:30, 5:25] = True
    assert len(re.findall(r"-?\d+", path(mask))) == 2 * 4
    assert sorted(map(tuple, outlines(mask)[0].tolist())) == [(5, 10), (5, 30), (25, 10), (25, 30)]
    assert path(np.zeros((4, 4), bool)) == ""


def test_noise_does_not_make_a_large_path() -> None:
    noise = np.random.default_rng(7).random((480, 480)) < 0.5
    assert len(path(noise)) < 400_000
    assert len(path(np.indices((480, 480)).sum(axis=0) % 2 == 0)) < 400_000


def square(left: int, top: int, side: int, size: int = 200) -> np.ndarray:
    mask = np.zeros((size, size), bool)
    mask[top : top + side, left : left + side] = True
    return mask


def covered(mask: np.ndarray, x: int, y: int, radius: int) -> float:
    """Share of a mask below a disc."""
    rows, columns = np.nonzero(mask)
    return float((np.hypot(columns - x, rows - y) <= radius).mean())


def test_the_number_of_a_large_region_stands_in_it() -> None:
    mask = square(40, 40, 100)
    (badge,) = badges([mask], 10)
    assert badge is not None
    assert badge.tip is None
    assert mask[badge.y, badge.x]


@pytest.mark.parametrize("at", [(0, 0), (97, 97), (195, 3), (196, 196)])
def test_the_number_of_a_small_region_stands_beside_it(at: tuple[int, int]) -> None:
    mask = square(*at, 4)
    (badge,) = badges([mask], 10)
    assert badge is not None
    assert covered(mask, badge.x, badge.y, 10) == 0
    assert badge.tip is not None
    assert mask[badge.tip[1], badge.tip[0]]


def test_a_region_without_pixels_has_no_number() -> None:
    assert badges([square(0, 0, 0), square(5, 5, 50)], 10)[0] is None
    assert badges([], 10) == []


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 190), st.integers(0, 190), st.integers(1, 60)), min_size=1, max_size=12))
def test_discs_stay_on_the_picture(boxes: list[tuple[int, int, int]]) -> None:
    found = badges([square(*box) for box in boxes], 9)
    assert all(badge and 9 <= badge.x < 191 and 9 <= badge.y < 191 for badge in found)


def test_regions_in_one_place_have_their_numbers_apart() -> None:
    found = [badge for badge in badges([square(60, 60, 80)] * 5, 10) if badge]
    gaps = [np.hypot(a.x - b.x, a.y - b.y) for i, a in enumerate(found) for b in found[:i]]
    assert min(gaps) >= 15
