"""Masks as outlines: paths of a few dozen points, which stay crisp at every size and can be pointed at."""

from collections import defaultdict

import numpy as np
import numpy.typing as npt

from pipelines.views.masks import Bools, window

Points = npt.NDArray[np.int64]

TOLERANCE = 0.75
"""Pixels by which a path may leave the mask's true border: a staircase becomes a line, an edge stays where it is."""
_MOST_EDGES = 24_000
"""Of pixels at the border; a mask with more of them (noise, a checkerboard) is outlined in coarser steps."""


def path(mask: Bools, tolerance: float = TOLERANCE) -> str:
    """The border of the mask (height, width) as the `d` of an SVG path, to be filled by the even-odd rule."""
    step = 1
    edges = _edges(mask)
    while len(edges) > _MOST_EDGES:
        step *= 2
        edges = _edges(mask[::step, ::step])
    return "".join(_drawn(simplified(loop, tolerance) * step) for loop in loops(edges))


def outlines(mask: Bools) -> list[Points]:
    """The loops of (x, y) corners that the mask's pixels end at, each without its first point again."""
    return loops(_edges(mask))


def _edges(mask: Bools) -> Points:
    """(edges, 4): x, y, x, y of each side of a set pixel where an unset one begins, clockwise about the pixel."""
    seen = window(mask)
    if seen is None:
        return np.zeros((0, 4), np.int64)
    full = np.pad(mask[seen], 1)
    sides = [np.zeros((0, 4), np.int64)]
    for (dy, dx), (a, b, c, d) in (
        ((-1, 0), (0, 0, 1, 0)), ((0, 1), (1, 0, 1, 1)), ((1, 0), (1, 1, 0, 1)), ((0, -1), (0, 1, 0, 0)),
    ):  # fmt: skip
        beside = np.roll(full, (-dy, -dx), (0, 1))
        y, x = np.nonzero(full & ~beside)
        sides.append(np.stack([x - 1 + a, y - 1 + b, x - 1 + c, y - 1 + d], axis=1))
    return np.concatenate(sides) + np.tile([seen[1].start, seen[0].start], 2)


def loops(edges: Points) -> list[Points]:
    """Directed edges linked into loops, of which only the corners are kept."""
    after: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    for x, y, to_x, to_y in edges.tolist():
        after[x, y].append((to_x, to_y))
    found = []
    for start in list(after):
        while after[start]:
            loop, here = [start], after[start].pop()
            while here != start:
                loop.append(here)
                here = after[here].pop()
            found.append(_corners(np.array(loop)))
    return found


def _corners(loop: Points) -> Points:
    before, behind = loop - np.roll(loop, 1, axis=0), np.roll(loop, -1, axis=0) - loop
    return loop[(before != behind).any(axis=1)]


def simplified(loop: Points, tolerance: float) -> Points:
    """The loop with fewer points (Douglas and Peucker 1973), none of those left out farther away than `tolerance`."""
    far = int(np.argmax(((loop - loop[0]) ** 2).sum(axis=1)))
    closed = np.concatenate([loop, loop[:1]])
    keep = np.zeros(len(closed), bool)
    keep[[0, far, len(loop)]] = True
    waiting = [(0, far), (far, len(loop))]
    while waiting:
        first, last = waiting.pop()
        if last - first < 2:
            continue
        away = _distances(closed[first + 1 : last], closed[first], closed[last])
        worst = int(np.argmax(away))
        if away[worst] > tolerance:
            middle = first + 1 + worst
            keep[middle] = True
            waiting += [(first, middle), (middle, last)]
    return closed[:-1][keep[:-1]]


def _distances(points: Points, start: Points, end: Points) -> npt.NDArray[np.float64]:
    """Of each point from the line from start to end."""
    along = (end - start).astype(np.float64)
    length = float(np.hypot(*along))
    if not length:
        return np.hypot(*(points - start).T.astype(np.float64))
    x, y = (points - start).T
    return np.abs(along[0] * y - along[1] * x) / length


def _drawn(points: Points) -> str:
    """A closed subpath: an absolute start and relative steps."""
    if len(points) < 3:
        return ""
    steps = " ".join(f"{x} {y}" for x, y in np.diff(points, axis=0).tolist())
    return f"M{points[0][0]} {points[0][1]}l{steps.replace(' -', '-')}z"
