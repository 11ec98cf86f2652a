"""Regions drawn over their picture: tinted, outlined, numbered as the text numbers them."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import PIL.Image
import PIL.ImageColor
import PIL.ImageDraw
import PIL.ImageFont
from scipy import ndimage

from pipelines.views.colours import colour
from pipelines.views.masks import Bools, inmost, resized
from schemas import rle
from schemas.records import Mask

_TINT = 0.22
Floats = npt.NDArray[np.float32]


def grey(width: int, height: int) -> PIL.Image.Image:
    """What stands in for a picture that is not there."""
    return PIL.Image.new("RGB", (width, height), "#c9ccd1")


def draw_regions(image: PIL.Image.Image, masks: Sequence[Mask], *, longest: int | None = None) -> PIL.Image.Image:
    """The picture with its masks, the first one numbered 1; scaled down where its longer side exceeds `longest`.

    Masks are stretched to the picture's shape where the two differ.
    """
    size = _fitted(image.size, longest)
    shown = image.convert("RGB").resize(size, PIL.Image.Resampling.LANCZOS)
    pixels = np.asarray(shown, dtype=np.float32)
    small = [resized(rle.decode(mask), size) for mask in masks]
    for number, mask in enumerate(small, 1):
        pixels = _tinted(pixels, mask, colour(number), max(1, max(size) // 240))
    drawn = PIL.Image.fromarray(pixels.round().astype(np.uint8))
    pen = PIL.ImageDraw.Draw(drawn)
    for number, mask in enumerate(small, 1):
        _badge(pen, number, inmost(mask), _radius(size), size)
    return drawn


def _fitted(size: tuple[int, int], longest: int | None) -> tuple[int, int]:
    scale = min(1.0, longest / max(size)) if longest else 1.0
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _radius(size: tuple[int, int]) -> int:
    """Pixels of a badge's radius: readable, and small beside the picture."""
    return max(2, min(max(9, max(size) // 30), min(size) // 6))


def _tinted(pixels: Floats, mask: Bools, tint: str, line: int) -> Floats:
    """Blend the mask's inside, then a white rim outside and a solid rim inside."""
    paint = np.array(PIL.ImageColor.getrgb(tint), np.float32)
    outer = ndimage.binary_dilation(mask, iterations=line) & ~mask
    inner = mask & ~ndimage.binary_erosion(mask, iterations=line, border_value=1)
    pixels = np.where(mask[..., None], pixels * (1 - _TINT) + paint * _TINT, pixels)
    pixels = np.where(outer[..., None], pixels * 0.25 + 255 * 0.75, pixels)
    return np.where(inner[..., None], paint, pixels)


def _badge(
    pen: PIL.ImageDraw.ImageDraw, number: int, at: tuple[int, int, float] | None, radius: int, size: tuple[int, int]
) -> None:
    """A disc with the number, kept within the picture."""
    if at is None:
        return
    x, y = (
        min(max(place, radius + 1), max(side - radius - 2, radius + 1))
        for place, side in zip(at[:2], size, strict=True)
    )
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour(number), outline="white", width=2)
    font = PIL.ImageFont.load_default(size=radius * 1.25)
    pen.text((x, y), str(number), fill="white", font=font, anchor="mm", stroke_width=0.5, stroke_fill="#00000060")
