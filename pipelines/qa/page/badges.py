"""Where the numbers of regions stand on a picture: inside large regions, beside small ones with a line to them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipelines.views.masks import Bools, inmost, window

Floats = npt.NDArray[np.float64]

_ANGLES = np.linspace(0, 2 * np.pi, 16, endpoint=False) - np.pi / 4
_STEPS = (1.5, 2.4, 3.6, 5.0)
"""Distances from a region's border at which its number is tried, in radii of the number."""
_FAR = 0.04
"""What a radius of distance costs, where covering a whole mask costs 1."""
_COLLISION = 5.0
"""What it costs to cover another number altogether."""


class Badge(NamedTuple):
    """A number's disc; all in pixels."""

    x: int
    y: int
    tip: tuple[int, int] | None
    """The end of the line to the region, where the disc stands beside it."""


def radius_for(size: tuple[int, int]) -> int:
    """Pixels of a badge's radius: readable, and small beside the picture (width, height)."""
    return max(2, min(max(9, max(size) // 38), min(size) // 6))


def badges(masks: Sequence[Bools], radius: int) -> list[Badge | None]:
    """A place for the number of each mask (height, width), all of one size; None where no pixel is set.

    A disc may cover little of any mask: covered pixels count by the share they are of their mask. Small masks choose
    first.
    """
    if not masks:
        return []
    areas = [int(mask.sum()) for mask in masks]
    cost = _Cost(masks, areas, radius)
    found: list[Badge | None] = [None] * len(masks)
    taken: list[tuple[int, int]] = []
    for index in sorted(range(len(masks)), key=lambda one: (areas[one], one)):
        if areas[index]:
            found[index] = badge = _place(masks[index], radius, taken, cost)
            taken.append((badge.x, badge.y))
    return found


class _Cost:
    """Sums of the masks' weights below a disc, read off one table."""

    def __init__(self, masks: Sequence[Bools], areas: Sequence[int], radius: int) -> None:
        weights = np.zeros(masks[0].shape)
        for mask, area in zip(masks, areas, strict=True):
            weights[mask] += 1 / max(1, area)
        self._sums = np.pad(weights, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
        self.size = masks[0].shape[::-1]
        self._radius = radius

    def of(self, x: int, y: int) -> float:
        """At a disc's centre; a disc is taken for its square."""
        left, right = (min(max(x + d, 0), self.size[0]) for d in (-self._radius, self._radius + 1))
        top, bottom = (min(max(y + d, 0), self.size[1]) for d in (-self._radius, self._radius + 1))
        sums = self._sums
        return float(sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left])


def _place(mask: Bools, radius: int, taken: Sequence[tuple[int, int]], cost: _Cost) -> Badge:
    middle = inmost(_without(mask, taken, radius)) or inmost(mask)
    assert middle is not None, "a mask without pixels has no number"
    at = middle[0], middle[1]
    inside = _held(at, radius, cost.size)
    choices = [(inside, 0.0), *_around(mask, at, radius, cost.size)]
    scored = [
        (cost.of(*place) + _FAR * far + _collisions(place, taken, radius), index)
        for index, (place, far) in enumerate(choices)
    ]
    index = min(scored)[1]
    (x, y), _ = choices[index]
    return Badge(x, y, _nearest(mask, x, y) if index else None)


def _nearest(mask: Bools, x: int, y: int) -> tuple[int, int]:
    """The set pixel nearest to a place."""
    rows, columns = np.nonzero(mask)
    index = int(np.argmin((columns - x) ** 2 + (rows - y) ** 2))
    return int(columns[index]), int(rows[index])


def _around(
    mask: Bools, at: tuple[int, int], radius: int, size: tuple[int, int]
) -> list[tuple[tuple[int, int], float]]:
    """Centres of discs about the region's box, with their distance from its border in radii."""
    seen = window(mask)
    assert seen is not None, "as above"
    half = max(seen[1].stop - at[0], at[0] - seen[1].start), max(seen[0].stop - at[1], at[1] - seen[0].start)
    found = []
    for step in _STEPS:
        for angle in _ANGLES:
            x = at[0] + np.cos(angle) * (half[0] + step * radius)
            y = at[1] + np.sin(angle) * (half[1] + step * radius)
            place = int(x), int(y)
            if place == _held(place, radius, size):
                found.append((place, step + max(half) / radius))
    return found


def _held(place: tuple[int, int], radius: int, size: tuple[int, int]) -> tuple[int, int]:
    """The place, moved so that the whole disc is on the picture."""
    x, y = (min(max(at, radius + 1), max(side - radius - 2, radius + 1)) for at, side in zip(place, size, strict=True))
    return x, y


def _collisions(place: tuple[int, int], taken: Sequence[tuple[int, int]], radius: int) -> float:
    """How much of other discs is covered."""
    gaps = (np.hypot(place[0] - x, place[1] - y) / (2 * radius) for x, y in taken)
    return sum(_COLLISION * (1 - gap) for gap in gaps if gap < 1)


def _without(mask: Bools, taken: Sequence[tuple[int, int]], radius: int) -> Bools:
    """The mask less the discs on it."""
    left = mask
    for x, y in taken:
        if 0 <= y < mask.shape[0] and 0 <= x < mask.shape[1]:
            left = left.copy() if left is mask else left
            left[max(0, y - radius) : y + radius + 1, max(0, x - radius) : x + radius + 1] = False
    return left
