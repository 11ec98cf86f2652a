"""A model of some thousand parameters in a folder, a picture with two objects, and the command in this process."""

import pathlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import PIL.Image
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from osprey_train import describe
from osprey_train.model.assemble import assemble
from schemas import rle
from tests.osprey_train.text import forms

SIZE = (48, 64)
"""(height, width) of the picture."""


class Ran(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A model that says something else of every region; what it says means nothing."""
    torch.manual_seed(3)
    tokenizer = forms.byte_level()
    language = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer), hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
            eos_token_id=tokenizer.eos_token_id, bos_token_id=None, pad_token_id=tokenizer.pad_token_id,
            initializer_range=0.4, max_position_embeddings=512,
        )
    )  # fmt: skip
    model, processor = assemble(
        language, tokenizer, vision_model="test_convnext", image_size=64, extractor_width=16, spatial_size=8
    )
    with torch.no_grad():
        for parameter in model.mask_extractor.parameters():
            parameter.mul_(20)
    folder = tmp_path_factory.mktemp("model")
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """`picture.png`; masks `left.png`, `right.png`, `empty.png`, `other.png` (of another size); `left.json`."""
    folder = tmp_path_factory.mktemp("scene")
    pixels = np.full((*SIZE, 3), 200, np.uint8)
    pixels[10:30, 5:25], pixels[20:40, 40:60] = (220, 30, 30), (30, 30, 220)
    PIL.Image.fromarray(pixels).save(folder / "picture.png")
    for name, rows, columns in (("left", (10, 30), (5, 25)), ("right", (20, 40), (40, 60)), ("empty", (0, 0), (0, 0))):
        mask = np.zeros(SIZE, bool)
        mask[slice(*rows), slice(*columns)] = True
        PIL.Image.fromarray(mask.astype(np.uint8) * 255).save(folder / f"{name}.png")
        (folder / f"{name}.json").write_text(
            '{{"size": [48, 64], "counts": "{}"}}'.format(rle.encode(mask).counts.replace("\\", "\\\\"))
        )
    PIL.Image.new("L", (30, 30), 255).save(folder / "other.png")
    (folder / "broken.png").write_bytes((folder / "picture.png").read_bytes()[:90])
    (folder / "text.png").write_text("no picture")
    return folder


@pytest.fixture
def osprey_describe(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """The command line, in this process."""

    def run(*arguments: object) -> Ran:
        monkeypatch.setattr("sys.argv", ["osprey-describe", *map(str, arguments)])
        code = 0
        try:
            describe.main()
        except SystemExit as stopped:
            code = int(stopped.code or 0)
        return Ran(code, *capfd.readouterr())

    return run
