"""A run that is killed at any moment, and taken up again, pays for nothing twice that was stored."""

import json
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.generation.store import ReplyStore

CONCURRENCY = 8
REQUESTS = 150
ROOT = Path(__file__).parents[2]

RUN = """
import sys
from pipelines.generation.engine import generate
from pipelines.generation.settings import from_environment
from pipelines.generation.store import ReplyStore
from schemas.keys import request_key

def asks(count):
    for index in range(count):
        payload = {"model": "m", "messages": [{"role": "user", "content": f"q{index}"}], "max_tokens": 8}
        yield request_key(payload), "description", payload

url, count, concurrency = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
settings = from_environment(budget_usd=1.0, price=(1.0, 1.0), concurrency=concurrency)
outcome = generate(asks(count), ReplyStore(url), settings, lambda progress: print(progress.answered, flush=True))
print("done", outcome.answered, outcome.cached)
"""


@pytest.fixture
def base_url() -> Iterator[str]:
    program = ROOT / "tests" / "servers" / "openai_server.py"
    command = [sys.executable, str(program), "--latency", "0.05"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        yield process.stdout.readline().strip()
        process.kill()


def _start(base_url: str, url: str) -> "subprocess.Popen[str]":
    environment = {"OPENAI_API_KEY": "any", "OPENAI_BASE_URL": base_url, "PYTHONPATH": str(ROOT), "PATH": ""}
    command = [sys.executable, "-c", RUN, url, str(REQUESTS), str(CONCURRENCY)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def _answered(base_url: str) -> dict[str, int]:
    with urllib.request.urlopen(base_url.removesuffix("/v1") + "/counts", timeout=10) as response:
        counts: dict[str, int] = json.load(response)["answered"]
    return counts


def test_kill_and_go_on(base_url: str, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/replies.sqlite"
    stored = []
    for killed_after in (10, 40):
        process = _start(base_url, url)
        assert process.stdout
        while int(process.stdout.readline()) < killed_after:
            pass
        process.send_signal(signal.SIGKILL)
        process.communicate()
        time.sleep(0.2)
        stored.append(sum(_answered(base_url).values()))
    rest, _ = _start(base_url, url).communicate(timeout=60)
    answered = _answered(base_url)
    assert rest.splitlines()[-1].startswith("done")
    assert len(answered) == REQUESTS
    assert sum(answered.values()) <= REQUESTS + 2 * CONCURRENCY, "more was asked twice than was in flight at the kills"
    assert max(answered.values()) <= 3
    again, _ = _start(base_url, url).communicate(timeout=60)
    assert again.split() == ["done", "0", str(REQUESTS)]
    assert _answered(base_url) == answered, "what is stored is not asked"
    assert ReplyStore(url).spent_usd() == pytest.approx(REQUESTS * 18e-6)
