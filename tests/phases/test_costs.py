"""What asking will cost, held against what it then costs; and what it came to."""

import itertools
import math
import pathlib
from collections import Counter
from collections.abc import Callable

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.generation.engine import generate as ask_all
from pipelines.generation.settings import Settings
from pipelines.generation.store import ReplyStore
from pipelines.phases import costs, generate
from pipelines.phases.layout import Layout
from pipelines.phases.plan import Plan, read_plan, requests_of
from pipelines.phases.tally import ALL
from schemas.records import Reply
from tests.phases.conftest import good_text, kind_of
from tests.phases.planned import layout, planned, settings
from tests.servers.openai_server import OpenAIServer, Payload, answer, http_error

__all__ = ["layout", "planned", "settings"]

Made = Callable[..., Settings]


@pytest.fixture
def plan(layout: Layout) -> Plan:
    return read_plan(layout)


@pytest.fixture
def store(layout: Layout) -> ReplyStore:
    return ReplyStore(layout.replies_url)


@pytest.fixture
def counting(server: OpenAIServer) -> OpenAIServer:
    """A server that counts a token for every 4 bytes of a prompt, and so many of an answer by its kind."""

    def reply(payload: Payload) -> Payload:
        prompt = sum(len(message["content"].encode()) for message in payload["messages"]) // 4
        return answer(good_text(payload), usage=(prompt, 250 if kind_of(payload) == "description" else 40))

    server.reply = reply
    return server


def _ask(plan: Plan, layout: Layout, store: ReplyStore, settings: Settings, each: int) -> float:
    """Ask so many requests of each kind; what they cost."""
    taken = Counter[str]()
    some = []
    for ask in generate.asks(plan, layout):
        taken[ask.kind] += 1
        some += [ask] if taken[ask.kind] <= each else []
    return ask_all(some, store, settings).spent_usd


def _by_kind(told: costs.Estimate) -> dict[str, costs.KindEstimate]:
    return {one.kind: one for one in told.kinds}


def test_without_any_reply_the_example_says_how_long_answers_are(
    plan: Plan, layout: Layout, store: ReplyStore, settings: Made
) -> None:
    told = costs.estimate(plan, layout, store, settings())
    found = _by_kind(told)
    assert set(found) == {"description", "short_form"}
    assert told.total.requests == told.total.asked == plan.requests
    regions = plan.amounts["description"][ALL].regions / plan.amounts["description"][ALL].rows
    tokens = costs.example_tokens("description", regions) * found["description"].requests
    assert found["description"].completion_tokens == pytest.approx(tokens, abs=1)
    for one in found.values():
        assert one.measured == 0
        assert 0 < one.completion_tokens < one.most_completion_tokens
        assert one.expected_usd == pytest.approx((one.prompt_tokens + one.completion_tokens) / 1e6, rel=0.01)
        assert one.expected_usd < one.most_usd
    assert "given by you" in told.priced_by


@pytest.mark.usefixtures("counting")
def test_with_enough_replies_the_estimate_is_what_it_then_costs(
    plan: Plan, layout: Layout, store: ReplyStore, settings: Made
) -> None:
    first = _ask(plan, layout, store, settings(), costs.ENOUGH)
    told = costs.estimate(plan, layout, store, settings())
    for one in told.kinds:
        assert (one.known, one.measured) == (costs.ENOUGH, costs.ENOUGH)
    found = _by_kind(told)
    assert found["description"].completion_tokens == 250 * found["description"].asked
    assert found["short_form"].completion_tokens == 40 * found["short_form"].asked
    assert told.total.known_usd == pytest.approx(first)
    rest = _ask(plan, layout, store, settings(), plan.requests)
    assert rest == pytest.approx(told.total.expected_usd, rel=0.05)
    assert rest <= told.total.most_usd
    done = costs.estimate(plan, layout, store, settings())
    assert (done.total.asked, done.total.expected_usd, done.total.most_usd) == (0, 0, 0)


def test_a_few_replies_are_not_enough(plan: Plan, layout: Layout, store: ReplyStore, settings: Made) -> None:
    _ask(plan, layout, store, settings(), costs.ENOUGH - 1)
    assert all(one.measured == 0 and one.known for one in costs.estimate(plan, layout, store, settings()).kinds)


def test_batches_repairs_and_failures_in_the_estimate(
    plan: Plan, layout: Layout, store: ReplyStore, settings: Made, server: OpenAIServer
) -> None:
    usual = costs.estimate(plan, layout, store, settings()).total
    batch = costs.estimate(plan, layout, store, settings(mode="batch")).total
    assert batch.expected_usd == pytest.approx(usual.expected_usd / 2)
    assert batch.most_usd == pytest.approx(usual.most_usd / 2)
    mended = costs.estimate(plan, layout, store, settings(repairs=1)).total
    assert mended.most_usd > 2 * usual.most_usd
    assert mended.expected_usd == usual.expected_usd
    server.fault = lambda payload, before: http_error(400, "no") if kind_of(payload) == "short_form" else None
    _ask(plan, layout, store, settings(), 3)
    told = costs.estimate(plan, layout, store, settings()).total
    assert (told.known, told.failed) == (6, 3)
    assert costs.estimate(plan, layout, store, settings(retry_failed=True)).total.known == 3


def test_stored_replies_that_are_to_be_mended_are_in_the_estimate(
    plan: Plan, layout: Layout, store: ReplyStore, settings: Made, server: OpenAIServer
) -> None:
    good = server.reply
    server.reply = lambda payload: answer("of no form") if kind_of(payload) == "short_form" else good(payload)
    first = ask_all(generate.asks(plan, layout), store, settings())
    assert costs.estimate(plan, layout, store, settings()).total.calls == 0
    told = costs.estimate(plan, layout, store, settings(repairs=1))
    found = _by_kind(told)
    assert (found["description"].repairs, found["description"].expected_usd) == (0, 0)
    assert found["short_form"].repairs == told.total.calls == found["short_form"].requests
    assert 0 < told.total.expected_usd < told.total.most_usd
    then = ask_all(generate.asks(plan, layout), store, settings(repairs=1), hooks=generate.hooks(plan))
    assert (then.repairs, then.answered) == (told.total.calls, 0)
    assert 0 < then.spent_usd <= told.total.most_usd
    done = costs.estimate(plan, layout, store, settings(repairs=1)).total
    assert (done.calls, done.expected_usd) == (0, 0)
    assert done.known_usd == pytest.approx(first.spent_usd + then.spent_usd)


def test_repeats_are_counted_once(plan: Plan, layout: Layout, store: ReplyStore, settings: Made) -> None:
    before = costs.estimate(plan, layout, store, settings()).total
    path = requests_of(plan, layout, "description")[0]
    rows = pq.read_table(path)
    pq.write_table(pa.concat_tables([rows, rows.slice(0, 5)]), path)
    assert costs.estimate(plan, layout, store, settings()).total == before


def test_what_it_came_to_kind_by_kind(
    plan: Plan, layout: Layout, store: ReplyStore, settings: Made, server: OpenAIServer
) -> None:
    server.fault = lambda payload, before: http_error(400, "no") if "copy 1" in payload["user"] else None
    _ask(plan, layout, store, settings(), plan.requests)
    first = next(iter(generate.keys(plan, layout, "description")))
    mend = Reply(key="f" * 64, text="better", finish_reason="stop", model="m", prompt_tokens=100, completion_tokens=10,
                 cost_usd=0.5, at_risk_usd=0.25, repair_of=first)  # fmt: skip
    store.save(mend, "description", {"model": "m"})
    stranger = msgspec.structs.replace(mend, key="e" * 64, repair_of="d" * 64)
    store.save(stranger, "description", {"model": "m"})
    told = costs.spent(plan, layout, store)
    keys = [key for kind in plan.recipe.kinds for key in generate.keys(plan, layout, kind)]
    alone = store.totals(keys)
    assert (told.requests, told.calls, told.failed) == (alone.requests, alone.calls, alone.failed)
    assert told.failed == plan.requests / 4
    assert told.repairs == told.by_kind["description"].repairs == 1
    assert told.cost_usd == pytest.approx(alone.cost_usd + 0.5)
    assert told.prompt_tokens == alone.prompt_tokens + 100
    assert told.at_risk_usd == 0.25
    assert told.cost_usd == pytest.approx(math.fsum(one.cost_usd for one in told.by_kind.values()))


def test_kinds_take_turns_and_none_waits_for_another(plan: Plan, layout: Layout) -> None:
    kinds = [ask.kind for ask in generate.asks(plan, layout)]
    assert kinds[:6] == ["description", "short_form"] * 3
    assert list(generate.take_turns([iter("aaaaa"), iter("b"), iter(""), iter("ccc")])) == list("abcacacaa")
    endless = itertools.islice(generate.take_turns([iter(range(3)), itertools.count(10)]), 8)
    assert list(endless) == [0, 10, 1, 11, 2, 12, 13, 14]


def test_requests_come_with_the_rows_that_wait(plan: Plan, layout: Layout) -> None:
    ask = next(generate.asks(plan, layout))
    assert msgspec.json.decode(ask.row)["kind"] == ask.kind
    assert next(generate.asks(plan, layout, rows=False)) == ask._replace(row="")


def test_the_estimate_leaves_nothing_but_an_empty_store(
    plan: Plan, layout: Layout, store: ReplyStore, settings: Made, server: OpenAIServer
) -> None:
    before = {path for path in pathlib.Path(layout.out).rglob("*") if "replies.sqlite" not in path.name}
    costs.estimate(plan, layout, store, settings())
    assert {path for path in pathlib.Path(layout.out).rglob("*") if "replies.sqlite" not in path.name} == before
    assert store.empty()
    assert server.calls == 0
