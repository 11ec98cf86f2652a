"""The difference of two polygons, held against the same done with pixels."""

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from pipelines.scenes.clip import HoleError, inside, subtract
from pipelines.scenes.shapes import Array, area

SQUARE = np.array([[10.0, 10.0], [30.0, 10.0], [30.0, 30.0], [10.0, 30.0]])


def rectangle(left: float, top: float, right: float, bottom: float) -> Array:
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]])


def pixels(polygons: list[Array], size: int = 120) -> np.ndarray:
    flat = [polygon.ravel().tolist() for polygon in polygons]
    if not flat:
        return np.zeros((size, size), dtype=bool)
    return coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(flat, size, size))).astype(bool)


def star(random: np.random.Generator) -> Array:
    """A star-shaped polygon, clockwise on the screen."""
    radii = random.uniform(8, 40, random.integers(5, 24))
    angles = np.linspace(0, 2 * np.pi, len(radii), endpoint=False) + random.uniform()
    return random.uniform(42, 78, 2) + radii[:, None] * np.column_stack([np.cos(angles), np.sin(angles)])


def test_corner_is_cut_off() -> None:
    (piece,) = subtract(SQUARE, rectangle(20, 20, 50, 50))
    assert area(piece) == pytest.approx(300)


def test_a_post_splits_in_two() -> None:
    pieces = subtract(SQUARE, rectangle(18, 0, 21, 50))
    assert sorted(area(piece) for piece in pieces) == pytest.approx([160, 180])


def test_nothing_in_common_gives_back_the_same_polygon() -> None:
    assert subtract(SQUARE, rectangle(40, 10, 50, 30))[0] is SQUARE


def test_wholly_hidden_leaves_nothing() -> None:
    assert subtract(SQUARE, rectangle(0, 0, 50, 50)) == []


def test_a_hole_is_refused() -> None:
    with pytest.raises(HoleError):
        subtract(SQUARE, rectangle(15, 15, 20, 20))


def test_inside_knows_concave_polygons() -> None:
    bay = np.array([[0.0, 0.0], [10.0, 0.0], [10.0, 10.0], [5.0, 3.0], [0.0, 10.0]])
    assert inside(np.array([5.0, 1.0]), bay)
    assert not inside(np.array([5.0, 8.0]), bay)


def test_agrees_with_pixels() -> None:
    random = np.random.default_rng(0)
    holes = 0
    for _ in range(400):
        back, front = star(random), star(random)
        expected = pixels([back]) & ~pixels([front])
        try:
            left = pixels(subtract(back, front))
        except HoleError:
            holes += 1
            assert not (pixels([front]) & ~pixels([back])).any()
            continue
        outline = len(back) + len(front)
        assert np.count_nonzero(left != expected) <= 6 * outline + 0.03 * expected.sum()
    assert holes < 100
