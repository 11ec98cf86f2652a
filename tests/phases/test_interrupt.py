"""Ctrl-C while Beam runs, and what the operating system refuses: one line, whatever Beam makes of it."""

import logging
import pathlib
import signal
import subprocess
import sys
import threading

import apache_beam as beam
import pytest

from pipelines.phases import assemble
from pipelines.phases.running import Running, interrupted, run, spread
from tests.phases.conftest import Run

TWO_WORKERS = """
import logging, os, pathlib, signal, sys, threading, time
logging.basicConfig(level=logging.ERROR)
import apache_beam as beam
from pipelines.phases.running import Running, run, spread

def wait(folder):
    (pathlib.Path(folder) / "started").touch()
    time.sleep(600)

def interrupt(folder):
    while not (pathlib.Path(folder) / "started").exists():
        time.sleep(0.05)
    os.killpg(0, signal.SIGINT)

if __name__ == "__main__":
    threading.Thread(target=interrupt, args=sys.argv[1:], daemon=True).start()
    try:
        run(lambda pipeline: spread(pipeline, sys.argv[1:] * 4) | beam.Map(wait), Running(2))
    except KeyboardInterrupt:
        sys.exit(130)
"""


@pytest.fixture
def _as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """An interruption silences Beam until the process ends; this one goes on."""
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    for name in ("apache_beam", "grpc"):
        logger = logging.getLogger(name)
        monkeypatch.setattr(logger, "level", logger.level)


@pytest.mark.usefixtures("_as_before")
def test_in_a_transform(capfd: pytest.CaptureFixture[str]) -> None:
    def press(_: int) -> None:
        signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        run(lambda pipeline: spread(pipeline, [1]) | beam.Map(press), Running())
    assert not capfd.readouterr().err
    assert signal.getsignal(signal.SIGINT) == before


@pytest.mark.usefixtures("_as_before")
def test_a_build_while_it_writes_shards(
    scenes: str, tmp_path: pathlib.Path, osprey_data: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assemble, "write_shard", lambda *_, **__: signal.raise_signal(signal.SIGINT))
    ran = osprey_data("build", "--data", scenes, "--out", tmp_path / "out", "--kinds", "mask_text", "--limit", 3)
    assert ran.code == 130
    assert "the same command goes on" in ran.err
    assert "KeyboardInterrupt" not in ran.said


@pytest.mark.slow
def test_with_its_workers(tmp_path: pathlib.Path) -> None:
    script = tmp_path / "two_workers.py"
    script.write_text(TWO_WORKERS)
    here = str(pathlib.Path(__file__).parents[2])
    ran = subprocess.run(
        [sys.executable, str(script), str(tmp_path)], env={"PYTHONPATH": here, "PATH": ""}, cwd=here,
        start_new_session=True, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert (ran.returncode, ran.stderr) == (130, "")


def test_what_the_operating_system_refuses(
    tmp_path: pathlib.Path, osprey_data: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", "scenes/coco")

    monkeypatch.setattr("pipelines.scenes.write_scenes", refuse)
    ran = osprey_data("sample", tmp_path)
    assert ran.code == 1
    assert "error: scenes/coco: Permission denied" in ran.err


def test_what_is_an_interruption() -> None:
    wrapped = RuntimeError("Traceback ...\nKeyboardInterrupt [while running 'Map']")
    caused = ValueError("x")
    caused.__cause__ = KeyboardInterrupt()
    assert interrupted(wrapped)
    assert interrupted(caused)
    assert not interrupted(RuntimeError("no such file"))
