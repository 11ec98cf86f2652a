"""A bad reply is shown to the model once: a request of its own, claimed, paid for and stored like any other."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from pipelines.generation.ask import Ask, Hooks, Judgement
from pipelines.generation.engine import generate
from schemas.errors import GenerationError
from schemas.records import Reply
from tests.servers import openai_server as faulty

EACH_USD = 18e-6


def _judge(ask: Ask, reply: Reply) -> Judgement:
    """Bad is what does not say `good`."""
    assert not reply.error
    assert threading.current_thread() is not threading.main_thread()
    if "good" in reply.text:
        return Judgement()
    asked = ask.payload["messages"]
    again = [*asked, {"role": "assistant", "content": reply.text}, {"role": "user", "content": "say good"}]
    return Judgement("reply_empty", {**ask.payload, "messages": again})


HOOKS = Hooks(judge=_judge)


@pytest.fixture
def moody(server: Any) -> Any:
    """Answers well when told how, and badly at first; those that are hopeless always badly."""

    def reply(payload: dict[str, Any]) -> dict[str, Any]:
        hopeless = "hopeless" in payload["messages"][0]["content"]
        told = faulty.last_text(payload) == "say good"
        fine = "fine" in payload["messages"][0]["content"]
        return faulty.answer("good" if fine or (told and not hopeless) else "bad")

    server.reply = reply
    return server


def _asks(ask: Callable[..., Ask]) -> list[Ask]:
    return [ask("fine"), ask("mendable 1"), ask("mendable 2"), ask("hopeless")]


def test_a_bad_reply_is_mended_once(moody: Any, store: Any, quick: Any, ask: Any) -> None:
    asks = _asks(ask)
    outcome = generate(asks, store, quick(repairs=1), hooks=HOOKS)
    assert (outcome.answered, outcome.repairs, outcome.rejects) == (4, 3, {"reply_empty": 1})
    assert moody.calls == 7
    assert outcome.spent_usd == store.spent_usd() == pytest.approx(7 * EACH_USD)
    mended = store.repairs(one.key for one in asks)
    assert {key: reply.text for key, reply in mended.items()} == {
        asks[1].key: "good", asks[2].key: "good", asks[3].key: "bad",
    }  # fmt: skip
    assert all(reply.repair_of == key for key, reply in mended.items())
    assert all(reply.text == "bad" for key, reply in store.get_many(mended).items()), "the first reply stays"
    again = generate(asks, store, quick(repairs=1), hooks=HOOKS)
    assert (again.cached, again.repairs, moody.calls) == (4, 0, 7)


def test_without_repairs_bad_replies_are_only_counted(moody: Any, store: Any, quick: Any, ask: Any) -> None:
    outcome = generate(_asks(ask), store, quick(), hooks=HOOKS)
    assert (outcome.answered, outcome.repairs, outcome.rejects) == (4, 0, {"reply_empty": 3})
    assert moody.calls == 4


def test_replies_of_an_earlier_run_are_mended_later(moody: Any, store: Any, quick: Any, ask: Any) -> None:
    asks = _asks(ask)
    generate(asks, store, quick())
    outcome = generate([*asks, *asks], store, quick(repairs=1), hooks=HOOKS)
    assert (outcome.requests, outcome.cached, outcome.answered, outcome.repairs) == (8, 8, 0, 3)
    assert moody.calls == 7
    assert outcome.rejects == {"reply_empty": 1}


def test_a_repair_that_fails_is_not_tried_again_unless_asked_to(moody: Any, store: Any, quick: Any, ask: Any) -> None:
    told = lambda payload: faulty.last_text(payload) == "say good"  # noqa: E731
    moody.fault = lambda payload, before: faulty.http_error(400, "too long") if told(payload) else None
    one = [ask("mendable")]
    outcome = generate(one, store, quick(repairs=1), hooks=HOOKS)
    assert (outcome.answered, outcome.failed, outcome.repairs) == (1, 0, 1)
    assert outcome.rejects == {"request_failed": 1}
    moody.fault = lambda payload, before: None
    assert generate(one, store, quick(repairs=1), hooks=HOOKS).repairs == 0
    assert generate(one, store, quick(repairs=1, retry_failed=True), hooks=HOOKS).repairs == 1
    assert store.repairs([one[0].key])[one[0].key].text == "good"


def test_repairs_are_within_the_budget(moody: Any, store: Any, quick: Any, ask: Any) -> None:
    asks = [ask(f"mendable {index:03}") for index in range(60)]
    outcome = generate(asks, store, quick(repairs=1, budget_usd=0.0009, concurrency=4), hooks=HOOKS)
    assert "may cost up to" in outcome.stopped
    assert 0 < sum(moody.answered.values()) * EACH_USD <= 0.0009 + 1e-9
    assert outcome.left == 60 - outcome.answered
    rest = generate(asks, store, quick(repairs=1), hooks=HOOKS)
    assert rest.answered == outcome.left
    assert outcome.repairs + rest.repairs == 60
    assert set(moody.answered.values()) == {1}


def test_the_payload_is_filled_before_it_is_sent(server: Any, store: Any, quick: Any, ask: Any) -> None:
    def fill(one: Ask) -> dict[str, Any]:
        assert threading.current_thread() is not threading.main_thread()
        return {**one.payload, "picture": "pixels"}

    seen: list[dict[str, Any]] = []
    server.reply = lambda payload: seen.append(payload) or faulty.echo(payload)
    one = ask("q")
    assert generate([one], store, quick(), hooks=Hooks(fill=fill)).answered == 1
    assert seen == [{**one.payload, "picture": "pixels"}]
    assert store.get_many([one.key])[one.key].text == "echo of q"


def test_a_picture_that_has_changed_stops_the_run(server: Any, store: Any, quick: Any, ask: Any) -> None:
    def fill(one: Ask) -> dict[str, Any]:
        raise GenerationError("the picture a.jpg has changed", hint="Plan anew.")

    with pytest.raises(GenerationError, match=r"a\.jpg has changed"):
        generate([ask(f"q{index}") for index in range(50)], store, quick(), hooks=Hooks(fill=fill))
    assert server.calls == 0
