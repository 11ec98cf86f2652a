"""Outlines and numbers: around a region and not on it, readable, and nowhere else."""

import numpy as np
import PIL.Image
import pytest
from scipy import ndimage

from pipelines.views.colours import PALETTE, colour, ink, rgb
from pipelines.views.masks import grown, inmost, resized, window
from pipelines.views.outlines import RIM, Numbered, draw, line_width

GROUND = (90, 120, 100)


def blank(size: tuple[int, int] = (300, 200)) -> PIL.Image.Image:
    return PIL.Image.new("RGB", size, GROUND)


def boxed(left: int, top: int, width: int, height: int, size: tuple[int, int] = (300, 200)) -> np.ndarray:
    mask = np.zeros(size[::-1], bool)
    mask[top : top + height, left : left + width] = True
    return mask


def is_colour(pixels: np.ndarray, number: int) -> np.ndarray:
    return (pixels == rgb(number)).all(axis=2)


def test_the_line_runs_around_the_region_and_its_pixels_stay() -> None:
    mask = boxed(60, 50, 120, 90)
    pixels = np.asarray(draw(blank(), [Numbered(1, mask)]))
    line = line_width((300, 200))
    around = grown(mask, line) & ~mask
    assert is_colour(pixels, 1)[around].all()
    rim = grown(grown(mask, line), 1) & ~grown(mask, line)
    assert (pixels[rim] == RIM).all()
    beyond = ~grown(mask, line + 1)
    assert (pixels[beyond] == GROUND).all()
    covered = (pixels[mask] != GROUND).any(axis=1).sum()
    assert 0 < covered < 0.06 * mask.sum(), "the number stands inside, and covers little"


def test_the_line_follows_the_mask_and_not_its_box() -> None:
    y, x = np.ogrid[:200, :300]
    disc = (x - 150) ** 2 + (y - 100) ** 2 < 70**2
    pixels = np.asarray(draw(blank(), [Numbered(1, disc)]))
    assert (pixels[32:40, 82:90] == GROUND).all(), "a corner of the box"
    assert is_colour(pixels, 1)[100, 79:81].all()


@pytest.mark.parametrize("at", [(150, 100), (0, 0), (299, 199), (299, 0), (0, 100)])
def test_one_pixel_is_not_covered_and_has_a_number(at: tuple[int, int]) -> None:
    mask = boxed(*at, 1, 1)
    pixels = np.asarray(draw(blank(), [Numbered(1, mask)]))
    assert tuple(pixels[at[1], at[0]]) == GROUND
    near = grown(mask, 1) & ~mask
    assert is_colour(pixels, 1)[near].all()
    assert is_colour(pixels, 1).sum() > 100, "the disc beside it"


def test_a_region_that_fills_the_picture_is_outlined_inside() -> None:
    pixels = np.asarray(draw(blank(), [Numbered(1, np.ones((200, 300), bool))]))
    assert is_colour(pixels, 1)[0].all()
    assert is_colour(pixels, 1)[:, -1].all()
    assert (pixels[10:60, 10:60] == GROUND).all()


def test_small_regions_show_above_the_lines_of_large_ones() -> None:
    """A part at the border of its object, drawn in either order."""
    whole, part = boxed(40, 40, 150, 100), boxed(186, 60, 8, 8)
    for numbers in ((1, 2), (2, 1)):
        pixels = np.asarray(draw(blank(), [Numbered(numbers[0], whole), Numbered(numbers[1], part)]))
        assert (pixels[part] == GROUND).all()


def test_numbers_keep_off_small_regions_and_each_other() -> None:
    masks = [boxed(20 + 22 * column, 60 + 24 * row, 8, 8) for row in range(3) for column in range(11)]
    pixels = np.asarray(draw(blank(), [Numbered(number, mask) for number, mask in enumerate(masks, start=1)]))
    shown = [(pixels[mask] == GROUND).all(axis=1).mean() for mask in masks]
    assert np.mean(shown) > 0.9
    few = [Numbered(number, mask) for number, mask in enumerate(masks[::5], start=1)]
    pixels = np.asarray(draw(blank(), few))
    assert all((pixels[one.mask] == GROUND).all() for one in few)


def test_a_number_stands_beside_the_part_on_its_object() -> None:
    """The object's own number must not stand on its part."""
    whole, part = boxed(60, 40, 160, 130), boxed(120, 85, 40, 40)
    pixels = np.asarray(draw(blank(), [Numbered(1, whole), Numbered(2, part)]))
    disc_of_whole = is_colour(pixels, 1) & whole
    assert disc_of_whole.any()
    assert not (disc_of_whole & part).any()


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (9, 500), (500, 9)])
def test_pictures_of_any_shape(size: tuple[int, int]) -> None:
    assert draw(blank(size), [Numbered(1, boxed(0, 0, *size, size))]).size == size


def test_regions_without_a_pixel_are_not_drawn() -> None:
    assert (np.asarray(draw(blank(), [Numbered(1, boxed(0, 0, 0, 0))])) == GROUND).all()


def test_the_same_again() -> None:
    regions = [Numbered(1, boxed(20, 30, 80, 60)), Numbered(2, boxed(150, 90, 5, 60))]
    assert draw(blank(), regions).tobytes() == draw(blank(), regions).tobytes()


def test_numbers_can_be_read_on_every_colour() -> None:
    def luminance(colour: tuple[int, ...]) -> float:
        """As the web's rules for contrast have it."""
        parts = np.array(colour) / 255
        linear = np.where(parts <= 0.03928, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return float(linear @ (0.2126, 0.7152, 0.0722))

    for number in range(1, len(PALETTE) + 1):
        light, dark = sorted((luminance(rgb(number)), 1.0 if ink(number) == "white" else 0.0), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 2.6, colour(number)
    assert colour(len(PALETTE) + 1) == colour(1)


def test_masks_grow_as_scipy_has_it() -> None:
    mask = np.random.default_rng(3).random((40, 60)) > 0.97
    for by in (0, 1, 3):
        assert (grown(mask, by) == (ndimage.binary_dilation(mask, iterations=by) if by else mask)).all()


def test_where_a_mask_is_deepest() -> None:
    mask = boxed(100, 50, 61, 41) | boxed(10, 10, 5, 5)
    assert inmost(mask) == (120, 70, 21.0)
    assert inmost(boxed(0, 0, 0, 0)) is None
    assert window(boxed(0, 0, 0, 0)) is None
    large = np.zeros((3000, 4000), bool)
    large[500:2500, 1000:3000] = True
    x, y, depth = inmost(large) or (0, 0, 0.0)
    assert abs(x - 2000) < 40
    assert abs(y - 1500) < 40
    assert depth == pytest.approx(1000, abs=40)


def test_a_mask_that_would_vanish_keeps_a_pixel() -> None:
    assert resized(boxed(299, 199, 1, 1), (30, 20)).sum() == 1
