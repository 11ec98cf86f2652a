"""Outlines and numbers over a picture, for a model that is asked how the regions look.

So nothing is tinted, an outline runs around its region and not on it, and a number covers as little as can be: inside
where the region is large, else beside it.

Why not the annotators of `supervision`: its lines run on the border and have no rim, so that they cover what is small
and vanish on a ground of their colour; its labels stand at a fixed corner or centre, which hides small regions and
lies outside of bent ones; and it needs OpenCV, with libraries of the system's, for lines alone.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

from pipelines.views.colours import colour, ink, rgb
from pipelines.views.masks import Bools, grown, inmost, window

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

RIM = (255, 255, 255)
"""Colour of the thin line around an outline, which shows it on a ground of its own colour."""
_DEEP = 1.3
"""Radii of a badge from its centre to the region's border, at least, for it to stand inside."""
_MOST_COVERED = 0.06
"""Share of regions that a badge inside may cover; else it stands beside."""
_DIRECTIONS = 16
_GAPS = (0.2, 1.0, 2.0, 3.5, 6.0)
"""Distances of a badge from a region's box that are tried, in radii."""
_AWAY = 0.02
"""What a radius of distance weighs against a share of a region that is covered."""


class Numbered(NamedTuple):
    """A region to be drawn: its number, counted from 1, and its mask at the picture's size."""

    number: int
    mask: Bools


class _Seen(NamedTuple):
    """A region cut out of the picture, with room for its line: most are small, and all work is done on the cut."""

    number: int
    where: tuple[slice, slice]
    mask: Bools
    area: int
    edge: Bools
    """The mask's pixels at the picture's edge, beyond which no line can be drawn; of large regions only."""


class _Badge(NamedTuple):
    number: int
    x: int
    y: int
    end: tuple[int, int] | None
    """Where the line to the region ends; None where the badge stands inside."""


def draw(picture: PIL.Image.Image, regions: Sequence[Numbered]) -> PIL.Image.Image:
    """The picture (RGB) with the outlines and numbers of its regions. Regions without a pixel are not drawn."""
    line, radius = line_width(picture.size), _radius(picture.size)
    cut = (_seen(one, line) for one in regions)
    shown = sorted((one for one in cut if one is not None), key=lambda one: (-one.area, one.number))
    badges = _place(shown, picture.size)
    leads = picture.copy()
    pen = PIL.ImageDraw.Draw(leads)
    for badge in badges:
        _lead(pen, badge, line)
    canvas, original = np.array(leads), np.asarray(picture)
    for one in shown:
        _outline(canvas[one.where], original[one.where], one, line)
    drawn = PIL.Image.fromarray(canvas)
    pen = PIL.ImageDraw.Draw(drawn)
    for badge in badges:
        _draw_badge(pen, badge, radius)
    return drawn


def line_width(size: tuple[int, int]) -> int:
    """Pixels of an outline's breadth, without its rim."""
    return max(1, min(max(2, round(max(size) / 350)), min(size) // 12))


def _radius(size: tuple[int, int]) -> int:
    """Pixels of a badge's radius: readable, and small beside the picture."""
    return max(3, min(max(11, max(size) // 64), min(size) // 6))


def _seen(one: Numbered, line: int) -> _Seen | None:
    """None where no pixel is set."""
    where = window(one.mask, line + 1)
    if where is None:
        return None
    mask = one.mask[where]
    rows, columns = where
    height, width = one.mask.shape
    edge = np.zeros_like(mask)
    if min(side.stop - side.start for side in where) > 10 * line:
        for touches, strip in (
            (rows.start == 0, np.s_[:line]), (rows.stop >= height, np.s_[-line:]),
            (columns.start == 0, np.s_[:, :line]), (columns.stop >= width, np.s_[:, -line:]),
        ):  # fmt: skip
            if touches:
                edge[strip] = mask[strip]
    return _Seen(one.number, where, mask, int(np.count_nonzero(mask)), edge)


def _outline(canvas: Pixels, original: Pixels, one: _Seen, line: int) -> None:
    """Draw around the mask, in place; the region itself shows what the picture shows, whatever was drawn before."""
    wide = grown(one.mask, line)
    np.copyto(canvas, original, where=one.mask[..., None])
    canvas[grown(wide, 1) & ~wide] = RIM
    canvas[wide & ~one.mask | one.edge] = rgb(one.number)


def _place(shown: Sequence[_Seen], size: tuple[int, int]) -> list[_Badge]:
    """A place for every number, large regions first; what a place costs is the share of regions that it covers."""
    radius, line = _radius(size), line_width(size)
    cost = np.zeros(size[::-1], np.float32)
    layers = np.zeros(size[::-1], np.uint16)
    for one in shown:
        cost[one.where] += one.mask * np.float32(1 / one.area)
        layers[one.where] += one.mask
    badges = []
    for one in shown:
        layers[one.where] -= one.mask
        badge = _inside(one, layers[one.where] == 0, cost, radius) or _beside(one, cost, radius, line)
        cost[_square((badge.x, badge.y), radius)] += 10 / (2 * radius + 1) ** 2
        badges.append(badge)
    return badges


def _inside(one: _Seen, free: Bools, cost: Floats, radius: int) -> _Badge | None:
    """Where the region is deepest, smaller regions on it left out; None where that would cover too much."""
    if one.area < (_DEEP * radius) ** 2:
        return None
    found = inmost(one.mask & free)
    if found is None or found[2] < _DEEP * radius:
        return None
    x, y = found[0] + one.where[1].start, found[1] + one.where[0].start
    return _Badge(one.number, x, y, None) if cost[_square((x, y), radius)].sum() <= _MOST_COVERED else None


def _beside(one: _Seen, cost: Floats, radius: int, line: int) -> _Badge:
    """The cheapest place around the region's box, near ones before far ones."""
    rows, columns = one.where
    middle = ((columns.start + columns.stop - 1) / 2, (rows.start + rows.stop - 1) / 2)
    half = ((columns.stop - columns.start) / 2, (rows.stop - rows.start) / 2)
    best, least = (0, 0), math.inf
    for gap in _GAPS:
        if _AWAY * gap >= least:
            break
        reach = radius * (1 + gap)
        for step in range(_DIRECTIONS):
            at = _within(_around(middle, (half[0] + reach, half[1] + reach), step), cost.shape, radius)
            price = float(cost[_square(at, radius)].sum()) + _AWAY * gap
            if price < least:
                best, least = at, price
    return _Badge(one.number, *best, _nearest(one, best))


def _around(middle: tuple[float, float], half: tuple[float, float], step: int) -> tuple[float, float]:
    """The point of a box's border in one of the directions, the upper left first."""
    angle = 2 * math.pi * step / _DIRECTIONS - 3 * math.pi / 4
    dx, dy = math.cos(angle), math.sin(angle)
    scale = min(half[0] / max(abs(dx), 1e-9), half[1] / max(abs(dy), 1e-9))
    return middle[0] + dx * scale, middle[1] + dy * scale


def _within(at: tuple[float, float], shape: tuple[int, ...], radius: int) -> tuple[int, int]:
    """The nearest place at which a badge is wholly in the picture."""
    height, width = shape
    return (
        min(max(round(at[0]), radius + 1), max(width - radius - 2, width // 2)),
        min(max(round(at[1]), radius + 1), max(height - radius - 2, height // 2)),
    )


def _square(at: tuple[int, int], radius: int) -> tuple[slice, slice]:
    x, y = at
    return slice(max(0, y - radius), y + radius + 1), slice(max(0, x - radius), x + radius + 1)


def _nearest(one: _Seen, at: tuple[int, int]) -> tuple[int, int]:
    """The region's pixel that is nearest to a point."""
    rows, columns = one.where
    points = np.argwhere(one.mask)
    y, x = points[int(np.argmin(((points - (at[1] - rows.start, at[0] - columns.start)) ** 2).sum(axis=1)))]
    return int(x) + columns.start, int(y) + rows.start


def _lead(pen: PIL.ImageDraw.ImageDraw, badge: _Badge, line: int) -> None:
    if badge.end is None:
        return
    pen.line((badge.x, badge.y, *badge.end), fill=RIM, width=line + 2)
    pen.line((badge.x, badge.y, *badge.end), fill=colour(badge.number), width=line)


def _draw_badge(pen: PIL.ImageDraw.ImageDraw, badge: _Badge, radius: int) -> None:
    x, y, text, written = badge.x, badge.y, str(badge.number), ink(badge.number)
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour(badge.number), outline=RIM, width=1)
    font = PIL.ImageFont.load_default(size=radius * (1.45, 1.2, 0.9)[min(len(text), 3) - 1])
    pen.text((x, y), text, fill=written, font=font, anchor="mm", stroke_width=0.4, stroke_fill=written)
