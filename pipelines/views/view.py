"""Which views there are of a row's picture, what each is determined by, and its JPEG.

The size of a view is known from the numbers alone, so a plan can name it, and its cost, without opening a picture.
"""

import hashlib
import io
import math
from collections.abc import Sequence
from typing import Any

import PIL.Image

from pipelines.views.masks import Bools, resized
from pipelines.views.outlines import Numbered, draw
from schemas import rle
from schemas.keys import canonical_json
from schemas.recipe import VisionSettings
from schemas.records import Mask, Record

VERSION = 1
"""Of all that decides which pixels are drawn. To raise it is to ask every seeing request anew."""

LEAST_CONTEXT_PX = 16
"""Pixels of the picture that a crop shows around a region on each side, at least, whatever the recipe's share."""
MOST_ENLARGED = 8.0
"""What is smaller than half of its limit is enlarged to that, at most so many times."""
_QUALITY_STEP = 10
_LEAST_QUALITY = 5

Window = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels of the picture; right and bottom are beyond the last one."""


class View(Record, frozen=True, kw_only=True):
    """One JPEG: all that decides what is drawn, and nothing else."""

    version: int = VERSION
    window: Window
    """What of the picture it shows."""
    size: tuple[int, int]
    """(width, height) of the JPEG."""
    whole: bool
    """The whole picture with all regions, or a crop around one."""
    regions: tuple[tuple[int, Mask], ...]
    """Numbers and masks that are outlined."""
    quality: int
    most_bytes: int

    @property
    def region(self) -> int:
        """Number of the region that a crop is around."""
        return self.regions[0][0]

    def digest(self, picture: str) -> str:
        """SHA-256 that stands for the JPEG, drawn from a picture whose bytes have the SHA-256 `picture`."""
        return hashlib.sha256(canonical_json({"picture": picture, "view": self})).hexdigest()


def views(masks: Sequence[Mask], size: tuple[int, int], settings: VisionSettings) -> list[View]:
    """The whole picture of (width, height), then crops around regions in the order of their numbers.

    Where there are more regions than crops, the smallest ones get them: the whole picture shows the large ones well.
    """
    numbered = tuple(enumerate(masks, start=1))
    limits: dict[str, Any] = {"quality": settings.quality, "most_bytes": settings.most_bytes}
    whole = View(
        window=(0, 0, *size), size=fitted(size, settings.image_px), whole=True, regions=numbered, **limits
    )  # fmt: skip
    found = [whole]
    for number, mask in _cropped(numbered, settings.crops):
        window = crop_window(mask, size, settings.context)
        sides = (window[2] - window[0], window[3] - window[1])
        found.append(
            View(window=window, size=fitted(sides, settings.crop_px), whole=False, regions=((number, mask),), **limits)
        )
    return found


def fitted(size: tuple[int, int], limit: int) -> tuple[int, int]:
    """The size at which a picture is shown: its longer side is at most the limit, and no less than half of it."""
    longest = max(size)
    scale = min(1.0, limit / longest)
    if longest < limit / 2:
        scale = min(limit / 2 / longest, MOST_ENLARGED)
    return max(1, int(size[0] * scale + 0.5)), max(1, int(size[1] * scale + 0.5))


def crop_window(mask: Mask, size: tuple[int, int], context: float) -> Window:
    """The region's box with what is around it, within the picture of (width, height)."""
    x, y, width, height = rle.box(mask)
    margin = max(float(LEAST_CONTEXT_PX), context * max(width, height))
    return (
        max(0, math.floor(x - margin)), max(0, math.floor(y - margin)),
        min(size[0], math.ceil(x + width + margin)), min(size[1], math.ceil(y + height + margin)),
    )  # fmt: skip


def render(picture: PIL.Image.Image, view: View) -> bytes:
    """The view's JPEG, of the whole picture in RGB at full size.

    Raises:
        ValueError: even the lowest quality needs more bytes than are allowed.
    """
    cut = picture if view.window == (0, 0, *picture.size) else picture.crop(view.window)
    shown = cut if cut.size == view.size else cut.resize(view.size, PIL.Image.Resampling.LANCZOS)
    return _jpeg(draw(shown, [Numbered(number, _shown(mask, view)) for number, mask in view.regions]), view)


def _cropped(numbered: Sequence[tuple[int, Mask]], most: int) -> list[tuple[int, Mask]]:
    """Those that get a crop: the smallest ones, in the order of their numbers."""
    seen = [(rle.area(mask), number, mask) for number, mask in numbered if rle.area(mask)]
    chosen = sorted(seen, key=lambda one: one[:2])[: max(0, most)]
    return sorted(((number, mask) for _, number, mask in chosen), key=lambda one: one[0])


def _shown(mask: Mask, view: View) -> Bools:
    left, top, right, bottom = view.window
    return resized(rle.decode(mask)[top:bottom, left:right], view.size)


def _jpeg(image: PIL.Image.Image, view: View) -> bytes:
    """The highest quality, in steps down from the view's own, that fits."""
    for quality in [*range(view.quality, _LEAST_QUALITY, -_QUALITY_STEP), _LEAST_QUALITY]:
        stream = io.BytesIO()
        image.save(stream, "JPEG", quality=quality)
        if stream.tell() <= view.most_bytes:
            return stream.getvalue()
    raise ValueError(f"{image.width} x {image.height} pixels do not fit into {view.most_bytes:,} bytes at any quality")
