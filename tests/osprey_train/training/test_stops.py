"""Runs that are stopped in every way there is go on as if nothing had happened."""

import contextlib
import multiprocessing
import os
import pathlib
import resource
import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import psutil
import pytest
import torch
from safetensors.torch import load_file

from osprey_train import train
from tests import forks
from tests.files import found
from tests.osprey_train.training.conftest import Run, flags, log_of, samples_of

PATIENCE = 120.0
LENGTH = {"max_steps": 6, "log_samples": True}


class Process(NamedTuple):
    """A run of the command, and where it writes what it says."""

    process: Any
    said: pathlib.Path

    def ended(self) -> str:
        """What it said; it must have ended well."""
        self.process.join(PATIENCE)
        said = self.said.read_text()
        assert self.process.exitcode == 0, said
        return said


def _run(words: list[str], said: str) -> None:
    os.setpgrp()
    file = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(file, 1)
    os.dup2(file, 2)
    multiprocessing.set_start_method("fork", force=True)  # of loader workers, as in any other process
    sys.argv = ["osprey-train", *words]
    torch.set_num_threads(1)
    train.main()


def start(
    words: list[str], said: pathlib.Path, target: Callable[..., None] = _run, /, **environment: object
) -> Process:
    given = {name: str(value) for name, value in environment.items()}
    return Process(forks.started(target, words, str(said), **given), said)


def wait_for(condition: Callable[[], object], run: Process | None = None) -> None:
    """Look without a pause, as what is waited for may be over in milliseconds."""
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until
        assert run is None or run.process.is_alive(), run.said.read_text()


def kill_in_a_save(run: Process, output: pathlib.Path) -> list[str]:
    """kill -9 while a checkpoint other than the first is being written; gives what it left.

    The process is halted first, so that it can be seen that the save was not over yet.
    """
    while True:
        wait_for(lambda: (output / "checkpoint-2").is_dir() and found(output, ".saving-checkpoint*/*/*"), run)
        os.kill(run.process.pid, signal.SIGSTOP)
        wait_for(lambda: psutil.Process(run.process.pid).status() == psutil.STATUS_STOPPED, run)
        left = sorted(path.name for path in found(output, ".saving-checkpoint*/*"))
        os.kill(run.process.pid, signal.SIGKILL if left else signal.SIGCONT)
        if left:
            run.process.join(PATIENCE)
            assert run.process.exitcode == -signal.SIGKILL
            return left


@pytest.fixture(scope="module")
def undisturbed(world: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A run that nothing happened to."""
    folder = tmp_path_factory.mktemp("undisturbed")
    said = start(flags(world, folder / "run", **LENGTH), folder / "said").ended()
    assert "stage 3 done, 6 steps, 24 samples seen" in said
    return folder / "run"


def same_bits(one: pathlib.Path, other: pathlib.Path) -> bool:
    mine, its = load_file(one / "model.safetensors"), load_file(other / "model.safetensors")
    return mine.keys() == its.keys() and all(torch.equal(mine[name], its[name]) for name in mine)


def test_killed_in_a_save_and_resumed(world: pathlib.Path, undisturbed: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """To the last bit of the weights, and with the same samples in every step."""
    output = tmp_path / "run"
    left = kill_in_a_save(start(flags(world, output, workers=1, **LENGTH), tmp_path / "killed"), output)
    assert left in (["checkpoint-4"], ["checkpoint-6"])
    said = start(flags(world, output, resume=True, workers=2, **LENGTH), tmp_path / "resumed").ended()
    assert f"going on from {output / 'checkpoint-'}" in said
    assert "a save that was cut off" in said
    assert not list(output.glob(".saving*"))
    assert samples_of(output) == samples_of(undisturbed)
    assert [line["loss"] for line in log_of(output)] == [line["loss"] for line in log_of(undisturbed)]
    assert "24 samples seen" in said
    assert same_bits(output, undisturbed)


def test_resumed_by_two_processes(world: pathlib.Path, undisturbed: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """Micro-batches of one sample: some have no region, in one process and not in the other."""
    output = tmp_path / "run"
    output.mkdir()
    shutil.copytree(undisturbed / "checkpoint-2", output / "checkpoint-2")
    words = flags(world, output, resume=True, per_device=1, **LENGTH)
    with socket.create_server(("127.0.0.1", 0)) as free:
        master = {"WORLD_SIZE": 2, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free.getsockname()[1]}
    both = [start(words, tmp_path / str(rank), RANK=rank, LOCAL_RANK=rank, **master) for rank in range(2)]
    said, _ = (run.ended() for run in both)
    assert "1 a device x 2 x 2" in said
    whole = samples_of(undisturbed)
    assert samples_of(output) == {step: whole[step] for step in range(3, 7)}
    losses = {line["step"]: line["loss"] for line in log_of(undisturbed)}
    assert [line["loss"] for line in log_of(output)] == pytest.approx([losses[step] for step in range(3, 7)], abs=5e-3)
    norms = {line["step"]: line["grad_norm"] for line in log_of(undisturbed)}  # a wrong scale would not show in AdamW
    assert log_of(output)[0]["grad_norm"] == pytest.approx(norms[3], rel=1e-3)
    assert len(list(output.glob("checkpoint-4/rng_state_*.pth"))) == 2
    assert "24 samples seen" in said


@contextlib.contextmanager
def meanwhile(condition: Callable[[], object], action: Callable[[], object]) -> Iterator[None]:
    """Do something in another thread once a condition holds, while the block runs."""

    def watch() -> None:
        wait_for(condition)
        action()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    yield
    thread.join(PATIENCE)


def test_a_signal_to_all_processes_of_a_run_saves(world: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """As a scheduler sends it, and Ctrl-C: loader workers must outlive it until the step is done."""
    output = tmp_path / "run"
    run = start(flags(world, output, workers=2, max_steps=1000, save_every=1000), tmp_path / "said")
    wait_for(lambda: (output / "log.jsonl").is_file() and (output / "log.jsonl").read_text().count("\n"), run)
    os.killpg(run.process.pid, signal.SIGTERM)
    run.process.join(PATIENCE)
    said = run.said.read_text()
    assert run.process.exitcode == 128 + signal.SIGTERM, said
    assert (output / f"checkpoint-{said.split('stopped after step ')[1].split()[0]}").is_dir()
    assert "Traceback" not in said


def test_a_signal_saves_and_the_run_goes_on(
    world: pathlib.Path, undisturbed: pathlib.Path, tmp_path: pathlib.Path, osprey_train: Run
) -> None:
    number = signal.SIGINT
    output = tmp_path / "run"
    words = flags(world, output, save_every=100, **LENGTH)
    log = output / "log.jsonl"
    with meanwhile(lambda: log.exists() and log.read_text().count("\n"), lambda: os.kill(os.getpid(), number)):
        ran = osprey_train(*words)
    assert ran.code == 128 + number
    step = int(ran.out.split("stopped after step ")[1].split()[0])
    assert 1 <= step < 6
    assert "--resume" in ran.out
    assert (output / f"checkpoint-{step}").is_dir()
    assert not (output / "model.safetensors").exists()
    again = osprey_train(*words, "--resume")
    assert again.code == 0, again.err
    assert samples_of(output) == samples_of(undisturbed)
    assert same_bits(output, undisturbed)


def test_out_of_disk_while_saving(
    world: pathlib.Path, undisturbed: pathlib.Path, tmp_path: pathlib.Path, osprey_train: Run
) -> None:
    """The operating system refuses to write files as large as the weights, once the first checkpoint is there."""
    output = tmp_path / "run"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    small = (undisturbed / "model.safetensors").stat().st_size // 2
    try:
        with meanwhile(
            (output / "checkpoint-2").is_dir, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (small, limits[1]))
        ):
            ran = osprey_train(*flags(world, output, **LENGTH))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert ran.code == 1
    assert "error: no room to save" in ran.err
    assert "Traceback" not in ran.err
    assert not list(output.glob(".saving*"))
    again = osprey_train(*flags(world, output, resume=True, **LENGTH))
    assert again.code == 0, again.err
    assert same_bits(output, undisturbed)


def test_a_checkpoint_that_is_cut_off_is_passed_over(
    world: pathlib.Path, undisturbed: pathlib.Path, tmp_path: pathlib.Path, osprey_train: Run
) -> None:
    output = tmp_path / "run"
    output.mkdir()
    for name in ("checkpoint-2", "checkpoint-4"):
        shutil.copytree(undisturbed / name, output / name)
    with (output / "checkpoint-4/optimizer.pt").open("r+b") as stream:
        stream.truncate(1000)
    ran = osprey_train(*flags(world, output, resume=True, **LENGTH))
    assert ran.code == 0, ran.err
    assert "checkpoint-4 is not whole and is passed over: optimizer.pt has 1,000 bytes" in ran.err
    assert f"going on from {output / 'checkpoint-2'}" in ran.out
    assert same_bits(output, undisturbed)


def test_resume_without_a_checkpoint_begins_at_the_beginning(
    world: pathlib.Path, undisturbed: pathlib.Path, tmp_path: pathlib.Path, osprey_train: Run
) -> None:
    ran = osprey_train(*flags(world, tmp_path / "run", resume=True, **LENGTH))
    assert ran.code == 0, ran.err
    assert "no whole checkpoint: starting from the beginning" in ran.err
    assert same_bits(tmp_path / "run", undisturbed)
