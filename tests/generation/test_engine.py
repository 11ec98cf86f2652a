"""The engine as a whole: asks what is missing, once, several at a time, and says what it needs."""

import asyncio
import itertools
import logging
import os
import signal
import threading
import time
import tracemalloc
from typing import Any

import pytest

from pipelines.generation.engine import Progress, answer_all, generate
from pipelines.generation.settings import OPENAI_URL, Settings, from_environment
from schemas.errors import GenerationError
from tests.servers import openai_server as faulty

KEY = "sk-loopback-secret"


def test_a_second_run_asks_nothing_and_needs_neither_key_nor_budget(server, store, quick, ask, monkeypatch) -> None:
    asks = [ask(f"q{index}") for index in range(20)]
    first = generate(asks, store, quick())
    assert (first.answered, first.cached, first.spent_usd) == (20, 0, pytest.approx(20 * 18e-6))
    totals = store.totals(one.key for one in asks)
    server.forget()
    monkeypatch.delenv("OPENAI_API_KEY")
    second = generate(asks, store, quick(budget_usd=None))
    assert (second.answered, second.cached, second.spent_usd) == (0, 20, 0)
    assert server.calls == 0
    assert store.totals(one.key for one in asks) == totals


def test_replies_say_what_was_answered_and_what_it_cost(server, store, quick, ask) -> None:
    generate([ask("why?", kind="conversation")], store, quick(price=(3.0, 5.0)))
    reply = store.get_many([ask("why?").key])[ask("why?").key]
    assert (reply.text, reply.model, reply.finish_reason) == ("echo of why?", faulty.MODEL, "stop")
    assert (reply.prompt_tokens, reply.completion_tokens, reply.attempts) == (11, 7, 1)
    assert reply.cost_usd == pytest.approx((11 * 3 + 7 * 5) / 1e6)


def test_the_server_gets_exactly_the_payload(server, store, quick, ask) -> None:
    from schemas.keys import request_key

    seen: list[dict[str, Any]] = []
    server.reply = lambda payload: seen.append(payload) or faulty.echo(payload)
    payload = {**ask("q").payload, "temperature": 0.0, "seed": 5, "stop": ["END"], "vendor_option": {"a": 1}}
    generate([(request_key(payload), "description", payload)], store, quick())
    assert seen == [payload]
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"


def test_a_key_that_comes_again_is_asked_once(server, store, quick, ask) -> None:
    server.latency_s = 0.01
    asks = [ask(f"q{index % 7}") for index in range(1000)]
    outcome = generate(asks, store, quick())
    assert (outcome.requests, outcome.answered, outcome.cached) == (1000, 7, 993)
    assert set(server.asked.values()) == {1}


def test_several_are_in_flight_and_never_more_than_allowed(server, store, quick, ask) -> None:
    server.latency_s = 0.05
    seen: list[Progress] = []
    generate([ask(f"q{index}") for index in range(24)], store, quick(concurrency=6), seen.append)
    assert server.most_in_flight == 6
    assert seen[-1].answered == 24
    assert all(before.answered <= after.answered for before, after in itertools.pairwise(seen))


def test_failed_requests_are_asked_again_only_on_request(server, store, quick, ask) -> None:
    server.fault = lambda payload, before: faulty.http_error(400) if "bad" in faulty.last_text(payload) else None
    asks = [ask("bad"), ask("good"), ask("bad")]
    assert generate(asks, store, quick()).failed == 1
    server.forget()
    assert generate(asks, store, quick()).cached == 3
    assert server.calls == 0
    assert generate(asks, store, quick(retry_failed=True)).failed == 1
    assert server.calls == 1, "the good one is not asked, the bad one once"
    server.fault = lambda payload, before: None
    assert generate(asks, store, quick(retry_failed=True)).answered == 1
    assert store.totals(one.key for one in asks).failed == 0


def test_a_server_that_does_not_count_is_charged_with_the_bound(server, store, quick, ask) -> None:
    server.reply = lambda payload: faulty.answer("four words are here", usage=None)
    outcome = generate([ask("q", max_tokens=5), ask("r", max_tokens=500)], store, quick())
    assert outcome.uncounted == 2
    short, long = (store.get_many([ask(*q).key])[ask(*q).key] for q in (("q", 5), ("r", 500)))
    assert short.completion_tokens == 5
    assert 4 < long.completion_tokens < 500
    assert outcome.spent_usd == pytest.approx(short.cost_usd + long.cost_usd)
    assert short.cost_usd > 0


def test_no_budget_no_key_no_price(server, store, quick, ask, monkeypatch) -> None:
    with pytest.raises(GenerationError, match="budget") as caught:
        generate([ask("q")], store, quick(budget_usd=None))
    assert "--budget-usd" in caught.value.hint
    with pytest.raises(GenerationError, match="price"):
        generate([ask("q")], store, quick(price=None))
    monkeypatch.setenv("OPENAI_API_KEY", "  ")
    with pytest.raises(GenerationError, match="OPENAI_API_KEY") as caught:
        generate([ask("q")], store, quick())
    assert "any non-empty value" in caught.value.hint
    with pytest.raises(GenerationError, match="OPENAI_API_KEY") as caught:
        generate([ask("q")], store, quick(base_url=OPENAI_URL))
    assert "any non-empty value" not in caught.value.hint
    assert server.calls == 0


@pytest.mark.parametrize("wrong", [{"budget_usd": -1.0}, {"budget_usd": float("nan")}, {"concurrency": 0}])
def test_settings_that_make_no_sense(wrong: dict[str, Any]) -> None:
    with pytest.raises(GenerationError):
        Settings(**wrong)


def test_the_server_comes_from_the_environment(monkeypatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    assert from_environment(budget_usd=1.0).base_url == "http://127.0.0.1:9/v1"
    assert from_environment(base_url="http://other/v1").base_url == "http://other/v1"
    monkeypatch.delenv("OPENAI_BASE_URL")
    assert from_environment() == Settings(base_url=OPENAI_URL)


@pytest.mark.parametrize("url", ["localhost:8000/v1", "ftp://localhost/v1"])
def test_a_server_that_is_no_web_address(url: str, monkeypatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    with pytest.raises(GenerationError, match="OPENAI_BASE_URL is no web address"):
        from_environment()


def test_the_key_is_nowhere_to_be_seen(server, store, quick, ask, caplog, tmp_path) -> None:
    caplog.set_level(logging.DEBUG)
    server.fault = lambda payload, before: faulty.http_error(400, f"you sent {KEY}")
    generate([ask("q")], store, quick())
    assert store.get_many([ask("q").key])[ask("q").key].error == "HTTP 400: you sent [key]"
    server.key = "another"
    with pytest.raises(GenerationError) as caught:
        generate([ask("r")], store, quick())
    assert "HTTP 401" in str(caught.value)
    assert KEY not in str(caught.value) + repr(caught.value) + repr(quick()) + caplog.text
    assert caught.value.__cause__ is None
    store.close()
    assert not any(KEY.encode() in path.read_bytes() for path in (tmp_path / "work").iterdir())


def test_an_interrupt_keeps_the_answers_in_flight_and_asks_no_more(server, store, quick, ask) -> None:
    server.latency_s = 0.2
    asks = [ask(f"q{index}") for index in range(100)]

    def interrupt(payload: dict[str, Any], before: int) -> None:
        if sum(server.answered.values()) == 12:
            os.kill(os.getpid(), signal.SIGINT)

    server.fault = interrupt
    with pytest.raises(KeyboardInterrupt):
        generate(asks, store, quick(concurrency=8))
    stored = 100 - len(store.missing(one.key for one in asks))
    assert sum(server.answered.values()) == server.calls == stored
    assert 12 < stored <= 12 + 2 * 8
    server.latency_s, server.fault = 0, lambda payload, before: None
    assert generate(asks, store, quick()).answered == 100 - stored
    assert set(server.answered.values()) == {1}


def test_an_interrupt_does_not_wait_for_ever(server, store, quick, ask) -> None:
    server.fault = lambda payload, before: faulty.hang
    seen: list[Any] = []

    async def cancelled() -> None:
        settings = quick(grace_s=0.1, timeout_s=60.0)
        task = asyncio.create_task(answer_all([ask("q")], store, settings, seen.append))
        while not server.in_flight:
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait_for(task, 30)

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancelled())
    assert seen[-1].in_flight == 0
    assert seen[-1].at_risk_usd > 0, "what was given up may be charged, and is told"


def test_a_second_interrupt_gives_up_what_is_in_flight_and_claims_are_free(server, store, quick, ask) -> None:
    server.fault = lambda payload, before: faulty.hang
    asks = [ask(f"q{index}") for index in range(40)]

    def interrupt_twice() -> None:
        while server.in_flight < 8:
            time.sleep(0.005)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGINT)

    began = time.monotonic()
    thread = threading.Thread(target=interrupt_twice)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        generate(asks, store, quick(grace_s=25.0, timeout_s=60.0))
    thread.join()
    assert time.monotonic() - began < 15
    with store.worker("the next", 1.0, total_usd=1.0) as worker:
        assert 0 < 1.0 - worker.undrawn()[1] < 0.002, "what was given up may be charged"
        assert worker.look([one.key for one in asks]).claimed == {one.key for one in asks}


def test_an_error_of_the_caller_is_not_swallowed(server, store, quick, ask) -> None:
    def requests() -> Any:
        yield ask("q")
        raise OSError("the request file is gone")

    with pytest.raises(OSError, match="request file"):
        generate(requests(), store, quick())


def test_requests_stream(server, store, quick, ask) -> None:
    """Twenty thousand requests of 4 KB each, most of them answered before: they are never in memory together."""
    generate([ask("again" * 800)], store, quick())
    requests = (ask("again" * 800) if index % 1000 else ask(f"{index}" + "new" * 1300) for index in range(20_000))
    tracemalloc.start()
    outcome = generate(requests, store, quick())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (outcome.requests, outcome.answered) == (20_000, 20)
    assert peak < 25e6
