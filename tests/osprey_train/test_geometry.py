"""Pictures and masks in one frame, against plain numpy at full resolution."""

import io
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from osprey_train.geometry import CLIP_MEAN_COLOUR, Frame, coverage, decode, picture
from schemas import rle
from schemas.records import Mask
from tests.properties import quick

Pixels = npt.NDArray[np.bool_]

shapes = array_shapes(min_dims=2, max_dims=2, max_side=40)
noise = arrays(np.bool_, shapes)
frames = st.builds(Frame, st.sampled_from([16, 32]), st.sampled_from([4, 8, 16]), st.sampled_from(["squash", "pad"]))


@st.composite
def dots(draw: st.DrawFn) -> Pixels:
    """A pixel or a few in a picture that may be far larger than the grid, or much longer than wide."""
    height, width = draw(st.integers(1, 900)), draw(st.integers(1, 900))
    pixels = np.zeros((height, width), bool)
    for _ in range(draw(st.integers(1, 3))):
        pixels[draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))] = True
    return pixels


def overlaps(pixels: int, scaled: int, frame: Frame) -> npt.NDArray[np.int64]:
    """How much of each pixel (column) lies in each cell (row), in units of 1 / (pixels * mask_size) of the square's
    pixels."""
    cells = np.arange(frame.mask_size + 1)[:, None] * frame.image_size * pixels
    edges = np.arange(pixels + 1)[None] * frame.mask_size * scaled
    return np.maximum(np.minimum(cells[1:], edges[:, 1:]) - np.maximum(cells[:-1], edges[:, :-1]), 0)


def by_hand(pixels: Pixels, frame: Frame) -> npt.NDArray[np.int64]:
    """Shares in 1/255, rounded up, from every pixel."""
    height, width = pixels.shape
    scaled = frame.content(height, width)
    rows, columns = overlaps(height, scaled[0], frame), overlaps(width, scaled[1], frame)
    return -(-(rows @ pixels.astype(np.int64) @ columns.T) * 255 // (frame.image_size**2 * height * width))


@quick
@given(noise | dots(), frames)
def test_coverage_is_exact(pixels: Pixels, frame: Frame) -> None:
    found = coverage([rle.encode(pixels)], frame)
    assert found.dtype == torch.uint8
    np.testing.assert_array_equal(found[0].numpy(), by_hand(pixels, frame))


@quick
@given(dots(), st.sampled_from(["squash", "pad"]))
def test_no_mask_is_lost_on_any_level(pixels: Pixels, resize: Any) -> None:
    """The maps of the vision tower have strides 4, 8, 16 and 32: means of 2 x 2 cells, three times."""
    cells = coverage([rle.encode(pixels)], Frame(512, 128, resize)).float()[None]
    for _ in range(4):
        assert cells.sum() > 0
        cells = torch.nn.functional.avg_pool2d(cells, 2)


@quick
@given(noise, frames)
def test_covered_area_is_the_mask_s(pixels: Pixels, frame: Frame) -> None:
    """Up to the rounding: less than 1/255 for each cell that the mask touches."""
    found = coverage([rle.encode(pixels)], frame)[0].double() / 255
    height, width = frame.content(*pixels.shape)
    whole = pixels.mean() * height * width * (frame.mask_size / frame.image_size) ** 2
    assert whole - 1e-9 <= found.sum() <= whole + int((found > 0).sum()) / 255


def test_full_masks_cover_the_picture_and_nothing_else() -> None:
    full = rle.encode(np.ones((30, 60), bool))
    assert (coverage([full], Frame(16, 8, "squash")) == 255).all()
    padded = coverage([full], Frame(16, 8, "pad"))[0]
    assert (padded[:4] == 255).all()
    assert (padded[4:] == 0).all()


def test_empty_and_no_masks() -> None:
    frame = Frame(16, 8)
    assert not coverage([rle.encode(np.zeros((5, 7), bool))], frame).any()
    assert coverage([], frame).shape == (0, 8, 8)


@quick
@given(st.data(), st.sampled_from(["squash", "pad"]))
def test_a_region_s_pixels_and_cells_are_in_the_same_place(data: st.DataObject, resize: Any) -> None:
    """A white rectangle on black: where its mask covers a cell wholly, the picture is white, and black outside."""
    height, width = data.draw(st.integers(20, 150)), data.draw(st.integers(20, 150))
    top, left = data.draw(st.integers(0, height - 12)), data.draw(st.integers(0, width - 12))
    pixels = np.zeros((height, width), bool)
    pixels[top : top + data.draw(st.integers(12, 80)), left : left + data.draw(st.integers(12, 80))] = True
    shown = PIL.Image.fromarray(np.where(pixels, 255, 0).astype(np.uint8))
    frame = Frame(64, 64, resize)
    grey = picture(shown, frame).float().mean(0)
    cells = coverage([rle.encode(pixels)], frame)[0].float()
    inside = torch.nn.functional.avg_pool2d(cells[None], 5, 1)[0] == 255
    around = torch.nn.functional.max_pool2d(cells[None], 7, 1)[0]
    content = frame.content(height, width)
    assert (grey[2:-2, 2:-2][inside] > 200).all()
    assert (grey[3:-3, 3:-3][around == 0][: content[0]] < 120).all()
    assert abs(float((grey / 255)[: content[0], : content[1]].sum()) - float(cells.sum()) / 255) < 12 + 0.05 * 64**2


def test_padding_is_clip_s_mean_colour_below_or_beside() -> None:
    red = PIL.Image.new("RGB", (20, 40), (255, 0, 0))
    found = picture(red, Frame(32, 8, "pad"))
    assert found.shape == (3, 32, 32)
    assert (found[:, :, :16] == torch.tensor([255, 0, 0])[:, None, None]).all()
    assert (found[:, :, 16:] == torch.tensor(CLIP_MEAN_COLOUR)[:, None, None]).all()


def file_of(image: PIL.Image.Image, form: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def halves(mode: str = "RGB") -> PIL.Image.Image:
    """Left black, right white."""
    image = PIL.Image.new("L", (64, 32))
    image.paste(255, (32, 0, 64, 32))
    return image.convert(mode)


@pytest.mark.parametrize(
    ("mode", "form"),
    [("RGB", "JPEG"), ("L", "JPEG"), ("CMYK", "JPEG"), ("RGB", "PNG"), ("P", "PNG"), ("1", "PNG"), ("LA", "PNG"),
     ("RGBA", "PNG"), ("RGB", "WEBP"), ("RGB", "BMP"), ("P", "GIF"), ("L", "TIFF")],
)  # fmt: skip
def test_every_form_of_picture(mode: str, form: str) -> None:
    found = decode(file_of(halves(mode), form))
    assert (found.shape, found.dtype) == ((3, 32, 64), torch.uint8)
    assert (found[:, :, :28] < 16).all()
    assert (found[:, :, 36:] > 239).all()


def test_sixteen_bits_keep_their_middle_tones() -> None:
    values = np.array([[0, 32_768, 65_535]], np.uint16)
    assert decode(file_of(PIL.Image.fromarray(values), "PNG"))[0].tolist() == [[0, 128, 255]]


def test_transparent_pixels_are_white() -> None:
    clear = PIL.Image.new("RGBA", (2, 2), (255, 0, 0, 0))
    assert (decode(file_of(clear, "PNG")) == 255).all()


def test_exif_turns_nothing() -> None:
    turned = PIL.Image.Exif()
    turned[0x0112] = 6
    content = file_of(halves(), "JPEG", exif=turned.tobytes())
    assert decode(content).shape == (3, 32, 64)


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_broken_pictures_are_refused(form: str) -> None:
    content = file_of(PIL.Image.effect_noise((64, 64), 90).convert("RGB"), form)
    for broken in (content[: len(content) // 2], content[:20], b"", b"no picture"):
        with pytest.raises(ValueError, match="cannot be decoded"):
            decode(broken)


@pytest.mark.parametrize(
    ("counts", "reason"),
    [("52203", "add up to 16 pixels"), ("", "add up to 0"), ("o", "within a number"), ("0 5", "not part of"),
     ("9N9", "negative"), ("n" * 30 + "0", "longer than any picture")],
)  # fmt: skip
def test_corrupt_counts_are_refused(counts: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        coverage([Mask(size=(5, 5), counts=counts)], Frame(16, 4))


def test_masks_of_several_sizes_are_refused() -> None:
    masks = [rle.encode(np.ones((height, 5), bool)) for height in (4, 5)]
    with pytest.raises(ValueError, match="several sizes"):
        coverage(masks, Frame(16, 4))


def test_the_largest_picture_of_all() -> None:
    """The whole numbers of its areas fit 64 bits."""
    mask = Mask(size=(rle.MAX_SIDE, 32_000), counts=_counts([rle.MAX_SIDE * 31_999, rle.MAX_SIDE]))
    found = coverage([mask], Frame(1024, 512))[0]
    assert found[:, :-1].sum() == 0
    assert (found[:, -1] == 5).all()
    """A column of 32,000 is 0.016 of a cell's width."""


def _counts(runs: list[int]) -> str:
    from pycocotools import mask as coco_mask

    size = (rle.MAX_SIDE, sum(runs) // rle.MAX_SIDE)
    return str(coco_mask.frPyObjects({"size": list(size), "counts": runs}, *size)["counts"].decode())
