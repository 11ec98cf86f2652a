"""A training step of stage 3: its time, tokens a second, and model FLOPs utilisation.

    python -m benchmarks.step [--language toy|1b|7b] [--batch N] [--gradient-checkpointing] [--peak TFLOPS]

Random weights and one random batch that lies on the device already: what is measured is the model and AdamW, not the
loader. Precision as `osprey-train --bf16` has it: weights and AdamW's state in 32 bit, arithmetic in bfloat16. The
FLOPs of a sample are counted by torch.utils.flop_counter over forward and backward (matrix products, convolutions,
attention without its causal half taken off); what gradient checkpointing repeats is not counted. Utilisation is FLOPs
over time over the device's dense bfloat16 peak. Without a GPU a toy is measured, so that the command can be tried.
"""

import argparse
import contextlib
import statistics
import time
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoModelForCausalLM, LlamaConfig

from osprey_train.chat import IGNORED
from osprey_train.model import OspreyConfig, OspreyForConditionalGeneration

VOCABULARY = 32_003
LANGUAGES: dict[str, dict[str, int]] = {
    "toy": {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4},
    "1b": {
        "hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16, "num_attention_heads": 32,
        "num_key_value_heads": 8,
    },
    "7b": {"hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32, "num_attention_heads": 32},
}  # fmt: skip
"""Of Llama: a toy, Llama 3.2 1B without its large vocabulary, Vicuna 7B."""
PEAKS = {"H200": 989.4, "H100 PCIe": 756.5, "H100 NVL": 835.5, "H100": 989.4, "A100": 312.0, "L4": 121.0, "4090": 165.2}
"""Dense bfloat16 TFLOP/s by a part of the device's name, from the makers' data sheets; longer names first."""


def build(language: str, context: int) -> OspreyForConditionalGeneration:
    """A model of random weights in training mode."""
    text = LlamaConfig(vocab_size=VOCABULARY, max_position_embeddings=context, **LANGUAGES[language])
    small = {"vision_model": "test_convnext", "image_size": 64, "extractor_width": 32, "spatial_size": 16}
    config = OspreyConfig(text_config=text, **(small if language == "toy" else {}))
    return OspreyForConditionalGeneration(config, AutoModelForCausalLM.from_config(text)).train()


def random_batch(config: OspreyConfig, samples: int, context: int, regions: int) -> dict[str, Tensor]:
    """Texts of exactly `context` tokens, a picture and so many regions each; the last quarter are answers."""
    words = torch.randint(0, 32_000, (samples, context))
    words[:, : config.image_tokens] = config.image_token_id
    for region in range(regions):
        at = config.image_tokens + 4 * region
        words[:, at], words[:, at + 1] = config.mask_token_id, config.spatial_token_id
    labels = words.clone()
    labels[:, : context - context // 4] = IGNORED
    side = config.mask_size
    return {
        "input_ids": words, "attention_mask": torch.ones_like(words), "labels": labels,
        "pixel_values": torch.randint(0, 256, (samples, 3, config.image_size, config.image_size), dtype=torch.uint8),
        "masks": torch.randint(0, 256, (samples * regions, side, side), dtype=torch.uint8),
        "mask_image": torch.arange(samples).repeat_interleave(regions),
    }  # fmt: skip


def flops(model: OspreyForConditionalGeneration, sample: dict[str, Tensor]) -> int:
    """Floating-point operations of forward and backward of one sample."""
    with FlopCounterMode(display=False) as counter:
        model(**sample).loss.backward()
    model.zero_grad(set_to_none=True)
    return int(counter.get_total_flops())


def step_times(model: OspreyForConditionalGeneration, batch: dict[str, Tensor], steps: int) -> list[float]:
    """Seconds of each step, after three that warm up."""
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-5, weight_decay=0.0)
    found = []
    for _ in range(3 + steps):
        start = time.perf_counter()
        with arithmetic(model.device):
            loss = model(**batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if model.device.type == "cuda":
            torch.cuda.synchronize()
        found.append(time.perf_counter() - start)
    return found[3:]


def arithmetic(device: torch.device) -> Any:
    """bfloat16 on a GPU."""
    return torch.autocast("cuda", torch.bfloat16) if device.type == "cuda" else contextlib.nullcontext()


def peak_of(name: str) -> float:
    """Peak TFLOP/s of a device of this name; 0 where it is not known."""
    return next((peak for part, peak in PEAKS.items() if part in name), 0.0)


def options() -> argparse.Namespace:
    """Flags, with sizes that fit the device."""
    gpu = torch.cuda.is_available()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--language", choices=LANGUAGES, default="1b" if gpu else "toy")
    parser.add_argument("--batch", type=int, default=4, help="samples of a step")
    parser.add_argument("--context", type=int, default=2048 if gpu else 128, help="tokens of a sample")
    parser.add_argument("--regions", type=int, default=8, help="of a sample")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--gradient-checkpointing", action="store_true")
    parser.add_argument("--peak", type=float, default=0.0, help="TFLOP/s of the device, where it is not known")
    return parser.parse_args()


def main() -> None:
    """Print the figures."""
    chosen = options()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    name = torch.cuda.get_device_name() if device.type == "cuda" else "CPU"
    torch.manual_seed(0)
    model = build(chosen.language, chosen.context).to(device)
    batch = random_batch(model.config, chosen.batch, chosen.context, chosen.regions)
    batch = {key: value.to(device) for key, value in batch.items()}
    one = random_batch(model.config, 1, chosen.context, chosen.regions)
    with arithmetic(device):
        needed = chosen.batch * flops(model, {key: value.to(device) for key, value in one.items()})
    if chosen.gradient_checkpointing:
        model.activation_checkpointing_enable()
    seconds = statistics.median(step_times(model, batch, chosen.steps))
    parts = ", ".join(f"{key} {sum(p.numel() for p in part.parameters()):,}" for key, part in model.named_children())
    print(f"{name}, torch {torch.__version__}, {chosen.language}: {parts} parameters")
    print(f"step: {seconds:.4f} s for {chosen.batch} samples of {chosen.context} tokens and {chosen.regions} regions")
    print(f"tokens a second: {chosen.batch * chosen.context / seconds:,.0f}")
    print(f"model FLOPs: {needed / 1e12:.4f} T a step, {needed / seconds / 1e12:.2f} T a second")
    if peak := chosen.peak or peak_of(name):
        print(f"utilisation: {needed / seconds / 1e12 / peak:.1%} of {peak} TFLOP/s")
    else:
        print("utilisation: not known; give the device's dense bfloat16 peak with --peak")
    if device.type == "cuda":
        print(f"memory: {torch.cuda.max_memory_allocated() / 2**30:.1f} GiB at most")


if __name__ == "__main__":
    main()
