"""A run that is killed at any moment, and taken up again, pays twice for nothing but what was on its way."""

import random
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.generation.run import taken_up
from pipelines.generation.store import ReplyStore
from tests import forks
from tests.generation import asking
from tests.servers.openai_server import OpenAIServer, payload_id, running

CONCURRENCY = 8
REQUESTS, KILLS, BETWEEN = 1000, 50, 10


@pytest.fixture
def slow_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAIServer]:
    monkeypatch.setenv("OPENAI_API_KEY", "any")
    with running(OpenAIServer(latency_s=0.03)) as server:
        yield server


def _wait_until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < deadline, "nothing happens any more"
        time.sleep(0.001)


def _everything_sent_has_arrived(server: OpenAIServer) -> None:
    """Requests that a killed process left on the wire are counted before one that is sent after them is answered."""
    with urllib.request.urlopen(f"{server.base_url.removesuffix('/v1')}/counts") as answer:
        answer.read()


@pytest.mark.slow
def test_fifty_kills(slow_server: OpenAIServer, tmp_path: Path, quick: Any) -> None:
    chance = random.Random(4)
    store = ReplyStore(f"sqlite:///{tmp_path}/replies.sqlite")
    settings = quick(concurrency=CONCURRENCY, base_url=slow_server.base_url)
    asks = asking.asks(REQUESTS)
    names = {ask.key: payload_id(ask.payload) for ask in asks}
    lost = dict.fromkeys(names, 0)
    for _ in range(KILLS):
        process = asking.started(store.url, settings, REQUESTS)
        enough = slow_server.calls + chance.randint(1, BETWEEN)
        _wait_until(lambda goal=enough, run=process: slow_server.calls >= goal or not run.is_alive())
        assert process.is_alive(), f"a run ended by itself: {process.exitcode}"
        time.sleep(chance.uniform(0, 0.03))
        process.kill()
        process.join()
        _everything_sent_has_arrived(slow_server)
        _wait_until(lambda: slow_server.in_flight == 0)
        paid = {key for key, name in names.items() if slow_server.answered[name] > lost[key]}
        gone = paid - store.errors(names).keys()
        assert len(gone) <= taken_up(CONCURRENCY)
        for key in gone:
            lost[key] += 1
    told = forks.queue()
    asking.started(store.url, settings, REQUESTS, told).join()
    outcome = told.get(timeout=10)
    assert outcome.cached + outcome.answered == REQUESTS
    assert sum(lost.values()) > KILLS, "some kills came while answers were on their way"
    assert {key: slow_server.answered[name] for key, name in names.items()} == {key: 1 + n for key, n in lost.items()}
    _like_an_undisturbed_run(store, ReplyStore(f"sqlite:///{tmp_path}/undisturbed.sqlite"), settings)


def _like_an_undisturbed_run(store: ReplyStore, other: ReplyStore, settings: Any) -> None:
    keys = [ask.key for ask in asking.asks(REQUESTS)]
    asking.started(other.url, settings, REQUESTS).join()
    assert store.get_many(keys) == other.get_many(keys)
    assert store.totals(keys) == other.totals(keys)
    assert store.totals(keys).calls == REQUESTS
