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
    pixel of the mask is n * scaled units long and a cell S * side. All stays far below 2**63 for sides up to 65,535.
    """
    height, width = mask.size
    scaled_height, scaled_width = frame.content(height, width)
    columns, inside = _columns(mask, frame.mask_size * scaled_height, frame.image_size * height, frame.mask_size)
    if not len(inside):
        return
    pixel, cell = frame.mask_size * scaled_width, frame.image_size * width
    first, last = columns.start * pixel // cell, -(-columns.stop * pixel // cell)
    edges = np.arange(first, last + 1) * cell - columns.start * pixel
    areas = np.diff(_integral(inside, pixel, edges), axis=0)
    whole = frame.image_size * height * cell
    cells[:, first:last] = -(-areas.T * 255 // whole)


def _columns(mask: Mask, pixel: int, cell: int, count: int) -> tuple[range, Counts]:
    """The columns of pixels from the first to the last that the mask has a pixel in; how long it is there in each cell.

    The array is (columns, cells), empty for an empty mask. A run is the area below its start less that below its end,
    so only the ends of runs are looked at: each lies in one cell, part of which is before it, and so are all cells
    above.
    """
    borders = _borders(mask)
    if not len(borders):
        return range(0), np.zeros((0, count), np.int64)
    x, y = np.divmod(borders, mask.size[0])
    columns = range(int(x[0]), -(-int(borders[-1]) // mask.size[0]))
    x -= columns.start
    sign = np.where(np.arange(len(x)) % 2 == 0, -1, 1)
    at, part = np.divmod(y * pixel, cell)
    shape = (len(columns) + 1, count + 1)
    place = x * shape[1] + at
    above = np.bincount(place, sign * cell, shape[0] * shape[1]).reshape(shape)
    inside = np.bincount(place, sign * part, shape[0] * shape[1]).reshape(shape)[:-1, :-1]
    inside += np.cumsum(above[:-1, ::-1], axis=1)[:, -2::-1]
    full = -np.cumsum(np.bincount(x, sign, shape[0]))[:-1]
    column = np.diff(np.minimum(np.arange(count + 1) * cell, mask.size[0] * pixel))
    return columns, (inside + full[:, None] * column).astype(np.int64)


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


def _integral(rows: Counts, pixel: int, edges: Counts) -> Counts:
    """Sums over what lies before each of the edges, of rows that are `pixel` long each: (edges, ...)."""
    before = np.zeros((len(rows) + 1, *rows.shape[1:]), np.int64)
    np.cumsum(rows, axis=0, out=before[1:])
    edges = edges.clip(0, len(rows) * pixel)
    at, part = np.divmod(edges, pixel)
    following = rows[np.minimum(at, len(rows) - 1)]
    return before[at] * pixel + following * part[:, None]
