"""What run lengths say of the paper's pooling is what torch does to the drawn mask."""

import numpy as np
import pyarrow as pa
import torch
from hypothesis import given
from hypothesis import strategies as st

from pipelines.qa.figures import vanishing
from pipelines.qa.figures.vanishing import STRIDES, seen
from schemas import rle


@st.composite
def masks(draw: st.DrawFn) -> np.ndarray:
    """A few pixels, strips or blocks somewhere in a picture of any shape."""
    height, width = draw(st.integers(1, 300)), draw(st.integers(1, 300))
    pixels = np.zeros((height, width), bool)
    for _ in range(draw(st.integers(0, 3))):
        y, x = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
        pixels[y : y + draw(st.integers(1, 20) | st.just(height)), x : x + draw(st.integers(1, 20))] = True
    return pixels


def torch_sees(pixels: np.ndarray) -> list[bool]:
    """The published pooling: `interpolate(mask, size of the map, mode="bilinear", align_corners=False) > 0`."""
    drawn = torch.from_numpy(pixels).float()[None, None]
    sizes = [vanishing.IMAGE_SIZE // stride for stride in STRIDES]
    resized = [torch.nn.functional.interpolate(drawn, (size, size), mode="bilinear") for size in sizes]
    return [bool((one > 0).any()) for one in resized]


def told(drawn: list[np.ndarray]) -> list[list[bool]]:
    sizes = np.array([pixels.shape for pixels in drawn], np.int64).reshape(-1, 2)
    counts = pa.array([rle.encode(pixels).counts for pixels in drawn], pa.string())
    found: list[list[bool]] = seen(counts, sizes[:, 0], sizes[:, 1]).tolist()
    return found


@given(st.lists(masks(), max_size=4))
def test_any_masks(drawn: list[np.ndarray]) -> None:
    assert told(drawn) == [torch_sees(pixels) for pixels in drawn]


def test_every_place_of_a_small_square() -> None:
    """In a picture of 640 x 480, about as the paper's facts say: three of four 16-pixel squares miss the last map."""
    drawn = []
    for y, x in ((y, x) for y in range(0, 40, 3) for x in range(0, 40, 3)):
        pixels = np.zeros((480, 640), bool)
        pixels[100 + y : 108 + y, 200 + x : 208 + x] = True
        drawn.append(pixels)
    found = told(drawn)
    assert found == [torch_sees(pixels) for pixels in drawn]
    shares = np.mean(found, axis=0)
    assert shares[0] == 1
    assert 0 < shares[3] < shares[2] < 1


def test_broken_masks_are_not_seen() -> None:
    counts = pa.array(["", "zzz", rle.encode(np.ones((4, 4), bool)).counts, "\x00"])
    sizes = np.array([4, 4, 4, 0])
    assert seen(counts, sizes, sizes).any(axis=1).tolist() == [False, False, True, False]
    assert seen(counts.slice(0, 0), sizes[:0], sizes[:0]).shape == (0, 4)
