"""Batches at a server that fails, refuses, rejects, cuts off or tells odd things."""

import json
from typing import Any

import pytest

from pipelines.generation.batch import run_batches
from schemas.errors import GenerationError
from tests.generation.batches import nothing_held, replies
from tests.servers import openai_server as answers
from tests.servers.batch_api import LineFault, error, missing, truncated


def test_a_server_that_refuses_everything_fails_no_request(server, api, store, batched, asks) -> None:
    api.line = lambda payload, before: LineFault(400, "Unsupported parameter: 'seed'")
    with pytest.raises(GenerationError, match=r"refused all of 30 requests.*Unsupported parameter"):
        run_batches(asks(30), store, batched(batch_requests=50))
    assert replies(store, asks(30)) == {}
    api.line = lambda payload, before: None
    assert run_batches(asks(30), store, batched()).answered == 30
    nothing_held(store)


def test_billing_stops_with_the_servers_words_and_keeps_what_came(server, api, store, batched, asks) -> None:
    quota = LineFault(429, "You exceeded your current quota.", "insufficient_quota")
    api.line = lambda payload, before: quota if answers.last_text(payload) >= "question 5" else None
    with pytest.raises(GenerationError, match="exceeded your current quota"):
        run_batches(asks(10), store, batched())
    assert len(replies(store, asks(10))) == 5
    api.line = lambda payload, before: None
    assert run_batches(asks(10), store, batched()).answered == 5
    assert set(server.answered.values()) == {1}


@pytest.mark.parametrize("call", ["upload", "create", "retrieve", "download"])
@pytest.mark.parametrize(("status", "code"), [(401, None), (429, "insufficient_quota")])
def test_being_turned_away_stops_and_loses_nothing(server, api, store, batched, asks, call, status, code) -> None:
    api.fault = lambda name, before: error(status, "No access.", code) if name == call else None
    with pytest.raises(GenerationError, match="No access") as raised:
        run_batches(asks(4), store, batched())
    assert "OPENAI_API_KEY" in raised.value.hint
    api.fault = lambda name, before: None
    assert run_batches(asks(4), store, batched()).answered == 4
    assert set(server.answered.values()) == {1}
    nothing_held(store)


@pytest.mark.parametrize("call", ["upload", "create", "list", "retrieve", "download"])
@pytest.mark.parametrize("status", [429, 500, 503])
def test_calls_that_fail_now_and_then_are_made_again(server, api, store, batched, asks, call, status) -> None:
    api.fault = lambda name, before: error(status, "sorry") if name == call and before % 3 == 0 else None
    api.created_fault = lambda before: error(502, "bad gateway") if before % 2 == 0 else None
    outcome = run_batches(asks(25), store, batched(max_attempts=6))
    assert (outcome.answered, outcome.failed) == (25, 0)
    assert set(server.answered.values()) == {1}
    nothing_held(store)


@pytest.mark.parametrize("made", [True, False])
def test_a_creation_whose_answer_does_not_arrive_is_looked_for(server, api, store, batched, asks, made) -> None:
    cut = lambda before: truncated(b'{"id": "batch_0001"}') if before == 0 else None  # noqa: E731
    if made:
        api.created_fault = cut
    else:
        api.fault = lambda name, before: cut(before) if name == "create" else None
    outcome = run_batches(asks(5), store, batched())
    assert (outcome.answered, len(api.batches), api.calls["create"]) == (5, 1, 1 if made else 2)
    assert set(server.answered.values()) == {1}
    nothing_held(store)


def test_a_queue_that_is_full_when_a_batch_is_created_is_waited_for(server, api, store, batched, asks) -> None:
    full = error(400, "Enqueued token limit reached for m.", "token_limit_exceeded")
    api.fault = lambda name, before: full if name == "create" and before == 0 else None
    assert run_batches(asks(10), store, batched()).answered == 10
    assert [len(batch.lines) for batch in api.batches.values()] == [5, 5]
    nothing_held(store)


def test_a_server_out_of_reach_for_a_while_is_looked_at_again(server, api, store, batched, asks) -> None:
    api.fault = lambda name, before: error(503, "maintenance") if name == "retrieve" and 1 < before < 8 else None
    api.duration_s = 0.05
    assert run_batches(asks(5), store, batched(max_attempts=2)).answered == 5
    api.fault = lambda name, before: error(503, "maintenance") if name == "retrieve" else None
    with pytest.raises(GenerationError, match="maintenance"):
        run_batches(asks(8), store, batched(max_attempts=1))
    api.fault = lambda name, before: None
    assert run_batches(asks(8), store, batched()).answered == 3
    assert set(server.answered.values()) == {1}


def test_a_server_that_is_gone_is_told(server, store, batched, asks) -> None:
    with pytest.raises(GenerationError, match="connection failed"):
        run_batches(asks(4), store, batched(base_url=answers.refused_url()))
    assert run_batches(asks(4), store, batched()).answered == 4


def test_a_server_without_a_batch_api_is_told(server, api, store, batched, asks) -> None:
    api.fault = lambda name, before: error(404, "Not Found")
    with pytest.raises(GenerationError, match="HTTP 404") as raised:
        run_batches(asks(4), store, batched())
    assert "--mode online" in raised.value.hint


@pytest.mark.parametrize("honest", [True, False])
def test_a_truncated_file_is_fetched_again(server, api, store, batched, asks, honest) -> None:
    api.spoil = lambda file, before: truncated(file.content, honest=honest) if before < 2 else None
    outcome = run_batches(asks(10), store, batched())
    assert (outcome.answered, outcome.retries) == (10, 0)
    assert set(server.answered.values()) == {1}


def test_a_file_that_never_comes_whole_is_left_for_later(server, api, store, batched, asks) -> None:
    api.spoil = lambda file, before: truncated(file.content)
    with pytest.raises(GenerationError, match="cannot be downloaded"):
        run_batches(asks(10), store, batched(max_attempts=2))
    assert replies(store, asks(10)) == {}
    api.spoil = lambda file, before: None
    outcome = run_batches(asks(10), store, batched())
    assert (outcome.requests, outcome.answered, outcome.cached) == (10, 10, 0)
    assert set(server.answered.values()) == {1}


def test_odd_lines_are_told_and_ignored(server, api, store, batched, asks, caplog) -> None:
    first, fifth = asks(5)[0], asks(5)[4]
    body = {"status_code": 200, "body": answers.answer("another one's")}
    extra = [{"custom_id": key, "response": body} for key in ("unknown", first.key, first.key)]
    api.extra = [*(json.dumps(line) for line in extra), "{not json", ""]
    api.line = lambda payload, before: missing if answers.last_text(payload) == "question 4" and before == 0 else None
    outcome = run_batches(asks(5), store, batched())
    assert outcome.answered == 5
    assert replies(store, [fifth])[fifth.key].text == "echo of question 4"
    assert "1 line of requests that are not in it ignored" in caplog.text
    assert "2 lines of a request told of before ignored" in caplog.text
    assert "1 line that cannot be read ignored" in caplog.text


def test_a_bad_line_of_a_rejected_batch_fails_alone(server, api, store, batched, asks) -> None:
    def validate(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        places = [place for place, line in enumerate(lines, 1) if answers.last_text(line["body"]) == "question 2"]
        return [{"code": "invalid_request", "message": "Bad line.", "line": place, "param": None} for place in places]

    api.validate = validate
    outcome = run_batches(asks(10), store, batched())
    assert (outcome.answered, outcome.failed) == (9, 1)
    failed = replies(store, asks(10))[asks(10)[2].key]
    assert failed.error == "its batch was rejected for it: Bad line. (invalid_request)"
    assert all(reply.attempts == 1 for reply in replies(store, asks(10)).values())
    nothing_held(store)


def test_a_batch_that_is_rejected_for_nothing_in_particular_stops(server, api, store, batched, asks) -> None:
    api.validate = lambda lines: [{"code": "model_not_found", "message": "No such model."}]
    with pytest.raises(GenerationError, match=r"rejects the batch: No such model. \(model_not_found\)"):
        run_batches(asks(10), store, batched())
    assert len(api.batches) == 1
    assert replies(store, asks(10)) == {}


def test_a_full_queue_is_waited_for_with_smaller_batches(server, api, store, batched, asks) -> None:
    api.queue = 12
    outcome = run_batches(asks(40), store, batched(batch_open=3))
    assert (outcome.answered, outcome.failed, outcome.stopped) == (40, 0, "")
    assert any(batch.status == "failed" for batch in api.batches.values())
    assert set(server.answered.values()) == {1}
    nothing_held(store)


def test_a_queue_that_stays_full_stops_in_the_end(server, api, store, batched, asks) -> None:
    api.queue = 0
    with pytest.raises(GenerationError, match="Enqueued token limit reached"):
        run_batches(asks(10), store, batched(max_attempts=3))
    assert sorted({len(batch.lines) for batch in api.batches.values()}) == [1, 2, 5, 10]
