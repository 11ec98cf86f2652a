"""Which views a row has, what they are determined by, and what their JPEGs hold."""

import io
import math

import msgspec
import numpy as np
import PIL.Image
import pytest

from pipelines.views.colours import rgb
from pipelines.views.view import LEAST_CONTEXT_PX, View, crop_window, fitted, render, views
from schemas import rle
from schemas.recipe import VisionSettings
from schemas.records import Mask

SIZE = (640, 480)
SETTINGS = VisionSettings()
PICTURE = "a" * 64


def mask(left: int, top: int, width: int, height: int, size: tuple[int, int] = SIZE) -> Mask:
    pixels = np.zeros(size[::-1], bool)
    pixels[top : top + height, left : left + width] = True
    return rle.encode(pixels)


def noise(size: tuple[int, int] = SIZE) -> PIL.Image.Image:
    return PIL.Image.fromarray(np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))


def opened(jpeg: bytes) -> PIL.Image.Image:
    picture = PIL.Image.open(io.BytesIO(jpeg))
    picture.load()
    assert picture.format == "JPEG"
    return picture


def test_the_whole_picture_then_crops_in_the_order_of_numbers() -> None:
    found = views([mask(10, 10, 200, 200), mask(300, 50, 40, 40), mask(500, 400, 20, 20)], SIZE, SETTINGS)
    assert [(view.whole, [number for number, _ in view.regions]) for view in found] == [
        (True, [1, 2, 3]), (False, [1]), (False, [2]), (False, [3]),
    ]  # fmt: skip


def test_the_smallest_regions_get_the_crops() -> None:
    settings = VisionSettings(crops=2)
    found = views([mask(300, 50, 40, 40), mask(10, 10, 200, 200), mask(500, 400, 20, 20)], SIZE, settings)
    assert [view.region for view in found if not view.whole] == [1, 3]
    assert len(views([mask(0, 0, 9, 9)], SIZE, VisionSettings(crops=0))) == 1
    assert len(views([mask(0, 0, 0, 0)], SIZE, SETTINGS)) == 1, "a region without a pixel"


@pytest.mark.parametrize(
    ("size", "limit", "shown"),
    [
        ((640, 480), 1024, (640, 480)),
        ((4000, 3000), 1024, (1024, 768)),
        ((320, 240), 1024, (512, 384)),
        ((10, 5), 512, (80, 40)),
        ((5000, 1), 1024, (1024, 1)),
        ((1, 1), 64, (8, 8)),
    ],
)
def test_sizes(size: tuple[int, int], limit: int, shown: tuple[int, int]) -> None:
    assert fitted(size, limit) == shown


def test_a_crop_shows_what_is_around() -> None:
    assert crop_window(mask(200, 200, 100, 80), SIZE, 0.25) == (175, 175, 325, 305)
    assert crop_window(mask(0, 470, 10, 10), SIZE, 0.25) == (0, 454, 26, 480), "within the picture"
    one = crop_window(mask(300, 300, 1, 1), SIZE, 0.0)
    assert one == (300 - LEAST_CONTEXT_PX, 300 - LEAST_CONTEXT_PX, 301 + LEAST_CONTEXT_PX, 301 + LEAST_CONTEXT_PX)


def test_jpegs_have_the_size_that_was_named() -> None:
    masks = [mask(0, 0, 640, 480), mask(639, 479, 1, 1), mask(100, 100, 7, 300), mask(0, 200, 640, 2)]
    for px in (64, 333, 1024):
        for view in views(masks, SIZE, VisionSettings(image_px=px, crop_px=px)):
            assert opened(render(noise(), view)).size == view.size
            assert max(view.size) <= px


def colour_at(picture: PIL.Image.Image, number: int) -> np.ndarray:
    """Where a decoded JPEG has a region's colour, as nearly as JPEG keeps it."""
    return np.abs(np.asarray(picture).astype(int) - rgb(number)).max(axis=2) < 60


def test_what_is_drawn_is_in_the_jpeg() -> None:
    ground = PIL.Image.new("RGB", SIZE, (60, 60, 60))
    whole, crop = views([mask(200, 150, 200, 160)], SIZE, VisionSettings(quality=95))
    shown = colour_at(opened(render(ground, whole)), 1)
    assert shown[149, 230:370].all()
    assert shown[170:290, 199].all()
    assert not shown[:140].any()
    assert not shown[:, 410:].any()
    close = colour_at(opened(render(ground, crop)), 1)
    left = (200 - crop.window[0]) * crop.size[0] / (crop.window[2] - crop.window[0])
    assert close[close.shape[0] // 2, math.floor(left) - 2 : math.ceil(left)].all()


def test_a_jpeg_never_has_more_bytes_than_allowed() -> None:
    (view, *_) = views([], SIZE, VisionSettings(most_bytes=60_000))
    free = render(noise(), views([], SIZE, VisionSettings(most_bytes=10_000_000))[0])
    assert len(free) > 60_000
    assert len(render(noise(), view)) <= 60_000
    with pytest.raises(ValueError, match="640 x 480 pixels do not fit into 2,000 bytes"):
        render(noise(), msgspec.structs.replace(view, most_bytes=2_000))


def test_equal_views_give_equal_jpegs() -> None:
    one, again = (views([mask(10, 20, 50, 60)], SIZE, SETTINGS) for _ in range(2))
    assert [view.digest(PICTURE) for view in one] == [view.digest(PICTURE) for view in again]
    assert [render(noise(), view) for view in one] == [render(noise(), view) for view in again]


def changed(view: View) -> list[View]:
    replace = msgspec.structs.replace
    (number, own) = view.regions[0]
    return [
        replace(view, version=view.version + 1), replace(view, window=(0, 0, 9, 9)), replace(view, size=(9, 9)),
        replace(view, quality=84), replace(view, most_bytes=499_999), replace(view, whole=not view.whole),
        replace(view, regions=((number + 1, own),)), replace(view, regions=((number, mask(1, 1, 2, 2)),)),
    ]  # fmt: skip


def test_the_digest_depends_on_all_that_is_drawn_and_on_the_picture() -> None:
    (_, crop) = views([mask(10, 20, 50, 60)], SIZE, SETTINGS)
    digests = {crop.digest(PICTURE), crop.digest("b" * 64), *(other.digest(PICTURE) for other in changed(crop))}
    assert len(digests) == 2 + len(changed(crop))
    fields = set(View.__struct_fields__)
    assert fields == {"version", "window", "size", "whole", "regions", "quality", "most_bytes"}, "change them above too"


def test_the_digest_does_not_depend_on_settings_that_change_no_pixel() -> None:
    few = views([mask(10, 20, 50, 60)], SIZE, VisionSettings(crops=1))
    many = views([mask(10, 20, 50, 60)], SIZE, VisionSettings(crops=8))
    assert few == many


def test_digests_of_this_version_stay() -> None:
    """Answers are bought by them: another value here means that every seeing request is asked anew."""
    (whole, crop) = views([mask(10, 20, 50, 60)], SIZE, SETTINGS)
    assert whole.digest(PICTURE)[:16] == "21d37fb8c90902a5"
    assert crop.digest(PICTURE)[:16] == "0c064b752d47af3c"
