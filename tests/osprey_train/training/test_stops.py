"""Runs that are stopped in every way there is, in processes of their own, and go on as if nothing had happened."""

import contextlib
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import torch
from safetensors.torch import load_file

from tests.osprey_train.training.conftest import Run, flags, log_of, samples_of

ROOT = pathlib.Path(__file__).parents[3]
PATIENCE = 120.0
LENGTH = {"max_steps": 6, "log_samples": True}


def start(words: list[str], *launcher: str) -> subprocess.Popen[str]:
    command = [sys.executable, *(launcher or ("-m",)), "osprey_train.train", *words]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def finished(process: subprocess.Popen[str]) -> str:
    said, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, said
    return said


def wait_for(condition: Callable[[], object], process: subprocess.Popen[str] | None = None) -> None:
    """Look without a pause, as what is waited for may be over in milliseconds."""
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until
        assert process is None or process.poll() is None, process.communicate()[0]


def kill_in_a_save(process: subprocess.Popen[str], output: pathlib.Path) -> list[str]:
    """kill -9 while a checkpoint other than the first is being written; gives what it left.

    The process is halted first, so that it can be seen that the save was not over yet.
    """
    while True:
        wait_for(lambda: (output / "checkpoint-2").is_dir() and list(output.glob(".saving-checkpoint*/*/*")), process)
        process.send_signal(signal.SIGSTOP)
        left = sorted(path.name for path in output.glob(".saving-checkpoint*/*"))
        if left:
            process.kill()
            process.wait()
            return left
        process.send_signal(signal.SIGCONT)


@pytest.fixture(scope="module")
def undisturbed(world: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A run that nothing happened to."""
    output = tmp_path_factory.mktemp("undisturbed") / "run"
    said = finished(start(flags(world, output, **LENGTH)))
    assert "stage 3 done, 6 steps, 24 samples seen" in said
    return output


def same_bits(one: pathlib.Path, other: pathlib.Path) -> bool:
    mine, its = load_file(one / "model.safetensors"), load_file(other / "model.safetensors")
    return mine.keys() == its.keys() and all(torch.equal(mine[name], its[name]) for name in mine)


def test_killed_in_a_save_and_resumed(world: pathlib.Path, undisturbed: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """To the last bit of the weights, and with the same samples in every step."""
    output = tmp_path / "run"
    process = start(flags(world, output, workers=1, **LENGTH))
    left = kill_in_a_save(process, output)
    assert left in (["checkpoint-4"], ["checkpoint-6"])
    said = finished(start(flags(world, output, resume=True, workers=2, **LENGTH)))
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
    said = finished(start(words, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"))
    assert "1 a device x 2 x 2" in said
    whole = samples_of(undisturbed)
    assert samples_of(output) == {step: whole[step] for step in range(3, 7)}
    losses = {line["step"]: line["loss"] for line in log_of(undisturbed)}
    assert [line["loss"] for line in log_of(output)] == pytest.approx([losses[step] for step in range(3, 7)], abs=5e-3)
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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_the_run_goes_on(
    world: pathlib.Path, undisturbed: pathlib.Path, tmp_path: pathlib.Path, osprey_train: Run, number: signal.Signals
) -> None:
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
