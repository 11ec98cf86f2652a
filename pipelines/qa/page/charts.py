"""Charts as inline SVG: histograms and curves that need no script, take the page's colours, and can be read aloud."""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from markupsafe import Markup

from pipelines.qa.figures.records import Distribution, Name
from pipelines.qa.page.wording import percent, plain, short

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
_RANGES = Frame(360, 0, 110, 30, 16, 4)
_TICKS = 5
_CHAR = 6.2
"""Width of a character of a label."""
_WIDEST = 18
"""Width of a bar where there are few."""


class Mark(NamedTuple):
    """A line across a chart."""

    at: float
    label: str


def histogram(found: Distribution, title: str, write: Write = short) -> Markup:
    """Bars over the bins, which are drawn equally wide whatever they span; nothing for an empty distribution."""
    if not any(found.counts):
        return Markup("")
    parts = [_bars(found, _CHART, write), _axis(found.edges, write)]
    if found.median is not None:
        parts.append(_median(Mark(found.median, f"median {write(found.median)}"), found.edges))
    return _svg(_CHART, title, "chart", Markup("").join(parts))


def spark(found: Distribution, title: str, write: Write = short) -> Markup:
    """The same, word-sized."""
    if not any(found.counts):
        return Markup("")
    return _svg(_SPARK, title, "spark", _bars(found, _SPARK, write))


def _bars(found: Distribution, frame: Frame, write: Write) -> Markup:
    step = (frame.width - frame.left - frame.right) / len(found.counts)
    width = min(max(0.5, step - 1), _WIDEST if frame is _SPARK else frame.width)
    room, most, total = frame.height - frame.top - frame.bottom, max(found.counts), sum(found.counts)
    made = []
    for index, count in enumerate(found.counts):
        if count:
            high = max(1.0, room * count / most)
            says = (
                f"{write(found.edges[index])} to {write(found.edges[index + 1])}: {count:,} ({percent(count / total)})"
            )
            made.append(_bar(frame.left + index * step, frame.top + room - high, width, high, says))
    return Markup("").join(made)


def _bar(x: float, y: float, width: float, height: float, says: str) -> Markup:
    return Markup('<rect x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>').format(
        *map(_n, (x, y, width, height)), says
    )


def _axis(edges: Sequence[float], write: Write) -> Markup:
    """A line with some of the edges, as many as have room."""
    bins, base = len(edges) - 1, _CHART.height - _CHART.bottom
    made = [_line("axis", _CHART.left, base, _CHART.width - _CHART.right, base)]
    free = -math.inf
    for index in range(0, bins + 1, max(1, math.ceil(bins / _TICKS))):
        words, x = write(edges[index]), _place(index, bins)
        half = _CHAR * len(words) / 2
        x = min(max(x, half), _CHART.width - half)
        if x - half > free:
            made.append(_text(x, base + 15, words))
            free = x + half + _CHAR
    return Markup("").join(made)


def _place(index: float, bins: int) -> float:
    return _CHART.left + (_CHART.width - _CHART.left - _CHART.right) * index / max(1, bins)


def _median(mark: Mark, edges: Sequence[float]) -> Markup:
    """A dashed line where the value lies between the edges; a value beyond them stands at the end."""
    x = _place(_position(mark.at, edges), len(edges) - 1)
    anchor = "end" if x > _CHART.width / 2 else "start"
    label = _text(x + (-4 if anchor == "end" else 4), 9, mark.label, anchor)
    line = _line("", x, 2, x, _CHART.height - _CHART.bottom)
    return Markup('<g class="median">{}{}</g>').format(line, label)


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


def ranges(found: Mapping[str, Distribution], title: str, mark: Mark) -> Markup:
    """A line for each name: from the lowest to the highest value, thick from 5 to 95 %, with a dot at the median."""
    known = {name: one for name, one in found.items() if one.high is not None and one.median is not None}
    if not known:
        return Markup("")
    frame = _RANGES._replace(height=_RANGES.top + _RANGES.bottom + 22 * len(known))
    most = max(mark.at, *(one.high or 0.0 for one in known.values())) * 1.06
    parts = [_line("limit-line", x := _along(mark.at, most, frame), 12, x, frame.height - 4), _text(x, 9, mark.label)]
    for index, (name, one) in enumerate(known.items()):
        parts.append(_range(name, one, most, frame, frame.top + 22 * index + 11))
    return _svg(frame, title, "chart ranges", Markup("").join(parts))


def _range(name: str, one: Distribution, most: float, frame: Frame, y: int) -> Markup:
    low, p05, median, p95, high = (
        _along(value or 0.0, most, frame) for value in (one.low, one.p05, one.median, one.p95, one.high)
    )
    told = f"{name}: {plain(one.low)} to {plain(one.high)}, median {plain(one.median)}"
    dot = Markup('<circle cx="{}" cy="{}" r="4"/>').format(_n(median), y)
    lines = _line("thin", low, y, high, y) + _line("thick", p05, y, p95, y)
    return Markup("<g><title>{}</title>{}{}{}</g>").format(
        told, _text(frame.left - 8, y + 4, name[:20], "end"), lines, dot
    )


def _along(value: float, most: float, frame: Frame) -> float:
    return frame.left + (frame.width - frame.left - frame.right) * value / most


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
