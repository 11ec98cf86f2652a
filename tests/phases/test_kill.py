"""`kill -9` at any moment, then the same command: the same bytes as an undisturbed run, and nothing bought twice."""

import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from tests.phases import outputs
from tests.servers.openai_server import OpenAIServer

MOMENTS = {
    "sources are read": "work/sources/*/images.parquet",
    "masks are made": "work/sources/*/regions-v*/*.json",
    "samples are built": "work/plan-*/samples/*/*.parquet",
    "the model is asked": "work/replies.sqlite",
    "shards are written": "data/*/*.parquet",
}


def start(scenes: str, out: pathlib.Path) -> "subprocess.Popen[bytes]":
    """The command in a process group of its own."""
    command = [sys.executable, "-m", "pipelines.cli", "build", "--data", scenes, "--out", str(out), "--limit", "10"]
    kinds = ["--kinds", "mask_text,description,conversation"]
    ask = [
        "--generator",
        "openai",
        "--model",
        "loopback-1",
        "--price",
        "1/1",
        "--budget-usd",
        "5",
        "--concurrency",
        "2",
    ]
    return subprocess.Popen(
        [*command, *kinds, *ask], start_new_session=True, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )


def kill_when(process: "subprocess.Popen[bytes]", happened: Callable[[], bool]) -> bool:
    """Kill the process and its children as soon as something has happened; whether it was still alive then."""
    while process.poll() is None:
        if happened():
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return True
        time.sleep(0.005)
    return False


@pytest.mark.slow
def test_killed_at_every_stage_and_taken_up_again(scenes: str, tmp_path: pathlib.Path, server: OpenAIServer) -> None:
    server.latency_s = 0.05
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert start(scenes, whole).wait() == 0
    server.forget()
    for moment, pattern in MOMENTS.items():
        killed = kill_when(start(scenes, broken), lambda pattern=pattern: any(broken.glob(pattern)))  # type: ignore[misc]
        assert killed, f"not killed when {moment}"
        assert not (broken / "manifest.json").exists()
    answered = server.answered.copy()
    assert start(scenes, broken).wait() == 0
    assert outputs.fingerprint(str(broken)) == outputs.fingerprint(str(whole))
    twice = sum(count > 1 for count in server.answered.values())
    assert twice <= 2 * 2, "only what was in flight when the process was killed may be asked again"
    assert sum(answered.values()) > 0
