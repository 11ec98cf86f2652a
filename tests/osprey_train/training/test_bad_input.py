"""What a user can get wrong: a word on what and what next, no traceback, and a status that is not 0."""

import json
import pathlib
import shutil
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig

from pipelines.shards import writing
from tests.osprey_train.small_shards import row, write
from tests.osprey_train.training.conftest import Run, flags

CASES: list[tuple[dict[str, Any], str, str]] = [
    ({"stage": 4}, "there is no stage 4", "1 is image-text; 2 is mask-text; 3 is end to end"),
    ({"preset": "huge"}, "there is no preset 'huge'", "tiny, smol, 7b"),
    ({"init": "nowhere"}, "--init nowhere: no such folder", "Osprey model"),
    ({"data": "nowhere"}, "nowhere: there is no such folder", "osprey-data build"),
    ({"kinds": "mask_text,commonsense"}, "no train shards of: commonsense", "--kinds mask_text"),
    ({"kinds": "poetry"}, "poetry", "image_text"),
    ({"weights": "mask_text"}, "not KIND=NUMBER", "mask_text=2.0"),
    ({"weights": "mask_text=-1"}, "must not be negative", "--weights"),
    ({"weights": "mask_text=0,conversation=0"}, "no row to train on", "--weights"),
    ({"weights": "poetry=2"}, "poetry", "mask_text"),
    ({"per_device": 3}, "a batch of 4 cannot be shared out", "1, 2, 4"),
    ({"context": 20}, "no room for text", "--context"),
    ({"deepspeed": "nowhere.json"}, "nowhere.json: no such file", "JSON"),
    ({"deepspeed": __file__}, "DeepSpeed, which is not installed", "pip install deepspeed"),
    ({"fsdp": "on"}, "--fsdp", "torchrun"),
    ({"weights": "mask_text=inf"}, "finite", "--weights"),
    ({"learning_rate": 0}, "a learning rate of 0 teaches nothing", "--learning-rate"),
    ({"learning_rate": "inf"}, "a learning rate of inf", "--learning-rate"),
    ({"epochs": "inf", "max_steps": None}, "inf epochs have no end", "--max-steps"),
    ({"epochs": 0}, "no row to train on", "--epochs"),
    ({"image_size": 128, "pooling": "area"}, "--image-size, --pooling: only for a new model", "Leave out"),
    ({"init": None, "image_size": 100}, "no multiple of 32", "256"),
    ({"init": None, "preset": "smol"}, "would start from an untrained projector", "--from-scratch"),
    ({"init": None, "preset": "smol", "stage": 1, "kinds": "image_text", "vision_weights": "none"},
     "wants trained vision weights", "--from-scratch"),
    ({"init": None, "language": "nowhere"}, "nowhere", "hub"),
    ({"images": "nowhere"}, "nowhere: there is no such folder of pictures", "--images"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "message", "hint"), CASES, ids=[case[1][:30] for case in CASES])
def test_it_is_told(
    world: pathlib.Path, tmp_path: pathlib.Path, osprey_train: Run, changes: dict[str, Any], message: str, hint: str
) -> None:
    ran = osprey_train(*flags(world, tmp_path / "run", **changes))
    assert ran.code == 1
    assert "error: " in ran.err
    assert message in ran.err
    assert hint in ran.err
    assert "Traceback" not in ran.err
    assert not (tmp_path / "run").exists()


def test_an_empty_shard_folder(world: pathlib.Path, tmp_path: pathlib.Path, osprey_train: Run) -> None:
    (tmp_path / "data").mkdir()
    ran = osprey_train(*flags(world, tmp_path / "run", data=tmp_path / "data"))
    assert ran.code == 1
    assert "no shards <kind>/train-*.parquet" in ran.err


def test_a_checkpoint_of_another_architecture(world: pathlib.Path, tmp_path: pathlib.Path, osprey_train: Run) -> None:
    LlamaConfig().save_pretrained(tmp_path / "llama")
    ran = osprey_train(*flags(world, tmp_path / "run", init=tmp_path / "llama"))
    assert ran.code == 1
    assert "a model of type 'llama', not 'osprey'" in ran.err


def test_an_osprey_model_as_language_model(world: pathlib.Path, tmp_path: pathlib.Path, osprey_train: Run) -> None:
    ran = osprey_train(*flags(world, tmp_path / "run", init=None, language=world / "model"))
    assert ran.code == 1
    assert "is an Osprey model, not a language model" in ran.err
    assert "--init" in ran.err


def test_a_run_that_is_there_already(world: pathlib.Path, tmp_path: pathlib.Path, osprey_train: Run) -> None:
    assert osprey_train(*flags(world, tmp_path / "run", max_steps=2)).code == 0
    again = osprey_train(*flags(world, tmp_path / "run", max_steps=2))
    assert again.code == 1
    assert "holds checkpoints of a run" in again.err
    assert "--resume" in again.err
    onto_model = osprey_train(*flags(world, world / "model", max_steps=2))
    assert onto_model.code == 1
    assert "holds a run or a model" in onto_model.err
    finished = osprey_train(*flags(world, tmp_path / "run", max_steps=2, resume=True))
    assert finished.code == 0
    assert "is finished already" in finished.out
    other = osprey_train(*flags(world, tmp_path / "run", max_steps=4, resume=True))
    assert other.code == 1
    assert "belongs to a run with other settings: steps was 2, now 4" in other.err
    twice = osprey_train(
        *flags(world, tmp_path / "run", max_steps=2, resume=True, kinds="mask_text,conversation,mask_text")
    )
    assert twice.code == 0, twice.err


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({"batch": 2}, "batch was 4, now 2"),
        ({"seed": 5}, "seed was 0, now 5"),
        ({"weights": "mask_text=2"}, "weights was {}, now {'mask_text': 2.0}"),
        ({"kinds": "mask_text"}, "shards of conversation was '9 rows in 2 groups"),
        ({"context": 128}, "context was 256, now 128"),
        ({"learning_rate": 1e-3}, "learning rate was 0.01, now 0.001"),
        ({"max_steps": 4}, "steps was 2, now 4"),
    ],
)
def test_another_run_is_not_resumed(
    world: pathlib.Path, half: pathlib.Path, osprey_train: Run, changes: dict[str, Any], difference: str
) -> None:
    ran = osprey_train(*flags(world, half, **{"max_steps": 2, "resume": True, **changes}))
    assert ran.code == 1
    assert difference in ran.err
    assert "--init" in ran.err


def test_other_shards_of_as_many_rows_are_not_resumed(
    world: pathlib.Path,
    half: pathlib.Path,
    tmp_path: pathlib.Path,
    osprey_train: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shutil.copytree(world / "OUT", tmp_path / "OUT")
    monkeypatch.setattr(writing, "GROUP_ROWS", 5)
    write(tmp_path, "conversation", [[row("conversation", number) for number in range(9)]])
    ran = osprey_train(*flags(world, half, max_steps=2, resume=True, data=tmp_path / "OUT/data"))
    assert ran.code == 1
    assert ran.err.count("'9 rows in 2 groups (") == 2
    assert "shards of mask_text" not in ran.err


def test_the_same_shards_at_another_place_are_resumed(
    world: pathlib.Path, half: pathlib.Path, tmp_path: pathlib.Path, osprey_train: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Copied with other times, beside a manifest or not, by a relative path, by that of OUT, by a link, by a URL."""
    for name in ("OUT", "DATA"):
        shutil.copytree(world / name, tmp_path / name, copy_function=shutil.copyfile)
    (tmp_path / "OUT/manifest.json").write_text(json.dumps({"kinds": {}}))
    (tmp_path / "link").symlink_to(tmp_path / "OUT/data")
    monkeypatch.chdir(tmp_path)
    for number, data in enumerate(("OUT/data", str(tmp_path / "OUT"), "link", f"file://{tmp_path}/OUT/data")):
        output = shutil.copytree(half, tmp_path / f"run{number}")
        given = {"data": data, "images": "DATA", "max_steps": 2, "resume": True}
        for said in (f"going on from {output / 'checkpoint-2'}", "is finished already"):
            ran = osprey_train(*flags(world, output, **given))
            assert ran.code == 0, ran.err
            assert said in ran.out


@pytest.mark.parametrize("file", ["osprey_run.json", "checkpoint-2/osprey_checkpoint.json"])
def test_a_run_of_an_earlier_version_is_told_as_such(
    world: pathlib.Path, half: pathlib.Path, tmp_path: pathlib.Path, osprey_train: Run, file: str
) -> None:
    """Its digests were of other things: to say that the data have changed would be wrong."""
    output = shutil.copytree(half, tmp_path / "run")
    record = json.loads((output / "checkpoint-2/osprey_checkpoint.json").read_text())
    record["identity"] = {"shards of mask_text": "24 rows in 6 groups (0)"} | {
        name: value
        for name, value in record["identity"].items()
        if name not in ("contents", "sharded by", "shards of mask_text")
    }
    (output / file).write_text(json.dumps(record))
    ran = osprey_train(*flags(world, output, max_steps=2, resume=True))
    assert ran.code == 1
    assert "was written by another version of osprey_train" in ran.err
    assert "(contents, sharded by)" in ran.err
    assert f"--init {output}" in ran.err
    assert "groups" not in ran.err


@pytest.fixture(scope="module")
def half(world: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A run that ended between its last checkpoint and its model."""
    from osprey_train import train

    output = tmp_path_factory.mktemp("half") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["osprey-train", *flags(world, output, max_steps=2)])
        with pytest.raises(SystemExit) as ended:
            train.main()
    assert not ended.value.code
    for path in output.iterdir():
        if path.is_file():
            path.unlink()
    return output


def test_a_run_that_ended_before_its_model_was_saved_is_finished(
    world: pathlib.Path, half: pathlib.Path, tmp_path: pathlib.Path, osprey_train: Run
) -> None:
    output = shutil.copytree(half, tmp_path / "run")
    ran = osprey_train(*flags(world, output, max_steps=2, resume=True))
    assert ran.code == 0, ran.err
    saved, model = load_file(output / "checkpoint-2/model.safetensors"), load_file(output / "model.safetensors")
    assert saved.keys() == model.keys()
    assert all(torch.equal(saved[name], model[name]) for name in saved)
    assert json.loads((output / "osprey_run.json").read_text())["samples"] == 8


def test_a_loss_that_is_not_finite_ends_the_run_before_anything_is_saved(
    world: pathlib.Path, tmp_path: pathlib.Path, osprey_train: Run
) -> None:
    broken = shutil.copytree(world / "model", tmp_path / "model")
    weights = load_file(broken / "model.safetensors")
    weights["mask_extractor.mask_token.0.bias"][:] = float("inf")
    save_file(weights, broken / "model.safetensors", {"format": "pt"})
    ran = osprey_train(*flags(world, tmp_path / "run", init=broken))
    assert ran.code == 1
    assert "the loss is nan before the first step" in ran.err
    assert not (tmp_path / "run").exists()
