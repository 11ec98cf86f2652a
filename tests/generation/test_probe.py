"""Whether a server can do JSON: asked once, remembered, and never mistaken for a fault of the moment."""

import json
import pathlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.generation import probe
from pipelines.generation.ask import Ask
from pipelines.generation.settings import Settings
from pipelines.generation.store import Entry, ReplyStore
from schemas.errors import GenerationError
from schemas.recipe import GenerationSettings
from schemas.records import Reply
from tests.generation.stores import reply
from tests.properties import quick
from tests.servers.openai_server import Fault, OpenAIServer, hang, http_error, reset, running
from tests.servers.structured import by_schema

MODEL = GenerationSettings(model="loopback-1")
GOOD = by_schema(probe.SCHEMA)


@pytest.fixture
def store(tmp_path: pathlib.Path) -> ReplyStore:
    return ReplyStore(f"sqlite:///{tmp_path}/replies.sqlite")


def settings(server: OpenAIServer, **changes: Any) -> Settings:
    options: dict[str, Any] = {"budget_usd": 1.0, "price": (1.0, 1.0), "backoff_s": 0.01, "base_url": server.base_url}
    return Settings(**options | changes)


@pytest.mark.parametrize("supports", [True, False])
def test_a_server_is_asked_once(store: ReplyStore, supports: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-loopback")
    with running(OpenAIServer()) as server:
        server.json_schema = supports
        assert probe.known(store, MODEL, server.base_url) is None
        assert probe.ask(store, MODEL, settings(server)) is supports
        assert probe.ask(store, MODEL, settings(server)) is supports
        assert probe.known(store, MODEL, f"{server.base_url}/") is supports
        assert server.calls == supports
        assert probe.known(store, MODEL, "http://127.0.0.1:9/v1") is None
        assert probe.bought(store, "loopback-1") == frozenset()


def test_two_at_once_ask_once(store: ReplyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-loopback")
    with running(OpenAIServer(latency_s=0.2)) as server, ThreadPoolExecutor(2) as threads:
        server.json_schema = True
        asked = [threads.submit(probe.ask, ReplyStore(store.url), MODEL, settings(server)) for _ in range(2)]
        assert [one.result() for one in asked] == [True, True]
        assert sum(server.answered.values()) == 1


FAULTS = [http_error(500), http_error(503), http_error(429, "slow down"), reset, hang]


@pytest.mark.parametrize("fault", FAULTS, ids=["500", "503", "429", "reset", "hang"])
def test_a_fault_of_the_moment_tells_nothing(store: ReplyStore, fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-loopback")
    with running(OpenAIServer()) as server:
        server.json_schema = True
        server.fault = lambda payload, before: fault
        assert probe.ask(store, MODEL, settings(server, timeout_s=0.3, max_attempts=9)) is None
        assert server.calls == probe.ATTEMPTS
        server.fault = lambda payload, before: None
        assert probe.ask(store, MODEL, settings(server)) is True


def test_what_turns_everything_away_is_an_error(store: ReplyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-loopback")
    with running(OpenAIServer()) as server:
        server.json_schema, server.key = True, "sk-another"
        with pytest.raises(GenerationError):
            probe.ask(store, MODEL, settings(server))
        assert probe.known(store, MODEL, server.base_url) is None
        with pytest.raises(GenerationError, match="without a budget"):
            probe.ask(store, MODEL, settings(server, budget_usd=None))
        server.key, server.fault = "", lambda payload, before: None
        assert probe.ask(store, MODEL, settings(server, budget_usd=0.0)) is None
        assert probe.ask(store, MODEL, settings(server)) is True


@pytest.mark.parametrize(
    ("text", "supports"),
    [
        (GOOD, True),
        ('{"palette_of_tones": []}', False),
        ("", False),
        ("Red, an apple", False),
        (f"```json\n{GOOD}\n```", False),
        ('{"colours": [{"name": "red", "fruit": "apple"}]}', False),
        (GOOD[:-1] + ', "more": 1}', False),
        (GOOD[:-2], False),
    ],
)
def test_only_the_schema_itself_counts(text: str, supports: bool) -> None:
    assert probe.verdict(Reply(key="k", text=text, finish_reason="stop", model="m")) is supports


@pytest.mark.parametrize(
    ("error", "tells"),
    [
        ("HTTP 400: unknown field response_format", False),
        ("HTTP 422: extra inputs", False),
        ("HTTP 501: no", False),
        ("HTTP 500: oops", None),
        ("HTTP 4000: odd", None),
        ("HTTP 429: slow down", None),
        ("no answer within 3 s", None),
        ("connection failed: HTTP 400", None),
    ],
)
def test_errors_about_the_request_and_others(error: str, tells: bool | None) -> None:
    assert probe.verdict(Reply(key="k", text="", finish_reason="error", model="m", error=error)) is tells


@quick
@given(st.text(max_size=80))
def test_no_answer_is_too_odd(text: str) -> None:
    assert probe.verdict(Reply(key="k", text=text, finish_reason="stop", model="m")) is False


def test_what_is_asked_is_small_and_says_nothing_of_the_schema() -> None:
    sent = probe.payload(MODEL)
    assert set(sent) == {"model", "messages", "max_tokens", "response_format"}
    jsonschema.Draft202012Validator.check_schema(probe.SCHEMA)
    jsonschema.validate(json.loads(GOOD), probe.SCHEMA)
    assert not {"palette", "tone", "seen", "JSON"} & set(probe.QUESTION.split())
    assert "max_completion_tokens" in probe.payload(GenerationSettings(max_tokens=None, max_completion_tokens=9))


def test_which_questions_are_the_same() -> None:
    here = "https://example.org/v1"
    same = probe.key(MODEL, here)
    assert same == probe.key(GenerationSettings(model="loopback-1", temperature=None, max_tokens=3, seed=1), here)
    assert same == probe.key(MODEL, "https://someone:secret@EXAMPLE.org/v1/")
    assert len({same, probe.key(MODEL, "https://example.org/v2"), probe.key(MODEL, "http://example.org/v1"),
                probe.key(GenerationSettings(model="loopback-2"), here)}) == 4  # fmt: skip


@pytest.mark.parametrize("bought", [(), (False,), (True,), (False, True)])
def test_the_forms_that_were_bought(store: ReplyStore, bought: tuple[bool, ...]) -> None:
    for place, is_json in enumerate(bought):
        sent = {"model": "m", "messages": [], **({"response_format": {"type": "json_schema"}} if is_json else {})}
        store.save(Reply(key=f"{place}", text="x", finish_reason="stop", model="m-2026"), "conversation", sent)
    other = {"model": "m-2", "messages": [], "response_format": {}}
    store.save(Reply(key="x", text="", finish_reason="stop", model="m-2"), "conversation", other)
    failed = Reply(key="y", text="", finish_reason="error", model="m", error="HTTP 400: no")
    store.save(failed, "conversation", {"model": "m", "response_format": {}})
    assert probe.bought(store, "m") == frozenset(bought)


@pytest.mark.parametrize("is_json", [False, True])
def test_few_answers_are_found_among_many_of_another_model(store: ReplyStore, is_json: bool) -> None:
    """Were they overlooked, they would be bought anew in the other form."""
    model, form = "100%_\\b\u00fc", {"response_format": {"type": "json_schema"}}
    many = {"model": "a", "messages": [{"role": "user", "content": f'"model":"{model}"'}]}
    keys = [f"{place:04}" for place in range(probe.SAMPLE + 1)]
    store.save_many([Entry(Ask(key, "conversation", many), reply(key)) for key in keys])
    store.save(reply("f"), "conversation", {"messages": [], "model": model, **(form if is_json else {})})
    assert probe.bought(store, model) == {is_json}
    assert probe.bought(store, model.replace("%_", "__")) == frozenset()
