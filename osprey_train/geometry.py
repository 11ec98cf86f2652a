"""One transform for a picture and the masks on it.

The model sees a square. "squash" scales both axes to it, as published (paper, section 3); "pad" scales the longer
side, puts the picture at the top left and fills the rest with CLIP's mean colour. Masks are not decoded: the area that
a region covers of every cell is computed from the ends of the runs of its RLE, in whole numbers, and so exactly.
"""

import io
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import PIL.Image
import torch

from schemas import rle
from schemas.records import Mask

Resize = Literal["squash", "pad"]
Counts = npt.NDArray[np.int64]

CLIP_MEAN_COLOUR = (123, 117, 104)
"""CLIP's mean (0.4815, 0.4578, 0.4082) in eight bits: zero after the normalisation, but for rounding."""
BEHIND = (255, 255, 255)
"""What shows through transparent pixels, whose own colour is often arbitrary; the builders see the same."""


class Frame(NamedTuple):
    """The square that the model sees, and the grid on it that its masks are given on."""

    image_size: int
    """Pixels of a side."""
    mask_size: int
    """Cells of a side."""
    resize: Resize = "squash"

    def content(self, height: int, width: int) -> tuple[int, int]:
        """Height and width, in pixels of the square, of what a picture of that size becomes."""
        if self.resize == "squash":
            return self.image_size, self.image_size
        scale = self.image_size / max(height, width)
        return max(1, round(height * scale)), max(1, round(width * scale))


def picture(image: bytes | PIL.Image.Image, frame: Frame) -> torch.Tensor:
    """The picture as the model sees it: uint8 (3, image_size, image_size), RGB, not normalised.

    Pixels are taken as they are stored, as those of the masks are: EXIF data turn nothing.

    Raises:
        ValueError: no picture, or a broken one.
    """
    pixels = decode(image)
    height, width = frame.content(*pixels.shape[1:])
    scaled = _scaled(pixels, height, width)
    if (height, width) == (frame.image_size, frame.image_size):
        return scaled
    square = torch.empty(3, frame.image_size, frame.image_size, dtype=torch.uint8)
    square[:] = torch.tensor(CLIP_MEAN_COLOUR)[:, None, None]
    square[:, :height, :width] = scaled
    return square


def _scaled(pixels: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Bicubic, smoothed where it shrinks. The kernel is fast on colours that lie side by side, as Pillow gives them."""
    if pixels.shape[1:] == (height, width):
        return pixels.contiguous()
    batch = pixels[None].contiguous(memory_format=torch.channels_last)
    found = torch.nn.functional.interpolate(batch, (height, width), mode="bicubic", antialias=True)
    return found[0].contiguous()


def decode(image: bytes | PIL.Image.Image) -> torch.Tensor:
    """uint8 (3, height, width) in RGB of any picture that Pillow reads.

    Raises:
        ValueError: no picture, or a broken one.
    """
    try:
        opened = PIL.Image.open(io.BytesIO(image)) if isinstance(image, bytes) else image
        return torch.from_numpy(np.array(rgb(opened))).permute(2, 0, 1)
    except (OSError, SyntaxError, ValueError, PIL.Image.DecompressionBombError) as error:
        raise ValueError(f"the picture cannot be decoded: {error}") from error


def rgb(image: PIL.Image.Image) -> PIL.Image.Image:
    """Any of Pillow's modes in eight bits a colour: grey, palette, CMYK, 16 bit, transparent."""
    if image.mode == "RGB" and not image.has_transparency_data:
        return image
    if image.mode.startswith(("I", "F")):
        values = np.asarray(image, dtype=np.float64)
        white = 65_535.0 if image.mode != "F" and values.max() > 255 else max(float(values.max()), 255.0)
        image = PIL.Image.fromarray((values.clip(0, white) * (255 / white)).round().astype(np.uint8))
    if image.has_transparency_data:
        above = image.convert("RGBA")
        image = PIL.Image.alpha_composite(PIL.Image.new("RGBA", above.size, (*BEHIND, 255)), above)
    return image.convert("RGB")


def coverage(masks: Sequence[Mask], frame: Frame) -> torch.Tensor:
    """How much of every cell's area lies inside each mask: uint8 (regions, mask_size, mask_size), 255 is all of it.

    Shares are rounded up, so that no pixel of a mask is lost, however large the picture.

    Raises:
        ValueError: masks of several sizes, or counts that are no RLE of the mask's size.
    """
    if len({mask.size for mask in masks}) > 1:
        raise ValueError(f"masks of several sizes (height, width): {sorted({mask.size for mask in masks})}")
    found = np.zeros((len(masks), frame.mask_size, frame.mask_size), np.uint8)
    for index, mask in enumerate(masks):
        _cover(found[index], mask, frame)
    return torch.from_numpy(found)


def _cover(cells: npt.NDArray[np.uint8], mask: Mask, frame: Frame) -> None:
    """Write one mask's shares.

    Lengths are counted in units that make both a pixel and a cell a whole number of them, along each axis on its own:
    with n cells on a square of S pixels, and `side` pixels of the mask scaled to `scaled` pixels of the square, a
    pixel of the mask is n * scaled units long and a cell S * side. Areas stay below 2**53, where floats are exact.

    A run is the area above its end less that above its start: in the column of each, a part of one cell and all cells
    above. Runs of several columns fill all but their last one to the bottom besides.
    """
    borders, (height, width) = _borders(mask), mask.size
    if not len(borders):
        return
    scaled = frame.content(height, width)
    tall, wide = (frame.mask_size * side for side in scaled)
    cell_height, cell_width = frame.image_size * height, frame.image_size * width
    is_end = np.arange(len(borders)) % 2
    x, y = np.divmod(borders - is_end, height)
    sign = 2 * is_end - 1
    row, part = np.divmod((y + is_end) * tall, cell_height)
    column, length = _cells_of(x, wide, cell_width)
    open_runs = -np.cumsum(np.bincount(x - x[0], sign))
    top, left, bottom = int(row.min()), int(column[0, 0]), int(row.max())
    if several := bool(open_runs.any()):
        top, bottom = 0, height * tall // cell_height
    shape = (int(column.max()) - left + 1, bottom - top + 1)
    place = (column - left) * shape[1] + row - top
    areas, above = (
        np.bincount(place.ravel(), (sign * share * length).ravel(), shape[0] * shape[1]).reshape(shape)
        for share in (part, cell_height)
    )
    areas[:, :-1] += np.cumsum(above[:, :0:-1], axis=1)[:, ::-1]
    if several:
        column, length = _cells_of(np.arange(x[0], x[-1] + 1), wide, cell_width)
        widths = np.bincount((column - left).ravel(), (length * open_runs).ravel(), shape[0])
        areas += widths[:, None] * np.diff(np.minimum(np.arange(shape[1] + 1) * cell_height, height * tall))
    shares = -(-areas.T.astype(np.int64) * 255 // (cell_height * cell_width))
    cells[top : bottom + 1, left : left + shape[0]] = shares[: frame.mask_size - top, : frame.mask_size - left]


def _cells_of(pixels: Counts, pixel: int, cell: int) -> tuple[Counts, Counts]:
    """The cells, along one axis, that pixels may reach into, and how far they do: two arrays (reach, pixels)."""
    start = pixels * pixel
    cells = start // cell + np.arange(-(-pixel // cell) + 1)[:, None]
    reached = np.minimum(start + pixel, (cells + 1) * cell) - np.maximum(start, cells * cell)
    return cells, reached.clip(0)


def _borders(mask: Mask) -> Counts:
    """Where runs of ones start and end, in turn, counting pixels column by column."""
    lengths = rle.run_lengths(mask.counts)
    if mask.size[0] <= 0 or mask.size[1] <= 0:
        raise ValueError(f"a mask of {mask.size[0]} x {mask.size[1]} pixels")
    if (lengths < 0).any():
        raise ValueError("a run length is negative")
    ends = np.cumsum(lengths)
    if not len(ends) or ends[-1] != mask.size[0] * mask.size[1]:
        total = int(ends[-1]) if len(ends) else 0
        raise ValueError(f"runs add up to {total} pixels, the mask has {mask.size[0]} x {mask.size[1]}")
    return ends if len(ends) % 2 == 0 else ends[:-1]
