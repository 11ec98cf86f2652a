"""Rows as a page shows them: picture with numbered masks beside the conversation."""

import base64
import io
import posixpath
import re
from typing import Any, NamedTuple

import numpy as np
import PIL.Image

from pipelines import storage
from pipelines.qa.page.drawing import draw_regions, grey
from pipelines.views.colours import colour
from schemas import rle
from schemas.records import Mask

LONGEST = 480
"""Pixels of a picture's longer side."""
_SHORTEST = 320
"""Pixels of a longer side below which pictures are enlarged."""
_MOST_PIXELS = 50_000_000
"""Masks of larger images are not drawn."""

_NOTHING = rle.encode(np.zeros((1, 1)))

_NAME = re.compile(r"<region(\d{1,4})>")


class Span(NamedTuple):
    """A piece of text; `colour` where it names a region."""

    text: str
    colour: str


class Turn(NamedTuple):
    """One message."""

    role: str
    spans: list[Span]


class Label(NamedTuple):
    """A region's line below the picture."""

    number: int
    colour: str
    category: str
    part_of: str
    source: str
    region_id: str
    area: str
    """Share of the image, such as 3.1 %."""


class Card(NamedTuple):
    """One row."""

    sample_id: str
    image_id: str
    split: str
    generator: str
    license: str
    sources: str
    picture: str
    """JPEG as a data URI."""
    note: str
    """What is not as one would expect of the picture."""
    labels: list[Label]
    turns: list[Turn]


def card(row: dict[str, Any], data: str | None) -> Card:
    """A row of a shard (all columns) as it is shown; pictures come from the row or from below `data`."""
    image, note = _picture(row, data)
    masks = [Mask(size=tuple(region["mask"]["size"]), counts=region["mask"]["counts"]) for region in row["regions"]]
    readable = [_readable(mask) for mask in masks]
    drawn = draw_regions(
        _enlarged(image), [m if good else _NOTHING for m, good in zip(masks, readable, strict=True)], longest=LONGEST
    )
    return Card(
        sample_id=row["sample_id"], image_id=row["image_id"], split=row["split"], generator=row["generator"]["name"],
        license=row["license"], sources=", ".join(row["sources"]), picture=_data_uri(drawn),
        note=note if all(readable) else "a mask cannot be read; it and its number are not drawn",
        labels=[_label(number, region, row) for number, region in enumerate(row["regions"], 1)],
        turns=[Turn(message["role"], spans(message["content"])) for message in row["messages"]],
    )  # fmt: skip


def spans(text: str) -> list[Span]:
    """The text cut at the names of regions."""
    parts = _NAME.split(text)
    return [
        Span(f"<region{part}>", colour(int(part) or 1)) if place % 2 else Span(part, "")
        for place, part in enumerate(parts)
        if part
    ]


def _label(number: int, region: dict[str, Any], row: dict[str, Any]) -> Label:
    share = 100 * region["area"] / max(1, row["width"] * row["height"])
    return Label(
        number, colour(number), region["category"], region["part_of"], region["source"], region["region_id"],
        f"{share:.1f} %" if share >= 0.1 else f"{region['area']} px",
    )  # fmt: skip


def _picture(row: dict[str, Any], data: str | None) -> tuple[PIL.Image.Image, str]:
    """The picture, or grey in its place with the reason."""
    blank = grey(*_fitted(row["width"], row["height"]))
    content, path = row["image"]["bytes"], row["image"]["path"] or ""
    if content is None and data is None:
        return blank, "no DATA was given: masks on grey"
    if content is None and not stays_below(path):
        return blank, f"the path {path!r} leaves DATA: masks on grey"
    try:
        content = storage.read_bytes(storage.join(data or "", path)) if content is None else content
        image = PIL.Image.open(io.BytesIO(content))
        image.draft("RGB", (2 * LONGEST, 2 * LONGEST))
        image.load()
    except FileNotFoundError:
        return blank, f"{path} is not under DATA: masks on grey"
    except (OSError, ValueError, SyntaxError, PIL.Image.DecompressionBombError) as error:
        return blank, f"{path} cannot be read ({type(error).__name__}): masks on grey"
    return image, ""


def stays_below(path: str) -> bool:
    """Whether a relative path, as written in a shard, stays below the folder it is relative to."""
    plain = posixpath.normpath(path.replace("\\", "/"))
    return bool(path) and "://" not in path and not plain.startswith(("/", "..")) and not re.match(r"[A-Za-z]:", plain)


def _fitted(width: int, height: int) -> tuple[int, int]:
    scale = min(1.0, LONGEST / max(width, height, 1))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _enlarged(image: PIL.Image.Image) -> PIL.Image.Image:
    """A thumbnail in whole multiples of its pixels, so that numbers can be read on it."""
    times = _SHORTEST // max(image.size)
    return (
        image.resize((image.width * times, image.height * times), PIL.Image.Resampling.NEAREST) if times > 1 else image
    )


def _readable(mask: Mask) -> bool:
    """Whether pycocotools may be given the mask; it reads broken ones beyond their end."""
    try:
        rle.check_runs(rle.runs(mask.counts), mask.size)
    except ValueError:
        return False
    return 0 < mask.size[0] * mask.size[1] <= _MOST_PIXELS


def _data_uri(image: PIL.Image.Image) -> str:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=82)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode()
