"""Several workers on one store, each a process of its own: nothing is bought twice, and a shared budget holds."""

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pipelines.generation import pending
from pipelines.generation.engine import generate
from pipelines.generation.run import taken_up
from pipelines.generation.store import Entry, ReplyStore
from schemas.records import Reply
from tests import forks
from tests.generation import asking
from tests.generation.stores import put_to_sleep
from tests.servers import openai_server as faulty

REQUESTS = 600
EACH_USD = 18e-6
"""What an answer costs here."""


def _ended(processes: list[Any], told: Any) -> list[Any]:
    outcomes = [told.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()
    return outcomes


def test_two_workers_share_the_work_and_buy_nothing_twice(any_url: str, server: Any, quick: Callable[..., Any]) -> None:
    server.latency_s = 0.01
    told = forks.queue()
    settings = quick(purse="one run", concurrency=4)
    outcomes = _ended([asking.started(any_url, settings, REQUESTS, told) for _ in range(2)], told)
    assert set(server.answered.values()) == {1}
    assert len(server.answered) == REQUESTS
    assert sum(one.answered for one in outcomes) == REQUESTS
    assert [one.answered + one.cached for one in outcomes] == [REQUESTS, REQUESTS]
    assert [one.elsewhere + one.left + one.failed for one in outcomes] == [0, 0]


def test_two_workers_together_stay_within_the_budget(any_url: str, server: Any, quick: Callable[..., Any]) -> None:
    server.latency_s = 0.005
    told = forks.queue()
    budget = 200 * EACH_USD
    settings = quick(purse="one run", budget_usd=budget, concurrency=4)
    outcomes = _ended([asking.started(any_url, settings, REQUESTS, told) for _ in range(2)], told)
    charged = sum(server.answered.values()) * EACH_USD
    assert 0 < charged <= budget + 1e-9
    assert sum(one.spent_usd for one in outcomes) == pytest.approx(charged)
    assert all("of the budget of this run are left" in one.stopped for one in outcomes)
    store = ReplyStore(any_url)
    assert store.spent_usd() == pytest.approx(charged)
    store.close()


def test_the_total_of_the_store_goes_over_all_runs(
    any_store: ReplyStore, server: Any, quick: Callable[..., Any]
) -> None:
    first = generate(asking.asks(20), any_store, quick(total_usd=1.0))
    assert first.answered == 20
    total = 30 * EACH_USD
    second = generate(asking.asks(REQUESTS), any_store, quick(total_usd=total))
    assert second.left > 0
    assert "total of the store" in second.stopped
    assert 20 * EACH_USD <= any_store.spent_usd() <= total + 1e-9
    server.forget()
    assert generate(asking.asks(REQUESTS), any_store, quick(total_usd=total)).answered == 0
    assert server.calls == 0


def test_what_a_killed_worker_had_claimed_is_taken_over(any_url: str, server: Any, quick: Callable[..., Any]) -> None:
    server.latency_s = 0.2
    process = asking.started(any_url, quick(), 100)
    while not server.calls:
        time.sleep(0.005)
    process.kill()
    process.join()
    server.latency_s = 0.0
    told = forks.queue()
    (outcome,) = _ended([asking.started(any_url, quick(), 100, told)], told)
    assert (outcome.answered, outcome.elsewhere) == (100, 0)
    assert sum(server.answered.values()) <= 100 + taken_up(8)


def test_what_another_worker_asks_is_waited_for(any_store: ReplyStore, server: Any, quick: Callable[..., Any]) -> None:
    first, *others = asking.asks(5)
    seen: list[Any] = []
    with any_store.worker("another", 1.0) as worker:
        assert worker.look([first.key]).claimed == {first.key}
        answer = Entry(first, Reply(key=first.key, text="from elsewhere", finish_reason="stop", model="m"))

        def report(progress: Any) -> None:
            seen.append(progress)
            if progress.answered == len(others):
                worker.save([answer])

        outcome = generate([first, *others], any_store, quick(), report)
    assert seen[0].elsewhere == 1
    assert (outcome.answered, outcome.cached, outcome.elsewhere) == (4, 1, 0)
    assert any_store.get_many([first.key])[first.key].text == "from elsewhere"
    assert server.calls == 4


def test_two_runs_that_hold_failures_back_do_not_wait_for_each_other(
    any_store: ReplyStore, server: Any, quick: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has tried in vain what the other one lacks; neither hears another answer that would settle it."""
    monkeypatch.setattr(pending, "CHUNK", 1)
    server.fault = lambda payload, before: faulty.http_error(500)
    both_have_one = threading.Barrier(2, timeout=30)

    def requests(asks: list[Any]) -> Iterator[Any]:
        yield asks[0]
        both_have_one.wait()
        yield asks[1]

    outcomes: list[Any] = []
    settings = quick(max_attempts=2)
    runs = [
        threading.Thread(
            target=lambda asks=asks: outcomes.append(generate(requests(asks), any_store, settings)), daemon=True
        )
        for asks in (asking.asks(2), asking.asks(2)[::-1])
    ]
    for run in runs:
        run.start()
    for run in runs:
        run.join(timeout=20)
    assert sorted((one.requests, one.failed, one.cached, one.left) for one in outcomes) == [(2, 1, 1, 0)] * 2
    assert set(server.asked.values()) == {2}


def test_what_is_in_a_batch_is_left_to_it(any_store: ReplyStore, server: Any, quick: Callable[..., Any]) -> None:
    asks = asking.asks(5)
    with any_store.worker("another", 1.0) as worker:
        worker.look([asks[0].key, asks[1].key])
        worker.draw(0.1, 0.1)
        worker.hand_over([asks[0].key, asks[1].key], 0.1)
    outcome = generate(asks, any_store, quick())
    assert (outcome.answered, outcome.elsewhere, outcome.left) == (3, 2, 0)
    assert server.calls == 3


def test_a_worker_that_slept_sends_nothing_that_another_has_taken_over(any_url: str, server: Any, quick: Any) -> None:
    server.latency_s = 0.02
    settings = quick(lease_s=1.0)
    process = asking.started(any_url, settings, REQUESTS)
    while server.calls < 20:
        time.sleep(0.005)
    assert process.pid
    put_to_sleep(process.pid, any_url)
    time.sleep(1.5)
    before = sum(server.answered.values())
    store = ReplyStore(any_url)
    outcome = generate(asking.asks(REQUESTS), store, settings)
    store.close()
    assert outcome.answered + outcome.cached == REQUESTS
    assert outcome.answered >= REQUESTS - before
    bought = Counter(server.answered)
    os.kill(process.pid, signal.SIGCONT)
    process.join(30)
    assert process.exitcode is not None
    again = server.answered - bought
    assert again.total() <= settings.concurrency, "only what was being sent when it fell asleep is sent"
    assert sum(bought.values()) <= REQUESTS + taken_up(8), "only what was on its way when it fell asleep"
