"""The pace of asking: the user's limits, the server's headers, and a server that only says no."""

import asyncio
import itertools
import time
from typing import Any

import pytest

from pipelines.generation.engine import generate
from pipelines.generation.limiter import Bucket, Limiter
from pipelines.generation.limits import Told, duration, rate_headers, told
from pipelines.generation.settings import Settings
from tests.servers import openai_server as faulty
from tests.servers import rates
from tests.servers.rates import Rates


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1s", 1), ("6m0s", 360), ("120ms", 0.12), ("1h2m3.5s", 3723.5), ("1d", 86_400), ("17", 17), ("0", 0),
        (" 2s ", 2), ("soon", 0), ("", 0), ("-3", 0), ("1s!", 0), ("nan", 0), ("inf", 0),
        ("1741305600", 0), ("2026-03-07T00:00:00Z", 0),
    ],
)  # fmt: skip
def test_durations(text: str, seconds: float) -> None:
    assert duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("seconds", [0.0, 0.004, 0.12, 1.0, 59.25, 60.0, 360.0, 3723.5])
def test_durations_as_servers_write_them(seconds: float) -> None:
    assert duration(rates.duration(seconds)) == pytest.approx(seconds, abs=0.001)


def test_headers_of_any_spelling_and_nonsense() -> None:
    headers = {"X-RateLimit-Limit-Requests": "600", "x-ratelimit-remaining-requests": "590"}
    assert told(rate_headers(headers), "requests") == Told(600, 590, 0)
    assert told(rate_headers(headers), "tokens") is None
    for nonsense in ("", "many", "nan", "0", "-1", "inf"):
        assert told({"x-ratelimit-limit-requests": nonsense, "x-ratelimit-remaining-requests": "1"}, "requests") is None


def test_a_limit_by_the_day_comes_back_slowly() -> None:
    assert Told(600, 300, 30).a_second == 10
    assert Told(200, 199, 432).a_second == pytest.approx(1 / 432)
    assert Told(600, 600, 0).a_second == 10


def test_a_bucket_refills_and_is_shared() -> None:
    bucket = Bucket(a_second=10, capacity=10, now=0)
    bucket.take(10)
    assert bucket.wait_s(1, now=0, share=1) == pytest.approx(0.1)
    assert bucket.wait_s(1, now=0, share=0.5) == pytest.approx(0.2)
    assert bucket.wait_s(5, now=0.5, share=1) == 0
    assert bucket.wait_s(50, now=0.5, share=1) == pytest.approx(0.5), "more than it holds goes when it is full"
    bucket.take(50)
    assert bucket.wait_s(1, now=1.0, share=1) == pytest.approx(4.1)


def test_the_servers_word_counts_and_what_it_has_not_seen_is_taken_off() -> None:
    bucket = Bucket(a_second=10, capacity=600, now=0)
    bucket.learn(Told(600, 7, 59.3), age_s=0.2, sent_since=4, now=100, share=1)
    assert bucket.wait_s(5, now=100, share=1) == 0
    assert bucket.wait_s(6, now=100, share=1) == pytest.approx(0.1)


def _limited(settings: Settings, script: Any) -> None:
    async def run() -> None:
        await script(Limiter(settings))

    asyncio.run(run())


def test_a_server_that_says_only_no_is_asked_less_and_then_more_again() -> None:
    async def script(limiter: Limiter) -> None:
        tickets = [await limiter.admit(1) for _ in range(16)]
        limiter.turned_away(tickets[0], {}, None)
        assert "slowed to 8 in flight" in limiter.words()
        limiter.turned_away(tickets[1], {}, None)
        assert "slowed to 8 in flight" in limiter.words(), "one burst halves once"
        for ticket in tickets:
            limiter.done(ticket)
        later = [await limiter.admit(1) for _ in range(8)]
        waiting = asyncio.create_task(limiter.admit(1))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        limiter.answered()
        limiter.done(later.pop())
        await asyncio.wait_for(waiting, 5)
        assert "slowed to 8" in limiter.words()
        for _ in range(200):
            limiter.answered()
        assert limiter.words() == ""

    _limited(Settings(concurrency=16, backoff_s=0.001), script)


def test_a_429_whose_headers_say_when_holds_everybody_until_then() -> None:
    headers = {
        "x-ratelimit-limit-requests": "100", "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "300ms",
    }  # fmt: skip

    async def script(limiter: Limiter) -> None:
        ticket = await limiter.admit(1)
        limiter.turned_away(ticket, headers, None)
        limiter.done(ticket)
        began = time.monotonic()
        await limiter.admit(1)
        assert time.monotonic() - began >= 0.29
        assert "slowed" not in limiter.words()
        assert "requests a minute (server)" in limiter.words()

    _limited(Settings(concurrency=16), script)


def test_tokens_that_were_not_used_are_given_back() -> None:
    async def script(limiter: Limiter) -> None:
        ticket = await limiter.admit(100)
        waiting = asyncio.create_task(limiter.admit(100))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        limiter.done(ticket, used=1)
        await asyncio.wait_for(waiting, 5)

    _limited(Settings(tpm=60 * 101), script)


def test_limits_below_a_single_request_are_told() -> None:
    """Not taken for a run that hangs."""

    async def run(**limits: float) -> str:
        limiter = Limiter(Settings(**limits))
        await limiter.admit(250.0)
        return limiter.words()

    assert asyncio.run(run(tpm=100)) == "100 tokens a minute (yours), a request takes 3 minutes of them"
    assert asyncio.run(run(rpm=0.5)) == "0.5 requests a minute (yours), a request takes 2 minutes of them"
    assert asyncio.run(run(rpm=1, tpm=60_000)) == "1 requests a minute (yours), 60,000 tokens a minute (yours)"


def test_the_users_requests_a_minute(server: Any, store: Any, quick: Any, ask: Any) -> None:
    seen: list[Any] = []
    began = time.monotonic()
    outcome = generate([ask(f"q{index}") for index in range(40)], store, quick(rpm=1200.0), seen.append)
    assert time.monotonic() - began >= 0.95, "twenty at once, then one in 50 ms"
    assert outcome.answered == 40
    assert seen[-1].limits == "1,200 requests a minute (yours)"


def test_the_users_tokens_a_minute(server: Any, store: Any, quick: Any, ask: Any) -> None:
    began = time.monotonic()
    assert generate([ask(f"q{index}") for index in range(6)], store, quick(tpm=3000.0, concurrency=1)).answered == 6
    assert time.monotonic() - began >= 1, "each needs more than a second's tokens, of which some are given back"


@pytest.mark.parametrize("what", ["requests", "tokens"])
def test_the_servers_headers_are_gone_by(what: str, server: Any, store: Any, quick: Any, ask: Any) -> None:
    """Twenty requests a second, of which sixteen may come at once: none is turned away."""
    each = 1 if what == "requests" else rates.amounts(ask("q00").payload)["tokens"]
    server.rates = Rates(**{what: rates.Bucket(1200.0 * each, full=20.0 * each)})
    seen: list[Any] = []
    outcome = generate([ask(f"q{index:02}") for index in range(60)], store, quick(concurrency=8), seen.append)
    assert (outcome.answered, outcome.retries) == (60, server.rates.turned_away)
    assert server.rates.turned_away <= 2, "a clock that is a little off"
    assert f"{1200 * each:,.0f} {what} a minute (server)" in seen[-1].limits


@pytest.mark.parametrize("retry_after", [True, False])
def test_a_server_that_does_not_tell_its_limits(
    retry_after: bool, server: Any, store: Any, quick: Any, ask: Any
) -> None:
    server.rates = Rates(told=False, retry_after=retry_after, requests=rates.Bucket(6000.0, full=5.0))
    settings = quick(concurrency=32, backoff_s=0.02, max_attempts=8)
    outcome = generate([ask(f"q{index}") for index in range(150)], store, settings)
    assert (outcome.answered, outcome.failed) == (150, 0)
    assert 0 < server.rates.turned_away == outcome.retries
    assert set(server.answered.values()) == {1}


def test_no_more_are_in_flight_than_allowed_with_retries(server: Any, store: Any, quick: Any, ask: Any) -> None:
    server.latency_s = 0.01
    server.fault = lambda payload, before: faulty.http_error(500) if before == 0 else None
    outcome = generate([ask(f"q{index}") for index in range(60)], store, quick(concurrency=5))
    assert outcome.answered == 60
    assert server.most_in_flight <= 5
    assert list(itertools.chain(server.asked.values())) == [2] * 60


def test_workers_of_a_purse_share_the_rate() -> None:
    async def run() -> None:
        limiter = Limiter(Settings(concurrency=64, rpm=600.0), peers=lambda: 2)
        began = time.monotonic()
        for _ in range(15):
            limiter.done(await limiter.admit(1))
        assert time.monotonic() - began >= 0.95, "ten at once, then five a second"
        assert limiter.words() == "600 requests a minute (yours), shared by 2 workers"

    asyncio.run(run())


def test_who_gives_up_waiting_leaves_the_place_to_others() -> None:
    async def script(limiter: Limiter) -> None:
        first = await limiter.admit(1)
        second, third = (asyncio.create_task(limiter.admit(1)) for _ in range(2))
        await asyncio.sleep(0)
        limiter.done(first)
        second.cancel()  # it was let through, and does not know yet
        await asyncio.wait({second})
        limiter.done(await asyncio.wait_for(third, 5))
        assert limiter.in_flight == 0

    _limited(Settings(concurrency=1), script)
