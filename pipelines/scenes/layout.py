"""Choose what is in a scene, how large, in which colours, and where."""

from math import cos, radians, sin
from random import Random
from typing import NamedTuple

import numpy as np

from pipelines.scenes.catalogue import LVIS_ONLY, TEMPLATES, frame_of
from pipelines.scenes.shapes import Array
from pipelines.scenes.template import PLAIN, Frame, Template
from pipelines.scenes.truth import Place

COUNTS = (3, 4, 5, 6, 7, 8, 9, 10, 11, 12)
WEIGHTS = (3, 6, 9, 11, 13, 14, 15, 13, 10, 6)
"""How many COCO objects are wanted. Some find no room: the mean is 7.27 annotations an image, as in COCO."""

EMPTY = 0.012
"""Fraction of scenes without COCO objects."""

TRIES = 20
"""Places tried for an object."""

BORDER = 4
"""Pixels left free at the picture's sides and top."""

MOST_OVERLAP, LEAST_OVERLAP = 0.4, 0.04
"""How much of the smaller of two boxes may be common to both: with the chance `OVERLAPPING` the one, else the other."""

OVERLAPPING = 0.3


class Spot(NamedTuple):
    """Where an object could stand, before it is drawn there."""

    template: Template
    mirrored: bool
    matrix: Array
    """From the template's frame to pixels: points @ matrix + at."""
    at: Array
    box: tuple[float, float, float, float]
    """Left, top, right, bottom of the outline (a little more than that where it is turned)."""
    base: float


class Placed(NamedTuple):
    """An object at its place, before it is known what hides it."""

    spot: Spot
    points: Array
    """All its polygons: first those of the outline, then the parts."""
    ends: tuple[int, ...]
    boxes: list[list[float]]
    """Of each polygon: left, top, right, bottom."""
    colour: str
    second: str
    pattern: str
    marking: str

    @property
    def outlines(self) -> range:
        """Which polygons are the outline."""
        return range(len(self.spot.template.outline))

    def polygon(self, index: int) -> Array:
        """One polygon, of shape (n, 2)."""
        return self.points[self.ends[index - 1] if index else 0 : self.ends[index]]


def arrange(random: Random, size: tuple[int, int], place: Place, horizon: float) -> list[Placed]:
    """Choose objects and find room for each; what finds none is left out. From back to front."""
    count = random.choices(COUNTS, WEIGHTS)[0] if random.random() >= EMPTY else 0
    wanted = _wanted(random, place, count)
    spots: list[Spot] = []
    for category in wanted:
        for _ in range(TRIES):
            spot = _spot(random, TEMPLATES[category], size, horizon, len(wanted))
            most = MOST_OVERLAP if random.random() < OVERLAPPING else LEAST_OVERLAP
            if spot is not None and not any(_too_close(spot, other, most) for other in spots):
                spots.append(spot)
                break
    spots.sort(key=lambda spot: (spot.template.seat == "ground", spot.base))
    return [_placed(random, spot) for spot in spots]


def _wanted(random: Random, place: Place, count: int) -> list[str]:
    """Categories: some twice or three times, so that telling them apart takes colour or place; large ones first."""
    choices = [name for name, template in TEMPLATES.items() if place in template.places and name not in LVIS_ONLY]
    found: list[str] = []
    while len(found) < count:
        found += [random.choice(choices)] * random.choice((1, 1, 2, 2, 3))
    extra = [name for name in LVIS_ONLY if place in TEMPLATES[name].places and random.random() < 0.4]
    return sorted(found[:count] + extra, key=lambda name: -TEMPLATES[name].height)


def _spot(random: Random, template: Template, size: tuple[int, int], horizon: float, count: int) -> Spot | None:
    """Try one place; none if it does not fit into the picture."""
    mirrored = template.sided and random.random() < 0.5
    depth = random.random() if template.seat == "ground" else random.uniform(0.2, 0.9)
    tall = template.height * min(size) * (0.62 + 0.5 * depth) * random.uniform(0.75, 1.3) * (1.2 - 0.046 * count)
    wide, angle = tall * random.uniform(0.9, 1.12), radians(random.uniform(-template.turn, template.turn))
    matrix = ((wide * cos(angle), wide * sin(angle)), (-tall * sin(angle), tall * cos(angle)))
    left, top, right, bottom = _bounds(frame_of(template.category, mirrored), matrix)
    base = _base(random, template, size, horizon, depth, tall)
    if right - left > size[0] - 2 * BORDER or base - (bottom - top) < BORDER:
        return None
    x, y = random.uniform(BORDER - left, size[0] - BORDER - right), base - bottom
    return Spot(template, mirrored, np.array(matrix), np.array([x, y]), (left + x, top + y, right + x, base), base)


def _bounds(frame: Frame, matrix: tuple[tuple[float, float], tuple[float, float]]) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of the frame's corners after the matrix."""
    (a, b), (c, d) = matrix
    corners = [(x * a + y * c, x * b + y * d) for x in (frame.left, frame.right) for y in (frame.top, frame.bottom)]
    xs, ys = zip(*corners, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def _placed(random: Random, spot: Spot) -> Placed:
    """Choose the colours and compute all points."""
    template, frame = spot.template, frame_of(spot.template.category, spot.mirrored)
    points = frame.points @ spot.matrix + spot.at
    lows, highs = np.minimum.reduceat(points, frame.starts), np.maximum.reduceat(points, frame.starts)
    colour = random.choice(template.colours)
    second = random.choice([one for one in template.seconds if one != colour])
    pattern = random.choice((PLAIN, *template.patterns))
    marking = "" if pattern == PLAIN else _marking(random, colour)
    return Placed(spot, points, frame.ends, np.hstack([lows, highs]).tolist(), colour, second, pattern, marking)


def _base(
    random: Random, template: Template, size: tuple[int, int], horizon: float, depth: float, tall: float
) -> float:
    """Where the lower end is: nearer things stand lower in the picture."""
    if template.seat == "ground":
        return horizon + (size[1] * 0.97 - horizon) * (0.1 + 0.9 * depth)
    return random.uniform(tall + 6, max(tall + 8, horizon * 0.9))


def _marking(random: Random, colour: str) -> str:
    """A colour for stripes or dots that stands out."""
    if colour in ("white", "yellow", "pink", "grey"):
        return random.choice(("blue", "red", "green", "black"))
    return random.choice(("white", "white", "yellow")) if colour != "orange" else random.choice(("white", "black"))


def _too_close(one: Spot, other: Spot, most: float) -> bool:
    """Whether the boxes of two objects overlap so much that little would be seen of one, or feet are level."""
    first, second = one.box, other.box
    wide = min(first[2], second[2]) - max(first[0], second[0])
    tall = min(first[3], second[3]) - max(first[1], second[1])
    if wide <= 0 or tall <= 0:
        return False
    smaller = min((box[2] - box[0]) * (box[3] - box[1]) for box in (first, second))
    return wide * tall > most * smaller or abs(one.base - other.base) < 2
