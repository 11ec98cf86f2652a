"""Saving and loading: everything comes back; what cannot be loaded is told."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
from collections.abc import Callable

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoProcessor,
    AutoTokenizer,
    LlamaConfig,
    LlamaForCausalLM,
)

from osprey_train import chat, presets
from osprey_train.model import OspreyConfig, OspreyForConditionalGeneration, OspreyProcessor
from osprey_train.model.assemble import add_placeholders, assemble
from osprey_train.model.loading import load
from osprey_train.model.vision_weights import load_vision
from schemas.errors import ModelError
from tests.osprey_train.model.small import FAMILIES, inputs, labelled, language, small_model

TEXTS = ["What is <region1>? A red apple.", "Is it a dog? No, a cat."]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A folder of a whole model, as a run leaves it."""
    folder = tmp_path_factory.mktemp("model") / "m"
    tokenizer = presets.byte_tokenizer(TEXTS)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        eos_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    model, processor = assemble(
        LlamaForCausalLM(config), tokenizer, vision_model="test_convnext", image_size=64, spatial_size=8
    )
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


@pytest.fixture
def broken(saved: pathlib.Path, tmp_path: pathlib.Path) -> pathlib.Path:
    """A copy of it to break."""
    return pathlib.Path(shutil.copytree(saved, tmp_path / "m"))


def test_the_auto_classes_know_it_in_another_process(saved: pathlib.Path) -> None:
    """One name of the package is enough, whichever."""
    code = (
        "import sys\nfrom osprey_train import OspreyProcessor\n"
        "from transformers import AutoModelForImageTextToText, AutoProcessor\n"
        "for auto in (AutoModelForImageTextToText, AutoProcessor):\n"
        "    print(type(auto.from_pretrained(sys.argv[1])).__name__)"
    )
    ran = subprocess.run([sys.executable, "-c", code, saved], check=True, capture_output=True, text=True)
    assert ran.stdout.split() == ["OspreyForConditionalGeneration", "OspreyProcessor"]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("vision", ["test_convnext", "convnext_atto"])
def test_all_weights_and_answers_come_back(family: str, vision: str, tmp_path: pathlib.Path) -> None:
    model = small_model(family, vision_model=vision)
    batch = labelled(inputs(model))
    model.save_pretrained(tmp_path, max_shard_size="200KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    again = AutoModelForImageTextToText.from_pretrained(tmp_path)
    assert isinstance(again, OspreyForConditionalGeneration)
    before, after = model.state_dict(), again.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert not any(value.is_meta for value in [*again.parameters(), *again.buffers()])
    with torch.no_grad():
        torch.testing.assert_close(model(**batch).loss, again(**batch).loss)
    assert not any(p.requires_grad for p in again.vision.parameters())


@pytest.mark.parametrize(
    ("family", "tied"), [("smollm2", True), ("qwen2", True), ("llama", False), ("gpt_neox", False)]
)
def test_embeddings_stay_tied_or_untied(family: str, tied: bool, tmp_path: pathlib.Path) -> None:
    small_model(family).save_pretrained(tmp_path)
    model = OspreyForConditionalGeneration.from_pretrained(tmp_path)
    assert (model.get_output_embeddings().weight is model.get_input_embeddings().weight) == tied
    assert model.config.tie_word_embeddings == tied
    model.resize_token_embeddings(80)
    assert (model.get_output_embeddings().weight is model.get_input_embeddings().weight) == tied
    assert model.config.get_text_config().vocab_size == 80


def test_half_precision_reaches_every_part_and_trains(tmp_path: pathlib.Path) -> None:
    small_model().save_pretrained(tmp_path)
    model = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.bfloat16)
    assert {p.dtype for p in model.parameters()} == {torch.bfloat16}
    loss = model(**labelled(inputs(model))).loss
    loss.backward()
    full = OspreyForConditionalGeneration.from_pretrained(tmp_path, dtype=torch.float32)
    assert {p.dtype for p in full.parameters()} == {torch.float32}
    assert abs(loss.item() - full(**labelled(inputs(full))).loss.item()) < 0.05 * loss.item()


@pytest.mark.parametrize("chosen", ["eager", "sdpa"])
def test_the_attention_asked_for_is_that_of_the_language_model(chosen: str, tmp_path: pathlib.Path) -> None:
    model = small_model()
    model.save_pretrained(tmp_path)
    again = OspreyForConditionalGeneration.from_pretrained(tmp_path, attn_implementation=chosen)
    assert again.language_model.config._attn_implementation == chosen
    batch = inputs(model)
    here = batch["attention_mask"].bool()
    with torch.no_grad():
        torch.testing.assert_close(model(**batch).logits[here], again(**batch).logits[here], rtol=1e-4, atol=1e-4)


def test_a_given_language_model_keeps_weights_and_attention() -> None:
    model = language()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    ids = torch.arange(2, 20)[None]
    logits = model(ids).logits
    whole = small_model()
    whole = OspreyForConditionalGeneration(whole.config, model)
    assert whole.language_model is model
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert model.config._attn_implementation == "sdpa"
    torch.testing.assert_close(whole(input_ids=ids).logits, logits)


def test_auto_classes_know_the_saved_model(saved: pathlib.Path) -> None:
    assert isinstance(AutoConfig.from_pretrained(saved), OspreyConfig)
    assert isinstance(AutoProcessor.from_pretrained(saved), OspreyProcessor)
    assert isinstance(AutoTokenizer.from_pretrained(saved).convert_tokens_to_ids(chat.MASK), int)


def test_load_gives_a_model_that_is_ready(saved: pathlib.Path) -> None:
    model, processor = load(saved, dtype=torch.bfloat16)
    assert model.dtype == torch.bfloat16
    assert not model.training
    assert len(processor.tokenizer) == model.get_input_embeddings().num_embeddings
    generation = model.generation_config
    assert generation.suppress_tokens == sorted(model.config.placeholders)
    assert generation.eos_token_id == [processor.tokenizer.eos_token_id]
    assert load(saved)[0].dtype == torch.float32


def test_placeholders_are_added_once_and_other_special_tokens_stay_so() -> None:
    tokenizer = presets.byte_tokenizer(TEXTS)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|tool|>"]})
    size = len(tokenizer)
    ids = add_placeholders(tokenizer)
    assert add_placeholders(tokenizer) == ids
    assert sorted(ids) == [size, size + 1, size + 2]
    assert {"<|tool|>", chat.IMAGE, chat.MASK, chat.SPATIAL} <= set(tokenizer.all_special_tokens)


def edit(file: pathlib.Path, **changes: object) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def tensors(folder: pathlib.Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    file = folder / "model.safetensors"
    found = load_file(file)
    change(found)
    save_file(found, file, metadata={"format": "pt"})


PUBLIC = '{"model_type": "osprey", "architectures": ["OspreyLlamaForCausalLM"]}'
BIAS = "image_projector.0.bias"
FAULTS: dict[str, tuple[Callable[[pathlib.Path], object], str]] = {
    "gone": (shutil.rmtree, "no such folder"),
    "no config": (lambda f: (f / "config.json").unlink(), r"no config\.json"),
    "config no json": (lambda f: (f / "config.json").write_text("{"), "cannot be read"),
    "config a list": (lambda f: (f / "config.json").write_text("[]"), "no JSON object"),
    "another architecture": (lambda f: edit(f / "config.json", model_type="llama"), "of type 'llama', not 'osprey'"),
    "the public code's": (
        lambda f: (f / "config.json").write_text(PUBLIC),
        r"public Osprey code \(OspreyLlamaForCausalLM\)",
    ),
    "no weights": (lambda f: (f / "model.safetensors").unlink(), "cannot be loaded"),
    "cut off": (lambda f: os.truncate(f / "model.safetensors", 5000), "cannot be loaded"),
    "missing": (lambda f: tensors(f, lambda t: t.pop(BIAS)), f"1 weights are missing: {BIAS}"),
    "left over": (lambda f: tensors(f, lambda t: t.update(more=t[BIAS].clone())), "1 weights belong to nothing: more"),
    "another shape": (lambda f: tensors(f, lambda t: t.update({BIAS: torch.zeros(3)})), "1 weights have another shape"),
    "no tokenizer": (lambda f: [p.unlink() for p in f.glob("tokenizer*")], "cannot be loaded"),
    "another processor": (
        lambda f: edit(f / "processor_config.json", image_size=128, image_tokens=64),
        "image_size is 128 there and 64 in config.json; image_tokens is 64 there and 16",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_folder_that_cannot_be_loaded_is_told(fault: str, broken: pathlib.Path) -> None:
    spoil, words = FAULTS[fault]
    spoil(broken)
    with pytest.raises(ModelError, match=words) as told:
        load(broken)
    assert str(broken) in told.value.message
    assert told.value.hint


def test_the_folder_of_a_run_hints_at_its_checkpoints(broken: pathlib.Path) -> None:
    with pytest.raises(ModelError, match=r"no config\.json") as told:
        load(broken.parent)
    assert str(broken) in told.value.hint


@pytest.mark.parametrize("prefix", ["visual.trunk.", "module.visual.trunk."])
@pytest.mark.parametrize("ending", ["safetensors", "pt"])
def test_vision_weights_of_a_file(prefix: str, ending: str, tmp_path: pathlib.Path) -> None:
    donor, model = small_model(), small_model()
    state = {f"{prefix}{name}": torch.rand_like(value) for name, value in donor.vision.state_dict().items()}
    file = tmp_path / f"clip.{ending}"
    extra = {f"{prefix}head.norm.weight": torch.ones(3), "logit_scale": torch.ones(())}
    (save_file if ending == "safetensors" else torch.save)({**state, **extra}, file)  # type: ignore[operator]
    load_vision(model.vision, "test_convnext", str(file))
    assert all(torch.equal(state[f"{prefix}{name}"], value) for name, value in model.vision.state_dict().items())
    with pytest.raises(ModelError, match="not those of convnext_atto"):
        load_vision(small_model(vision_model="convnext_atto").vision, "convnext_atto", str(file))


def test_vision_weights_that_are_none(tmp_path: pathlib.Path) -> None:
    model = small_model()
    (tmp_path / "no.pt").write_bytes(b"no weights")
    with pytest.raises(ModelError, match="cannot be read"):
        load_vision(model.vision, "test_convnext", str(tmp_path / "no.pt"))
    with pytest.raises(ModelError, match="no weights of convnext_base from 'laion9b'") as told:
        load_vision(model.vision, "convnext_base", "laion9b")
    assert "laion400m_s13b_b51k" in told.value.hint
