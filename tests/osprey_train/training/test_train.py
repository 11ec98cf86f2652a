"""A run from the command line to a model that loads."""

import json
import pathlib
import shutil
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from osprey_train.model.loading import load
from osprey_train.model.modeling import OspreyForConditionalGeneration
from tests.osprey_train.small_shards import row, write
from tests.osprey_train.training.conftest import Run, flags, log_of, samples_of


def weights(folder: pathlib.Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def test_a_stage_changes_what_it_trains_and_no_other_bit(
    world: pathlib.Path, tmp_path: pathlib.Path, osprey_train: Run
) -> None:
    output = tmp_path / "run"
    ran = osprey_train(
        *flags(world, output, stage=2, preset="smol", kinds="mask_text", init=world / "model", max_steps=2)
    )
    assert ran.code == 0, ran.err
    before, after = weights(world / "model"), weights(output)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert before.keys() == after.keys()
    assert changed
    assert all(name.startswith("mask_extractor.") for name in changed)
    state = torch.load(output / "checkpoint-2/optimizer.pt", weights_only=True)
    learned = [name for name in before if name.startswith("mask_extractor.")]
    assert sum(len(group["params"]) for group in state["param_groups"]) == len(learned)


def test_three_stages_each_from_the_one_before(world: pathlib.Path, tmp_path: pathlib.Path, osprey_train: Run) -> None:
    init = world / "model"
    for stage, kinds in ((1, "image_text"), (2, "mask_text"), (3, "mask_text,conversation")):
        output = tmp_path / f"stage{stage}"
        ran = osprey_train(*flags(world, output, stage=stage, kinds=kinds, init=init, max_steps=2))
        assert ran.code == 0, ran.err
        assert f"stage {stage} done, 2 steps, 8 samples seen" in ran.out
        assert ("next: osprey-train --stage" in ran.out) == (stage < 3)
        init = output
    model, processor = load(output)
    assert model.config.model_type == "osprey"
    assert processor.image_tokens == 16
    card = (output / "README.md").read_text()
    assert "mask_text | 24 |" in card
    assert "**CC-BY-4.0**" in card
    assert json.loads((output / "osprey_run.json").read_text())["samples"] == 8


def test_the_split_into_micro_batches_does_not_change_the_gradient(
    world: pathlib.Path, tmp_path: pathlib.Path, osprey_train: Run
) -> None:
    """The answers have unequal lengths, so that a mean of means would differ."""
    for per_device in (1, 2, 4):
        ran = osprey_train(
            *flags(world, tmp_path / str(per_device), per_device=per_device, max_steps=3, log_samples=True)
        )
        assert ran.code == 0, ran.err
    whole = weights(tmp_path / "4")
    for per_device in (1, 2):
        assert samples_of(tmp_path / str(per_device)) == samples_of(tmp_path / "4")
        losses = [line["loss"] for line in log_of(tmp_path / str(per_device))]
        assert losses == pytest.approx([line["loss"] for line in log_of(tmp_path / "4")], abs=1e-4)
        split = weights(tmp_path / str(per_device))
        assert max(float((whole[name] - split[name]).abs().max()) for name in whole) < 2e-3
    assert losses[0] != losses[-1]


def test_gradient_checkpointing_changes_nothing(world: pathlib.Path, tmp_path: pathlib.Path, osprey_train: Run) -> None:
    """Of stage 2, where all but the extractor is frozen, embeddings included."""
    stage = {"stage": 2, "preset": "smol", "kinds": "mask_text", "max_steps": 2}
    for name, more in (("plain", {}), ("saving", {"gradient_checkpointing": True})):
        ran = osprey_train(*flags(world, tmp_path / name, **stage, **more))
        assert ran.code == 0, ran.err
    plain, saving = weights(tmp_path / "plain"), weights(tmp_path / "saving")
    assert all(torch.allclose(plain[name], saving[name], atol=1e-5) for name in plain)


def test_bf16_keeps_what_it_trains_in_single_precision(
    world: pathlib.Path, tmp_path: pathlib.Path, osprey_train: Run
) -> None:
    ran = osprey_train(*flags(world, tmp_path / "run", bf16=True, max_steps=2))
    assert ran.code == 0, ran.err
    assert {value.dtype for value in weights(tmp_path / "run").values()} == {torch.float32}
    assert all(line["loss"] < 10 for line in log_of(tmp_path / "run"))


def test_bf16_holds_what_it_freezes_in_half_and_saves_it_to_the_last_bit(
    world: pathlib.Path, tmp_path: pathlib.Path, osprey_train: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: dict[str, torch.dtype] = {}

    def step(model: OspreyForConditionalGeneration, **inputs: Any) -> Any:
        held.update({name: next(part.parameters()).dtype for name, part in model.named_children()})
        held["rotary"] = model.language_model.model.rotary_emb.inv_freq.dtype
        return forward(model, **inputs)

    forward = OspreyForConditionalGeneration.forward
    monkeypatch.setattr(OspreyForConditionalGeneration, "forward", step)
    words = flags(world, tmp_path / "run", stage=2, preset="smol", kinds="mask_text", bf16=True, max_steps=4)
    assert osprey_train(*words).code == 0
    half, single = torch.bfloat16, torch.float32
    assert held == {
        "vision": half, "image_projector": half, "mask_extractor": single, "language_model": half, "rotary": single,
    }  # fmt: skip
    before = weights(world / "model")
    for folder in (tmp_path / "run", tmp_path / "run/checkpoint-2"):
        after = weights(folder)
        assert {value.dtype for value in after.values()} == {single}
        changed = {name.partition(".")[0] for name in before if not torch.equal(before[name], after[name])}
        assert changed == {"mask_extractor"}
    assert load(tmp_path / "run")[0].dtype == single
    for path in (tmp_path / "run").iterdir():
        if path.is_file() or path.name == "checkpoint-4":
            path.unlink() if path.is_file() else shutil.rmtree(path)
    assert osprey_train(*words, "--resume").code == 0
    resumed = weights(tmp_path / "run")
    assert all(torch.equal(resumed[name], after) for name, after in weights(tmp_path / "run/checkpoint-4").items())
    assert {name for name in before if not torch.equal(before[name], resumed[name])} == {
        name for name in before if name.startswith("mask_extractor.")
    }


def test_turns_that_do_not_fit_are_counted(world: pathlib.Path, tmp_path: pathlib.Path, osprey_train: Run) -> None:
    ran = osprey_train(*flags(world, tmp_path / "run", context=56, max_steps=6))
    assert ran.code == 0, ran.err
    cut = log_of(tmp_path / "run")[-1]["answers_cut"]
    assert cut > 0
    assert f"{cut} answers cut" in ran.out


def test_a_dry_run_says_what_it_would_take_and_writes_nothing(
    world: pathlib.Path, tmp_path: pathlib.Path, osprey_train: Run
) -> None:
    ran = osprey_train(*flags(world, tmp_path / "run", dry_run=True))
    assert ran.code == 0, ran.err
    assert "6 of 4 samples" in ran.out
    assert "time" in ran.out
    assert not list(tmp_path.iterdir())


def test_the_table_of_stages(osprey_train: Run) -> None:
    ran = osprey_train("--list")
    assert ran.code == 0
    for word in (
        "1 image-text",
        "mask_extractor",
        "region_caption",
        "0.001",
        "2e-05",
        "Preset smol",
        "convnext_base_w",
    ):
        assert word in ran.out


def test_what_was_learned_before_a_broken_picture_is_saved(
    world: pathlib.Path, tmp_path: pathlib.Path, osprey_train: Run
) -> None:
    pictures, whole, output = tmp_path / "DATA/coco", tmp_path / "whole", tmp_path / "run"
    rows = [row("mask_text", n, image={"bytes": None, "path": f"coco/own{n}.png"}) for n in range(24)]
    write(tmp_path, "mask_text", [rows])
    for n in range(24):
        shutil.copy(pictures / f"{n % 5}.png", pictures / f"own{n}.png")
    settings = {"kinds": "mask_text", "data": tmp_path / "OUT/data", "images": tmp_path / "DATA", "save_every": 100}
    assert osprey_train(*flags(world, whole, **settings, log_samples=True)).code == 0
    broken = pictures / f"own{samples_of(whole)[6][0].removeprefix('mask_text-')}.png"
    kept = broken.read_bytes()
    broken.write_bytes(b"no picture")
    given = flags(world, output, **settings)
    ran = osprey_train(*given)
    assert ran.code == 1
    assert broken.name in ran.err
    assert "Step 5 is saved: then go on with --resume." in ran.err
    assert "Traceback" not in ran.err
    broken.write_bytes(kept)
    ran = osprey_train(*given, "--resume")
    assert ran.code == 0, ran.err
    expected, found = weights(whole), weights(output)
    assert all(torch.equal(expected[name], found[name]) for name in expected)
