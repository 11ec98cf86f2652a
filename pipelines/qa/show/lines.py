"""A text of any script as lines of a given width in pixels, one after the other, so that a long one can be cut."""

import itertools
import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import PIL.ImageDraw

from pipelines.qa.show.fonts import BOTH_WAYS, FILES, font_for
from pipelines.views.colours import colour

INK = "#1c2330"
_NAME = re.compile(r"(<region\d{1,4}>)")
_KEPT = "\N{LEFT-TO-RIGHT MARK}\\1\N{LEFT-TO-RIGHT MARK}"
"""A region's name as it stands in a line that runs from right to left."""
_ORDERS = re.compile("[\u202a-\u202e\u2066-\u2069\u200e\u200f]")
"""Characters that turn what follows around."""


class Run(NamedTuple):
    """Characters in one font and colour."""

    text: str
    width: float
    ink: str


class Line(NamedTuple):
    """A line, and how many words begin on it."""

    words: Sequence[Sequence[Run]]
    begun: int
    leftward: bool
    """Whether its paragraph runs from right to left."""
    both_ways: bool
    """Whether it holds letters that run from right to left."""


class Style(NamedTuple):
    """How a text is set."""

    size: int
    ink: str = INK
    files: tuple[str, ...] = FILES

    @property
    def height(self) -> int:
        """Pixels from one line to the next."""
        return round(self.size * 1.4)


def lines(text: str, width: int, style: Style) -> Iterator[Line]:
    """The text, line by line; blanks count as one. A word that is wider than a line is broken anywhere."""
    for paragraph in text.split("\n"):
        order = _order(paragraph)
        for words, begun in _filled(_words(clean(paragraph), style), width, style):
            turns = any(_direction(char) < 0 for word in words for run in word for char in run.text)
            yield Line(words, begun, order < 0, turns)


def clean(text: str) -> str:
    """Without characters that are no part of a text: controls, and those that turn others around."""
    shown = "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(char) == "Cc" else char for char in
                    re.sub(r"\s+", " ", text))  # fmt: skip
    return _ORDERS.sub("", shown).strip()


def draw(pen: PIL.ImageDraw.ImageDraw, at: tuple[int, int], width: int, line: Line, style: Style) -> None:
    """Set a line within `width` pixels from `at`. Where letters run both ways the shaper orders them, in one colour."""
    if line.both_ways and BOTH_WAYS:
        text = _NAME.sub(_KEPT, " ".join("".join(run.text for run in word) for word in line.words))
        direction, start, anchor = ("rtl", at[0] + width, "ra") if line.leftward else ("ltr", at[0], "la")
        font = font_for(text, style.size, style.files)
        pen.text((start, at[1]), text, fill=style.ink, font=font, anchor=anchor, direction=direction)
        return
    x = float(at[0])
    for word in line.words:
        for run in word:
            pen.text((x, at[1]), run.text, fill=run.ink, font=font_for(run.text, style.size, style.files), anchor="la")
            x += run.width
        x += _blank(style)


def _words(text: str, style: Style) -> Iterator[list[Run]]:
    return (_runs(word, style) for word in text.split(" ") if word)


def _runs(word: str, style: Style) -> list[Run]:
    """A word cut at the names of regions, which have their colours, and where the font changes."""
    found = []
    for place, part in enumerate(_NAME.split(word)):
        ink = colour(int(part[7:-1]) or 1) if place % 2 else style.ink
        for font, chars in itertools.groupby(part, lambda char: font_for(char, style.size, style.files)):
            text = "".join(chars)
            found.append(Run(text, float(font.getlength(text)), ink))
    return found


def _filled(words: Iterator[list[Run]], width: int, style: Style) -> Iterator[tuple[list[list[Run]], int]]:
    """(words of a line, how many of them begin there), from left to right as they are stored."""
    line: list[list[Run]] = []
    used, begun, blank = 0.0, 0, _blank(style)
    for word in words:
        pieces = [word] if _width(word) <= width else list(_broken(word, width, style))
        for number, piece in enumerate(pieces):
            if line and (number or used + blank + _width(piece) > width):
                yield line, begun
                line, used, begun = [], 0.0, 0
            used += _width(piece) + (blank if line else 0)
            line.append(piece)
            begun += not number
    if line:
        yield line, begun


def _broken(word: list[Run], width: int, style: Style) -> Iterator[list[Run]]:
    """A word that is wider than a line, in pieces that are not."""
    piece: list[Run] = []
    for run in word:
        for char in run.text:
            one = Run(char, float(font_for(char, style.size, style.files).getlength(char)), run.ink)
            if piece and _width(piece) + one.width > width:
                yield piece
                piece = []
            piece.append(one)
    yield piece


def _width(word: Sequence[Run]) -> float:
    return sum(run.width for run in word)


def _blank(style: Style) -> float:
    return float(font_for(" ", style.size, style.files).getlength(" "))


def _order(paragraph: str) -> int:
    """-1 where the first letter runs from right to left, else 1."""
    return next((way for way in map(_direction, _NAME.sub("", paragraph)) if way), 1)


def _direction(char: str) -> int:
    """-1 for letters that run from right to left, 1 for others, 0 for what is no letter."""
    kind = unicodedata.bidirectional(char)
    return -1 if kind in ("R", "AL") else int(kind == "L")
