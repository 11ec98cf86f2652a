"""A run in batches that is killed at any moment: the next one goes on, and nothing is asked twice."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.generation.batch import run_batches
from pipelines.generation.store import ReplyStore
from tests.generation.batches import BATCH_USD, nothing_held
from tests.servers.batch_api import expired
from tests.servers.openai_server import last_text

ROOT = Path(__file__).parents[2]
REQUESTS = 600
"""Two batches of 300 lines each, so that a batch is collected in more than one piece."""

RUN = """
import os, signal, sys
from pipelines.generation.ask import Ask
from pipelines.generation.batch import run_batches
from pipelines.generation.batch.draft import Draft
from pipelines.generation.batch.server import BatchServer
from pipelines.generation.settings import from_environment
from pipelines.generation.store import Owner, ReplyStore
from pipelines.generation.store.batches import Batches
from schemas.keys import request_key

def kill_at(owner, name, moment, nth):
    real, seen = getattr(owner, name), [0]
    def watched(self, *given, **named):
        seen[0] += 1
        if moment == "before" and seen[0] == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(self, *given, **named)
        if moment == "after" and seen[0] == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    setattr(owner, name, watched)

url, count, where, name, moment, nth = sys.argv[1], int(sys.argv[2]), *sys.argv[3:6], int(sys.argv[6])
owners = {"Draft": Draft, "BatchServer": BatchServer, "Batches": Batches, "Owner": Owner}
kill_at(owners[where], name, moment, nth)

def asks(count):
    for index in range(count):
        payload = {"model": "loopback", "messages": [{"role": "user", "content": f"question {index}"}],
                   "max_tokens": 16}
        yield Ask(request_key(payload), "ab"[index % 2], payload)

settings = from_environment(budget_usd=1.0, price=(1.0, 1.0), mode="batch", batch_requests=300, batch_poll_s=0.01,
                            backoff_s=0.01)
run_batches(asks(count), ReplyStore(url), settings)
"""

MOMENTS = [
    ("Draft", "add", "after", 200, "half a file is written"),
    ("Batches", "add", "after", 1, "some lines are written down"),
    ("Draft", "hand_over", "before", 1, "all is written down, nothing handed over"),
    ("Draft", "hand_over", "after", 1, "handed over, before the upload"),
    ("Draft", "hand_over", "after", 2, "the second is handed over, the first under way"),
    ("BatchServer", "upload", "after", 1, "uploaded, the file's id not recorded"),
    ("BatchServer", "create", "before", 1, "about to create"),
    ("BatchServer", "create", "after", 1, "created, the batch's id not recorded"),
    ("BatchServer", "create", "after", 2, "the second created and not recorded, the first under way"),
    ("BatchServer", "retrieve", "before", 1, "about to look"),
    ("BatchServer", "retrieve", "after", 2, "both are looked at, the first collected"),
    ("BatchServer", "download", "before", 1, "about to collect"),
    ("BatchServer", "download", "after", 1, "downloaded, nothing stored"),
    ("Owner", "save", "after", 1, "half collected"),
    ("Owner", "save", "after", 3, "the first collected, the second by half"),
    ("Batches", "end", "before", 1, "collected, not ended"),
    ("Batches", "end", "after", 1, "ended, its file not deleted"),
]


def _run_until_killed(url: str, base_url: str, *moment: object, count: int = REQUESTS) -> None:
    environment = {"OPENAI_API_KEY": "any", "OPENAI_BASE_URL": base_url, "PYTHONPATH": str(ROOT), "PATH": ""}
    command = [sys.executable, "-c", RUN, url, str(count), *map(str, moment)]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr


@pytest.mark.parametrize("moment", MOMENTS, ids=[moment[-1] for moment in MOMENTS])
def test_killed_and_taken_up(server, api, store, batched, asks, moment) -> None:
    _run_until_killed(store.url, server.base_url, *moment[:-1])
    outcome = run_batches(asks(REQUESTS), store, batched(batch_requests=300, budget_usd=0.1))
    assert (outcome.requests, outcome.failed, outcome.left, outcome.stopped) == (REQUESTS, 0, 0, "")
    assert outcome.answered + outcome.cached == REQUESTS
    assert len(server.answered) == REQUESTS
    assert set(server.answered.values()) == {1}, "something was bought twice"
    assert set(api.sent.values()) == {1}, "something was in two batches"
    assert store.missing(one.key for one in asks(REQUESTS)) == []
    assert store.spent_usd() == pytest.approx(REQUESTS * BATCH_USD)
    nothing_held(store)
    ours = [file.id for file in api.files.values() if file.purpose == "batch"]
    assert len(ours) <= (moment[-1] == "ended, its file not deleted"), "an orphaned file is left at the server"


def test_killed_again_and_again(server, api, any_store, batched, asks) -> None:
    api.line = lambda payload, before: expired if last_text(payload).endswith("7") and before == 0 else None
    for where, name, moment, nth, _ in (MOMENTS[1], MOMENTS[5], MOMENTS[7], MOMENTS[8], MOMENTS[13]):
        _run_until_killed(any_store.url, server.base_url, where, name, moment, nth)
    outcome = run_batches(asks(REQUESTS), any_store, batched(batch_requests=300, budget_usd=0.1))
    assert outcome.answered + outcome.cached == REQUESTS
    assert set(server.answered.values()) == {1}
    assert max(api.sent.values()) == 2
    nothing_held(any_store)


def test_what_the_plan_no_longer_has_is_collected_all_the_same(server, api, store, batched, asks) -> None:
    _run_until_killed(store.url, server.base_url, "BatchServer", "retrieve", "before", 1, count=20)
    outcome = run_batches(asks(5), store, batched())
    assert outcome.requests == 5
    assert len(store.get_many(one.key for one in asks(20))) == 20
    assert set(server.answered.values()) == {1}
    nothing_held(store)


def test_ctrl_c_leaves_the_batches_at_the_server_and_says_so(server, api, store, batched, asks) -> None:
    api.held = True
    program = RUN.split("def kill_at")[0] + "import threading, _thread\n" + RUN[RUN.index("def asks") :]
    program = program.replace("run_batches(asks(count)", "run_batches(asks(int(sys.argv[2]))").replace(
        "ReplyStore(url)", "ReplyStore(sys.argv[1]), settings, lambda progress: print(progress.batches, flush=True)"
    ).replace(", settings)", ")")  # fmt: skip
    environment = {"OPENAI_API_KEY": "any", "OPENAI_BASE_URL": server.base_url, "PYTHONPATH": str(ROOT), "PATH": ""}
    command = [sys.executable, "-c", program, store.url, "20"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stderr
        while "0 of 20 requests done" not in process.stdout.readline():
            assert process.poll() is None, process.stderr.read()
        os.kill(process.pid, signal.SIGINT)
        said = process.communicate(timeout=30)[1]
    assert "interrupted; left at the server: 1 batch of 20 requests" in said
    assert "--cancel" in said
    api.held = False
    assert run_batches(asks(20), store, batched()).answered == 20
    assert set(server.answered.values()) == {1}


def test_the_key_is_nowhere(server, api, store, batched, asks, tmp_path) -> None:
    run_batches(asks(5), store, batched())
    store.close()
    assert isinstance(store, ReplyStore)
    secret = os.environ["OPENAI_API_KEY"].encode()
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and secret in path.read_bytes()]
    assert not any(secret in file.content for file in api.files.values())
