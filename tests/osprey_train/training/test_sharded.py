"""FSDP on two processes of the CPU: the run is the one of a process alone."""

import pathlib
import shutil
import socket
from typing import Any

import pytest
import torch
from accelerate.state import PartialState
from accelerate.utils import DistributedType
from safetensors.torch import load_file

from osprey_train.model.loading import load
from tests.osprey_train.training import test_stops
from tests.osprey_train.training.conftest import Run, flags, log_of, samples_of

FSDP = pathlib.Path(__file__).parents[3] / "osprey_train/fsdp.json"


def _run(words: list[str], said: str) -> None:
    """The command. Accelerate leaves FSDP out on a CPU, where torch can do it: so it is told that these are GPUs, once
    it has chosen the device."""
    before = PartialState.set_device

    def set_device(state: PartialState) -> None:
        before(state)
        state.distributed_type = DistributedType.MULTI_GPU

    PartialState.set_device = set_device
    test_stops._run(words, said)


def sharded(words: list[str], folder: pathlib.Path, world_size: int) -> str:
    """What the first of some processes says of a run that all of them end well."""
    folder.mkdir(exist_ok=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        given = {"WORLD_SIZE": world_size, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free.getsockname()[1]}
    given |= {"OMP_NUM_THREADS": 1}
    files = [folder / f"said-{rank}" for rank in range(world_size)]
    runs = [test_stops.start(words, said, _run, RANK=rank, LOCAL_RANK=rank, **given) for rank, said in enumerate(files)]
    told, *_ = [run.ended() for run in runs]
    return told


def same(one: pathlib.Path, other: pathlib.Path) -> None:
    """Samples, losses and norms of gradients, and the weights but for what AdamW makes of rounding."""
    assert samples_of(one) == samples_of(other)
    for name in ("loss", "grad_norm"):
        assert [line[name] for line in log_of(one)] == pytest.approx([line[name] for line in log_of(other)], rel=1e-3)
    mine, its = load_file(one / "model.safetensors"), load_file(other / "model.safetensors")
    assert mine.keys() == its.keys()
    assert {value.dtype for value in mine.values()} == {torch.float32}
    assert max(float((mine[name] - its[name]).abs().max()) for name in mine) < 2e-3


def stage_two(world: pathlib.Path, output: pathlib.Path, **changes: Any) -> list[str]:
    """Most of the model is frozen."""
    given = {"stage": 2, "preset": "smol", "kinds": "mask_text", "max_steps": 4, "per_device": 1, "log_samples": True}
    return flags(world, output, **{**given, **changes})


@pytest.mark.slow
def test_two_processes_and_then_one(world: pathlib.Path, tmp_path: pathlib.Path, osprey_train: Run) -> None:
    assert osprey_train(*stage_two(world, tmp_path / "alone")).code == 0
    output = tmp_path / "run"
    said = sharded(stage_two(world, output, fsdp=FSDP), tmp_path / "two", 2)
    assert "1 a device x 2 x 2" in said
    same(output, tmp_path / "alone")
    before, after = (load_file(folder / "model.safetensors") for folder in (world / "model", output))
    changed = {name.partition(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"mask_extractor"}
    for whole in (output, output / "checkpoint-2"):
        assert load(whole)[0].dtype == torch.float32
    for path in output.iterdir():
        if path.name in ("osprey_run.json", "model.safetensors"):
            path.unlink()
    shutil.rmtree(output / "checkpoint-4")
    plain = osprey_train(*stage_two(world, output, resume=True))
    assert plain.code == 1
    assert "sharded by was 'FSDP', now 'nothing'" in plain.err
    said = sharded(stage_two(world, output, fsdp=FSDP, resume=True), tmp_path / "one", 1)
    assert f"going on from {output / 'checkpoint-2'}" in said
    same(output, tmp_path / "alone")


SETTINGS = [
    ("{", "no JSON", {}),
    ("[]", "no JSON object", {}),
    ('{"version": 1}', "only FSDP2", {}),
    ('{"fsdp_state_dict_type": "SHARDED_STATE_DICT"}', "no checkpoint would hold a model", {}),
    ('{"activation_checkpointing": true}', "both ask for checkpointing", {"gradient_checkpointing": True}),
]


@pytest.mark.parametrize(("text", "message", "more"), SETTINGS, ids=[case[1] for case in SETTINGS])
def test_settings_that_do_not_fit(
    world: pathlib.Path,
    tmp_path: pathlib.Path,
    osprey_train: Run,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    message: str,
    more: dict[str, Any],
) -> None:
    monkeypatch.setenv("RANK", "0")
    (tmp_path / "fsdp.json").write_text(text)
    ran = osprey_train(*flags(world, tmp_path / "run", fsdp=tmp_path / "fsdp.json", **more))
    assert ran.code == 1
    assert message in ran.err
    assert "Traceback" not in ran.err
