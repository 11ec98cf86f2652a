"""Whether a mask is what its box was about. Pure rules over a few figures, so that other limits need no model again."""

from typing import NamedTuple

import numpy as np

from schemas.records import Box, Record
from schemas.rle import BoolArray


class Limits(Record, frozen=True, kw_only=True):
    """What a mask must keep to; the defaults are ours and lenient, since neither paper nor code tells Osprey's."""

    min_fill: float = 0.05
    """Least share of the box that the mask covers. Thin things lie across large boxes: a wire, a fishing rod."""
    max_outside: float = 0.5
    """Most of the mask, as a share, that may lie outside of the box. Annotators' boxes are loose."""
    min_score: float = 0.5
    """Least score, which is the model's own estimate of the intersection over union with the true mask."""


class Fit(NamedTuple):
    """How a mask lies in its box."""

    area: int
    """Pixels of the mask."""
    fill: float
    """Share of the box's pixels that the mask covers."""
    outside: float
    """Share of the mask's pixels that lie outside of the box."""


def clip(box: Box, width: int, height: int) -> Box | None:
    """The part of a box [x, y, width, height] that lies in an image; None where less than one pixel is left.

    Visual Genome has boxes that exceed their image.
    """
    x, y, w, h = box
    left, top = max(0.0, x), max(0.0, y)
    right, bottom = min(float(width), x + w), min(float(height), y + h)
    if right - left < 1 or bottom - top < 1:
        return None
    return left, top, right - left, bottom - top


def fit(pixels: BoolArray, box: Box) -> Fit:
    """How a mask of shape (height, width) lies in a clipped box; a pixel that the box touches is of the box."""
    x, y, w, h = box
    rows, columns = slice(int(y), int(np.ceil(y + h))), slice(int(x), int(np.ceil(x + w)))
    window = pixels[rows, columns]
    area, inside = int(pixels.sum()), int(window.sum())
    return Fit(area, inside / window.size, (area - inside) / area if area else 0.0)


def judge(found: Fit, score: float, limits: Limits) -> tuple[str, str]:
    """(reason, detail) for a mask that is not kept; ("", "") for one that is."""
    if not found.area:
        return "empty_mask", "no pixel is set"
    if found.fill < limits.min_fill:
        return "mask_misses_box", f"fills {found.fill:.3f} of its box, at least {limits.min_fill} is asked"
    if found.outside > limits.max_outside:
        return "mask_misses_box", f"{found.outside:.3f} of it is outside, at most {limits.max_outside} is let in"
    if not score >= limits.min_score:  # no number is no score
        return "mask_misses_box", f"score {score:.3f}, at least {limits.min_score} is asked"
    return "", ""
