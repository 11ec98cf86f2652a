"""Regions drawn over their picture: tinted, outlined, numbered as the text numbers them."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import PIL.Image
import PIL.ImageColor
import PIL.ImageDraw
import PIL.ImageFont
from scipy import ndimage

from pipelines.qa.page.badges import Badge, badges, radius_for
from pipelines.views.colours import colour, ink
from pipelines.views.masks import Bools, resized
from schemas import rle
from schemas.records import Mask

_TINT = 0.22
Floats = npt.NDArray[np.float32]


def grey(width: int, height: int) -> PIL.Image.Image:
    """What stands in for a picture that is not there."""
    return PIL.Image.new("RGB", (width, height), "#c9ccd1")


def draw_regions(image: PIL.Image.Image, masks: Sequence[Mask], *, longest: int | None = None) -> PIL.Image.Image:
    """The picture with its masks, the first one numbered 1; scaled down where its longer side exceeds `longest`.

    Masks are stretched to the picture's shape where the two differ. The number of a small region stands beside it.
    """
    size = fitted(image.size, longest)
    pixels = np.asarray(image.convert("RGB").resize(size, PIL.Image.Resampling.LANCZOS), dtype=np.float32)
    small = [resized(rle.decode(mask), size) for mask in masks]
    for number, mask in enumerate(small, 1):
        pixels = _tinted(pixels, mask, colour(number), max(1, max(size) // 240))
    drawn = PIL.Image.fromarray(pixels.round().astype(np.uint8))
    radius = radius_for(size)
    _number(drawn, badges(small, radius), radius)
    return drawn


def fitted(size: tuple[int, int], longest: int | None) -> tuple[int, int]:
    """A picture's (width, height) with its longer side at most `longest`."""
    scale = min(1.0, longest / max(size)) if longest else 1.0
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _tinted(pixels: Floats, mask: Bools, tint: str, line: int) -> Floats:
    """Blend the mask's inside, then a white rim outside and a solid rim inside."""
    paint = np.array(PIL.ImageColor.getrgb(tint), np.float32)
    outer = ndimage.binary_dilation(mask, iterations=line) & ~mask
    inner = mask & ~ndimage.binary_erosion(mask, iterations=line, border_value=1)
    pixels = np.where(mask[..., None], pixels * (1 - _TINT) + paint * _TINT, pixels)
    pixels = np.where(outer[..., None], pixels * 0.25 + 255 * 0.75, pixels)
    return np.where(inner[..., None], paint, pixels)


def _number(image: PIL.Image.Image, places: Sequence[Badge | None], radius: int) -> None:
    """First all lines, then the discs with their numbers."""
    pen = PIL.ImageDraw.Draw(image)
    font = PIL.ImageFont.load_default(size=radius * 1.25)
    placed = [(number, place) for number, place in enumerate(places, 1) if place]
    for number, place in placed:
        if place.tip:
            pen.line((place.x, place.y, *place.tip), fill="white", width=max(3, radius // 4))
            pen.line((place.x, place.y, *place.tip), fill=colour(number), width=max(1, radius // 8))
    for number, (x, y, _) in placed:
        disc = (x - radius, y - radius, x + radius, y + radius)
        pen.ellipse(disc, fill=colour(number), outline="white", width=max(1, radius // 6))
        pen.text((x, y), str(number), fill=ink(number), font=font, anchor="mm")
