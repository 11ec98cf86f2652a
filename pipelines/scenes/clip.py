"""What is left of a polygon behind another: the difference of two simple polygons.

The method is Greiner and Hormann's (ACM Transactions on Graphics 17, 1998): find where the outlines cross, then walk
along the back one outside the front one, and back along the front one. Outlines that share an edge are not handled;
positions drawn at random do not produce them.
"""

import numpy as np
import numpy.typing as npt

from pipelines.scenes.shapes import Array, area

NUDGE = np.array([1.3e-4, 0.7e-4])
"""Moves, in pixels, an outline that passes exactly through a corner of the other."""

SPECK = 1.0
"""Pieces up to this area, in square pixels, are dropped."""


class HoleError(ValueError):
    """The front polygon lies wholly inside the back one: what is left has a hole, which COCO polygons cannot say."""


def inside(point: Array, polygon: Array) -> bool:
    """Whether a point lies in a polygon of shape (n, 2)."""
    above = polygon[:, 1] > point[1]
    edges = np.flatnonzero(above ^ np.concatenate([above[1:], above[:1]]))
    start, end = polygon[edges], polygon[(edges + 1) % len(polygon)]
    at = start[:, 0] + (point[1] - start[:, 1]) * (end[:, 0] - start[:, 0]) / (end[:, 1] - start[:, 1])
    return bool(np.count_nonzero(point[0] < at) % 2)


def _next(polygon: Array) -> Array:
    """For each corner the one after it."""
    return np.concatenate([polygon[1:], polygon[:1]])


def subtract(back: Array, front: Array) -> list[Array]:
    """The pieces of `back` that `front` does not cover: none, `back` itself, or one or more polygons.

    Both run clockwise on the screen, without a crossing of their own. Raises HoleError.
    """
    crossings = _crossings(back, front)
    if len(crossings[0]) % 2:
        return subtract(back, front + NUDGE)
    if len(crossings[0]):
        return _walk(back, front, *crossings)
    if inside(back[0], front):
        return []
    if inside(front[0], back):
        raise HoleError
    return [back]


def _crossings(back: Array, front: Array) -> tuple[Array, Array]:
    """Where the outlines cross, as positions along `back` and along `front`: edge number plus fraction of that edge."""
    i, j = _near(back, front), _near(front, back)
    p, q = back[i].T, front[j].T
    (rx, ry), (sx, sy) = _next(back)[i].T - p, _next(front)[j].T - q
    rx, ry, (gx, gy) = rx[:, None], ry[:, None], q[:, None] - p[:, :, None]
    cross = rx * sy - ry * sx
    t, u = gx * sy - gy * sx, gx * ry - gy * rx
    span = np.abs(cross)
    hits = np.nonzero((t * cross > 0) & (u * cross > 0) & (np.abs(t) < span) & (np.abs(u) < span))
    return i[hits[0]] + t[hits] / cross[hits], j[hits[1]] + u[hits] / cross[hits]


def _near(polygon: Array, other: Array) -> npt.NDArray[np.intp]:
    """Which edges of a polygon meet the bounding box of the other."""
    ends = _next(polygon)
    meets = (np.maximum(polygon, ends) > other.min(0)) & (np.minimum(polygon, ends) < other.max(0))
    return np.flatnonzero(meets[:, 0] & meets[:, 1])


def _walk(back: Array, front: Array, along_back: Array, along_front: Array) -> list[Array]:
    """Follow `back` from where it leaves `front` to where it enters again, then `front` backwards, until it closes."""
    order = np.argsort(along_back)
    back_at, front_at = along_back[order].tolist(), along_front[order].tolist()
    crossings = [_at(back, position) for position in back_at]
    on_front = np.argsort(front_at).tolist()
    rank = {crossing: position for position, crossing in enumerate(on_front)}
    leaving = list(range(0 if inside(back[0], front) else 1, len(order), 2))
    pieces = []
    while leaving:
        at, points = leaving[0], []
        while at in leaving:
            leaving.remove(at)
            entry = (at + 1) % len(order)
            points += [crossings[at], _corners(back, back_at[at], back_at[entry]), crossings[entry]]
            at = on_front[rank[entry] - 1]
            points.append(_corners(front, front_at[at], front_at[entry])[::-1])
        if area(piece := np.concatenate(points)) > SPECK:
            pieces.append(piece)
    return pieces


def _at(polygon: Array, position: float) -> Array:
    """The point at a position along the outline, of shape (1, 2)."""
    edge = int(position)
    start, end = polygon[edge], polygon[(edge + 1) % len(polygon)]
    return (start + (position - edge) * (end - start))[None]


def _corners(polygon: Array, start: float, end: float) -> Array:
    """The corners between two positions along the outline, going forwards."""
    last = end if end > start else end + len(polygon)
    return polygon[np.arange(int(start) + 1, int(last) + 1) % len(polygon)]
