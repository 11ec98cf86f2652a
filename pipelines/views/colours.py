"""One colour a region."""

import PIL.ImageColor

PALETTE = (
    "#e4572e", "#1f78d1", "#f2b134", "#3aa66b", "#a04bc4", "#12a5b4", "#e05d9c", "#7c8b1f", "#8a5a3c", "#5662d6",
)  # fmt: skip
"""Colours of regions 1, 2, ...; after the last one they start again."""

_BRIGHT = 150
"""Luma, 0 to 255, from which on black can be read better than white."""


def colour(number: int) -> str:
    """Colour of region `number`, counted from 1."""
    return PALETTE[(number - 1) % len(PALETTE)]


def rgb(number: int) -> tuple[int, int, int]:
    """The same as numbers."""
    red, green, blue = PIL.ImageColor.getrgb(colour(number))[:3]
    return red, green, blue


def ink(number: int) -> str:
    """Black or white, whichever can be read on the region's colour."""
    red, green, blue = rgb(number)
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue >= _BRIGHT else "white"
