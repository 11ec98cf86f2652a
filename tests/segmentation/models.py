"""Very small Segment Anything models with random numbers for weights, saved as real ones are."""

import pathlib
from typing import Any

import torch
import transformers
from transformers.models.sam.image_processing_pil_sam import SamImageProcessorPil

SIDE = 64
"""Pixels of the picture that the model sees."""


def save(folder: pathlib.Path, model_type: str = "sam_hq") -> pathlib.Path:
    """A model that draws some mask for any box; what it draws means nothing."""
    library: Any = transformers
    family = "SamHQ" if model_type == "sam_hq" else "Sam"
    config, model, processor = (getattr(library, family + name) for name in ("Config", "Model", "Processor"))
    torch.manual_seed(0)
    model(config(**_sizes(model_type == "sam_hq"))).save_pretrained(folder)
    images = SamImageProcessorPil(size={"longest_edge": SIDE}, pad_size={"height": SIDE, "width": SIDE})
    processor(images).save_pretrained(folder)
    return folder


def _sizes(hq: bool) -> dict[str, Any]:
    vision = {
        "hidden_size": 16, "output_channels": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": SIDE,
        "patch_size": 8, "window_size": 4, "global_attn_indexes": [1], "num_pos_feats": 8, "initializer_range": 0.5,
    }  # fmt: skip
    decoder = {
        "hidden_size": 16, "mlp_dim": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "iou_head_hidden_dim": 8,
        **({"vit_dim": 16} if hq else {}),
    }  # fmt: skip
    return {
        "vision_config": vision, "mask_decoder_config": decoder,
        "prompt_encoder_config": {"hidden_size": 16, "image_size": SIDE, "patch_size": 8},
    }  # fmt: skip
