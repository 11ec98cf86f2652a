"""Servers that count, or word their refusals, like no other."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipelines.generation.batch import run_batches
from pipelines.generation.batch.lines import read_line
from pipelines.generation.client import Verdict, read_completion, retry_after
from pipelines.generation.engine import generate
from tests.servers import openai_server as faulty
from tests.servers.openai_server import answer

BODY = b'{"choices": [{"message": {"content": "a dog"}}], "usage": {"prompt_tokens": %s, "completion_tokens": %s}}'


@pytest.mark.parametrize("zone", ["GMT", "+0000", "-0000", ""])
def test_a_date_to_come_again_at(zone: str) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=100)
    seconds = retry_after({"retry-after": f"{soon:%a, %d %b %Y %H:%M:%S} {zone}".strip()})
    assert seconds == pytest.approx(99, abs=2)


@pytest.mark.parametrize(("text", "seconds"), [("-5", 0), ("nan", None), ("", None), ("soon", None), ("1e400", None)])
def test_what_is_no_time_to_wait(text: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": text}) == seconds


@pytest.mark.parametrize("counts", [(b"-5", b"3"), (b"5", b"-3"), (b"null", b"3"), (b"5", b"null")])
def test_a_count_that_is_none_is_not_believed(counts: tuple[bytes, bytes]) -> None:
    assert read_completion(BODY % counts, "m").tokens is None


@pytest.mark.parametrize("code", [{"a": 1}, [], 429, None])
def test_a_code_of_any_sort_in_a_batch(code: Any) -> None:
    body = {"error": {"message": "slow down", "code": code}}
    raw = json.dumps({"custom_id": "k", "response": {"status_code": 429, "body": body}})
    error = read_line(raw.encode()).error
    assert error is not None
    assert (error.verdict, error.words) == (Verdict.RETRY, "HTTP 429: slow down")


@pytest.mark.parametrize(("status", "at_risk"), [(502, True), (504, True), (500, False), (503, False)])
def test_what_a_gateway_lost_may_be_charged(
    status: int, at_risk: bool, server: Any, store: Any, quick: Callable[..., Any], ask: Callable[..., Any]
) -> None:
    server.fault = lambda payload, before: faulty.http_error(status) if before == 0 else None
    outcome = generate([ask("one")], store, quick())
    assert (outcome.answered, outcome.at_risk_usd > 0) == (1, at_risk)


def test_a_server_with_a_long_prompt_of_its_own_is_told_and_reckoned_with(
    server: Any, store: Any, quick: Callable[..., Any], asks: Callable[[int], list[Any]]
) -> None:
    """What is in flight when it shows may exceed the budget; nothing after that does."""
    server.reply = lambda payload: answer("a dog", usage=(1000, 7))
    server.latency_s = 0.01
    budget = 0.0100
    outcome = generate(asks(60), store, quick(budget_usd=budget, concurrency=2))
    each = 1007e-6
    assert outcome.spent_usd == pytest.approx(outcome.answered * each)
    assert outcome.spent_usd <= budget
    assert (outcome.overcharged, outcome.stopped != "") == (outcome.answered, True)
    assert outcome.answered == 9
    assert outcome.answered + outcome.left == 60


def test_answers_in_batches_that_were_counted_too_high_are_told(
    server: Any, store: Any, batched: Callable[..., Any], asks: Callable[[int], list[Any]]
) -> None:
    server.reply = lambda payload: answer("a dog", usage=(1000, 7))
    outcome = run_batches(asks(5), store, batched())
    assert (outcome.answered, outcome.overcharged) == (5, 5)
    server.reply = lambda payload: answer("a dog", usage=(11, 7))
    assert run_batches(asks(10), store, batched()).overcharged == 0
