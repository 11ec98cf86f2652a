"""The budget is never exceeded, whatever the costs, the number in flight and the faults."""

import asyncio
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.generation.budget import Budget
from pipelines.generation.engine import generate
from pipelines.generation.store import ReplyStore
from schemas.errors import BudgetError
from tests.servers import openai_server as faulty

SLACK = 1e-9


@given(
    costs=st.lists(
        st.tuples(st.floats(0, 1), st.floats(0, 1), st.sampled_from(["paid", "free", "broken"])), max_size=40
    ),
    limit=st.floats(0, 5),
    workers=st.integers(1, 10),
)
@settings(max_examples=60, deadline=None)
def test_spent_reserved_and_at_risk_never_exceed_the_limit(costs, limit, workers) -> None:
    budget, truly_spent = Budget(limit), 0.0

    async def call(bound: float, share: float, end: str) -> None:
        nonlocal truly_spent
        async with budget.reserve(bound) as reservation:
            await asyncio.sleep(0)
            if end == "paid":
                reservation.charged = bound * share
            elif end == "broken":
                reservation.may_be_charged = bound
            truly_spent += 0 if end == "free" else reservation.charged + reservation.may_be_charged
            assert truly_spent <= limit + SLACK

    async def work(queue: list) -> None:
        while queue:
            try:
                await call(*queue.pop())
            except BudgetError:
                return

    async def run() -> None:
        queue = list(costs)
        await asyncio.gather(*(work(queue) for _ in range(workers)))

    asyncio.run(run())
    assert budget.spent_usd + budget.at_risk_usd == pytest.approx(truly_spent)
    assert truly_spent <= limit + SLACK


def test_a_request_waits_for_what_is_in_flight_before_it_gives_up() -> None:
    async def run() -> list[str]:
        budget, order = Budget(1.0), []

        async def cheap() -> None:
            async with budget.reserve(0.9) as reservation:
                await asyncio.sleep(0.01)
                reservation.charged = 0.1
                order.append("cheap ends")

        async def next_one() -> None:
            await asyncio.sleep(0)
            async with budget.reserve(0.9):
                order.append("next begins")

        await asyncio.gather(cheap(), next_one())
        return order

    assert asyncio.run(run()) == ["cheap ends", "next begins"]


@given(
    limits=st.lists(st.integers(1, 400), min_size=5, max_size=25),
    share=st.floats(0.05, 0.8),
    concurrency=st.integers(1, 12),
    seed=st.integers(0, 1000),
)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_over_http_the_server_never_charges_more(
    server, quick, ask, tmp_path_factory, limits, share, concurrency, seed
):
    """The server charges up to the most it may, and breaks some of the connections after charging."""
    chance, charged, budget = random.Random(seed), [0.0], share * sum(limits) * 1e-6

    def reply(payload):
        most = payload["max_tokens"]
        usage = (len(faulty.last_text(payload)) + 80, chance.choice([most, most, chance.randint(0, most)]))
        charged[0] += sum(usage) * 1e-6
        return faulty.answer("x", usage=usage)

    def fault(payload, before):
        if chance.random() > 0.2:
            return None
        reply(payload)
        return faulty.reset

    server.reply, server.fault, server.latency_s = reply, fault, 0.001
    store = ReplyStore(f"sqlite:///{tmp_path_factory.mktemp('budget')}/replies.sqlite")
    asks = [ask(f"question {index}", max_tokens=limit) for index, limit in enumerate(limits)]
    outcome = generate(asks, store, quick(budget_usd=budget, concurrency=concurrency, max_attempts=12))
    assert charged[0] <= budget + SLACK
    assert outcome.spent_usd + outcome.at_risk_usd <= budget + SLACK
    assert outcome.answered + outcome.failed + outcome.left == len(asks)
    assert bool(outcome.stopped) == bool(outcome.left)
    assert store.spent_usd() == pytest.approx(outcome.spent_usd)


def test_a_run_that_stops_says_so_and_the_next_one_goes_on(server, store, quick, ask) -> None:
    asks = [ask(f"question {index:03}") for index in range(100)]
    first = generate(asks, store, quick(budget_usd=0.0005, concurrency=4))
    assert first.left > 0
    assert first.answered + first.left == 100
    assert "may cost" in first.stopped
    assert first.spent_usd <= 0.0005
    assert len(store.missing(one.key for one in asks)) == first.left
    second = generate(asks, store, quick())
    assert (second.answered, second.cached, second.left, second.stopped) == (first.left, first.answered, 0, "")
    assert set(server.answered.values()) == {1}


def test_a_budget_of_nothing_buys_what_is_free(server, store, quick, ask) -> None:
    assert generate([ask("q")], store, quick(budget_usd=0.0)).left == 1
    assert server.calls == 0
    assert generate([ask("q")], store, quick(budget_usd=0.0, price=(0.0, 0.0))).answered == 1
