"""The commands that measure the model, at toy size."""

import sys

import pytest
import torch

from benchmarks import pooling, step


def test_the_step_is_measured(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    words = "step --language toy --batch 2 --context 64 --regions 2 --steps 1 --peak 0.5 --gradient-checkpointing"
    monkeypatch.setattr(sys, "argv", words.split())
    step.main()
    shown = capsys.readouterr().out
    assert "for 2 samples of 64 tokens and 2 regions" in shown
    assert "of 0.5 TFLOP/s" in shown


def test_counted_flops_are_those_of_the_formula() -> None:
    """Six operations a token and weight of the language model (two forward, four backward), and some for the rest."""
    torch.manual_seed(0)
    model = step.build("toy", 64)
    model.vision.requires_grad_(False)
    layers = sum(p.numel() for n, p in model.language_model.named_parameters() if "embed_tokens" not in n)
    alone = step.flops(model, {k: v for k, v in step.random_batch(model.config, 1, 64, 2).items() if "pixel" not in k})
    assert 6 * layers * 64 < alone < 6.5 * layers * 64
    whole = step.flops(model, step.random_batch(model.config, 1, 64, 2))
    assert alone < whole < 2 * alone


@pytest.mark.parametrize(("language", "low", "high"), [("1b", 1.0e9, 1.2e9), ("7b", 6.6e9, 6.9e9)])
def test_sizes_are_what_their_names_say(language: str, low: float, high: float) -> None:
    with torch.device("meta"):
        model = step.build(language, 2048)
    assert low < sum(p.numel() for p in model.language_model.parameters()) < high
    assert 1.9e8 < sum(p.numel() for p in model.vision.parameters()) < 2.0e8
    assert model.config.image_tokens == 1024


@pytest.mark.parametrize(
    ("name", "peak"),
    [("NVIDIA H100 80GB HBM3", 989.4), ("NVIDIA H100 PCIe", 756.5), ("GeForce RTX 4090", 165.2), ("x", 0)],
)
def test_peaks_by_name(name: str, peak: float) -> None:
    assert step.peak_of(name) == peak


def test_small_squares_fall_through_the_published_pooling_only() -> None:
    found = [pooling.empty_levels(mask) for mask in pooling.squares(16, 60)]
    assert not any(any(one.area) for one in found)
    assert 0.6 < sum(one.published[3] for one in found) / 60 < 0.9
    assert not any(one.published[0] for one in found)
