"""A row as a picture: its regions numbered on it and listed below, its conversation beside it."""

import itertools
from collections.abc import Mapping
from typing import Any, NamedTuple

import PIL.Image
import PIL.ImageDraw

from pipelines.qa.page import pictures
from pipelines.qa.page.drawing import draw_regions, grey
from pipelines.qa.page.pictures import Wanted
from pipelines.qa.show import fonts, lines
from pipelines.qa.show.lines import Line, Style
from pipelines.views.colours import colour, ink
from schemas.records import Mask

LEFT, RIGHT, MARGIN = 900, 760, 28
"""Pixels: the longer side of the picture, the breadth of the conversation, and what is free around them."""
THUMBNAIL = 5
"""Times that a picture is enlarged, from which on it is not smoothed."""
TALLEST = 1500
"""Pixels of the conversation, beyond which it is cut."""
MOST_REGIONS = 24
"""Lines of the list below the picture."""
MOST_LINES = 3
"""Lines of one region in that list."""
INDENT = 32
"""Pixels from the left of that list to its texts."""
MOST_CHARS = 20_000
"""Of a message, beyond which no more could be shown."""

PAPER, FAINT, WARN = "#ffffff", "#6b7483", "#b3541e"
TITLE = Style(20, files=(*fonts.BOLD, *fonts.FILES))
SMALL = Style(14, FAINT)
TEXT = Style(18)
ROLE = Style(14, FAINT, (*fonts.BOLD, *fonts.FILES))
NOTE = Style(14, WARN)


class Drawn(NamedTuple):
    """The picture, and what is not on it."""

    image: PIL.Image.Image
    notes: list[str]


class _Set(NamedTuple):
    """A line with its style and the space above it."""

    line: Line
    style: Style
    above: int = 0


def draw(row: Mapping[str, Any], data: str | None) -> Drawn:
    """A row of a shard, all columns. The picture comes from the row or from below `data`, else masks stand on grey."""
    image, notes = _picture(row, data)
    told = [_set(line, NOTE) for note in notes for line in lines.lines(note, image.width, NOTE)]
    listed = _listed(row, image.width)
    legend = _height(told) + sum(map(_entry_height, listed)) + _more_regions(row) * TEXT.height + MARGIN
    talk, cut = _talk(row, max(TALLEST, image.height + legend))
    height = max(image.height + legend, _height(talk)) + 2 * MARGIN
    sheet = PIL.Image.new("RGB", (image.width + RIGHT + 3 * MARGIN, height), PAPER)
    pen = PIL.ImageDraw.Draw(sheet)
    sheet.paste(image, (MARGIN, MARGIN))
    below = _write(pen, told, (MARGIN, MARGIN + image.height + MARGIN // 2), image.width)
    _legend(pen, row, listed, (MARGIN, below), image.width)
    _write(pen, talk, (image.width + 2 * MARGIN, MARGIN), RIGHT)
    texts = [message["content"] or "" for message in row["messages"]]
    if not all(fonts.known(char, TEXT.size) for char in {*"".join(texts)} if char.isprintable()):
        notes = [*notes, "no font here has some of its characters: they stand as boxes"]
    return Drawn(sheet, [*notes, cut] if cut else notes)


def _picture(row: Mapping[str, Any], data: str | None) -> tuple[PIL.Image.Image, list[str]]:
    """The picture with its regions, and what is not as one would expect."""
    size = (max(1, row["width"]), max(1, row["height"]))
    found, note = pictures.opened(Wanted(row["image"]["bytes"], [row["image"]["path"] or ""], *size), data)
    masks = [Mask(size=tuple(region["mask"]["size"]), counts=region["mask"]["counts"]) for region in row["regions"]]
    good = [mask if pictures.readable(mask) else pictures.NOTHING for mask in masks]
    notes = [note] if note else []
    if good != masks:
        notes.append("a mask cannot be read; it and its number are not drawn")
    return draw_regions(_scaled(found or grey(*size)), good), notes


def _scaled(image: PIL.Image.Image) -> PIL.Image.Image:
    """The picture at the size that it is shown in; a thumbnail shows its pixels."""
    scale = LEFT / max(image.size)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    smooth = PIL.Image.Resampling.LANCZOS if scale < THUMBNAIL else PIL.Image.Resampling.NEAREST
    return image.resize(size, smooth)


def _talk(row: Mapping[str, Any], tallest: int) -> tuple[list[_Set], str]:
    """What the row is and what is said in it, and what was cut off it."""
    found = _head(row)
    left = tallest - _height(found)
    spoken = [(message["role"] or "", message["content"] or "") for message in row["messages"]]
    words = sum(len(text.split()) for _, text in spoken)
    for number, (role, text) in enumerate(spoken):
        said, begun, whole = _message(role, text, left)
        found += said if whole or begun else []
        words -= begun
        left -= _height(said)
        if not whole:
            cut = _cut(words, len(spoken) - number - 1, begun=bool(begun))
            return [*found, *_set_all(cut, NOTE, above=10)], cut
    return found, ""


def _cut(words: int, after: int, *, begun: bool) -> str:
    """What the picture leaves out: words of the message that is `begun`, and of those `after` the present one."""
    left = after + (not begun)
    messages = f"{left:,} more message{'s' * (left != 1)}" * bool(left)
    told = " and ".join(filter(None, ("the end of this message" * begun, messages)))
    return f"no room in the picture for {told}: {words:,} words"


def _head(row: Mapping[str, Any]) -> list[_Set]:
    facts = (row["kind"], row["split"], row["generator"]["name"], row["license"], ", ".join(row["sources"]))
    return [
        *_set_all(row["sample_id"], TITLE), *_set_all(" · ".join(map(str, facts)), SMALL),
        *_set_all(f"{row['width']} x {row['height']} pixels · {row['image']['path']}", SMALL),
    ]  # fmt: skip


def _message(role: str, text: str, left: int) -> tuple[list[_Set], int, bool]:
    """(lines that have room, words that begin on them, whether that is all)."""
    said = _set_all(role, ROLE, above=18)
    begun = 0
    for line in lines.lines(text[:MOST_CHARS], RIGHT, TEXT):
        if _height(said) + TEXT.height > left:
            return said, begun, False
        said.append(_set(line, TEXT))
        begun += line.begun
    return said, begun, len(text) <= MOST_CHARS


def _set(line: Line, style: Style, above: int = 0) -> _Set:
    return _Set(line, style, above)


def _set_all(text: str, style: Style, above: int = 0) -> list[_Set]:
    return [_Set(line, style, 0 if number else above) for number, line in enumerate(lines.lines(text, RIGHT, style))]


def _height(found: list[_Set]) -> int:
    return sum(one.style.height + one.above for one in found)


def _write(pen: PIL.ImageDraw.ImageDraw, found: list[_Set], at: tuple[int, int], width: int) -> int:
    """Write lines from `at` downwards; returns where they end."""
    x, y = at
    for one in found:
        y += one.above
        lines.draw(pen, (x, y), width, one.line, one.style)
        y += one.style.height
    return y


def _listed(row: Mapping[str, Any], width: int) -> list[list[Line]]:
    """Of each region its lines in the list: category, whole, share of the picture, id."""
    numbers = {region["region_id"]: number for number, region in enumerate(row["regions"], 1)}
    pixels = max(1, row["width"] * row["height"])
    return [_entry(region, numbers, pixels, width - INDENT) for region in row["regions"][:MOST_REGIONS]]


def _entry(region: Mapping[str, Any], numbers: Mapping[str, int], pixels: int, width: int) -> list[Line]:
    """On one line, or with the id on lines of its own."""
    whole = region["part_of"]
    facts = (
        region["category"] or "(no category)", f"part of {numbers.get(whole, whole)}" if whole else "",
        f"{100 * region['area'] / pixels:.2g} % of the picture",
    )  # fmt: skip
    about = " · ".join(filter(None, facts))
    together = list(lines.lines(f"{about} · {region['region_id']}", width, SMALL))
    if len(together) == 1:
        return together
    apart = itertools.chain(lines.lines(about, width, SMALL), lines.lines(region["region_id"], width, SMALL))
    return list(itertools.islice(apart, MOST_LINES))


def _entry_height(entry: list[Line]) -> int:
    return max(TEXT.height, len(entry) * SMALL.height + 6)


def _more_regions(row: Mapping[str, Any]) -> bool:
    return len(row["regions"]) > MOST_REGIONS


def _legend(
    pen: PIL.ImageDraw.ImageDraw, row: Mapping[str, Any], listed: list[list[Line]], at: tuple[int, int], width: int
) -> None:
    """The list of the regions, each beside its number."""
    x, y = at[0], at[1] + MARGIN // 2
    radius = 11
    for number, entry in enumerate(listed, 1):
        middle = (x + radius, y + TEXT.height // 2)
        pen.ellipse((x, middle[1] - radius, x + 2 * radius, middle[1] + radius), fill=colour(number))
        pen.text(middle, str(number), fill=ink(number), font=fonts.font_for("0", 13), anchor="mm")
        _write(pen, [_set(line, SMALL) for line in entry], (x + INDENT, y + 3), width - INDENT)
        y += _entry_height(entry)
    if _more_regions(row):
        _write(pen, _set_all(f"... {len(row['regions']) - MOST_REGIONS:,} more regions", SMALL), (x, y), width)
