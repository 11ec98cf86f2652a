"""Masks over pictures: where they are, what they leave alone, what a tiny one keeps."""

import numpy as np
import PIL.Image
import pytest

from pipelines.qa.page.drawing import draw_regions, grey
from pipelines.views.colours import PALETTE, colour
from schemas import rle


def masked(box: tuple[int, int, int, int], size: tuple[int, int] = (200, 300)):
    """A box [x, y, width, height] in an image of (height, width)."""
    pixels = np.zeros(size, bool)
    x, y, w, h = box
    pixels[y : y + h, x : x + w] = True
    return rle.encode(pixels)


def test_pixels_change_under_the_mask_only() -> None:
    drawn = np.asarray(draw_regions(grey(300, 200), [masked((40, 50, 100, 80))])).astype(int)
    changed = np.abs(drawn - drawn[0, 0]).sum(axis=2) > 0
    assert changed[52:128, 42:138].all()
    rim = changed.copy()
    rim[45:135, 35:145] = False
    assert not rim.any()


def test_each_region_has_its_colour_and_number() -> None:
    two = draw_regions(grey(300, 200), [masked((10, 10, 90, 90)), masked((180, 80, 90, 90))])
    first, second = two.getpixel((14, 14)), two.getpixel((184, 84))
    assert first != second
    assert first[0] > first[2], "the first colour is a red"
    assert second[2] > second[0], "the second one is a blue"
    discs = PIL.ImageColor.getrgb(colour(1)), PIL.ImageColor.getrgb(colour(2))
    shown = set(two.get_flattened_data() if hasattr(two, "get_flattened_data") else two.getdata())
    assert set(discs) <= shown


def test_colours_start_again() -> None:
    assert colour(len(PALETTE) + 1) == colour(1) != colour(2)


def test_scaled_down_and_never_up() -> None:
    assert draw_regions(grey(300, 200), [], longest=150).size == (150, 100)
    assert draw_regions(grey(300, 200), [], longest=1000).size == (300, 200)
    assert draw_regions(grey(4000, 1), [], longest=100).size == (100, 1)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (9, 500)])
def test_images_of_any_shape(size: tuple[int, int]) -> None:
    assert draw_regions(grey(*size), [masked((0, 0, size[0], size[1]), size[::-1])]).size == size


def test_one_pixel_of_a_large_image_is_still_shown() -> None:
    drawn = np.asarray(draw_regions(grey(3000, 2000), [masked((2999, 1999, 1, 1), (2000, 3000))], longest=300))
    assert (drawn != drawn[0, 0]).any()


def test_an_empty_mask_draws_nothing() -> None:
    drawn = np.asarray(draw_regions(grey(30, 20), [masked((0, 0, 0, 0), (20, 30))]))
    assert (drawn == drawn[0, 0]).all()


def test_pictures_of_other_modes() -> None:
    for mode in ("L", "CMYK", "RGBA", "P", "1"):
        assert draw_regions(PIL.Image.new(mode, (30, 20)), [masked((1, 1, 5, 5), (20, 30))]).mode == "RGB"
