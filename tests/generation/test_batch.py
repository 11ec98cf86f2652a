"""Requests in batches, over real HTTP against the loopback server's files and batches."""

from typing import Any

import pytest

from pipelines.generation.ask import Ask, Hooks, Judgement
from pipelines.generation.batch import run_batches
from pipelines.generation.engine import generate
from pipelines.generation.store import ReplyStore, is_batch
from pipelines.generation.store.batches import Batches
from schemas.errors import GenerationError
from schemas.records import Reply
from tests.generation.batches import BATCH_USD, nothing_held, replies
from tests.servers import openai_server as answers
from tests.servers.batch_api import LineFault, expired, missing


def test_everything_is_answered_in_several_batches(server, api, store, batched, asks) -> None:
    seen = []
    outcome = run_batches(iter(asks(45)), store, batched(batch_open=2), seen.append)
    assert (outcome.requests, outcome.answered, outcome.failed, outcome.left, outcome.stopped) == (45, 45, 0, 0, "")
    assert [len(batch.lines) for batch in api.batches.values()] == [10, 10, 10, 10, 5]
    assert api.most_open == 2
    assert set(server.answered.values()) == {1}
    assert outcome.spent_usd == pytest.approx(45 * BATCH_USD)
    assert store.spent_usd() == pytest.approx(outcome.spent_usd)
    assert max(progress.in_flight for progress in seen) == 20
    assert any(progress.batches == "2 batches open, 0 of 20 requests done" for progress in seen)
    assert not [file for file in api.files.values() if file.purpose == "batch"], "input files are cleared away"
    nothing_held(store)


def test_a_batch_brings_the_same_replies_as_calls_one_by_one(server, store, batched, quick, asks, tmp_path) -> None:
    online = ReplyStore(f"sqlite:///{tmp_path}/online.sqlite")
    generate(asks(12), online, quick())
    run_batches(asks(12), store, batched())
    one, other = replies(online, asks(12)), replies(store, asks(12))
    half = {key: {**_fields(reply), "cost_usd": reply.cost_usd / 2} for key, reply in one.items()}
    assert {key: _fields(reply) for key, reply in other.items()} == half


def _fields(reply: Reply) -> dict[str, Any]:
    return {name: getattr(reply, name) for name in Reply.__struct_fields__}


def test_nothing_to_ask_needs_neither_server_nor_key_nor_budget(server, store, batched, asks, monkeypatch) -> None:
    run_batches(asks(3), store, batched())
    monkeypatch.delenv("OPENAI_API_KEY")
    outcome = run_batches(asks(3), store, batched(budget_usd=None, base_url=answers.refused_url()))
    assert (outcome.cached, outcome.answered) == (3, 0)
    with pytest.raises(GenerationError, match="without a budget"):
        run_batches(asks(4), store, batched(budget_usd=None))


def test_repeats_are_asked_once(server, store, batched, asks) -> None:
    requests = [*asks(7), *asks(7), *asks(30), *asks(30)]
    outcome = run_batches(requests, store, batched())
    assert (outcome.requests, outcome.answered, outcome.cached) == (74, 30, 44)
    assert set(server.answered.values()) == {1}


def test_files_stay_within_their_size(server, api, store, batched, ask) -> None:
    requests = [ask("x" * 300 + str(index)) for index in range(6)]
    outcome = run_batches(requests, store, batched(batch_bytes=1200))
    assert outcome.answered == 6
    assert len(api.uploads) == 3
    assert max(api.uploads) <= 1200


def test_a_request_that_fits_into_no_file_fails_alone(server, store, batched, ask) -> None:
    large, small = ask("x" * 2000), ask("small")
    outcome = run_batches([large, small], store, batched(batch_bytes=1200))
    assert (outcome.answered, outcome.failed, outcome.rejects) == (1, 1, {"request_failed": 1})
    assert "a batch takes 1200 at most" in replies(store, [large])[large.key].error
    nothing_held(store)


def test_pictures_are_put_in_while_the_file_is_written(server, api, store, batched, asks) -> None:
    sent = []
    server.reply = lambda payload: sent.append(payload) or answers.answer("seen")
    hooks = Hooks(fill=lambda ask: {**ask.payload, "picture": "pixels"})
    run_batches(asks(2), store, batched(), hooks=hooks)
    assert [payload["picture"] for payload in sent] == ["pixels", "pixels"]
    with store.database.reading() as connection:
        stored = connection.exec_driver_sql("SELECT payload FROM requests").scalars().all()
    assert not any("pixels" in payload for payload in stored)


def test_one_model_a_file(server, api, store, batched, ask) -> None:
    requests = [ask(f"question {index}") for index in range(4)]
    other = [one._replace(payload={**one.payload, "model": "m2"}, key=one.key[::-1]) for one in requests]
    outcome = run_batches([*requests, *other], store, batched())
    assert outcome.answered == 8
    assert [len(batch.lines) for batch in api.batches.values()] == [4, 4]


@pytest.mark.parametrize("fault", [expired, missing, LineFault(429, "slow down"), LineFault(500, "sorry")])
def test_what_got_no_answer_comes_again(server, api, store, batched, asks, fault) -> None:
    api.line = lambda payload, before: fault if before == 0 and "question 1" in answers.last_text(payload) else None
    outcome = run_batches(asks(12), store, batched())
    assert (outcome.answered, outcome.failed, outcome.retries) == (12, 0, 3)
    assert set(server.answered.values()) == {1}
    found = replies(store, asks(12))
    assert [found[one.key].attempts for one in asks(3)] == [1, 2, 1]
    assert outcome.at_risk_usd > 0 if fault == missing else outcome.at_risk_usd == 0
    nothing_held(store)


def test_what_never_gets_an_answer_fails_after_so_many_rounds(server, api, store, batched, asks) -> None:
    api.line = lambda payload, before: expired if "question 3" in answers.last_text(payload) else None
    outcome = run_batches(asks(6), store, batched(max_attempts=3))
    assert (outcome.answered, outcome.failed, outcome.retries) == (5, 1, 2)
    failed = replies(store, asks(6))[asks(6)[3].key]
    assert (failed.attempts, failed.error) == (
        3,
        "This request could not be executed before the completion window expired.",
    )
    assert max(api.sent.values()) == 3
    again = run_batches(asks(6), store, batched())
    assert (again.cached, again.answered) == (6, 0)


def test_refusals_are_failures_in_the_servers_words(server, api, store, batched, asks) -> None:
    refused = {
        "question 2": LineFault(400, "Invalid image."),
        "question 4": LineFault(400, "Your prompt was filtered.", "content_filter"),
    }
    api.line = lambda payload, before: refused.get(answers.last_text(payload))
    outcome = run_batches(asks(8), store, batched())
    assert (outcome.answered, outcome.failed, outcome.rejects) == (6, 2, {"request_failed": 1, "reply_filtered": 1})
    told = replies(store, asks(8))
    found = [(told[asks(8)[index].key].error, told[asks(8)[index].key].finish_reason) for index in (2, 4)]
    assert found == [("HTTP 400: Invalid image.", "error"), ("HTTP 400: Your prompt was filtered.", "content_filter")]
    retried = run_batches(asks(8), store, batched(retry_failed=True))
    assert (retried.cached, retried.failed) == (6, 2)


def test_a_batch_of_errors_alone_has_no_output_file(server, api, store, batched, asks) -> None:
    api.line = lambda payload, before: LineFault(400, "no") if before == 0 else None
    outcome = run_batches(asks(5), store, batched())
    assert (outcome.answered, outcome.failed) == (0, 5)
    assert api.batches["batch_0001"].output_file_id is None


def test_answers_without_usage_are_charged_with_their_bound(server, store, batched, asks) -> None:
    server.reply = lambda payload: answers.answer("some text", usage=None)
    outcome = run_batches(asks(3), store, batched())
    assert outcome.uncounted == 3
    assert outcome.spent_usd > 3 * BATCH_USD


def test_an_answer_that_is_none_may_be_charged(server, api, store, batched, asks) -> None:
    server.reply = lambda payload: {"choices": "odd"} if sum(server.answered.values()) == 1 else answers.echo(payload)
    outcome = run_batches(asks(4), store, batched())
    assert (outcome.answered, outcome.retries) == (4, 1)
    assert outcome.at_risk_usd > 0


def _judge(ask: Ask, reply: Reply) -> Judgement:
    """Replies to odd questions are bad; their repairs are good."""
    if "mend" in reply.text or int(reply.text.split()[-1]) % 2 == 0:
        return Judgement()
    mend = {**ask.payload, "messages": [{"role": "user", "content": f"mend: {reply.text}"}]}
    return Judgement("reply_unparsable", mend)


def test_bad_replies_are_mended_in_the_next_batch(server, api, store, batched, asks) -> None:
    outcome = run_batches(asks(10), store, batched(repairs=1), hooks=Hooks(judge=_judge))
    assert (outcome.answered, outcome.repairs, outcome.rejects) == (10, 5, {})
    assert [len(batch.lines) for batch in api.batches.values()] == [10, 5]
    assert len(store.repairs(one.key for one in asks(10))) == 5
    assert outcome.spent_usd == pytest.approx(15 * BATCH_USD)
    assert set(server.answered.values()) == {1}
    again = run_batches(asks(10), store, batched(repairs=1), hooks=Hooks(judge=_judge))
    assert (again.cached, again.repairs) == (10, 0)
    nothing_held(store)


def test_replies_of_an_earlier_run_are_mended_when_that_is_wanted(server, store, batched, asks) -> None:
    first = run_batches(asks(6), store, batched(), hooks=Hooks(judge=_judge))
    assert (first.repairs, first.rejects) == (0, {"reply_unparsable": 3})
    second = run_batches(asks(6), store, batched(repairs=1), hooks=Hooks(judge=_judge))
    assert (second.cached, second.answered, second.repairs) == (6, 0, 3)


def test_an_online_run_leaves_keys_in_batches_alone_and_the_other_way_round(
    server, api, store, quick, batched, asks
) -> None:
    api.held = True
    waited = run_batches(asks(10), store, batched(batch_wait_s=0.05))
    assert waited.stopped
    assert waited.batches == "1 batch open, 0 of 10 requests done"
    online = generate(asks(14), store, quick())
    assert (online.answered, online.elsewhere) == (4, 10)
    api.held = False
    outcome = run_batches(asks(14), store, batched())
    assert (outcome.requests, outcome.answered, outcome.cached) == (14, 10, 4)
    assert generate(asks(14), store, quick()).cached == 14
    assert set(server.answered.values()) == {1}
    nothing_held(store)


def test_what_another_run_is_asking_is_left_to_it(server, store, batched, asks) -> None:
    with store.worker("online", 1.0) as worker:
        worker.look([one.key for one in asks(3)])
        outcome = run_batches(asks(5), store, batched())
        assert (outcome.answered, outcome.elsewhere) == (2, 3)
    assert run_batches(asks(5), store, batched()).answered == 3


def test_batches_of_another_server_are_left_alone(server, api, store, batched, asks) -> None:
    api.held = True
    run_batches(asks(5), store, batched(batch_wait_s=0.02))
    other = batched(base_url=server.base_url.replace("127.0.0.1", "localhost"))
    outcome = run_batches(asks(5), store, other)
    assert outcome.elsewhere == 5
    [row] = Batches(store.database).under_way()
    assert is_batch(row.owner)
