"""A bad reply and its repair: what the model is told, which reply a row rests on, and what a reject says."""

import pathlib
import pickle
from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from pipelines.builders.replies import BadReply
from pipelines.generation.ask import Ask, Hooks
from pipelines.generation.engine import generate
from pipelines.generation.settings import from_environment
from pipelines.generation.store import ReplyStore
from pipelines.generation.store.tables import requests
from pipelines.phases import judging
from pipelines.phases.assemble import parse_all
from pipelines.phases.judging import CUT, FINAL, MOST_CHARACTERS, NO_TEXT, judge
from pipelines.phases.records import sample_of
from prompts import JSON, TEXT, Form
from schemas.keys import request_key
from schemas.ledger import REASONS
from schemas.records import Reply, Request
from tests.builders.both_forms import FORMS, composed
from tests.builders.test_forms import KINDS, request, scene_of
from tests.phases import outputs
from tests.phases.conftest import Run, good_reply, good_text, request_text
from tests.properties import quick
from tests.servers.openai_server import OpenAIServer, Payload, answer, http_error


def ask(kind: str = "conversation", form: Form = TEXT, **changes: str) -> Ask:
    made = request(kind, form)
    row = msgspec.json.encode(made.sample).decode()
    return Ask(made.key, kind, made.payload, **({"row": row} | changes))


def reply(text: str, key: str = "ab" * 32, **changes: Any) -> Reply:
    return Reply(**{"key": key, "text": text, "finish_reason": "stop", "model": "m"} | changes)


def good(kind: str, form: Form) -> str:
    return composed(kind, scene_of(kind), request(kind, form).sample.regions, form=form)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_good_reply_needs_nothing(kind: str, form: Form) -> None:
    assert judge(ask(kind, form), reply(good(kind, form))) == ("", None)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", KINDS)
def test_what_the_model_is_told(kind: str, form: Form) -> None:
    bad = "In a bounding box" if form == TEXT else "{}"
    first = ask(kind, form)
    reason, payload = judge(first, reply(bad))
    assert reason in ("reply_no_question", "reply_format")
    assert payload is not None
    *before, shown, told = payload["messages"]
    assert before == first.payload["messages"]
    assert {**payload, "messages": before} == first.payload, "the same model, limits and form"
    assert shown == {"role": "assistant", "content": bad}
    assert told["role"] == "user"
    assert REASONS[reason] in told["content"]
    assert ("JSON" in told["content"]) == (form == JSON)
    assert request_key(payload) != first.key


def test_the_detail_is_told_too() -> None:
    text = good("conversation", TEXT).replace("<region2>", "<region9>")
    _, payload = judge(ask(), reply(text))
    assert payload
    assert "names <region9>, given were 1 to 3" in payload["messages"][-1]["content"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"text": "", "error": "HTTP 400: no"}, "request_failed"),
        ({"finish_reason": "length"}, "reply_cut_off"),
        ({"finish_reason": "content_filter"}, "reply_filtered"),
        ({"finish_reason": "refusal"}, "reply_refused"),
        ({"text": "I'm sorry, but I can't help with that."}, "reply_refused"),
    ],
)
@pytest.mark.parametrize("form", FORMS)
def test_what_no_repair_mends(form: Form, changes: dict[str, str], reason: str) -> None:
    assert judge(ask(form=form), reply(**{"text": "A dog", **changes})) == (reason, None)
    assert reason in FINAL <= REASONS.keys()


def test_a_repair_is_not_repaired() -> None:
    assert judge(ask(repair_of="cd" * 32), reply("A dog", repair_of="cd" * 32)) == ("reply_no_question", None)


def test_without_a_row_nothing_is_judged() -> None:
    assert judge(ask(row=""), reply("A dog")) == ("", None)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("x" * MOST_CHARACTERS, "x" * MOST_CHARACTERS),
        ("x" * (MOST_CHARACTERS + 1), "x" * MOST_CHARACTERS + CUT),
        (" \n", NO_TEXT),
        ("", NO_TEXT),
    ],
)
def test_a_long_reply_is_shown_in_part_and_an_empty_one_is_named(text: str, shown: str) -> None:
    _, payload = judge(ask(), reply(text))
    assert payload
    assert payload["messages"][-2]["content"] == shown


def test_pictures_stay_in_the_payload() -> None:
    parts = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": "sha256:ab"}}]
    first = ask()
    seen = first._replace(payload={**first.payload, "messages": [{"role": "user", "content": parts}]})
    _, payload = judge(seen, reply("A dog"))
    assert payload
    assert payload["messages"][0]["content"] == parts
    assert seen.payload["messages"] == [{"role": "user", "content": parts}], "what was asked is left as it is"


def test_workers_elsewhere_can_be_sent_it() -> None:
    assert pickle.loads(pickle.dumps(judge)) is judge


@pytest.mark.parametrize("form", FORMS)
@quick
@given(st.sampled_from(KINDS), st.text(max_size=60), st.sampled_from(["stop", "length", "", "tool_calls"]))
def test_every_reply_is_judged_as_it_is_assembled(form: Form, kind: str, text: str, finish_reason: str) -> None:
    first, answered = ask(kind, form), reply(text, finish_reason=finish_reason)
    reason, payload = judge(first, answered)
    made = Request(key=first.key, payload={}, sample=sample_of(first.row))
    _, rejects = parse_all([made], Holding({first.key: answered}))
    assert [reason] == ([reject.reason for reject in rejects] or [""])
    assert (payload is not None) == (reason not in FINAL | {""})


class Holding(ReplyStore):
    """First replies that are simply there."""

    def __init__(self, replies: dict[str, Reply]) -> None:
        self.replies = replies

    def get_many(self, keys: Iterable[str]) -> dict[str, Reply]:
        return {key: self.replies[key] for key in keys}

    def repairs(self, keys: Iterable[str]) -> dict[str, Reply]:
        return {}


# which reply a row rests on


BAD, BAD_TOO, GOOD, GOOD_TOO = (
    "A dog",
    "A cat",
    good("conversation", TEXT),
    good("conversation", TEXT).replace(" at ", " by "),
)


def assembled(tmp_path: pathlib.Path, *replies: Reply, requests: int = 1) -> tuple[list[dict[str, Any]], list[Any]]:
    store = ReplyStore(f"sqlite:///{tmp_path}/{len(list(tmp_path.iterdir()))}.sqlite")
    for one in replies:
        store.save(one, "conversation", {"n": one.key})
    made = request("conversation", TEXT)
    samples = [msgspec.structs.replace(made.sample, sample_id=f"row-{n}") for n in range(requests)]
    found = parse_all([msgspec.structs.replace(made, sample=sample) for sample in samples], store)
    store.close()
    return found


def first_of(text: str, **changes: Any) -> Reply:
    return reply(text, request("conversation", TEXT).key, **changes)


def repair(text: str, key: str = "cd" * 32, **changes: Any) -> Reply:
    return reply(text, key, repair_of=request("conversation", TEXT).key, **changes)


def answer_of(row: dict[str, Any]) -> str:
    return str(row["messages"][1]["content"])


@pytest.mark.parametrize("turned", [False, True])
def test_a_good_first_reply_is_taken_whatever_else_there_is(tmp_path: pathlib.Path, turned: bool) -> None:
    replies = [first_of(GOOD), repair(GOOD_TOO)]
    (row,), rejects = assembled(tmp_path, *(replies[::-1] if turned else replies))
    assert (rejects, answer_of(row)) == ([], "<region1> shows a dog at the middle of the picture.")
    assert row["generator"]["request_key"] == request("conversation", TEXT).key


@pytest.mark.parametrize("turned", [False, True])
def test_else_the_one_that_mends_it(tmp_path: pathlib.Path, turned: bool) -> None:
    replies = [first_of(BAD), repair(GOOD_TOO, model="m-2")]
    (row,), rejects = assembled(tmp_path, *(replies[::-1] if turned else replies))
    assert (rejects, answer_of(row)) == ([], "<region1> shows a dog by the middle of the picture.")
    assert (row["generator"]["request_key"], row["generator"]["name"]) == ("cd" * 32, "m-2")


def test_rows_that_share_a_request_share_its_repair(tmp_path: pathlib.Path) -> None:
    rows, rejects = assembled(tmp_path, first_of(BAD), repair(GOOD), requests=3)
    assert ([row["sample_id"] for row in rows], rejects) == (["row-0", "row-1", "row-2"], [])
    assert {row["generator"]["request_key"] for row in rows} == {"cd" * 32}


def test_a_reject_tells_of_both(tmp_path: pathlib.Path) -> None:
    rows, (reject,) = assembled(tmp_path, first_of(BAD), repair(BAD_TOO, finish_reason="length"))
    assert (rows, reject.reason) == ([], "reply_no_question")
    assert BAD in reject.detail
    assert "reply_cut_off" in reject.detail
    assert BAD_TOO in reject.detail
    _, (failed,) = assembled(tmp_path, first_of(BAD), repair("", finish_reason="error", error="HTTP 500: down"))
    assert failed.reason == "reply_no_question"
    assert "HTTP 500: down" in failed.detail
    _, (alone,) = assembled(tmp_path, first_of(BAD))
    assert alone.detail == "no `Question:` found\n\nA dog"


def test_a_repair_without_its_first_reply_is_nothing(tmp_path: pathlib.Path) -> None:
    rows, (reject,) = assembled(tmp_path, repair(GOOD))
    assert (rows, reject.reason) == ([], "not_generated")


@pytest.mark.parametrize("change", ["the words", "the check"])
def test_a_changed_parser_or_wording_buys_no_repair_again(
    change: str, tmp_path: pathlib.Path, server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A repair belongs to the request whose reply it mends, whatever would be said in it today."""
    store = ReplyStore(f"sqlite:///{tmp_path}/replies.sqlite")
    server.reply = lambda payload: answer(BAD_TOO if is_repair(payload) else BAD)
    settings = from_environment(budget_usd=1.0, price=(1.0, 1.0), repairs=1)
    asks = [ask(kind) for kind in KINDS[:3]]
    outcome = generate(asks, store, settings, hooks=Hooks(judge=judge))
    assert (outcome.answered, outcome.repairs, server.calls) == (3, 3, 6)
    if change == "the words":
        monkeypatch.setattr(judging, "repair", lambda form, problem, detail: "Once more, please.")
    else:
        monkeypatch.setattr(judging, "finish", always_bad)
    assert judge(asks[0], reply(BAD)).repair != repairs_first(store, asks[0])
    again = generate(asks, store, settings, hooks=Hooks(judge=judge))
    assert (again.cached, again.repairs, server.calls) == (3, 0, 6)
    store.close()


def always_bad(*_: object) -> None:
    raise BadReply("reply_unfounded", "as the parser has it now")


def repairs_first(store: ReplyStore, first: Ask) -> Any:
    """The payload of the repair that was bought."""
    key = store.repairs([first.key])[first.key].key
    with store.database.reading() as connection:
        return msgspec.json.decode(connection.scalar(sa.select(requests.c.payload).where(requests.c.key == key)))


# whole builds


BUILD = ("--generator", "openai", "--model", "loopback-1", "--price", "1/1", "--budget-usd", "5", "--limit", "4",
         "--recipe", "object-level", "--kinds", "description,conversation,mask_text")  # fmt: skip


def is_repair(payload: Payload) -> bool:
    return len(payload["messages"]) > 4


def first_bad(payload: Payload) -> Payload:
    """Mends itself when it is told what is wrong."""
    return good_reply(payload) if is_repair(payload) else answer(good_text(payload).replace("<region1>", "<region99>"))


@pytest.mark.parametrize("form", FORMS)
def test_a_build_mends_what_can_be_mended(
    form: Form, scenes: str, tmp_path: pathlib.Path, osprey_data: Run, server: OpenAIServer
) -> None:
    server.reply, server.json_schema = first_bad, True
    options = (*BUILD, "--reply-format", form)
    ran = osprey_data("build", "--data", scenes, "--out", tmp_path, *options)
    assert ran.code == 0, ran.said
    lines = outputs.ledger(str(tmp_path))
    assert lines["assemble", "conversation", "rows"]["rejected"] == {"reply_unknown_region": 4}
    without, calls = outputs.fingerprint(str(tmp_path)), server.calls
    ran = osprey_data("build", "--data", scenes, "--out", tmp_path, *options, "--repair", 1)
    assert ran.code == 0, ran.said
    assert server.calls == 2 * calls, "the first replies are known, and each is mended once"
    lines = outputs.ledger(str(tmp_path))
    assert (lines["assemble", "conversation", "rows"]["kept"], lines["assemble", "description", "rows"]["kept"]) == (
        4,
        4,
    )
    mended = outputs.fingerprint(str(tmp_path))
    assert mended != without
    for repairs in (1, 0):
        assert osprey_data("build", "--data", scenes, "--out", tmp_path, *options, "--repair", repairs).code == 0
        assert outputs.fingerprint(str(tmp_path)) == mended, "what is there is taken, whatever is asked for now"
    assert server.calls == 2 * calls
    at_once = tmp_path / "at-once"
    assert osprey_data("build", "--data", scenes, "--out", at_once, *options, "--repair", 1).code == 0
    assert outputs.fingerprint(str(at_once)) == mended, "nor does it matter when it was mended"
    assert max(server.answered.values()) == 2


def test_what_stays_bad_is_asked_once_more_and_not_again(
    scenes: str, tmp_path: pathlib.Path, osprey_data: Run, server: OpenAIServer
) -> None:
    server.reply = lambda payload: answer("A dog and a kite.")
    server.fault = lambda payload, before: http_error(400, "too long") if is_refused(payload) else None
    for _ in range(2):
        ran = osprey_data("build", "--data", scenes, "--out", tmp_path, *BUILD, "--repair", 1)
        assert ran.code == 0, ran.said
        counts = Counter(text.startswith("Your answer cannot be used") for text in server.texts)
        assert counts == {False: 8, True: 8}
    rejects = [row for row in outputs.rejects(str(tmp_path), "assemble") if row["reason"] != "not_generated"]
    assert Counter(row["reason"] for row in rejects) == {"reply_format": 4, "reply_no_question": 4}
    assert all("asked once more: " in row["detail"] for row in rejects)


def is_refused(payload: Payload) -> bool:
    """Some of the repairs, whichever."""
    return is_repair(payload) and len(request_text(payload)) % 2 == 0
