"""Batches never come to more than the budget: what they may cost is set aside before they are created."""

import random
import threading
from typing import Any

import pytest
import sqlalchemy as sa

from pipelines.generation import prices
from pipelines.generation.batch import cancel_open, run_batches
from pipelines.generation.engine import generate
from pipelines.generation.store import ReplyStore, money
from pipelines.generation.store.batches import Batches
from pipelines.generation.store.tables import owners
from schemas.errors import GenerationError
from tests.generation.batches import nothing_held
from tests.generation.stores import set_owner
from tests.servers import openai_server as answers
from tests.servers.batch_api import expired

SLACK = 1e-9
HALF = 0.5e-6
"""Dollars a token, in a batch."""


def _bound_usd(payload: dict[str, Any]) -> float:
    tokens = prices.bound(payload)
    return (tokens.prompt + tokens.completion) * HALF


def _committed(store: ReplyStore) -> float:
    with store.database.reading() as connection:
        return money.committed(connection)


class Watch:
    """Sees at the server, whenever a batch is created, what could have to be paid in all."""

    def __init__(self, server: answers.OpenAIServer, seed: int) -> None:
        self.server, self.chance = server, random.Random(seed)
        self.charged = self.most = 0.0
        server.reply = self.reply
        server.batches.validate = self.created

    def reply(self, payload: dict[str, Any]) -> dict[str, Any]:
        usage = (len(answers.last_text(payload)) + 80, self.chance.choice([payload["max_tokens"], 1]))
        self.charged += sum(usage) * HALF
        return answers.answer("x", usage=usage)

    def created(self, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        open_ = [line for batch in self.server.batches.open for line in batch.lines]
        self.most = max(self.most, self.charged + sum(_bound_usd(line["body"]) for line in open_))
        return []


@pytest.mark.parametrize("seed", range(6))
def test_never_more_than_the_budget_may_be_charged(server, api, store, batched, ask, seed) -> None:
    watch, chance = Watch(server, seed), random.Random(seed)
    requests = [ask(f"question {index}", max_tokens=chance.randint(1, 400)) for index in range(60)]
    api.duration_s = 0.01
    api.line = lambda payload, before: expired if before == 0 and payload["max_tokens"] % 5 == 0 else None
    budget = sum(_bound_usd(one.payload) for one in requests) * chance.uniform(0.05, 0.7)
    outcome = run_batches(requests, store, batched(budget_usd=budget, batch_open=3))
    assert watch.most <= budget + SLACK
    assert watch.charged == pytest.approx(outcome.spent_usd)
    assert outcome.spent_usd <= budget + SLACK
    assert outcome.answered + outcome.left == len(requests)
    assert ("may cost up to" in outcome.stopped) == bool(outcome.left)
    rest = run_batches(requests, store, batched())
    assert (rest.answered, rest.left) == (outcome.left, 0)
    assert set(server.answered.values()) == {1}
    nothing_held(store)


def test_what_a_batch_does_not_use_buys_the_next_one(server, api, store, batched, asks) -> None:
    most = max(_bound_usd(one.payload) for one in asks(30))
    outcome = run_batches(asks(30), store, batched(budget_usd=10.5 * most, batch_open=3))
    assert outcome.answered > 20, "the second batch is paid for with what came back from the first"
    assert len(api.batches) >= 3


def test_batches_taken_over_count_for_this_run_until_they_are_collected(server, api, store, batched, asks) -> None:
    api.held = True
    bounds = [_bound_usd(one.payload) for one in asks(30)]
    run_batches(asks(10), store, batched(batch_wait_s=0.02))
    budget = sum(bounds[:10]) + sum(bounds[10:14]) + SLACK
    second = run_batches(asks(30), store, batched(batch_wait_s=0.02, budget_usd=budget))
    assert second.stopped
    assert [len(batch.lines) for batch in api.batches.values()] == [10, 4]
    api.held = False
    third = run_batches(asks(30), store, batched(budget_usd=budget))
    assert (third.requests, third.answered, third.left) == (30, 30, 0)
    assert len(api.batches) > 2
    assert third.spent_usd <= budget
    assert set(server.answered.values()) == {1}
    nothing_held(store)


def test_a_request_that_is_dearer_than_the_budget_is_not_asked(server, api, store, batched, asks) -> None:
    outcome = run_batches(asks(3), store, batched(budget_usd=1e-6))
    assert (outcome.left, outcome.answered) == (3, 0)
    assert "may cost up to $0.0000" in outcome.stopped
    assert not api.batches
    assert _committed(store) == 0
    nothing_held(store)


def test_beside_an_online_run_the_store_never_comes_to_more_than_its_total(
    server, api, any_store, quick, batched, asks
) -> None:
    api.duration_s, server.latency_s = 0.02, 0.002
    total = 0.0004
    server.reply = lambda payload: answers.answer("x", usage=(80, 16))
    outcomes = []
    thread = threading.Thread(
        target=lambda: outcomes.append(
            generate(asks(60)[::-1], ReplyStore(any_store.url), quick(total_usd=total, concurrency=2))
        )
    )
    thread.start()
    outcomes.append(run_batches(asks(60), any_store, batched(total_usd=total, batch_open=2)))
    thread.join()
    online, paid = sum(server.asked.values()), sum(server.answered.values())
    assert online * 96e-6 + (paid - online) * 96 * HALF <= total + SLACK
    assert _committed(any_store) <= total + SLACK
    assert any_store.spent_usd() == pytest.approx(sum(outcome.spent_usd for outcome in outcomes))
    assert set(server.answered.values()) == {1}
    assert any(outcome.stopped for outcome in outcomes)


def test_two_runs_in_batches_share_a_store(server, api, any_store, batched, asks) -> None:
    api.duration_s = 0.02
    outcomes = []
    thread = threading.Thread(
        target=lambda: outcomes.append(run_batches(asks(80)[::-1], ReplyStore(any_store.url), batched(batch_open=2)))
    )
    thread.start()
    outcomes.append(run_batches(asks(80), any_store, batched(batch_open=2)))
    thread.join()
    run_batches(asks(80), any_store, batched())
    assert len(server.answered) == 80
    assert set(server.answered.values()) == {1}
    assert set(api.sent.values()) == {1}
    nothing_held(any_store)


def test_cancelling_keeps_what_was_answered_and_frees_the_rest(server, api, store, batched, quick, asks) -> None:
    api.held = True
    run_batches(asks(20), store, batched(batch_wait_s=0.02))
    seen = []
    outcome = cancel_open(store, batched(budget_usd=None), seen.append)
    assert (outcome.answered, outcome.failed, outcome.batches) == (10, 0, "")
    assert "2 batches open" in seen[0].batches
    assert {batch.status for batch in api.batches.values()} == {"cancelled"}
    nothing_held(store)
    assert _committed(store) == pytest.approx(store.spent_usd())
    assert cancel_open(store, batched(budget_usd=None)).answered == 0
    assert generate(asks(20), store, quick()).answered == 10
    assert set(server.answered.values()) == {1}


def test_cancelling_what_has_just_ended_collects_it(server, api, store, batched, asks) -> None:
    api.held = True
    run_batches(asks(10), store, batched(batch_wait_s=0.02))
    api.held = False
    api.batches["batch_0001"].created = 0.0
    api._advance(api.batches["batch_0001"])
    assert cancel_open(store, batched()).answered == 10
    nothing_held(store)


def test_what_a_live_run_looks_after_is_not_cancelled(server, api, store, batched, asks) -> None:
    api.held = True
    run_batches(asks(5), store, batched(batch_wait_s=0.02))
    with store.worker("live", 1.0) as worker:
        assert len(Batches(store.database).take_over(worker, server.base_url)) == 1
        with pytest.raises(GenerationError, match="another run looks after 1 batch"):
            cancel_open(store, batched())
        outcome = run_batches(asks(5), store, batched())
        assert (outcome.elsewhere, outcome.answered) == (5, 0)
        with store.database.reading() as connection:
            purse = connection.execute(sa.select(owners.c.purse).where(owners.c.kind == "batch")).scalar()
        assert purse == "live"


def test_a_batch_that_the_server_does_not_know_is_given_up_by_cancelling(server, api, store, batched, asks) -> None:
    """Otherwise its requests could not be asked for ever."""
    api.held = True
    run_batches(asks(10), store, batched(batch_wait_s=0.02))
    set_aside = api.batches.pop("batch_0001")
    with pytest.raises(GenerationError, match="No batch found") as raised:
        run_batches(asks(10), store, batched())
    assert "--cancel" in raised.value.hint
    assert cancel_open(store, batched()).at_risk_usd > 0
    nothing_held(store)
    assert _committed(store) >= sum(_bound_usd(line["body"]) for line in set_aside.lines) - SLACK
    api.held = False
    assert run_batches(asks(10), store, batched()).answered == 10


@pytest.mark.parametrize("call", ["upload", "create"])
def test_a_batch_that_is_taken_over_while_it_is_sent_is_left_to_the_other_run(
    server, api, store, batched, asks, call
) -> None:
    """The machine slept in between, say: the requests are asked by the one that took over, and by nobody else."""
    keys, taken = [one.key for one in asks(5)], list[Any]()
    with store.worker("other", 1.0) as other:

        def take_over(name: str, before: int) -> None:
            if name == call and before == 0:
                asleep = sa.and_(owners.c.purse == "first", owners.c.kind == "worker")
                with store.database.reading() as connection:
                    first = connection.execute(sa.select(owners.c.id).where(asleep)).scalar_one()
                set_owner(store, first, expires=1.0)
                taken.extend(Batches(store.database).take_over(other, server.base_url))

        api.fault = take_over
        with pytest.raises(GenerationError, match="another one"):
            run_batches(asks(5), store, batched(purse="first"))
        assert {batch.id for batch in api.batches.values()} <= ({"batch_0001"} if call == "create" else set())
        (row,) = taken
        assert Batches(store.database).under_way()[0].worker == row.worker == other.id
        assert set(other.look(keys).elsewhere.values()) == {row.owner}


def test_a_batch_that_somebody_else_cancels_is_planned_again(server, api, store, batched, asks) -> None:
    api.held = True
    run_batches(asks(10), store, batched(batch_wait_s=0.02))
    api.batches["batch_0001"].status = "cancelling"
    api.held = False
    outcome = run_batches(asks(10), store, batched())
    assert (outcome.answered, outcome.retries) == (10, 5)
    assert set(server.answered.values()) == {1}
