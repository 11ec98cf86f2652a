"""An untrained model of some thousand parameters, with its processor, in a folder."""

import pathlib

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from osprey_train.model.assemble import assemble
from osprey_train.presets import byte_tokenizer


def save(folder: pathlib.Path, hidden: int = 32, layers: int = 2) -> None:
    """The same weights every time."""
    torch.manual_seed(1)
    tokenizer = byte_tokenizer(["red green blue dog grass number"])
    language = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer), hidden_size=hidden, intermediate_size=hidden * 3 // 2, num_hidden_layers=layers,
            num_attention_heads=hidden // 8, eos_token_id=tokenizer.eos_token_id, bos_token_id=None,
            pad_token_id=tokenizer.pad_token_id,
        )
    )  # fmt: skip
    model, processor = assemble(
        language, tokenizer, vision_model="test_convnext", image_size=64, extractor_width=16, spatial_size=8
    )
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
