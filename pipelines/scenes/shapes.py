"""Outlines for drawing: points in a unit frame with y upwards, and the operations that make round things of them."""

from collections.abc import Sequence
from math import cos, pi, sin

import numpy as np
import numpy.typing as npt

Point = tuple[float, float]
Points = tuple[Point, ...]
Array = npt.NDArray[np.float64]


def mirror(half: Sequence[Point]) -> Points:
    """A symmetric outline from its right half, which runs from the top to the bottom of the axis x = 0."""
    return (*half, *((-x, y) for x, y in reversed(half) if x > 0))


def flipped(points: Sequence[Point]) -> Points:
    """The mirror image at x = 0, running the same way round."""
    return tuple((-x, y) for x, y in reversed(points))


def box(left: float, bottom: float, right: float, top: float, radius: float = 0.0) -> Points:
    """A rectangle, with rounded corners where a radius is given."""
    corners = ((left, top), (right, top), (right, bottom), (left, bottom))
    return rounded(corners, radius) if radius else corners


def ellipse(x: float, y: float, width: float, height: float, count: int = 22) -> Points:
    """An ellipse by its centre and its half axes."""
    return arc(x, y, width, height, 90, 90 - 360 * (count - 1) / count, count)


def arc(x: float, y: float, width: float, height: float, start: float, end: float, count: int = 12) -> Points:
    """Points of an ellipse from one angle to another, in degrees, counted from the right and against the clock."""
    angles = [(start + (end - start) * step / (count - 1)) * pi / 180 for step in range(count)]
    return tuple((x + width * cos(angle), y + height * sin(angle)) for angle in angles)


def band(x: float, y: float, outer: Point, inner: Point, start: float, end: float, count: int = 12) -> Points:
    """A bent strip between two ellipses around one centre, such as a handle."""
    return (*arc(x, y, *outer, start, end, count), *arc(x, y, *inner, end, start, count))


def rounded(points: Sequence[Point], radius: float, steps: int = 3) -> Points:
    """The same outline with its corners rounded, each by at most half of the shorter edge that meets there."""
    found: list[Point] = []
    for before, corner, after in zip((points[-1], *points[:-1]), points, (*points[1:], points[0]), strict=True):
        start, end = _towards(corner, before, radius), _towards(corner, after, radius)
        for step in range(steps):
            t = step / (steps - 1)
            a, b, c = (1 - t) ** 2, 2 * t * (1 - t), t**2
            found.append((a * start[0] + b * corner[0] + c * end[0], a * start[1] + b * corner[1] + c * end[1]))
    return tuple(found)


def _towards(corner: Point, other: Point, radius: float) -> Point:
    """The point at `radius` from the corner towards the other, but no further than half way."""
    length = float(np.hypot(other[0] - corner[0], other[1] - corner[1]))
    share = min(radius / length, 0.5) if length else 0.0
    return corner[0] + (other[0] - corner[0]) * share, corner[1] + (other[1] - corner[1]) * share


def smooth(points: Sequence[Point], steps: int = 3) -> Points:
    """A closed Catmull-Rom curve through the points, `steps` points for each of them."""
    p = np.asarray(points, dtype=float)
    a, b, c, d = np.roll(p, 1, 0), p, np.roll(p, -1, 0), np.roll(p, -2, 0)
    found = np.empty((len(p), steps, 2))
    for step in range(steps):
        t = step / steps
        found[:, step] = 0.5 * (
            2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3
        )
    return tuple((float(x), float(y)) for x, y in found.reshape(-1, 2))


def area(points: Array) -> float:
    """Area of a polygon of shape (n, 2): positive if it runs clockwise on the screen (y downwards)."""
    x, y = points[:, 0], points[:, 1]
    return float(x[:-1] @ y[1:] - x[1:] @ y[:-1] + x[-1] * y[0] - x[0] * y[-1]) / 2


def thinned(points: Array, least: float) -> Array:
    """The polygon without its flattest corners (Visvalingam): triangles with their neighbours below `least`."""
    while len(points) > 3:
        before, after = np.roll(points, 1, 0) - points, np.roll(points, -1, 0) - points
        corners = np.abs(before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]) / 2
        if corners.min() >= least:
            break
        points = np.delete(points, int(corners.argmin()), axis=0)
    return points
