"""Files of every kind to eight bits of RGB, in the size that the annotations say."""

import io
from typing import Any

import numpy as np
import PIL.Image
import pytest

from pipelines.views.picture import decode, rgb


def file(picture: PIL.Image.Image, form: str = "PNG", **options: Any) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, form, **options)
    return stream.getvalue()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_modes_of_png(mode: str) -> None:
    made = decode(file(PIL.Image.new(mode, (30, 20))), (30, 20))
    assert (made.mode, made.size) == ("RGB", (30, 20))


@pytest.mark.parametrize("mode", ["PA", "CMYK", "YCbCr", "LAB", "HSV", "I", "F", "RGBX"])
def test_other_modes(mode: str) -> None:
    assert rgb(PIL.Image.new(mode, (5, 4))).mode == "RGB"


def test_cmyk_jpeg_keeps_its_colour() -> None:
    red = PIL.Image.new("RGB", (16, 16), (200, 30, 30)).convert("CMYK")
    pixel = np.asarray(decode(file(red, "JPEG", quality=95), (16, 16)))[8, 8].astype(int)
    assert pixel[0] > 150
    assert pixel[1] < 80


def test_sixteen_bits_are_scaled_and_not_cut_off() -> None:
    ramp = np.linspace(0, 65_535, 256, dtype=np.uint16).reshape(16, 16)
    made = np.asarray(decode(file(PIL.Image.fromarray(ramp)), (16, 16)))[..., 0]
    assert made.min() == 0
    assert made.max() == 255
    assert abs(int(made[8, 0]) - 128) <= 2


def test_dark_values_of_a_wide_mode_are_taken_as_eight_bits() -> None:
    grey = PIL.Image.fromarray(np.full((4, 4), 200, np.int32))
    assert np.asarray(rgb(grey))[0, 0].tolist() == [200, 200, 200]


def test_what_is_transparent_shows_white() -> None:
    clear = PIL.Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    assert np.asarray(decode(file(clear), (8, 8)))[0, 0].tolist() == [255, 255, 255]


def turned(orientation: int) -> bytes:
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    picture = PIL.Image.new("RGB", (40, 20), "white")
    picture.paste((255, 0, 0), (0, 0, 20, 20))
    return file(picture, "JPEG", exif=exif, quality=95)


def test_stored_pixels_count_where_the_annotations_fit_them() -> None:
    made = decode(turned(6), (40, 20))
    assert made.size == (40, 20)
    assert np.asarray(made)[10, 5, 1] < 60, "red on the left, as stored"


def test_turned_pixels_count_where_only_they_fit() -> None:
    made = decode(turned(6), (20, 40))
    assert made.size == (20, 40)
    assert np.asarray(made)[5, 10, 1] < 60, "red at the top, as turned"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"no picture", "cannot be decoded"),
        (file(PIL.Image.new("RGB", (300, 200), "red"), "JPEG")[:200], "cannot be decoded"),
        (b"", "cannot be decoded"),
        (file(PIL.Image.new("RGB", (300, 200))), "has 300 x 200 pixels, the annotations say 30 x 20"),
    ],
)
def test_what_is_no_such_picture(content: bytes, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        decode(content, (30, 20))
