"""Rows as a page shows them: picture with numbered masks beside the conversation, and what checks find in them."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from pipelines.qa.checks.catalog import row_checks
from pipelines.qa.page.pictures import Picture, Wanted, picture
from pipelines.qa.pieces import Piece
from pipelines.qa.suite.frame import complete_rows
from pipelines.views.colours import colour, ink
from schemas.columns import SHARD
from schemas.records import Mask

FOLDED_WORDS = 150
"""Words of a message beyond which it is folded behind its first ones."""
_HEAD_WORDS = 40
_MOST_CHARS = 80_000
"""Of a message on the page."""
_ID_CHARS = 16
"""Of a region's id in a legend; longer ones show their end."""

_NAME = re.compile(r"<region(\d{1,4})>")

_WITHOUT_BYTES = pa.schema([
    pa.field("image", pa.struct([("path", pa.string())])) if field.name == "image" else field for field in SHARD
])  # fmt: skip

Faults = Mapping[str, str]
"""What is wrong with a row, by check."""


class Span(NamedTuple):
    """A piece of text; `number` where it names a region, else 0."""

    text: str
    colour: str
    number: int


class Turn(NamedTuple):
    """One message."""

    role: str
    spans: list[Span]
    head: list[Span]
    """The first words of a long one, behind which the rest is folded."""
    words: int


class Label(NamedTuple):
    """A region's line below the picture."""

    number: int
    colour: str
    ink: str
    category: str
    part_of: str
    whole: int
    """Number of the region that it is a part of; 0 where the row does not show it."""
    short_whole: str
    source: str
    region_id: str
    short_id: str
    area: str
    """Share of the image, such as 3.1 %."""


class Card(NamedTuple):
    """One row."""

    kind: str
    sample_id: str
    image_id: str
    split: str
    generator: str
    license: str
    sources: list[str]
    picture: Picture
    labels: list[Label]
    turns: list[Turn]
    faults: Faults
    sampled: bool
    """Whether it belongs to the fixed sample of its kind; else it is here for its faults."""


def card(row: Mapping[str, Any], data: str | None, faults: Faults | None = None, *, sampled: bool = True) -> Card:
    """A row of a shard (all columns) as it is shown; pictures come from the row or from below `data`.

    Whatever is missing in a broken row is shown as missing.
    """
    regions = [region or {} for region in row["regions"] or []]
    image = row["image"] or {}
    wanted = Wanted(image.get("bytes"), [image.get("path") or ""], row["width"] or 0, row["height"] or 0)
    return Card(
        kind=_text(row["kind"]), sample_id=_text(row["sample_id"]), image_id=_text(row["image_id"]),
        split=_text(row["split"]), generator=_text((row["generator"] or {}).get("name")),
        license=_text(row["license"]), sources=[_text(one) for one in row["sources"] or []],
        picture=picture(wanted, [_mask(region) for region in regions], data),
        labels=_labels(regions, row),
        turns=[_turn(one or {}) for one in row["messages"] or []],
        faults=faults or {}, sampled=sampled,
    )  # fmt: skip


def spans(text: str) -> list[Span]:
    """The text cut at the names of regions."""
    parts = _NAME.split(text)
    return [
        Span(f"<region{part}>", colour(int(part) or 1), int(part)) if place % 2 else Span(part, "", 0)
        for place, part in enumerate(parts)
        if part
    ]


def turn(role: str, text: str) -> Turn:
    """A message, folded where it is long; what a page cannot hold is left out, and it says so."""
    words = text.split()
    if len(text) > _MOST_CHARS:
        text = f"{text[:_MOST_CHARS]} ... ({len(text) - _MOST_CHARS:,} more characters are in the shard)"
    folded = len(words) > FOLDED_WORDS or len(text) > 12 * FOLDED_WORDS
    head = spans(" ".join(words[:_HEAD_WORDS])[: 12 * _HEAD_WORDS]) if folded else []
    return Turn(role, spans(text), head, len(words))


def faults_of(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """What the checks of single rows say of each row, by check; broken rows are not judged."""
    table = pa.Table.from_pylist([dict(row) for row in rows], schema=_WITHOUT_BYTES)
    whole = np.flatnonzero(complete_rows(table))
    found: list[dict[str, str]] = [{} for _ in rows]
    kinds: dict[str, list[int]] = defaultdict(list)
    for index in whole.tolist():
        kinds[rows[index]["kind"]].append(index)
    for kind, indices in kinds.items():
        piece = Piece(kind, "", "", np.array(indices), table.take(pa.array(indices)))
        for check in row_checks():
            for fault in check.faults(piece).found:
                found[indices[fault.row]].setdefault(check.spec.name, fault.detail)
    return found


def _turn(message: Mapping[str, Any]) -> Turn:
    return turn(_text(message.get("role")), _text(message.get("content")))


def _text(value: object) -> str:
    return "(none)" if value is None else str(value)


def _mask(region: Mapping[str, Any]) -> Mask | None:
    mask = region.get("mask") or {}
    size, counts = mask.get("size"), mask.get("counts")
    if not size or None in size or counts is None:
        return None
    return Mask(size=tuple(size), counts=counts)


def _labels(regions: Sequence[Mapping[str, Any]], row: Mapping[str, Any]) -> list[Label]:
    numbers = {region.get("region_id"): number for number, region in enumerate(regions, 1)}
    return [_label(number, region, row, numbers) for number, region in enumerate(regions, 1)]


def _label(number: int, region: Mapping[str, Any], row: Mapping[str, Any], numbers: Mapping[Any, int]) -> Label:
    area, name = region.get("area") or 0, _text(region.get("region_id"))
    share = 100 * area / max(1, (row["width"] or 0) * (row["height"] or 0))
    part_of, image = region.get("part_of") or "", row["image_id"] or ""
    return Label(
        number, colour(number), ink(number), region.get("category") or "", part_of,
        numbers.get(part_of, 0) if part_of else 0, short_id(part_of, image), _text(region.get("source")), name,
        short_id(name, image), f"{share:.1f} %" if share >= 0.1 else f"{area} px",
    )  # fmt: skip


def short_id(region_id: str, image_id: str) -> str:
    """What tells a region from others of its image: without the image's id, a long one without its data set.

    `vcr/a/long/film@00.06.20.000@0#5` of the image `vcr/a/long/film@00.06.20.000@0` is `#5`. Of what is still long the
    end is left.
    """
    rest = region_id.removeprefix(image_id)
    if len(rest) < len(region_id) and re.match(r"[#/.@:]\S", rest):
        region_id = rest
    if len(region_id) > _ID_CHARS:
        region_id = region_id.rpartition("/")[2] or region_id
    return region_id if len(region_id) <= _ID_CHARS else f"\N{HORIZONTAL ELLIPSIS}{region_id[-_ID_CHARS:]}"
