"""Who hides whom: from objects at their places to the truth about what is visible."""

from operator import mul

import msgspec

from pipelines.scenes.clip import HoleError, subtract
from pipelines.scenes.layout import Placed
from pipelines.scenes.shapes import Array
from pipelines.scenes.template import MAIN, PLAIN, SECOND, Part
from pipelines.scenes.truth import ObjectTruth, PartTruth, Polygon
from schemas.records import Box

MOST_HIDDEN = 0.6
"""An object of which a larger fraction is hidden is left out of the scene."""

Front = tuple[list[float], Array]
"""The outline of something in front, with its box: left, top, right, bottom."""


def hide(placed: list[Placed]) -> tuple[ObjectTruth, ...]:
    """Cut from each object what stands before it; leave out objects of which too little is seen."""
    kept: list[ObjectTruth] = []
    fronts: list[Front] = []
    for number, one in reversed(list(enumerate(placed))):
        try:
            truth = _truth(number, one, fronts)
        except HoleError:
            continue
        if truth.hidden <= MOST_HIDDEN:
            kept.append(truth)
            fronts += [(one.boxes[index], one.polygon(index)) for index in one.outlines]
    return tuple(msgspec.structs.replace(truth, number=number) for number, truth in enumerate(reversed(kept)))


def _truth(number: int, one: Placed, fronts: list[Front]) -> ObjectTruth:
    flat = one.points.round(2).ravel().tolist()
    shapes = [tuple(flat[2 * start : 2 * end]) for start, end in zip((0, *one.ends), one.ends, strict=False)]
    visible, hiding = _outline_left(one, shapes, fronts)
    count = len(one.outlines)
    parts = [
        _part(part, one, shapes[at], _left(one.polygon(at), one.boxes[at], hiding))
        for at, part in enumerate(one.spot.template.parts, count)
    ]
    whole, seen = sum(map(polygon_area, shapes[:count])), sum(map(polygon_area, visible))
    return ObjectTruth(
        number=number, category=one.spot.template.category, colour=one.colour, second=one.second, pattern=one.pattern,
        marking=one.marking, seat=one.spot.template.seat, shape=tuple(shapes[:count]), visible=visible,
        parts=tuple(parts), material=one.spot.template.material, box=_box(visible), area=round(seen, 4),
        hidden=round(1 - seen / whole, 4), base=round(one.spot.base, 2),
    )  # fmt: skip


def _outline_left(one: Placed, shapes: list[Polygon], fronts: list[Front]) -> tuple[tuple[Polygon, ...], list[Front]]:
    """The visible outline, and those in front that take something away from it: only they can hide a part."""
    visible: list[Polygon] = []
    hiding: list[Front] = []
    for index in one.outlines:
        pieces = [one.polygon(index)]
        for front in fronts:
            if _meet(one.boxes[index], front[0]):
                rest = [left for piece in pieces for left in subtract(piece, front[1])]
                hiding += [] if _same(rest, pieces) else [front]
                pieces = rest
        visible += map(_flat, pieces) if hiding else [shapes[index]]
    return tuple(visible), hiding


def _same(rest: list[Array], pieces: list[Array]) -> bool:
    """Whether nothing was cut away: `subtract` then gives back the very polygon."""
    return len(rest) == len(pieces) and all(one is other for one, other in zip(rest, pieces, strict=True))


def _left(polygon: Array, box: list[float], fronts: list[Front]) -> tuple[Polygon, ...] | None:
    """What is visible of one polygon behind others; none where that is all of it."""
    pieces = [polygon]
    for other, front in fronts:
        if _meet(box, other):
            pieces = [rest for piece in pieces for rest in subtract(piece, front)]
    return None if len(pieces) == 1 and pieces[0] is polygon else tuple(map(_flat, pieces))


def _meet(one: list[float], other: list[float]) -> bool:
    """Whether two boxes (left, top, right, bottom) overlap."""
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _part(part: Part, one: Placed, shape: Polygon, visible: tuple[Polygon, ...] | None) -> PartTruth:
    colour = {MAIN: one.colour, SECOND: one.second}.get(part.paint, part.paint)
    pattern = one.pattern if part.marked else PLAIN
    return PartTruth(
        name=part.name, colour=colour, pattern=pattern, shape=shape, visible=(shape,) if visible is None else visible,
        material=part.material or one.spot.template.material, transparency=part.transparency,
    )  # fmt: skip


def polygon_area(polygon: Polygon) -> float:
    """Square pixels within a polygon (shoelace)."""
    x, y = polygon[0::2], polygon[1::2]
    turns = sum(map(mul, x, (*y[1:], y[0]))) - sum(map(mul, y, (*x[1:], x[0])))
    return abs(turns) / 2


def _flat(points: Array) -> Polygon:
    return tuple(points.round(2).ravel().tolist())


def _box(polygons: tuple[Polygon, ...]) -> Box:
    """The box [x, y, width, height] around polygons."""
    if not polygons:
        return (0.0, 0.0, 0.0, 0.0)
    left, right = min(min(p[0::2]) for p in polygons), max(max(p[0::2]) for p in polygons)
    top, bottom = min(min(p[1::2]) for p in polygons), max(max(p[1::2]) for p in polygons)
    return (left, top, round(right - left, 2), round(bottom - top, 2))
