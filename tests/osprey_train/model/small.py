"""Models of a few hundred thousand parameters with random weights, and inputs for them."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import (
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from osprey_train.chat import IGNORED
from osprey_train.model import OspreyConfig, OspreyForConditionalGeneration

VOCABULARY, IMAGE, MASK, SPATIAL, PAD = 64, 60, 61, 62, 63
SIDE = 64
"""Pixels of a side of the pictures: 16 image tokens."""

_common = {"vocab_size": VOCABULARY, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
_ids = {"bos_token_id": None, "eos_token_id": 1, "pad_token_id": PAD, "initializer_range": 0.2}


def language(family: str = "llama") -> PreTrainedModel:
    """A language model of random weights; `smollm2` is a Llama with tied embeddings and grouped heads."""
    torch.manual_seed(0)
    if family == "llama":
        return LlamaForCausalLM(LlamaConfig(intermediate_size=48, tie_word_embeddings=False, **_common, **_ids))
    if family == "smollm2":
        return LlamaForCausalLM(
            LlamaConfig(intermediate_size=48, num_key_value_heads=2, tie_word_embeddings=True, **_common, **_ids)
        )
    if family == "qwen2":
        return Qwen2ForCausalLM(
            Qwen2Config(intermediate_size=48, num_key_value_heads=2, tie_word_embeddings=True, **_common, **_ids)
        )
    return GPTNeoXForCausalLM(GPTNeoXConfig(intermediate_size=48, **_common, **_ids))


FAMILIES = ("llama", "smollm2", "qwen2", "gpt_neox")


def small_model(family: str = "llama", **settings: Any) -> OspreyForConditionalGeneration:
    """A model that sees 64 x 64 pixels, in evaluation mode."""
    model = language(family)
    chosen = {"vision_model": "test_convnext", "image_size": SIDE, "extractor_width": 16, "spatial_size": 8, **settings}
    config = OspreyConfig(
        text_config=model.config, image_token_id=IMAGE, mask_token_id=MASK, spatial_token_id=SPATIAL, **chosen
    )
    return OspreyForConditionalGeneration(config, model).eval()


def inputs(
    model: OspreyForConditionalGeneration, regions: Sequence[int] = (2, 1), *, left: bool = False
) -> dict[str, Tensor]:
    """A batch of texts of unequal length, each with its picture and so many regions."""
    make = torch.Generator().manual_seed(5)
    texts = []
    for index, count in enumerate(regions):
        words = torch.randint(2, 50, (4 + 3 * index,), generator=make).tolist()
        texts.append([IMAGE] * model.config.image_tokens + words[:2] + [7, MASK, SPATIAL] * count + words[2:])
    longest = max(map(len, texts))
    pads = [longest - len(text) for text in texts]
    size = model.config.mask_size
    masks = torch.randint(0, 256, (sum(regions), size, size), generator=make, dtype=torch.uint8)
    masks[:, : size // 2] = 0
    both = list(zip(texts, pads, strict=True))
    return {
        "input_ids": torch.tensor([[PAD] * pad + text if left else text + [PAD] * pad for text, pad in both]),
        "attention_mask": torch.tensor(
            [[0] * pad + [1] * len(text) if left else [1] * len(text) + [0] * pad for text, pad in both]
        ),
        "pixel_values": torch.randint(0, 256, (len(regions), 3, SIDE, SIDE), generator=make, dtype=torch.uint8),
        "masks": masks,
        "mask_image": torch.repeat_interleave(torch.tensor(regions)),
    }


def single(batch: dict[str, Tensor], index: int) -> dict[str, Tensor]:
    """One text of a batch, without padding."""
    here, mine = batch["attention_mask"][index].bool(), batch["mask_image"] == index
    return {
        "input_ids": batch["input_ids"][index : index + 1, here],
        "attention_mask": batch["attention_mask"][index : index + 1, here],
        "pixel_values": batch["pixel_values"][index : index + 1],
        "masks": batch["masks"][mine],
        "mask_image": torch.zeros(int(mine.sum()), dtype=torch.long),
    }


def labelled(batch: dict[str, Tensor], last: int = 3) -> dict[str, Tensor]:
    """The batch with the last words of each text as its answer."""
    labels = torch.full_like(batch["input_ids"], IGNORED)
    for row, here in enumerate(batch["attention_mask"].bool()):
        answer = here.nonzero()[-last:, 0]
        labels[row, answer] = batch["input_ids"][row, answer]
    return {**batch, "labels": labels}
