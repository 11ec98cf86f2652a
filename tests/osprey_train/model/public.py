"""A checkpoint with the names and shapes of the public Osprey-7B, scaled down, and what its code computes.

The computation is written here in the plainest way, one text and one region at a time, from the paper's section 1 and
the facts of the public code: names, order of layers, activations, masks resized and taken above zero.
"""

import json
import math
import pathlib

import sentencepiece
import timm
import torch
import torch.nn.functional as F
from torch import Tensor

HIDDEN, LAYERS, HEADS, INNER, WIDTH, SPATIAL = 32, 2, 4, 48, 16, 8
VISION = "test_convnext"
CHANNELS = (24, 32, 48, 64)
SETTINGS = {"vision_model": VISION, "image_size": 64, "extractor_width": WIDTH, "spatial_size": SPATIAL}
TOWER = "model.vision_tower.vision_tower.visual.trunk."
WORDS = ["what is in the region of the picture", "a red apple and a green pear", "USER ASSISTANT dog cat house tree"]


def tokenizer_files(folder: pathlib.Path) -> None:
    """A Llama tokenizer as Vicuna's is kept: a SentencePiece model, with two tokens added."""
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(WORDS * 5), model_prefix=str(folder / "tokenizer"), vocab_size=310,
        model_type="bpe", byte_fallback=True, unk_id=0, bos_id=1, eos_id=2, pad_id=-1, minloglevel=2,
    )  # fmt: skip
    (folder / "tokenizer.vocab").unlink()
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"})
    )
    (folder / "added_tokens.json").write_text(json.dumps({"<mask>": 310, "<pos>": 311}))


def config_file(folder: pathlib.Path) -> None:
    """Its configuration, with the fields of Llama's of that time and those of its own."""
    (folder / "config.json").write_text(
        json.dumps(
            {
                "model_type": "osprey",
                "architectures": ["OspreyLlamaForCausalLM"],
                "vocab_size": 312,
                "hidden_size": HIDDEN,
                "intermediate_size": INNER,
                "num_hidden_layers": LAYERS,
                "num_attention_heads": HEADS,
                "num_key_value_heads": HEADS,
                "rms_norm_eps": 1e-5,
                "max_position_embeddings": 4096,
                "rope_scaling": None,
                "hidden_act": "silu",
                "bos_token_id": 1,
                "eos_token_id": 2,
                "tie_word_embeddings": False,
                "mm_hidden_size": 768,
                "use_cache": True,
                "mm_projector_type": "mlp2x_gelu",
                "torch_dtype": "bfloat16",
                "transformers_version": "4.31.0",
            }
        )
    )


def random_state() -> dict[str, Tensor]:
    """Random weights with the public names."""
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (312, HIDDEN), "lm_head.weight": (312, HIDDEN)}
    shapes["model.norm.weight"] = (HIDDEN,)
    for layer in range(LAYERS):
        at = f"model.layers.{layer}."
        shapes |= {f"{at}self_attn.{name}_proj.weight": (HIDDEN, HIDDEN) for name in "qkvo"}
        shapes |= {f"{at}mlp.{name}_proj.weight": (INNER, HIDDEN) for name in ("gate", "up")}
        shapes |= {f"{at}mlp.down_proj.weight": (HIDDEN, INNER)}
        shapes |= {f"{at}{name}_layernorm.weight": (HIDDEN,) for name in ("input", "post_attention")}
        shapes |= {f"{at}self_attn.rotary_emb.inv_freq": (HIDDEN // HEADS // 2,)}
    linear = {"model.mm_projector.0": (HIDDEN, CHANNELS[2]), "model.mm_projector.2": (HIDDEN, HIDDEN)}
    linear |= {f"mask_extractor.res{2 + level}": (WIDTH, width) for level, width in enumerate(CHANNELS)}
    linear |= {"mask_extractor.feat_linear": (HIDDEN, WIDTH), "mask_extractor.mask_linear.layers.2": (HIDDEN, WIDTH)}
    linear |= {"mask_extractor.mask_linear.layers.0": (WIDTH, SPATIAL**2)}
    linear |= {"mask_extractor.mask_linear.layers.1": (WIDTH, WIDTH)}
    shapes |= {f"{name}.weight": shape for name, shape in linear.items()}
    shapes |= {f"{name}.bias": shape[:1] for name, shape in linear.items()}
    make = torch.Generator().manual_seed(4)
    state = {name: torch.randn(shape, generator=make) / math.sqrt(shape[-1]) for name, shape in shapes.items()}
    state |= {TOWER + name: value for name, value in timm.create_model(VISION, num_classes=3).state_dict().items()}
    return {**state, "model.vision_tower.vision_tower.visual.head.mlp.fc1.weight": torch.ones(2, 2)}


def naive_logits(state: dict[str, Tensor], ids: list[int], picture: Tensor, masks: Tensor) -> Tensor:
    """Logits (length, tokens) of one text, in which -1 stands for the picture and 310, 311 for a region.

    `picture` is (3, 64, 64), normalised; `masks` (regions, 64, 64) of zeros and ones.
    """
    maps = _feature_maps(state, picture)
    grid = maps[2].flatten(1).T
    image = _linear(state, "model.mm_projector.2", F.gelu(_linear(state, "model.mm_projector.0", grid)))
    row, region = [], -1
    for token in ids:
        if token == -1:
            row += list(image)
        elif token == 310:
            region += 1
            row.append(_mask_token(state, maps, masks[region]))
        elif token == 311:
            row.append(_spatial_token(state, masks[region]))
        else:
            row.append(state["model.embed_tokens.weight"][token])
    return _llama(state, torch.stack(row))


def _linear(state: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]


def _feature_maps(state: dict[str, Tensor], picture: Tensor) -> list[Tensor]:
    trunk = timm.create_model(VISION, num_classes=3).eval()
    trunk.load_state_dict({name[len(TOWER) :]: value for name, value in state.items() if name.startswith(TOWER)})
    with torch.no_grad():
        x, found = trunk.stem(picture[None]), []
        for stage in trunk.stages:
            x = stage(x)
            found.append(x[0])
    return found


def _mask_token(state: dict[str, Tensor], maps: list[Tensor], mask: Tensor) -> Tensor:
    total = torch.zeros(WIDTH)
    for level, feature in enumerate(maps):
        small = F.interpolate(mask[None, None].float(), feature.shape[1:], mode="bilinear", align_corners=False)[0, 0]
        inside = [feature[:, y, x] for y, x in (small > 0).nonzero().tolist()]
        mean = torch.stack(inside).mean(0) if inside else torch.zeros(len(feature))
        total = total + _linear(state, f"mask_extractor.res{2 + level}", mean)
    return _linear(state, "mask_extractor.feat_linear", total)


def _spatial_token(state: dict[str, Tensor], mask: Tensor) -> Tensor:
    x = F.interpolate(mask[None, None].float(), (SPATIAL, SPATIAL), mode="bilinear", align_corners=False).flatten()
    for layer in range(3):
        x = _linear(state, f"mask_extractor.mask_linear.layers.{layer}", F.relu(x) if layer else x)
    return x


def _llama(state: dict[str, Tensor], x: Tensor) -> Tensor:
    size = HIDDEN // HEADS
    angle = torch.arange(len(x))[:, None] * 10_000.0 ** (-torch.arange(0, size, 2) / size)
    future = torch.ones(len(x), len(x), dtype=torch.bool).triu(1)
    for layer in range(LAYERS):
        at = f"model.layers.{layer}."
        y = _norm(x, state[f"{at}input_layernorm.weight"])
        q, k, v = (
            (y @ state[f"{at}self_attn.{name}_proj.weight"].T).view(-1, HEADS, size).transpose(0, 1) for name in "qkv"
        )
        scores = _turned(q, angle) @ _turned(k, angle).transpose(1, 2) / math.sqrt(size)
        heads = scores.masked_fill(future, -torch.inf).softmax(-1) @ v
        x = x + heads.transpose(0, 1).reshape(-1, HIDDEN) @ state[f"{at}self_attn.o_proj.weight"].T
        y = _norm(x, state[f"{at}post_attention_layernorm.weight"])
        gate, up = (y @ state[f"{at}mlp.{name}_proj.weight"].T for name in ("gate", "up"))
        x = x + (F.silu(gate) * up) @ state[f"{at}mlp.down_proj.weight"].T
    return _norm(x, state["model.norm.weight"]) @ state["lm_head.weight"].T


def _norm(x: Tensor, weight: Tensor) -> Tensor:
    return weight * x / (x.pow(2).mean(-1, keepdim=True) + 1e-5).sqrt()


def _turned(x: Tensor, angle: Tensor) -> Tensor:
    """Rotary positions: the first half of a head's channels are real parts, the second half imaginary ones."""
    real, imaginary = x.chunk(2, dim=-1)
    return torch.cat(
        [real * angle.cos() - imaginary * angle.sin(), imaginary * angle.cos() + real * angle.sin()], dim=-1
    )
