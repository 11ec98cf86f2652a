"""Charts as inline SVG: histograms and curves that need no script, take the page's colours, and can be read aloud."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

from markupsafe import Markup

from pipelines.qa.figures.records import Distribution, Name
from pipelines.qa.page.wording import percent, short

Write = Callable[[float], str]
"""A number as it is written at an axis."""


class Frame(NamedTuple):
    """A chart's size, and the margins around what is drawn; in units of its view box."""

    width: int
    height: int
    left: int
    right: int
    top: int
    bottom: int


_CHART = Frame(360, 150, 6, 6, 18, 22)
_SPARK = Frame(110, 30, 0, 0, 2, 1)
_CURVE = Frame(360, 190, 40, 10, 12, 34)
_TICKS = 5


class Mark(NamedTuple):
    """A line across a histogram."""

    at: float
    label: str


def histogram(found: Distribution, title: str, write: Write = short, mark: Mark | None = None) -> Markup:
    """Bars over the bins, which are drawn equally wide whatever they span; nothing for an empty distribution."""
    if not any(found.counts):
        return Markup("")
    parts = [_bars(found, _CHART, write), _axis(found.edges, write)]
    if found.median is not None:
        parts.append(_mark(Mark(found.median, f"median {write(found.median)}"), found.edges, "median"))
    if mark:
        parts.append(_mark(mark, found.edges, "limit"))
    return _svg(_CHART, title, "chart", Markup("").join(parts))


def spark(found: Distribution, title: str, write: Write = short) -> Markup:
    """The same, word-sized."""
    if not any(found.counts):
        return Markup("")
    return _svg(_SPARK, title, "spark", _bars(found, _SPARK, write))


def _bars(found: Distribution, frame: Frame, write: Write) -> Markup:
    step = (frame.width - frame.left - frame.right) / len(found.counts)
    room, most, total = frame.height - frame.top - frame.bottom, max(found.counts), sum(found.counts)
    made = []
    for index, count in enumerate(found.counts):
        if count:
            high = max(1.0, room * count / most)
            low, up = write(found.edges[index]), write(found.edges[index + 1])
            made.append(
                Markup('<rect x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>').format(
                    _n(frame.left + index * step), _n(frame.top + room - high), _n(max(0.5, step - 1)), _n(high),
                    f"{low} to {up}: {count:,} ({percent(count / total)})",
                )
            )  # fmt: skip
    return Markup("").join(made)


def _axis(edges: Sequence[float], write: Write) -> Markup:
    bins, base = len(edges) - 1, _CHART.height - _CHART.bottom
    made = [_line("axis", _CHART.left, base, _CHART.width - _CHART.right, base)]
    for index in range(0, bins + 1, max(1, math.ceil(bins / _TICKS))):
        anchor = "start" if index == 0 else "end" if index == bins else "middle"
        made.append(_text(_place(index, bins), base + 15, write(edges[index]), anchor))
    return Markup("").join(made)


def _place(index: float, bins: int) -> float:
    return _CHART.left + (_CHART.width - _CHART.left - _CHART.right) * index / max(1, bins)


def _mark(mark: Mark, edges: Sequence[float], name: str) -> Markup:
    """A dashed line where the value lies between the edges; a value beyond them stands at the end."""
    x = _place(_position(mark.at, edges), len(edges) - 1)
    anchor = "end" if x > _CHART.width / 2 else "start"
    label = _text(x + (-4 if anchor == "end" else 4), 9 if name == "median" else 24, mark.label, anchor)
    line = _line("", x, 2, x, _CHART.height - _CHART.bottom)
    return Markup('<g class="{}">{}{}</g>').format(name, line, label)


def _position(value: float, edges: Sequence[float]) -> float:
    """Where a value lies, in bins from the first edge."""
    for index, (low, up) in enumerate(pairwise(edges)):
        if value < up:
            return index + max(0.0, (value - low) / (up - low) if up > low else 0.0)
    return len(edges) - 1.0


def curve(points: Sequence[Name], title: str, x_label: str, y_label: str) -> Markup:
    """Counts by rank, both axes logarithmic; `name` of a point is its rank."""
    found = [(int(point.name), point.count) for point in points if point.count > 0]
    if len(found) < 2:
        return Markup("")
    x_max, y_max = (max(2, *(point[axis] for point in found)) for axis in (0, 1))
    places = [(_log(rank, x_max, _CURVE.left, _CURVE.width - _CURVE.right),
               _log(count, y_max, _CURVE.height - _CURVE.bottom, _CURVE.top)) for rank, count in found]  # fmt: skip
    line = " ".join(f"{_n(x)},{_n(y)}" for x, y in places)
    dots = Markup("").join(
        Markup('<circle cx="{}" cy="{}" r="2.6"><title>rank {:,}: {:,}</title></circle>').format(_n(x), _n(y), *point)
        for (x, y), point in zip(places, found, strict=True)
    )
    body = _grid(x_max, y_max) + Markup('<polyline points="{}"/>').format(line) + dots + _labels(x_label, y_label)
    return _svg(_CURVE, title, "chart curve", body)


def _grid(x_max: int, y_max: int) -> Markup:
    """Powers of ten."""
    base, right = _CURVE.height - _CURVE.bottom, _CURVE.width - _CURVE.right
    made = []
    for power in range(int(math.log10(y_max)) + 1):
        y = _log(10**power, y_max, base, _CURVE.top)
        made += [
            _line("grid", _CURVE.left, y, right, y), _text(_CURVE.left - 5, y + 4, short(10**power), "end"),
        ]  # fmt: skip
    for power in range(int(math.log10(x_max)) + 1):
        made.append(_text(_log(10**power, x_max, _CURVE.left, right), base + 14, short(10**power)))
    return Markup("").join(made)


def _labels(x_label: str, y_label: str) -> Markup:
    right = _text(_CURVE.width - _CURVE.right, _CURVE.height - 4, x_label, "end")
    return right + _text(_CURVE.left + 4, _CURVE.top - 2, y_label, "start")


def _text(x: float, y: float, words: str, anchor: str = "middle") -> Markup:
    return Markup('<text x="{}" y="{}" text-anchor="{}">{}</text>').format(_n(x), _n(y), anchor, words)


def _line(name: str, x: float, y: float, to_x: float, to_y: float) -> Markup:
    return Markup('<line class="{}" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(name, *map(_n, (x, y, to_x, to_y)))


def _log(value: float, most: float, start: float, end: float) -> float:
    return start + (end - start) * math.log(value) / math.log(most)


def _svg(frame: Frame, title: str, name: str, body: Markup) -> Markup:
    return Markup('<svg class="{}" viewBox="0 0 {} {}" role="img" aria-label="{}"><title>{}</title>{}</svg>').format(
        name, frame.width, frame.height, title, title, body
    )


def _n(number: float) -> str:
    """A coordinate with one decimal at most."""
    return f"{number:.1f}".removesuffix(".0")
