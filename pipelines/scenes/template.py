"""What a category looks like: its outline, its named parts and what may vary."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pipelines.scenes.shapes import Array, Point, Points, area, thinned
from pipelines.scenes.truth import Place, Seat, Transparency

MAIN, SECOND = "main", "second"
"""Paints of a part: the object's colour, its second colour; any other paint is the name of a colour."""

PLAIN, STRIPED, DOTTED, CHECKED = "plain", "striped", "dotted", "checked"
ANY = (PLAIN, STRIPED, DOTTED, CHECKED)

LEAST_CORNER = 0.00045
"""Flatter corners are dropped (areas in squares of the object's height): outlines then have about as many as COCO's."""

OTHER = "other"
"""The material that PACO has no word for: fur, skin, leaves, rubber."""

HUES = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "white")
"""Colours that most things may have."""


class Part(NamedTuple):
    """A named part: painted over the outline and the parts before it."""

    name: str
    points: Points
    paint: str = MAIN
    marked: bool = False
    """Whether the object's pattern is on this part."""
    material: str = ""
    """As PACO calls it; empty where it is the object's own material."""
    transparency: Transparency = "opaque"


class Template(NamedTuple):
    """A category. The frame is the object's height: x from the middle, y upwards from the ground."""

    category: str
    height: float
    """Usual height as a fraction of the picture's shorter side, in the foreground."""
    outline: tuple[Points, ...]
    """Polygons that may touch but not overlap; together they hold all parts."""
    parts: tuple[Part, ...]
    places: tuple[Place, ...]
    seat: Seat = "ground"
    colours: tuple[str, ...] = HUES
    seconds: tuple[str, ...] = HUES
    patterns: tuple[str, ...] = ANY
    turn: float = 0.0
    """Turned by up to so many degrees."""
    sided: bool = False
    """Whether left and right differ, so that it may face either way."""
    largest: str = ""
    """The part that takes up most of it, where that is not in the object's own colour."""
    material: str = OTHER
    """What most of it is made of: a word of PACO's, or `other` for what PACO has no word for, such as a dog."""


class Frame(NamedTuple):
    """All points of a template in one array, so that one operation places them all."""

    points: Array
    """Shape (n, 2), y downwards, every polygon clockwise on the screen."""
    ends: tuple[int, ...]
    """Where each polygon ends: first those of the outline, then one for each part."""
    left: float
    """These four: of the outline."""
    top: float
    right: float
    bottom: float

    @property
    def starts(self) -> tuple[int, ...]:
        """Where each polygon starts."""
        return (0, *self.ends[:-1])


def frame(template: Template, *, mirrored: bool = False) -> Frame:
    """The points of a template, facing right or, mirrored, left."""
    side = -1 if mirrored else 1
    polygons = [_clockwise(points, side) for points in (*template.outline, *(part.points for part in template.parts))]
    outline = np.concatenate(polygons[: len(template.outline)])
    ends = np.cumsum([len(polygon) for polygon in polygons])
    return Frame(np.concatenate(polygons), tuple(ends.tolist()), *outline.min(0).tolist(), *outline.max(0).tolist())


def _clockwise(points: Sequence[Point], side: int) -> Array:
    """Points with y downwards, running clockwise on the screen, without those that hardly matter."""
    found = thinned(np.asarray(points, dtype=float) * (side, -1), LEAST_CORNER)
    return found if area(found) > 0 else found[::-1]
