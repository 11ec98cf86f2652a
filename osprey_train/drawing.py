"""A picture with its regions outlined, and the answers below it."""

import textwrap
from collections.abc import Sequence

import numpy as np
import PIL.Image
import PIL.ImageColor
import PIL.ImageDraw
import PIL.ImageFont

from osprey_train.describer import Answer, Region
from schemas import rle
from schemas.rle import BoolArray

COLOURS = ("#e6194b", "#3cb44b", "#4363d8", "#f58231", "#911eb4", "#008080", "#9a6324", "#808000")
"""Of the regions in turn: they stand out from each other and from most pictures."""
SIDE = 768
"""Pixels of the longer side of the picture as it is drawn."""
FONT, MARGIN = 18, 12


def drawn(picture: PIL.Image.Image, regions: Sequence[Region], answers: Sequence[Answer]) -> PIL.Image.Image:
    """The picture, scaled to `SIDE`, with numbered outlines; questions and answers below."""
    scale = SIDE / max(picture.size)
    shown = picture.resize((max(1, round(picture.width * scale)), max(1, round(picture.height * scale))))
    for number, region in enumerate(regions, 1):
        _outline(shown, rle.decode(region.mask), number)
    lines = _lines(answers, max(shown.width, SIDE // 2) - 2 * MARGIN)
    height = shown.height + len(lines) * (FONT + 6) + (2 * MARGIN if lines else 0)
    page = PIL.Image.new("RGB", (max(shown.width, SIDE // 2), height), "white")
    page.paste(shown)
    pen = PIL.ImageDraw.Draw(page)
    for row, (text, colour) in enumerate(lines):
        pen.text((MARGIN, shown.height + MARGIN + row * (FONT + 6)), text, colour, PIL.ImageFont.load_default(FONT))
    return page


def _outline(shown: PIL.Image.Image, mask: BoolArray, number: int) -> None:
    """A line around the region, light outside and in its colour inside, and its number at its top left."""
    colour = COLOURS[(number - 1) % len(COLOURS)]
    inside = np.asarray(PIL.Image.fromarray(mask).resize(shown.size)) | _seed(mask, shown.size)
    pixels = np.array(shown)
    pixels[_grown(inside, 2) & ~inside] = 255
    pixels[inside & ~_shrunk(inside, 3)] = PIL.ImageColor.getrgb(colour)
    shown.paste(PIL.Image.fromarray(pixels))
    rows, columns = np.nonzero(inside)
    left = int(columns[rows == rows.min()].min())
    x, y = min(left, shown.width - 2 * FONT), max(0, int(rows.min()) - FONT - 6)
    font, pen = PIL.ImageFont.load_default(FONT), PIL.ImageDraw.Draw(shown)
    box = pen.textbbox((x + 4, y + 1), str(number), font)
    pen.rectangle((x, y, box[2] + 4, y + FONT + 4), colour)
    pen.text((x + 4, y + 1), str(number), "white", font)


def _seed(mask: BoolArray, size: tuple[int, int]) -> BoolArray:
    """One pixel inside the mask: what is a pixel wide may be lost where the picture is made smaller."""
    row, column = np.argwhere(mask)[0]
    seed = np.zeros((size[1], size[0]), bool)
    seed[int(row * size[1] / mask.shape[0]), int(column * size[0] / mask.shape[1])] = True
    return seed


def _grown(inside: BoolArray, pixels: int, beyond: bool = False) -> BoolArray:
    """With all that is at most so many pixels away along both axes; `beyond` is what lies outside the picture."""
    for axis in (0, 1):
        padded = np.pad(inside, [(pixels, pixels) if axis == one else (0, 0) for one in (0, 1)], constant_values=beyond)
        inside = np.asarray(np.lib.stride_tricks.sliding_window_view(padded, 2 * pixels + 1, axis).any(axis=-1))
    return inside


def _shrunk(inside: BoolArray, pixels: int) -> BoolArray:
    return ~_grown(~inside, pixels, beyond=True)


def _lines(answers: Sequence[Answer], width: int) -> list[tuple[str, str]]:
    """Lines of text and their colours."""
    columns = max(10, int(width / (FONT * 0.52)))
    found: list[tuple[str, str]] = []
    for answer in answers:
        number = ", ".join(map(str, answer.regions))
        colour = COLOURS[(answer.regions[0] - 1) % len(COLOURS)] if len(answer.regions) == 1 else "black"
        found += [(line, "#666666") for line in textwrap.wrap(answer.ask, columns)]
        found += [
            (line, colour) for line in textwrap.wrap(f"{number}: {answer.text}" if number else answer.text, columns)
        ]
    return found
