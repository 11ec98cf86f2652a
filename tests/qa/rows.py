"""Valid shard rows, drawn by hand."""

from typing import Any

import numpy as np
import pyarrow as pa

from schemas import rle
from schemas.columns import SHARD, shard_row
from schemas.records import Generator, Message, Region, Sample

HEIGHT, WIDTH = 24, 32


def region(number: int, image_id: str, *, left: int = 2, top: int = 3, side: int = 5) -> Region:
    """A square with a corner cut off, so that its area is not that of its box."""
    pixels = np.zeros((HEIGHT, WIDTH), bool)
    pixels[top : top + side, left : left + side] = True
    pixels[top, left] = False
    mask = rle.encode(pixels)
    return Region(
        region_id=f"coco/{number}", image_id=image_id, source="coco", ordinal=number, category="teddy bear",
        category_raw="teddy bear", source_box=(0.0, 0.0, 1.0, 1.0), bbox=rle.box(mask), area=rle.area(mask), mask=mask,
    )  # fmt: skip


def sample(
    number: int, kind: str = "conversation", *, regions: int = 2, split: str = "train", text: str = ""
) -> Sample:
    """A row with two questions and answers."""
    image_id = f"coco/{number:012d}"
    found = tuple(region(100 * number + i, image_id, left=2 + 6 * i) for i in range(regions))
    names = " and ".join(f"<region{i + 1}>" for i in range(regions))
    return Sample(
        sample_id=f"{kind}/{number}", kind=kind, split=split, image_id=image_id,
        path=f"coco/train2017/{number:012d}.jpg", width=WIDTH, height=HEIGHT, regions=found,
        messages=(
            Message(role="user", content=f"What are {names}?"), Message(role="assistant", content=text or "Two bears."),
            Message(role="user", content="Are they alike?"), Message(role="assistant", content="Yes."),
        ),
        generator=Generator(name="template"), sources=("coco",), license="CC BY 4.0",
    )  # fmt: skip


def rows(count: int = 4, kind: str = "conversation", **options: Any) -> list[dict[str, Any]]:
    """Valid rows, as dicts to break."""
    return table([shard_row(sample(number, kind, **options)) for number in range(1, count + 1)]).to_pylist()


def table(values: list[dict[str, Any]]) -> pa.Table:
    """Rows as a table of the shard's columns."""
    return pa.Table.from_pylist(values, schema=SHARD)
