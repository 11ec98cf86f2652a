"""Each fault of a server, over real HTTP: what it becomes, and how often it was asked."""

import time
from typing import Any

import pytest

from pipelines.generation import run
from pipelines.generation.ask import Ask, Hooks, Judgement
from pipelines.generation.engine import generate
from pipelines.generation.progress import Progress
from pipelines.generation.store import ReplyStore
from schemas.errors import GenerationError
from schemas.keys import stable_choice, stable_fraction
from schemas.records import Reply
from tests.servers import openai_server as faulty
from tests.servers.openai_server import OpenAIServer

PASSING = {
    "429": faulty.rate_limited(None), "500": faulty.http_error(500), "503": faulty.http_error(503),
    "408": faulty.http_error(408), "409": faulty.http_error(409), "reset": faulty.reset,
    "invalid json": faulty.invalid_json, "not json": faulty.not_json,
}  # fmt: skip


def _outcome(server: OpenAIServer, asks: list[Any], store: ReplyStore, settings: Any) -> Any:
    outcome = generate(asks, store, settings)
    assert outcome.requests == outcome.cached + outcome.answered + outcome.failed + outcome.left
    assert outcome.in_flight == 0
    return outcome


@pytest.mark.parametrize("name", PASSING)
def test_a_passing_fault_is_tried_again(name: str, server, store, quick, ask) -> None:
    server.fault = lambda payload, before: PASSING[name] if before < 2 else None
    outcome = _outcome(server, [ask("one"), ask("two")], store, quick())
    assert (outcome.answered, outcome.failed, outcome.retries) == (2, 0, 4)
    assert set(server.asked.values()) == {3}
    assert {reply.attempts for reply in store.get_many([ask("one").key, ask("two").key]).values()} == {3}


@pytest.mark.parametrize("name", PASSING)
def test_a_lasting_fault_fails_that_request_only(name: str, server, store, quick, ask) -> None:
    server.fault = lambda payload, before: PASSING[name] if faulty.last_text(payload) == "bad" else None
    asks = [ask("bad"), *(ask(f"good {index}") for index in range(6))]
    outcome = _outcome(server, asks, store, quick())
    assert (outcome.answered, outcome.failed) == (6, 1)
    failed = store.get_many([asks[0].key])[asks[0].key]
    assert failed.error
    assert (failed.text, failed.attempts, failed.finish_reason) == ("", 4, "error")
    assert max(server.asked.values()) == 4


def test_a_server_that_hangs_is_given_up_after_the_time_out(server, store, quick, ask) -> None:
    server.fault = lambda payload, before: faulty.hang if before == 0 else None
    began = time.monotonic()
    outcome = _outcome(server, [ask("one")], store, quick(timeout_s=0.2))
    assert (outcome.answered, outcome.retries) == (1, 1)
    assert 0.2 <= time.monotonic() - began < 3
    assert outcome.at_risk_usd > 0, "the call that hung may have been charged"


def test_retry_after_is_honoured_and_holds_everybody(server, store, quick, ask) -> None:
    arrivals: list[tuple[str, float]] = []

    def first_is_limited(payload: dict[str, Any], before: int) -> Any:
        arrivals.append((faulty.last_text(payload), time.monotonic()))
        return faulty.rate_limited(0.4) if len(arrivals) == 1 else None

    server.fault = first_is_limited
    outcome = _outcome(server, [ask(f"q{index}") for index in range(4)], store, quick(concurrency=1))
    assert outcome.answered == 4
    assert arrivals[1][1] - arrivals[0][1] >= 0.4
    arrivals.clear()
    outcome = _outcome(server, [ask(f"r{index}") for index in range(9)], store, quick(concurrency=2))
    assert outcome.answered == 9
    assert sum(1 for _, when in arrivals if when - arrivals[0][1] < 0.35) <= 3


def test_retries_are_told_while_nothing_is_answered(server, store, quick, ask, monkeypatch) -> None:
    monkeypatch.setattr(run, "TELL_S", 0.01)
    server.fault = lambda payload, before: faulty.rate_limited(0.2) if before < 2 else None
    told: list[Progress] = []
    generate([ask("one")], store, quick(), told.append)
    assert any(one.retries and not one.answered for one in told)


def test_an_absurd_retry_after_is_capped(server, store, quick, ask) -> None:
    server.fault = lambda payload, before: faulty.rate_limited(86_400) if before == 0 else None
    assert _outcome(server, [ask("one")], store, quick(retry_after_cap_s=0.1)).answered == 1


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_refused_request_is_stored_as_failed_and_others_go_on(status: int, server, store, quick, ask) -> None:
    refused = faulty.http_error(status, "context too long")
    server.fault = lambda payload, before: refused if "bad" in faulty.last_text(payload) else None
    asks = [ask("bad 1"), ask("good"), ask("bad 2")]
    outcome = _outcome(server, asks, store, quick())
    assert (outcome.answered, outcome.failed, outcome.retries) == (1, 2, 0)
    assert store.get_many([asks[0].key])[asks[0].key].error == f"HTTP {status}: context too long"
    assert set(server.asked.values()) == {1}


def test_a_few_refusals_without_any_answer_are_failures_too(server, store, quick, ask) -> None:
    server.fault = lambda payload, before: faulty.http_error(400)
    assert _outcome(server, [ask("a"), ask("b")], store, quick()).failed == 2


def test_a_server_that_refuses_everything_stops_the_run(server, store, quick, ask) -> None:
    server.fault = lambda payload, before: faulty.http_error(400, "Unsupported parameter: max_tokens")
    asks = [ask(f"q{index}") for index in range(500)]
    with pytest.raises(GenerationError, match="Unsupported parameter") as caught:
        generate(asks, store, quick())
    assert "refused 20 requests and answered none" in caught.value.message
    assert "`generation` in the recipe" in caught.value.hint
    assert "OPENAI_BASE_URL" not in caught.value.hint, "it answers"
    assert server.calls < 40
    assert len(store.missing(one.key for one in asks)) == 500, "nothing is wrong with the requests"


def test_a_rate_limit_that_lasts_stops_the_run_and_names_what_to_turn_down(server, store, quick, ask) -> None:
    server.fault = lambda payload, before: faulty.http_error(429, "Rate limit reached")
    asks = [ask(f"q{index}") for index in range(100)]
    with pytest.raises(GenerationError, match="HTTP 429: Rate limit reached") as caught:
        generate(asks, store, quick(max_attempts=2))
    assert "did not answer any of 5 requests in a row" in caught.value.message
    for named in ("--rpm", "--concurrency", "account's limits", "the same command"):
        assert named in caught.value.hint
    assert "OPENAI_BASE_URL" not in caught.value.hint
    assert len(store.missing(one.key for one in asks)) == 100, "nothing is wrong with the requests"


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_server_that_turns_us_away_stops_the_run_at_once(status: int, server, store, quick, ask) -> None:
    server.fault = lambda payload, before: faulty.http_error(status, "no access to loopback")
    with pytest.raises(GenerationError, match=f"HTTP {status}: no access to loopback") as caught:
        generate([ask(f"q{index}") for index in range(200)], store, quick())
    assert "'loopback'" in caught.value.hint
    assert server.calls <= 8
    assert store.missing([ask("q0").key])


def test_an_empty_account_stops_the_run_at_once(server, store, quick, ask) -> None:
    server.fault = lambda payload, before: faulty.http_error(429, "You exceeded your quota", code="insufficient_quota")
    with pytest.raises(GenerationError, match="exceeded your quota"):
        generate([ask(f"q{index}") for index in range(50)], store, quick())
    assert server.calls <= 8


def test_a_server_that_is_not_there_stops_the_run(server, store, quick, ask) -> None:
    asks = [ask(f"q{index}") for index in range(100_000)]
    began = time.monotonic()
    with pytest.raises(GenerationError, match="connection failed") as caught:
        generate(asks, store, quick(base_url=faulty.refused_url()))
    assert "the server did not answer the request" in caught.value.message
    assert "OPENAI_BASE_URL" in caught.value.hint
    assert time.monotonic() - began < 5
    assert store.missing([asks[0].key])


def test_a_server_that_dies_in_the_middle_stops_the_run_and_fails_nobody(server, store, quick, ask) -> None:
    server.fault = lambda payload, before: faulty.http_error(502, "bad gateway") if server.calls > 20 else None
    asks = [ask(f"q{index}") for index in range(300)]
    with pytest.raises(GenerationError, match="bad gateway"):
        generate(asks, store, quick(max_attempts=3))
    assert not any(reply.error for reply in store.get_many(one.key for one in asks).values())
    server.fault = lambda payload, before: None
    assert _outcome(server, asks, store, quick()).answered >= 280
    assert set(server.answered.values()) == {1}


ODD_ANSWERS = {
    "no choice": ({**faulty.answer(""), "choices": []}, "", "no_choice"),
    "choices null": ({**faulty.answer(""), "choices": None}, "", "no_choice"),
    "null content": (faulty.answer(None), "", "stop"),
    "cut off": (faulty.answer("The dog is", finish_reason="length"), "The dog is", "length"),
    "filtered": (faulty.answer("", finish_reason="content_filter"), "", "content_filter"),
}


@pytest.mark.parametrize("name", ODD_ANSWERS)
def test_an_odd_answer_is_kept_as_it_is_for_the_parser(name: str, server, store, quick, ask) -> None:
    body, text, finish_reason = ODD_ANSWERS[name]
    server.reply = lambda payload: body
    outcome = _outcome(server, [ask("one")], store, quick())
    reply = store.get_many([ask("one").key])[ask("one").key]
    assert (outcome.answered, reply.text, reply.finish_reason, reply.error) == (1, text, finish_reason, "")
    assert reply.cost_usd == pytest.approx(18e-6), "it is paid for"
    assert _outcome(server, [ask("one")], store, quick()).cached == 1


def test_a_content_filter_is_a_reject_with_the_servers_words(server, store, quick, ask) -> None:
    """More of them than would otherwise be taken for a server that refuses everything."""
    server.fault = lambda payload, before: faulty.refused_by_filter
    asks = [ask(f"q{index}") for index in range(30)]
    outcome = _outcome(server, asks, store, quick())
    assert (outcome.failed, outcome.retries, outcome.rejects) == (30, 0, {"reply_filtered": 30})
    reply = store.get_many([asks[0].key])[asks[0].key]
    assert reply.error == "HTTP 400: The prompt triggered the content policy"
    assert (reply.finish_reason, reply.cost_usd) == ("content_filter", 0)
    assert set(server.asked.values()) == {1}


def test_an_answer_whose_body_is_late_is_waited_for(server, store, quick, ask) -> None:
    server.fault = lambda payload, before: faulty.Late(0.3)
    outcome = _outcome(server, [ask("one")], store, quick())
    assert (outcome.answered, outcome.retries) == (1, 0)
    server.fault = lambda payload, before: faulty.Late(3.0) if before == 0 else None
    outcome = _outcome(server, [ask("two")], store, quick(timeout_s=0.5))
    assert (outcome.answered, outcome.retries) == (1, 1)
    reply = store.get_many([ask("two").key])[ask("two").key]
    assert reply.at_risk_usd == outcome.at_risk_usd > 0, "the first answer was given and is charged"


def test_a_server_that_starts_late_is_waited_for(store, quick, ask, monkeypatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "any")
    with faulty.running(OpenAIServer(), after_s=0.5) as late:
        outcome = generate([ask("one")], store, quick(base_url=late.base_url, backoff_s=0.3, max_attempts=8))
        assert (outcome.answered, outcome.at_risk_usd) == (1, 0), "a connection that never was costs nothing"
        assert outcome.retries >= 1


RANDOM = {
    **PASSING, "429 with Retry-After": faulty.rate_limited(0.01), "hang": faulty.hang, "no choice": faulty.no_choices,
    "cut off": faulty.cut_off, "filtered": faulty.filtered, "refused": faulty.refused_by_filter,
    "slow start": faulty.Late(0.05),
}  # fmt: skip
BAD = {"no_choice": "reply_empty", "length": "reply_cut_off", "content_filter": "reply_filtered"}


def test_a_third_of_the_calls_fail_at_random_and_every_request_ends(server, store, quick, ask) -> None:
    def random_fault(payload: dict[str, Any], before: int) -> Any:
        if stable_fraction(faulty.last_text(payload), before) > 0.3:
            return None
        return RANDOM[stable_choice(sorted(RANDOM), faulty.last_text(payload), before, "which")]

    def judge(asked: Ask, reply: Reply) -> Judgement:
        return Judgement(BAD.get(reply.finish_reason, ""))

    server.fault = random_fault
    asks = [ask(f"q{index}") for index in range(400)]
    settings = quick(max_attempts=5, timeout_s=2.0, concurrency=16)
    outcome = generate(asks, store, settings, hooks=Hooks(judge=judge))
    assert outcome.answered + outcome.failed == 400
    replies = store.get_many(one.key for one in asks)
    good = [reply for reply in replies.values() if reply.text.startswith("echo of")]
    assert len(replies) == 400
    assert len(good) + sum(outcome.rejects.values()) == 400, "each is a good answer or counted with its reason"
    assert set(outcome.rejects) <= {*BAD.values(), "request_failed"}
    assert all(reply.error for reply in replies.values() if not reply.text and reply.finish_reason not in BAD)
    assert 330 < len(good) < 400
    assert max(server.asked.values()) <= 5
    assert set(server.answered.values()) == {1}
    assert outcome.spent_usd == pytest.approx(store.spent_usd())
