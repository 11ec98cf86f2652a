"""Real shapes in their boxes."""

import numpy as np
import pytest

from pipelines.segmentation.judge import Fit, Limits, clip, fit, judge
from schemas.rle import BoolArray

HEIGHT, WIDTH = 60, 80


def disc(x: float, y: float, radius: float) -> BoolArray:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return np.asarray((columns - x) ** 2 + (rows - y) ** 2 <= radius**2)


def diagonal() -> BoolArray:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return np.asarray(np.abs(rows - columns) <= 1)


def verdict(pixels: BoolArray, box: tuple[float, float, float, float], score: float = 0.9) -> str:
    return judge(fit(pixels, box), score, Limits())[0]


def test_a_disc_in_its_box_is_kept() -> None:
    found = fit(disc(40, 30, 10), (30, 20, 21, 21))
    assert found.area == 317
    assert found.fill == pytest.approx(317 / 441)
    assert found.outside == 0
    assert judge(found, 0.9, Limits()) == ("", "")


def test_a_thin_thing_across_its_box_is_kept() -> None:
    assert verdict(diagonal(), (0, 0, 50, 50), 0.8) == ""


def test_a_loose_box_is_no_fault() -> None:
    assert verdict(disc(40, 30, 10), (33, 23, 15, 15)) == ""


@pytest.mark.parametrize(
    ("pixels", "box", "score", "says"),
    [
        (disc(10, 10, 5), (40, 30, 20, 20), 0.9, "fills"),
        (np.ones((HEIGHT, WIDTH), bool), (40, 30, 20, 20), 0.9, "outside"),
        (disc(40, 30, 10), (30, 20, 21, 21), 0.49, "score"),
        (disc(40, 30, 10), (30, 20, 21, 21), float("nan"), "score"),
        (disc(50, 30, 2), (30, 10, 40, 40), 0.9, "fills"),
    ],
)
def test_a_mask_that_misses_its_box(pixels: BoolArray, box: tuple[float, ...], score: float, says: str) -> None:
    reason, detail = judge(fit(pixels, box), score, Limits())  # type: ignore[arg-type]
    assert reason == "mask_misses_box"
    assert says in detail


def test_no_pixel() -> None:
    assert verdict(np.zeros((HEIGHT, WIDTH), bool), (10, 10, 20, 20)) == "empty_mask"


def test_limits_are_inclusive_and_can_be_lifted() -> None:
    at = Limits(min_fill=0.25, max_outside=0.25, min_score=0.25)
    assert judge(Fit(10, 0.25, 0.25), 0.25, at) == ("", "")
    assert judge(Fit(1, 0.0, 1.0), -3.0, Limits(min_fill=0, max_outside=1, min_score=-10)) == ("", "")


@pytest.mark.parametrize(
    ("box", "clipped"),
    [
        ((10, 10, 20, 20), (10, 10, 20, 20)),
        ((-5, -5, 20, 20), (0, 0, 15, 15)),
        ((70, 50, 40, 40), (70, 50, 10, 10)),
        ((100, 10, 5, 5), None),
        ((79.5, 10, 20, 20), None),
        ((10, 10, 0, 20), None),
    ],
)
def test_boxes_are_clipped_to_the_picture(
    box: tuple[float, float, float, float], clipped: tuple[float, float, float, float] | None
) -> None:
    assert clip(box, WIDTH, HEIGHT) == clipped
