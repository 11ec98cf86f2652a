"""Draw a scene: which objects, how large, where, in which colours; then who hides whom.

`draw_scene` depends on seed and index alone, so scenes can be made one at a time, in any order and on any machine.
"""

from collections.abc import Sequence
from math import cos, radians, sin
from random import Random
from typing import NamedTuple

import numpy as np

from pipelines.scenes.catalogue import LVIS_ONLY, TEMPLATES, frame_of
from pipelines.scenes.clip import HoleError, subtract
from pipelines.scenes.shapes import Array, area
from pipelines.scenes.template import MAIN, PLAIN, SECOND, Part, Template
from pipelines.scenes.truth import CrowdTruth, ObjectTruth, PartTruth, Place, Polygon, SceneTruth
from schemas.keys import stable_int

SIZES = ((320, 240), (400, 300), (480, 360), (640, 480), (640, 427), (500, 375), (360, 480), (427, 640))
PLACES: tuple[Place, ...] = ("room", "room", "park", "street")
COUNTS = (3, 4, 5, 6, 7, 8, 9, 10)
WEIGHTS = (3, 6, 9, 14, 18, 20, 18, 14)
"""How many COCO objects a scene is meant to have. Some find no room: the mean is 7.27 annotations an image, as in COCO."""

EMPTY, CROWDED = 0.012, 0.05
"""Fractions of scenes without COCO objects and with a crowd."""

MOST_HIDDEN, MOST_OVERLAP = 0.6, 0.45
VAL_EVERY = 25
FIGURE = ((0.0, 1.0), (0.09, 0.96), (0.10, 0.86), (0.06, 0.80), (0.17, 0.74), (0.16, 0.40), (0.11, 0.36), (0.10, 0.0))


class Placed(NamedTuple):
    """An object at its place, before it is known what hides it."""

    template: Template
    points: Array
    ends: tuple[int, ...]
    boxes: list[list[float]]
    """Of each polygon: left, top, right, bottom."""
    base: float
    colour: str
    second: str
    pattern: str
    marking: str

    def polygon(self, index: int) -> Array:
        """Outline polygons come first, then the parts."""
        return self.points[self.ends[index - 1] if index else 0 : self.ends[index]]

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom of the outline."""
        boxes = self.boxes[: len(self.template.outline)]
        return tuple(extreme(values) for extreme, values in zip((min, min, max, max), zip(*boxes, strict=True), strict=True))


def image_id_of(index: int) -> int:
    """COCO-like ids: rising, with gaps, from 9 on."""
    return 9 + 4 * index + stable_int("image", index) % 4


def draw_scene(seed: int, index: int) -> SceneTruth:
    """The scene of this number in the series of this seed."""
    random = Random(stable_int("scene", seed, index))
    size = random.choice(SIZES)
    place = random.choice(PLACES)
    horizon = size[1] * random.uniform(0.42, 0.56)
    crowd = _crowd(random, size, horizon) if place != "room" and random.random() < 2 * CROWDED else None
    placed = _arrange(random, size, place, horizon)
    placed.sort(key=lambda one: (one.template.seat == "ground", one.base))
    return SceneTruth(
        seed=seed, index=index, image_id=image_id_of(index), folder="val2017" if index % VAL_EVERY == 0 else "train2017",
        width=size[0], height=size[1], place=place, horizon=round(horizon, 2), objects=_hide(placed), crowd=crowd,
    )  # fmt: skip


def _arrange(random: Random, size: tuple[int, int], place: Place, horizon: float) -> list[Placed]:
    """Choose objects and find room for each; what finds none is left out."""
    count = random.choices(COUNTS, WEIGHTS)[0] if random.random() >= EMPTY else 0
    wanted = _wanted(random, place, count)
    placed: list[Placed] = []
    for category in wanted:
        for _ in range(10):
            one = _place(random, TEMPLATES[category], size, horizon, len(wanted))
            if one is not None and not any(_too_close(one, other) for other in placed):
                placed.append(one)
                break
    return placed


def _wanted(random: Random, place: Place, count: int) -> list[str]:
    """Categories: some twice or three times, so that telling them apart takes colour or place; large ones first."""
    choices = [name for name, template in TEMPLATES.items() if place in template.places and name not in LVIS_ONLY]
    found: list[str] = []
    while len(found) < count:
        found += [random.choice(choices)] * random.choice((1, 1, 2, 2, 3))
    extra = [name for name in LVIS_ONLY if place in TEMPLATES[name].places and random.random() < 0.4]
    return sorted(found[:count] + extra, key=lambda name: -TEMPLATES[name].height)


def _place(random: Random, template: Template, size: tuple[int, int], horizon: float, count: int) -> Placed | None:
    """Try one place; none if it does not fit into the picture."""
    width, height = size
    mirrored = template.sided and random.random() < 0.5
    frame = frame_of(template.category, mirrored)
    depth = random.random() if template.seat == "ground" else random.uniform(0.2, 0.9)
    tall = template.height * min(size) * (0.62 + 0.5 * depth) * random.uniform(0.82, 1.15) * (1.2 - 0.028 * count)
    matrix = _matrix(random, template, tall)
    low, high = _bounds(frame.low, frame.high, matrix)
    left, right = 4 - low[0], width - 4 - high[0]
    if right <= left:
        return None
    base = _base(random, template, size, horizon, depth, tall)
    if base + low[1] < 3:
        return None
    at = np.array([random.uniform(left, right), base - high[1]])
    points = frame.points @ matrix + at
    starts = (0, *frame.ends[:-1])
    boxes = np.hstack([np.minimum.reduceat(points, starts), np.maximum.reduceat(points, starts)]).tolist()
    colour = random.choice(template.colours)
    second = random.choice([one for one in template.seconds if one != colour])
    pattern = random.choice((PLAIN, *template.patterns))
    marking = "" if pattern == PLAIN else _marking(random, colour)
    return Placed(template, points, frame.ends, boxes, base, colour, second, pattern, marking)


def _matrix(random: Random, template: Template, tall: float) -> Array:
    """Scale to pixels, with a little variety in width, and turn."""
    angle = radians(random.uniform(-template.turn, template.turn))
    wide = tall * random.uniform(0.9, 1.12)
    return np.array([[wide * cos(angle), wide * sin(angle)], [-tall * sin(angle), tall * cos(angle)]])


def _bounds(low: Array, high: Array, matrix: Array) -> tuple[Array, Array]:
    corners = np.array([[low[0], low[1]], [low[0], high[1]], [high[0], low[1]], [high[0], high[1]]]) @ matrix
    return corners.min(0), corners.max(0)


def _base(random: Random, template: Template, size: tuple[int, int], horizon: float, depth: float, tall: float) -> float:
    """Where the lower end is: nearer things stand lower in the picture."""
    if template.seat == "ground":
        return horizon + (size[1] * 0.97 - horizon) * (0.1 + 0.9 * depth)
    return random.uniform(tall + 6, max(tall + 8, horizon * 0.9))


def _marking(random: Random, colour: str) -> str:
    """A colour for stripes or dots that stands out."""
    if colour in ("white", "yellow", "pink", "grey"):
        return random.choice(("blue", "red", "green", "black"))
    return random.choice(("white", "white", "yellow")) if colour != "orange" else random.choice(("white", "black"))


def _too_close(one: Placed, other: Placed) -> bool:
    """Whether the boxes of two objects overlap so much that little would be seen of one, or feet are level."""
    first, second = one.box, other.box
    wide = min(first[2], second[2]) - max(first[0], second[0])
    tall = min(first[3], second[3]) - max(first[1], second[1])
    if wide <= 0 or tall <= 0:
        return False
    smaller = min((box[2] - box[0]) * (box[3] - box[1]) for box in (first, second))
    return wide * tall > MOST_OVERLAP * smaller or abs(one.base - other.base) < 2


def _hide(placed: list[Placed]) -> tuple[ObjectTruth, ...]:
    """Cut from each object what stands before it; leave out objects of which too little is seen."""
    kept: list[tuple[Placed, list[list[Array]]]] = []
    fronts: list[tuple[list[float], Array]] = []
    for one in reversed(placed):
        try:
            left = [_left(one.polygon(index), box, fronts) for index, box in enumerate(one.boxes)]
        except HoleError:
            continue
        if _seen(one, left) >= 1 - MOST_HIDDEN:
            kept.append((one, left))
            fronts += [(one.boxes[index], one.polygon(index)) for index in range(len(one.template.outline))]
    return tuple(_truth(number, *pair) for number, pair in enumerate(reversed(kept)))


def _left(polygon: Array, box: list[float], fronts: Sequence[tuple[list[float], Array]]) -> list[Array]:
    """What is visible of one polygon behind others; boxes are left, top, right, bottom."""
    pieces = [polygon]
    for other, front in fronts:
        if box[0] < other[2] and other[0] < box[2] and box[1] < other[3] and other[1] < box[3]:
            pieces = [rest for piece in pieces for rest in subtract(piece, front)]
    return pieces


def _seen(one: Placed, left: list[list[Array]]) -> float:
    """Which fraction of the outline is visible."""
    outlines = range(len(one.template.outline))
    return sum(area(piece) for index in outlines for piece in left[index]) / sum(area(one.polygon(index)) for index in outlines)


def _truth(number: int, one: Placed, left: list[list[Array]]) -> ObjectTruth:
    count = len(one.template.outline)
    pieces = [piece for index in range(count) for piece in left[index]]
    corners = np.concatenate(pieces).round(2)
    low, high = corners.min(0), corners.max(0)
    return ObjectTruth(
        number=number, category=one.template.category, colour=one.colour, second=one.second, pattern=one.pattern,
        marking=one.marking, seat=one.template.seat, shape=tuple(_flat(one.polygon(index)) for index in range(count)),
        visible=tuple(map(_flat, pieces)), box=_box(low, high), area=round(sum(map(area, pieces)), 4),
        parts=tuple(_part(part, one, one.polygon(count + at), left[count + at]) for at, part in enumerate(one.template.parts)),
        hidden=round(1 - _seen(one, left), 4), base=round(one.base, 2),
    )  # fmt: skip


def _part(part: Part, one: Placed, shape: Array, left: list[Array]) -> PartTruth:
    colour = {MAIN: one.colour, SECOND: one.second}.get(part.paint, part.paint)
    pattern = one.pattern if part.marked else PLAIN
    return PartTruth(name=part.name, colour=colour, pattern=pattern, shape=_flat(shape), visible=tuple(map(_flat, left)))


def _flat(points: Array) -> Polygon:
    return tuple(points.round(2).ravel().tolist())


def _box(low: Array, high: Array) -> tuple[float, float, float, float]:
    x, y = low.tolist()
    width, height = (high - low).round(2).tolist()
    return (x, y, width, height)


def _crowd(random: Random, size: tuple[int, int], horizon: float) -> CrowdTruth:
    """People along the horizon, in two loose groups."""
    tall = size[1] * random.uniform(0.07, 0.10)
    start, span = random.uniform(0.05, 0.4) * size[0], random.uniform(0.3, 0.5) * size[0]
    figure = np.array([*FIGURE, *((-x, y) for x, y in reversed(FIGURE) if x)]) * (tall, -tall)
    count = random.randint(9, 16)
    feet = [(start + span * (at + random.random()) / count, horizon + tall * random.uniform(0.2, 0.5)) for at in range(count)]
    return CrowdTruth(
        shapes=tuple(_flat(figure + np.array(foot)) for foot in sorted(feet, key=lambda foot: foot[1])),
        colours=tuple(random.choice(("red", "blue", "green", "yellow", "purple", "grey")) for _ in range(count)),
    )
