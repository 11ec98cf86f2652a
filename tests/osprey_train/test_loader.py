"""Rows to batches with real shards, real pictures and real worker processes."""

import io
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch

from osprey_train import geometry
from osprey_train.data.loader import Fault, Rows, collate, loader
from osprey_train.data.order import GlobalBatches, Order, Place
from osprey_train.data.shards import Shards
from schemas.errors import ShardError
from tests.factories import box_mask
from tests.osprey_train.small_shards import FRAME, SIZE, PlainProcessor, row, small_shards, write

__all__ = ["small_shards"]

WEIGHTS = {"conversation": 2.0}


def opened(folder: pathlib.Path) -> Shards:
    return Shards(str(folder / "OUT/data"), str(folder / "DATA"))


def read(shards: Shards, batches: GlobalBatches, workers: int = 0) -> list[list[str]]:
    """The sample ids of each micro-batch."""
    return [batch["sample_ids"] for batch in loader(shards, batches, PlainProcessor(), 99, workers)]


@pytest.mark.parametrize(
    ("workers", "legs"),
    [(0, [(3, 2, 1), (5, 3, 2)]), (2, [(1, 12, 1), (0, 1, 1), (4, 2, 3), (3, 6, 2)]), (3, [(8, 1, 4)])],
)
def test_stops_workers_and_world_size_change_nothing(
    small_shards: pathlib.Path, workers: int, legs: Sequence[tuple[int, int, int]]
) -> None:
    """8 steps of 12 samples, which is more than an epoch, in legs of (steps, per device, world)."""
    shards = opened(small_shards)
    order = Order(shards.group_rows, WEIGHTS, 5, window_groups=4)
    whole = [name for batch in read(shards, GlobalBatches(order, 12, 12, steps=8)) for name in batch]
    assert order.epoch_rows == 78 < len(whole) == 96
    assert len(set(whole[:78])) == 69
    found: list[str] = []
    step = 0
    for steps, per_device, world in legs:
        fresh = opened(small_shards)
        ranks = [
            read(
                fresh,
                GlobalBatches(Order(fresh.group_rows, WEIGHTS, 5, 4), 12, per_device, rank, world, step + steps, step),
                workers,
            )
            for rank in range(world)
        ]
        found += [name for batches in zip(*ranks, strict=True) for batch in batches for name in batch]
        step += steps
    assert found == whole


def test_a_batch(small_shards: pathlib.Path) -> None:
    """Texts are padded, and each mask knows its picture."""
    shards = opened(small_shards)
    rows = Rows(shards, PlainProcessor(), 99)
    found = collate([rows[Place("mask_text", 0, number)] for number in (1, 0, 2)], pad_token_id=77)
    assert not isinstance(found, Fault)
    assert found["sample_ids"] == ["mask_text-1", "mask_text-0", "mask_text-2"]
    assert found["counts"] == {"samples": 3, "turns_dropped": 3, "answers_cut": 6}
    assert found["mask_image"].tolist() == [0, 2, 2]
    assert found["masks"].shape == (3, 8, 8)
    expected = geometry.coverage([box_mask(0, 5, 7, 9, SIZE), box_mask(4, 5, 7, 9, SIZE)], FRAME)
    assert torch.equal(found["masks"], expected[[0, 0, 1]])
    assert [int(value) for value in found["pixel_values"][:, 0, 0, 0]] == [40, 0, 80]


def test_padding() -> None:
    def example(length: int) -> dict[str, Any]:
        ids = torch.arange(1, length + 1)
        return {
            "sample_id": "", "input_ids": ids, "labels": -ids, "pixel_values": torch.zeros(3, 2, 2),
            "masks": torch.zeros(0, 4, 4), "turns_dropped": 0, "answers_cut": 0,
        }  # fmt: skip

    found = collate([example(3), example(1)], pad_token_id=9)
    assert not isinstance(found, Fault)
    assert found["input_ids"].tolist() == [[1, 2, 3], [1, 9, 9]]
    assert found["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert found["labels"].tolist() == [[-1, -2, -3], [-1, -100, -100]]
    assert found["masks"].shape == (0, 4, 4)
    assert found["mask_image"].tolist() == []


def embedded(number: int, image: PIL.Image.Image, **changes: Any) -> dict[str, Any]:
    stream = io.BytesIO()
    image.save(stream, "JPEG", exif=image.getexif())
    return row("mask_text", number, image={"bytes": stream.getvalue(), "path": f"coco/{number}.jpg"}, **changes)


def test_pictures_inside_the_rows(tmp_path: pathlib.Path) -> None:
    red = PIL.Image.new("RGB", SIZE[::-1], (250, 10, 10))
    write(tmp_path, "mask_text", [[embedded(1, red), embedded(2, red)]])
    rows = Rows(Shards(str(tmp_path / "OUT")), PlainProcessor(), 99)
    found = rows.example(Place("mask_text", 0, 1))
    assert found["sample_id"] == "mask_text-2"
    assert (found["pixel_values"][0] > 240).all()


def test_a_picture_is_turned_only_where_the_masks_fit_nothing_else(tmp_path: pathlib.Path) -> None:
    """The left half is black as stored, which is the upper half as turned."""
    stored = PIL.Image.new("RGB", (48, 64))
    stored.paste((255, 255, 255), (24, 0, 48, 64))
    stored.getexif()[0x0112] = 6
    upright = {"width": 48, "height": 64, "regions": []}
    write(tmp_path, "mask_text", [[embedded(1, stored, **upright), embedded(2, stored, regions=[])]])
    rows = Rows(Shards(str(tmp_path / "OUT")), PlainProcessor(), 99)
    as_stored, turned = (rows.example(Place("mask_text", 0, number))["pixel_values"][0].float() for number in (0, 1))
    assert as_stored[:, :12].max() < 30 < 220 < as_stored[:, 20:].min()
    assert turned[:12].max() < 30 < 220 < turned[20:].min()


def cut(path: pathlib.Path) -> None:
    path.write_bytes(path.read_bytes()[:70])


def resized(path: pathlib.Path) -> None:
    PIL.Image.new("RGB", (64, 47)).save(path)


def nothing(path: pathlib.Path) -> None:
    """The row is at fault."""


def masked(size: Sequence[int], counts: str) -> dict[str, Any]:
    """A row with one good mask and one that is not."""
    good = row("mask_text", 1)["regions"][0]
    return {"regions": [good, {**good, "mask": {"size": list(size), "counts": counts}}]}


BROKEN: dict[str, tuple[Any, Mapping[str, Any], str]] = {
    "missing picture": (pathlib.Path.unlink, {}, r", image: no coco/1\.png in .*DATA: No such file"),
    "broken picture": (cut, {}, r", image: .*coco/1\.png.* cannot be decoded"),
    "no picture": (lambda path: path.write_bytes(b"<html>"), {}, r", image: coco/1\.png cannot be decoded"),
    "picture of another size": (resized, {}, r", image: coco/1\.png has 64 x 47 pixels, the row says 64 x 48"),
    "path that leaves the folder": (
        nothing, {"image": {"bytes": None, "path": "../OUT/x"}}, r", image: '\.\./OUT/x' is no path inside"
    ),
    "mask of another size": (
        nothing, masked((9, 9), "Q3"), r", regions\[1\]\.mask\.size: the mask is 9 x 9, the picture 48 x 64"
    ),
    "corrupt counts": (nothing, masked(SIZE, "5o"), r", regions\[1\]\.mask\.counts: compressed RLE ends within"),
    "counts of another picture": (nothing, masked(SIZE, "52203"), r", regions\[1\]\.mask\.counts: runs add up to 16"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_row_names_file_row_sample_and_field(tmp_path: pathlib.Path, case: str) -> None:
    damage, changes, reason = BROKEN[case]
    write(tmp_path, "mask_text", [[row("mask_text", 0), row("mask_text", 1, **changes)]])
    damage(tmp_path / "DATA/coco/1.png")
    named = r"mask_text/train-00000-of-00001\.parquet: row 1 \(mask_text-1\)"
    rows = Rows(opened(tmp_path), PlainProcessor(), 99)
    assert rows.example(Place("mask_text", 0, 0))["sample_id"] == "mask_text-0"
    with pytest.raises(ShardError, match=named + reason) as caught:
        rows.example(Place("mask_text", 0, 1))
    assert caught.value.hint


@pytest.mark.parametrize("workers", [0, 2])
def test_a_fault_is_raised_in_the_main_process_without_the_worker_s_traceback(
    tmp_path: pathlib.Path, workers: int
) -> None:
    write(tmp_path, "mask_text", [[row("mask_text", number) for number in range(12)]])
    (tmp_path / "DATA/coco/3.png").unlink()
    shards = opened(tmp_path)
    batches = GlobalBatches(Order(shards.group_rows), 4, 4, steps=3)
    with pytest.raises(ShardError, match=r"coco/3\.png") as caught:
        list(loader(shards, batches, PlainProcessor(), 99, workers))
    assert "Traceback" not in str(caught.value)


class Faulty(PlainProcessor):
    def example(self, row: Mapping[str, Any], image: Any, context: int) -> dict[str, Any]:
        raise ValueError("a mistake of the program")


def test_a_mistake_of_the_program_is_no_fault_of_the_row(small_shards: pathlib.Path) -> None:
    with pytest.raises(ValueError, match="mistake of the program") as caught:
        Rows(opened(small_shards), Faulty(), 99)[Place("mask_text", 0, 0)]
    assert not isinstance(caught.value, ShardError)


def test_row_groups_held_are_limited(small_shards: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With room for two groups the one longest unused goes; with room for none the last one stays."""
    shards = opened(small_shards)
    reads: list[int] = []
    plain = shards.read
    monkeypatch.setattr(shards, "read", lambda kind, group, columns: reads.append(group) or plain(kind, group, columns))
    size = plain("mask_text", 0, ["sample_id"]).nbytes
    rows = Rows(shards, PlainProcessor(), 99, cache_bytes=int(2.5 * size), columns=["sample_id"])
    for group in (0, 1, 0, 2, 0, 1):
        rows.row(Place("mask_text", group, 3))
    assert reads == [0, 1, 2, 1]
    reads.clear()
    small = Rows(shards, PlainProcessor(), 99, cache_bytes=0, columns=["sample_id"])
    for group in (0, 0, 1, 1, 0):
        small.row(Place("mask_text", group, 3))
    assert reads == [0, 1, 0]


def test_only_needed_columns_are_read(small_shards: pathlib.Path) -> None:
    found = Rows(opened(small_shards), PlainProcessor(), 99).row(Place("mask_text", 0, 2))
    assert set(found) == {"sample_id", "kind", "width", "height", "image", "regions", "messages"}
    assert [set(region) for region in found["regions"]] == [{"mask"}] * 2
    assert np.prod(found["regions"][0]["mask"]["size"]) == SIZE[0] * SIZE[1]
