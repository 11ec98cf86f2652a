"""`kill -9` at any moment, then the same command: the same bytes as an undisturbed run, and nothing bought twice."""

import os
import pathlib
import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from multiprocessing.context import ForkServerProcess
from typing import NamedTuple

import pytest

from tests import forks
from tests.files import found
from tests.phases import outputs, small_parts
from tests.phases.conftest import good_reply, good_text
from tests.servers.openai_server import OpenAIServer, Payload, answer, payload_id, running

MOMENTS = {
    "sources are read": "work/sources/*/images.parquet",
    "masks are made": "work/sources/*/regions-v*/*.json",
    "samples are built": "work/plan-*/samples/*/*.parquet",
    "the model is asked": "work/replies.sqlite",
    "shards are written": "data/*/*.parquet",
}
OF_WORKERS = {
    "samples are built": "work/plan-*/summaries/*.json",
    "shards are written": "work/assemble/*.json",
}
"""By what worker processes have finished: others of them are at work at that moment."""
IN_FLIGHT = 2
"""Requests at a time, and so those that may be lost with a process."""

KILLS = 5


@pytest.fixture(scope="module")
def server() -> Iterator[OpenAIServer]:
    """A server for the whole file, slow enough to be caught at answering."""
    with running(OpenAIServer(reply=good_reply, latency_s=0.05)) as started:
        yield started


class Build(NamedTuple):
    """A command and where it is asked and writes."""

    scenes: str
    out: pathlib.Path
    base_url: str
    workers: int = 1
    more: tuple[str, ...] = ()
    """Further options."""

    def start(self) -> ForkServerProcess:
        """The command in a process group of its own."""
        command = ["build", "--data", self.scenes, "--out", str(self.out), "--workers", str(self.workers)]
        what = ["--limit", "10", "--kinds", "mask_text,description,conversation"]
        ask = ["--generator", "openai", "--model", "loopback-1", "--price", "1/1", "--budget-usd", "5"]
        environment = {"OPENAI_BASE_URL": self.base_url, "OPENAI_API_KEY": "sk-loopback"}
        arguments = [*command, *what, *ask, "--concurrency", str(IN_FLIGHT), "--reply-format", "text", *self.more]
        return forks.started(small_parts.main, arguments, **environment)

    def finish(self) -> dict[str, str]:
        """Let the command end by itself; the fingerprint of what it leaves."""
        process = self.start()
        process.join()
        assert process.exitcode == 0
        return outputs.fingerprint(str(self.out))


@pytest.fixture(scope="module")
def whole(scenes: str, server: OpenAIServer, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """An undisturbed build."""
    out = tmp_path_factory.mktemp("whole")
    Build(scenes, out, server.base_url).finish()
    return out


def kill_when(process: ForkServerProcess, happened: Callable[[], bool]) -> bool:
    """Kill the process and its children as soon as something has happened; whether it was still alive then."""
    while process.is_alive():
        if happened() and _killed_group(process.pid or 0):
            process.join()
            return True
        time.sleep(0.005)
    return False


def _killed_group(leader: int) -> bool:
    """A process that has only just begun leads no group yet."""
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def kill_at(build: Build, moments: dict[str, str]) -> None:
    """Start, kill at a moment, start again, kill at the next one, ..."""
    for moment, pattern in moments.items():
        process = build.start()
        killed = kill_when(process, lambda pattern=pattern: found(build.out, pattern))  # type: ignore[misc]
        assert killed, f"not killed when {moment}, but ended with {process.exitcode}"
        assert not (build.out / "manifest.json").exists()


def bought_twice(server: OpenAIServer) -> int:
    """Requests that were answered more than once."""
    assert sum(server.answered.values()) > 0
    return sum(count > 1 for count in server.answered.values())


@pytest.mark.slow
def test_killed_at_every_stage_and_taken_up_again(
    scenes: str, tmp_path: pathlib.Path, server: OpenAIServer, whole: pathlib.Path
) -> None:
    server.forget()
    build = Build(scenes, tmp_path, server.base_url)
    kill_at(build, MOMENTS)
    assert build.finish() == outputs.fingerprint(str(whole))
    assert bought_twice(server) <= 2 * IN_FLIGHT, "only what was in flight at a kill may be asked again"


@pytest.mark.slow
def test_killed_with_its_workers_and_taken_up_again(
    scenes: str, tmp_path: pathlib.Path, server: OpenAIServer, whole: pathlib.Path
) -> None:
    """The sources are read and their masks made, which saves the time of starting workers for them."""
    server.forget()
    shutil.copytree(whole / "work" / "sources", tmp_path / "work" / "sources")
    build = Build(scenes, tmp_path, server.base_url, workers=2)
    kill_at(build, OF_WORKERS)
    assert build.finish() == outputs.fingerprint(str(whole))
    assert bought_twice(server) == 0


def _often_bad(payload: Payload) -> Payload:
    """A reply that has to be mended, to every other question; good once it is."""
    mended = len(payload["messages"]) > 4
    first = {**payload, "messages": payload["messages"][:4]}
    bad = not mended and int(payload_id(payload), 16) % 2
    return answer("I see a nice picture." if bad else good_text(first), usage=(100 + mended, 10))


@pytest.mark.slow
def test_killed_again_and_again_while_the_model_is_asked(
    scenes: str, tmp_path: pathlib.Path, whole: pathlib.Path
) -> None:
    """At moments drawn at random, repairs among them: the shards and the manifest are those of an undisturbed run."""
    undisturbed, disturbed = tmp_path / "undisturbed", tmp_path / "disturbed"
    for out in (undisturbed, disturbed):
        shutil.copytree(whole / "work" / "sources", out / "work" / "sources")
    with running(OpenAIServer(reply=_often_bad, latency_s=0.05)) as server:
        expected = Build(scenes, undisturbed, server.base_url, more=("--repair", "1")).finish()
        calls = sum(server.answered.values())
        assert outputs.manifest(str(undisturbed))["generation"]["repairs"] >= 3
        server.forget()
        build = Build(scenes, disturbed, server.base_url, more=("--repair", "1"))
        moments = sorted(random.Random(4).sample(range(1, calls), KILLS))
        for moment in moments:
            reached = lambda moment=moment: sum(server.answered.values()) >= moment  # noqa: E731
            assert kill_when(build.start(), reached)
        assert build.finish() == expected
        assert bought_twice(server) <= KILLS * IN_FLIGHT, "only what was in flight at a kill may be asked again"
        assert max(server.answered.values()) <= 1 + KILLS
