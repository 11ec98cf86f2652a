"""The loader with the real processor: what `forward` takes, from real shards."""

import pathlib

import pytest
import torch

from osprey_train import chat, geometry
from osprey_train.data.loader import Rows, loader
from osprey_train.data.order import GlobalBatches, Order, Place
from osprey_train.data.shards import Shards
from osprey_train.model.assemble import add_placeholders
from osprey_train.model.processor import OspreyProcessor
from osprey_train.presets import byte_tokenizer
from schemas.errors import ShardError
from tests.factories import box_mask
from tests.osprey_train.small_shards import SIZE, row, small_shards, write

__all__ = ["small_shards"]


@pytest.fixture(scope="module")
def processor() -> OspreyProcessor:
    tokenizer = byte_tokenizer(["What is <region1>, <region2>?", "A dog."] * 9)
    add_placeholders(tokenizer)
    return OspreyProcessor(tokenizer, image_size=64, mask_size=16, image_tokens=16)


def opened(folder: pathlib.Path) -> Shards:
    return Shards(str(folder / "OUT"), str(folder / "DATA"))


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_fit_together(small_shards: pathlib.Path, processor: OspreyProcessor, workers: int) -> None:
    """As many masks as mask tokens, picture by picture; only answers have labels."""
    shards = opened(small_shards)
    batches = GlobalBatches(Order(shards.group_rows), 6, 6, steps=3)
    mask_id, image_id = processor.tokenizer.convert_tokens_to_ids([chat.MASK, chat.IMAGE])
    for batch in loader(shards, batches, processor, 256, workers):
        ids, labels = batch["input_ids"], batch["labels"]
        assert batch["pixel_values"].shape == (6, 3, 64, 64)
        assert batch["masks"].shape[1:] == (16, 16)
        assert batch["mask_image"].bincount(minlength=6).tolist() == (ids == mask_id).sum(1).tolist()
        assert (ids == image_id).sum(1).tolist() == [16] * 6
        assert (batch["attention_mask"].sum(1) > 16).all()
        answered = torch.where(labels == -100, processor.pad_token_id, labels)
        assert [text.count("A dog.") for text in processor.tokenizer.batch_decode(answered)] == [1] * 6
        assert batch["counts"] == {"samples": 6, "turns_dropped": 0, "answers_cut": 0}


def test_masks_come_in_the_order_of_the_text(tmp_path: pathlib.Path, processor: OspreyProcessor) -> None:
    asked = [{"role": "user", "content": "<region2>, then <region1>?"}, {"role": "assistant", "content": "Yes."}]
    write(tmp_path, "mask_text", [[row("mask_text", 2, messages=asked)]])
    found = Rows(opened(tmp_path), processor, 256).example(Place("mask_text", 0, 0))
    masks = [box_mask(4 * index, 5, 7, 9, SIZE) for index in (1, 0)]
    assert torch.equal(found["masks"], geometry.coverage(masks, processor.frame))


def test_a_region_that_is_not_there(tmp_path: pathlib.Path, processor: OspreyProcessor) -> None:
    asked = [{"role": "user", "content": "What is <region3>?"}, {"role": "assistant", "content": "A dog."}]
    write(tmp_path, "mask_text", [[row("mask_text", 2, messages=asked)]])
    with pytest.raises(ShardError, match=r"00001\.parquet: row 0 \(mask_text-2\): .*<region3>") as caught:
        Rows(opened(tmp_path), processor, 256).example(Place("mask_text", 0, 0))
    assert caught.value.message.count("mask_text-2") == 1
    assert caught.value.hint


@pytest.mark.parametrize(
    ("mask", "field"),
    [({"size": [9, 9], "counts": "Q3"}, r"regions\[1\]\.mask\.size: the mask is 9 x 9, the picture 48 x 64"),
     ({"size": list(SIZE), "counts": "5o"}, r"regions\[1\]\.mask\.counts: compressed RLE ends within")],
)  # fmt: skip
def test_a_broken_mask(tmp_path: pathlib.Path, processor: OspreyProcessor, mask: dict[str, object], field: str) -> None:
    regions = row("mask_text", 2)["regions"]
    write(tmp_path, "mask_text", [[row("mask_text", 2, regions=[regions[0], {**regions[1], "mask": mask}])]])
    with pytest.raises(ShardError, match=rf"row 0 \(mask_text-2\), {field}"):
        Rows(opened(tmp_path), processor, 256).example(Place("mask_text", 0, 0))
