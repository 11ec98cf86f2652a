"""Real shards of a few rows, with real pictures of 64 pixels beside them."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import PIL.Image
import pyarrow as pa
import pytest
import torch

from osprey_train import geometry
from pipelines.shards import writing
from schemas.columns import SHARD
from schemas.records import Mask
from tests.factories import box_mask

SIZE = (48, 64)
"""(height, width) of the pictures."""
FRAME = geometry.Frame(32, 8, "squash")


class PlainProcessor:
    """Stands in for the real one where only the order or the loader's own work is looked at: no text is made."""

    pad_token_id = 0

    def example(self, row: Mapping[str, Any], image: Any, context: int) -> dict[str, Any]:
        masks = [Mask(size=tuple(one["mask"]["size"]), counts=one["mask"]["counts"]) for one in row["regions"]]
        length = 2 + len(row["messages"])
        return {
            "sample_id": row["sample_id"], "input_ids": torch.arange(length), "labels": torch.arange(length),
            "pixel_values": geometry.picture(image, FRAME), "masks": geometry.coverage(masks, FRAME),
            "turns_dropped": 1, "answers_cut": 2,
        }  # fmt: skip


def row(kind: str, number: int, split: str = "train", **changes: Any) -> dict[str, Any]:
    """A row with as many regions as its number modulo 3, and one question."""
    masks = [box_mask(4 * index, 5, 7, 9, SIZE) for index in range(number % 3)]
    names = ", ".join(f"<region{index + 1}>" for index in range(len(masks))) or "this"
    masks_written = [{"size": list(mask.size), "counts": mask.counts} for mask in masks]
    region = {"region_id": "", "source": "coco", "category": "dog", "category_raw": "dog", "part_of": "", "area": 63}
    return {
        "sample_id": f"{kind}-{number}", "kind": kind, "split": split,
        "image": {"bytes": None, "path": f"coco/{number % 5}.png"}, "image_id": f"coco/{number}",
        "width": SIZE[1], "height": SIZE[0],
        "regions": [
            {**region, "bbox": [0.0, 0, 0, 0], "mask": mask} for mask in masks_written
        ],
        "messages": [{"role": "user", "content": f"What is {names}?"}, {"role": "assistant", "content": "A dog."}],
        "generator": {"name": "template", "prompt": "", "prompt_sha256": "", "request_key": ""},
        "sources": ["coco"], "license": "CC-BY-4.0", **changes,
    }  # fmt: skip


def write(folder: pathlib.Path, kind: str, files: Sequence[Sequence[Mapping[str, Any]]], split: str = "train") -> None:
    """Shards of a kind under folder/OUT, and the pictures of 5 colours under folder/DATA."""
    for index, rows in enumerate(files):
        table = pa.Table.from_pylist([dict(one) for one in rows], SHARD)
        writing.write_shard(writing.shard_path(kind, split, index, len(files)), table, out=str(folder / "OUT"))
    (folder / "DATA/coco").mkdir(parents=True, exist_ok=True)
    for number in range(5):
        pixels = np.full((*SIZE, 3), 40 * number, np.uint8)
        PIL.Image.fromarray(pixels).save(folder / f"DATA/coco/{number}.png")


@pytest.fixture(scope="session")
def small_shards(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Two kinds: 60 rows in two files of groups of 7, and 9 rows in one file."""
    folder = tmp_path_factory.mktemp("shards")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writing, "GROUP_ROWS", 7)
        write(
            folder,
            "mask_text",
            [[row("mask_text", n) for n in range(35)], [row("mask_text", n) for n in range(35, 60)]],
        )
        write(folder, "conversation", [[row("conversation", number) for number in range(9)]])
        write(folder, "conversation", [[row("conversation", 100, "val")]], "val")
    return folder
