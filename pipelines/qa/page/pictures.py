"""Pictures of the page: the picture itself as a small file, and its regions as shapes that lie above it."""

import base64
import io
import posixpath
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import PIL.Image

from pipelines import storage
from pipelines.qa.page.badges import Badge, badges, radius_for
from pipelines.qa.page.drawing import fitted
from pipelines.qa.page.outline import path as outlined
from pipelines.views.colours import colour, ink
from pipelines.views.masks import resized
from schemas import rle
from schemas.records import Mask

LONGEST = 480
"""Pixels of a picture's longer side."""
_SHORTEST = 320
"""Pixels of a longer side below which pictures are enlarged."""
_MOST_PIXELS = 50_000_000
"""Masks of larger images are not drawn."""
_QUALITY = 62
NOTHING = rle.encode(np.zeros((1, 1)))
"""Stands in for a mask that cannot be read."""


class Shape(NamedTuple):
    """A region above a picture, in pixels of the picture that is shown."""

    number: int
    colour: str
    ink: str
    """Of the number."""
    path: str
    """`d` of an SVG path."""
    badge: Badge | None


class Picture(NamedTuple):
    """A picture and its regions."""

    uri: str
    """WebP as a data URI; empty for plain grey."""
    width: int
    height: int
    radius: int
    """Of the numbers' discs."""
    shapes: list[Shape]
    note: str
    """What is not as one would expect."""


class Wanted(NamedTuple):
    """Where a picture should be, and its size as the data say it."""

    content: bytes | None
    """The file itself, where the row carries it."""
    paths: Sequence[str]
    """Relative to DATA; the first that is there is taken."""
    width: int
    height: int


def picture(wanted: Wanted, masks: Sequence[Mask | None], data: str | None) -> Picture:
    """The picture from its bytes or from below `data`, else grey with the reason, and its masks as shapes."""
    image, note = opened(wanted, data)
    good = [mask if mask is not None and readable(mask) else None for mask in masks]
    if good.count(None):
        note = "; ".join(filter(None, [note, "a mask cannot be read; it and its number are not drawn"]))
    size = _shown_size(image.size if image else (max(1, wanted.width), max(1, wanted.height)))
    pixels = [resized(rle.decode(mask or NOTHING), size) for mask in good]
    radius = radius_for(size)
    shapes = [
        Shape(number, colour(number), ink(number), outlined(mask), badge)
        for number, (mask, badge) in enumerate(zip(pixels, badges(pixels, radius), strict=True), 1)
        if badge
    ]
    return Picture(_uri(image, size) if image else "", *size, radius, shapes, note)


def opened(wanted: Wanted, data: str | None) -> tuple[PIL.Image.Image | None, str]:
    """The picture, or nothing and the reason."""
    if wanted.content is None and data is None:
        return None, "no DATA was given: masks on grey"
    first = wanted.paths[0] if wanted.paths else ""
    if wanted.content is None and not all(map(stays_below, wanted.paths or [""])):
        return None, f"the path {first!r} leaves DATA: masks on grey"
    try:
        return _decoded(_content(wanted, data or "")), ""
    except FileNotFoundError:
        return None, f"{first} is not under DATA: masks on grey"
    except (OSError, ValueError, SyntaxError, PIL.Image.DecompressionBombError) as error:
        return None, f"{first} cannot be read ({type(error).__name__}): masks on grey"


def _content(wanted: Wanted, data: str) -> bytes:
    if wanted.content is not None:
        return wanted.content
    for path in wanted.paths[:-1]:
        if storage.exists(storage.join(data, path)):
            return storage.read_bytes(storage.join(data, path))
    return storage.read_bytes(storage.join(data, wanted.paths[-1]))


def _decoded(content: bytes) -> PIL.Image.Image:
    image = PIL.Image.open(io.BytesIO(content))
    image.draft("RGB", (2 * LONGEST, 2 * LONGEST))
    image.load()
    return image.convert("RGB")


def stays_below(path: str) -> bool:
    """Whether a relative path, as written in a shard, stays below the folder it is relative to."""
    plain = posixpath.normpath(path.replace("\\", "/"))
    return bool(path) and "://" not in path and not plain.startswith(("/", "..")) and not re.match(r"[A-Za-z]:", plain)


def _shown_size(size: tuple[int, int]) -> tuple[int, int]:
    """Thumbnails are enlarged in whole multiples of their pixels, so that numbers can be read on them."""
    times = max(1, _SHORTEST // max(size))
    return fitted((size[0] * times, size[1] * times), LONGEST)


def readable(mask: Mask) -> bool:
    """Whether pycocotools may be given the mask; it reads broken ones beyond their end."""
    try:
        rle.check_runs(rle.runs(mask.counts), mask.size)
    except ValueError:
        return False
    return 0 < mask.size[0] * mask.size[1] <= _MOST_PIXELS


def _uri(image: PIL.Image.Image, size: tuple[int, int]) -> str:
    larger = size[0] > image.width
    small = image.resize(size, PIL.Image.Resampling.NEAREST if larger else PIL.Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    small.save(stream, "WEBP", quality=_QUALITY, method=4)
    return "data:image/webp;base64," + base64.b64encode(stream.getvalue()).decode()
