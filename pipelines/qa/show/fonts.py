"""Fonts at hand: for each character the first one that has it."""

from functools import cache, lru_cache
from typing import TypeAlias

import PIL.features
import PIL.ImageFont

Font: TypeAlias = PIL.ImageFont.FreeTypeFont | PIL.ImageFont.ImageFont

FILES = (
    "DejaVuSans.ttf", "NotoSans-Regular.ttf", "LiberationSans-Regular.ttf", "Arial.ttf", "NotoSansHebrew-Regular.ttf",
    "NotoSansArabic-Regular.ttf", "NotoSansDevanagari-Regular.ttf", "NotoSansThai-Regular.ttf",
    "NotoSansCJK-Regular.ttc", "wqy-microhei.ttc", "wqy-zenhei.ttc", "DroidSansFallbackFull.ttf", "PingFang.ttc",
    "msyh.ttc", "FreeSans.ttf", "Arial Unicode.ttf", "unifont.otf", "unifont.ttf",
)  # fmt: skip
"""Looked for where the system keeps its fonts; Pillow's own, which has Latin letters only, comes last."""
BOLD = ("DejaVuSans-Bold.ttf", "NotoSans-Bold.ttf", "LiberationSans-Bold.ttf", "Arial Bold.ttf")
_NOWHERE = "\U0010ffff"
"""No font has this one, so that it shows what a font draws for characters that it lacks."""

BOTH_WAYS = bool(PIL.features.check("raqm"))
"""Whether Pillow can shape texts and set them from right to left."""


@cache
def fonts(size: int, files: tuple[str, ...] = FILES) -> tuple[Font, ...]:
    """Those of the files that are on this machine, and Pillow's own."""
    found = [font for name in files if (font := _font(name, size))]
    return (*found, PIL.ImageFont.load_default(size))


@lru_cache(maxsize=8192)
def font_for(text: str, size: int, files: tuple[str, ...] = FILES) -> Font:
    """The first font that has all characters, else the one that has most of them."""
    at_hand = fonts(size, files)
    return max(at_hand, key=lambda font: (sum(_has(font, char) for char in text), -at_hand.index(font)))


def known(text: str, size: int) -> bool:
    """Whether every character is in some font."""
    return all(any(_has(font, char) for font in fonts(size)) for char in text)


@cache
def _font(name: str, size: int) -> Font | None:
    try:
        return PIL.ImageFont.truetype(name, size)
    except OSError:
        return None


@cache
def _has(font: Font, char: str) -> bool:
    if char.isspace():
        return True
    drawn, lacking = font.getmask(char), font.getmask(_NOWHERE)
    return drawn.size != lacking.size or bytes(drawn) != bytes(lacking)
