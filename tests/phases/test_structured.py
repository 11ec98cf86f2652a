"""Builds whose replies are JSON by a schema: detected, asked for, kept, and the same rows as from plain text."""

import pathlib
from typing import Any

import pytest

from pipelines.generation import probe
from pipelines.generation.store import ReplyStore
from schemas.recipe import GenerationSettings
from tests.phases import outputs
from tests.phases.conftest import Run, good_text
from tests.servers.openai_server import OpenAIServer, Payload, answer, http_error, last_text

ALL = ("--generator", "openai", "--model", "loopback-1", "--price", "1/1", "--budget-usd", "5", "--limit", "4")
KINDS = ("description", "conversation", "short_form", "part_category", "part_attribute")
ONE = (*ALL, "--recipe", "object-level", "--kinds", "description")


@pytest.fixture
def knows(server: OpenAIServer) -> OpenAIServer:
    """A server that knows JSON schemas."""
    server.json_schema = True
    return server


def asked_form(out: pathlib.Path) -> str:
    return str(outputs.manifest(str(out))["recipe"]["generation"]["reply_format"])


def probes(server: OpenAIServer) -> int:
    return sum(text == probe.QUESTION for text in server.texts)


def texts(out: pathlib.Path, kind: str) -> dict[str, Any]:
    return {row["sample_id"]: row["messages"] for row in outputs.rows(str(out), kind)}


def prompt_names(out: pathlib.Path, kind: str) -> set[str]:
    return {row["generator"]["prompt"] for row in outputs.rows(str(out), kind)}


def build(osprey_data: Run, scenes: str, out: pathlib.Path, *ask: object, says: str = "") -> str:
    ran = osprey_data("build", "--data", scenes, "--out", out, *(ask or ONE))
    assert ran.code == 0, ran.said
    assert says in " ".join(ran.out.split())
    return " ".join(ran.out.split())


def test_both_forms_end_in_the_same_rows(
    scenes: str, tmp_path: pathlib.Path, osprey_data: Run, knows: OpenAIServer
) -> None:
    outs = {form: tmp_path / form for form in ("text", "json")}
    for form, out in outs.items():
        said = build(osprey_data, scenes, out, *ALL, "--kinds", ",".join(KINDS), "--reply-format", form)
        assert "replies as" not in said
        assert asked_form(out) == form
    assert probes(knows) == 0
    for kind in KINDS:
        assert texts(outs["text"], kind) == texts(outs["json"], kind) != {}
        names = {
            form: {row["generator"]["prompt"] for row in outputs.rows(str(out), kind)} for form, out in outs.items()
        }
        assert names == {"text": {kind}, "json": {f"{kind}/json"}}
    assert max(knows.answered.values()) == 1


def test_a_server_is_asked_once_what_it_can_do(
    scenes: str, tmp_path: pathlib.Path, osprey_data: Run, knows: OpenAIServer
) -> None:
    build(osprey_data, scenes, tmp_path, says="replies as JSON by a schema: the server supports it")
    assert (asked_form(tmp_path), probes(knows)) == ("json", 1)
    before, calls = outputs.fingerprint(str(tmp_path)), knows.calls
    build(
        osprey_data, scenes, tmp_path, says="replies as JSON by a schema: so are those of loopback-1 in the reply store"
    )
    assert (knows.calls, outputs.fingerprint(str(tmp_path))) == (calls, before)
    store = ReplyStore(f"sqlite:///{tmp_path}/work/replies.sqlite")
    assert outputs.manifest(str(tmp_path))["generation"]["calls"] == calls - 1, "the question is no request of the plan"
    assert store.spent_usd() == pytest.approx(calls * 18e-6), "but it was paid for"
    assert b"sk-loopback" not in (tmp_path / "work" / "replies.sqlite").read_bytes()


def test_a_server_that_knows_no_schema(
    scenes: str, tmp_path: pathlib.Path, osprey_data: Run, server: OpenAIServer
) -> None:
    build(osprey_data, scenes, tmp_path, says="replies as plain text: the server does not do JSON by a schema")
    assert asked_form(tmp_path) == "text"
    shared = ("--replies", f"sqlite:///{tmp_path}/work/replies.sqlite")
    heads = len(server.headers)
    other = (*ONE[:2], "--model", "loopback-2", *ONE[4:], *shared)
    build(osprey_data, scenes, tmp_path / "b", *other, says="the server does not do JSON")
    assert len(server.headers) - heads > 4, "another model is another question"
    server.json_schema = True
    own = ReplyStore(shared[1])
    for name, asks in (("loopback-1", 0), ("loopback-2", 0), ("loopback-3", None)):
        known = probe.known(own, GenerationSettings(model=name), server.base_url)
        assert known is (None if asks is None else False)


def test_what_was_bought_as_text_stays_text(
    scenes: str, tmp_path: pathlib.Path, osprey_data: Run, server: OpenAIServer
) -> None:
    """Also for another OUT with the same store, and where the server has learnt JSON in the meantime."""
    build(osprey_data, scenes, tmp_path / "a", *ONE, "--reply-format", "text")
    server.json_schema = True
    calls = server.calls
    shared = ("--replies", f"sqlite:///{tmp_path}/a/work/replies.sqlite")
    says = "replies as plain text: so are those of loopback-1 in the reply store (--reply-format json buys them anew)"
    build(osprey_data, scenes, tmp_path / "a", says=says)
    build(osprey_data, scenes, tmp_path / "b", *ONE, *shared, says=says)
    assert (server.calls, probes(server)) == (calls, 0)
    build(osprey_data, scenes, tmp_path / "b", *ONE, *shared, "--reply-format", "json")
    assert server.calls == 2 * calls
    for out, form in (("a", "text"), ("b", "json")):
        build(osprey_data, scenes, tmp_path / out, *ONE, *shared)
        assert asked_form(tmp_path / out) == form, "where both are bought, the plan in OUT decides"
    assert server.calls == 2 * calls
    build(osprey_data, scenes, tmp_path / "c", *ONE, *shared, says="the server supports it")
    assert (server.calls, probes(server)) == (2 * calls + 1, 1)


def test_a_plan_asks_nobody_and_binds_nobody(
    scenes: str, tmp_path: pathlib.Path, osprey_data: Run, knows: OpenAIServer
) -> None:
    planned = osprey_data("plan", "--data", scenes, "--out", tmp_path, *ONE[:6], *ONE[8:])
    assert planned.code == 0, planned.said
    assert "replies as plain text: the server was not asked" in " ".join(planned.out.split())
    assert not knows.headers
    build(osprey_data, scenes, tmp_path, says="the server supports it")
    assert osprey_data("plan", "--data", scenes, "--out", tmp_path / "b", *ONE[:6], *ONE[8:], "--replies",
                       f"sqlite:///{tmp_path}/work/replies.sqlite").code == 0  # fmt: skip
    assert probes(knows) == 1


@pytest.mark.parametrize("status", [500, 401])
def test_a_fault_of_the_moment_is_not_remembered(
    status: int, scenes: str, tmp_path: pathlib.Path, osprey_data: Run, knows: OpenAIServer
) -> None:
    knows.fault = lambda payload, before: http_error(status) if last_text(payload) == probe.QUESTION else None
    knows.reply = lambda payload: answer("I see a nice picture.")
    said = build(osprey_data, scenes, tmp_path, *ONE[:-1], "description,mask_text")
    assert "replies as plain text: the server" in said
    store = ReplyStore(f"sqlite:///{tmp_path}/work/replies.sqlite")
    assert probe.known(store, GenerationSettings(model="loopback-1"), knows.base_url) is None


def test_json_that_is_not_is_a_reject(
    scenes: str, tmp_path: pathlib.Path, osprey_data: Run, knows: OpenAIServer
) -> None:
    def reply(payload: Payload) -> Payload:
        good = good_text(payload)
        refusal: dict[str, Any] = answer(None)
        refusal["choices"][0]["message"]["refusal"] = "I can't help with that."
        return (answer(f"```json\n{good}\n```"), answer(good[:-5]), refusal, answer(good))[len(knows.answered) % 4]

    knows.reply = reply
    build(osprey_data, scenes, tmp_path, *ONE, "--reply-format", "json")
    line = outputs.ledger(str(tmp_path))["assemble", "description", "rows"]
    assert (line["kept"], line["rejected"]) == (2, {"reply_format": 1, "reply_refused": 1})
    refused = [row for row in outputs.rejects(str(tmp_path), "assemble") if row["reason"] == "reply_refused"]
    assert "I can't help with that." in refused[0]["detail"]


def test_the_template_asks_nobody(scenes: str, tmp_path: pathlib.Path, osprey_data: Run, knows: OpenAIServer) -> None:
    said = build(osprey_data, scenes, tmp_path, "--limit", "4", "--kinds", "description")
    assert "replies as" not in said
    assert (asked_form(tmp_path), len(knows.headers)) == ("auto", 0)


def test_the_question_is_paid_from_the_same_budget(
    scenes: str, tmp_path: pathlib.Path, osprey_data: Run, knows: OpenAIServer
) -> None:
    """All that the server charges, the question among it, stays below what the run may spend."""
    knows.reply = lambda payload: answer(good_text(payload), usage=(1000, 1000))
    budget = 0.017
    ask = [value if value != "5" else budget for value in ONE]
    ran = osprey_data(
        "build", "--data", scenes, "--out", tmp_path, *ask, "--kinds", "description,conversation,mask_text"
    )
    assert "--budget-usd" in ran.err
    assert probes(knows) == 1
    store = ReplyStore(f"sqlite:///{tmp_path}/work/replies.sqlite")
    assert 0.004 <= store.spent_usd() == pytest.approx(0.002 * knows.calls)
    assert store.spent_usd() <= budget
    assert osprey_data("build", "--data", scenes, "--out", tmp_path, *ONE).code == 0
    assert max(knows.answered.values()) == 1
