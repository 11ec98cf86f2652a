"""Replies in JSON: what is read, every fault with its reason, and never a crash."""

import json
import time
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import prompts
from pipelines.builders import MODEL_KINDS
from pipelines.builders.model_kind import finish
from pipelines.builders.replies import BadReply
from prompts import JSON
from schemas.ledger import REASONS
from schemas.records import Reply, Request, Sample
from tests.builders import rules
from tests.builders.both_forms import asked_in, written
from tests.builders.test_forms import KINDS, request
from tests.builders.test_replies import waiting as referred
from tests.factories import pairs
from tests.properties import quick

D, C, S, P, A = KINDS
LONG = "A brown dog lies in the sand."
PAIRS = [("What is <region1>?", "A dog"), ("What is <region2>?", "A kite")]
TOLD = [("What colour is <region1>?", "White"), ("What colour is <region2>?", "White")]
PARAGRAPHS = [("<region1>", LONG), ("<region2>", LONG)]
CONTENT = {D: PARAGRAPHS, C: PAIRS, S: PAIRS, P: PAIRS, A: TOLD}


def waiting(kind: str) -> Sample:
    """A row of two regions."""
    if kind in (D, C, S):
        return asked_in(referred(kind), JSON)
    row = request(kind, JSON).sample
    return msgspec.structs.replace(row, regions=row.regions[:2])


def answered(kind: str, text: str, **changes: str) -> Sample:
    reply = Reply(**{"key": "cd" * 32, "text": text, "finish_reason": "stop", "model": "gpt-x", **changes})
    return finish(MODEL_KINDS[kind], Request(key="cd" * 32, payload={}, sample=waiting(kind)), reply)


def reason(kind: str, text: str, **changes: str) -> str:
    with pytest.raises(BadReply) as raised:
        answered(kind, text, **changes)
    assert raised.value.detail
    return raised.value.reason


def good(kind: str) -> str:
    return written(kind, CONTENT[kind], JSON)


def talk(*content: tuple[str, str]) -> str:
    return written(C, list(content), JSON)


@pytest.mark.parametrize(
    "around",
    [
        "{}", "\n {}\n", "```json\n{}\n```", "```\n{}\n```", "Here it is:\n\n```json\n{}\n```\nI hope this helps!",
        "```JSON \n{}```", "\ufeff{}", "```json\r\n{}\r\n```",
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", KINDS)
def test_json_alone_or_in_a_fence(kind: str, around: str) -> None:
    row = answered(kind, around.replace("{}", good(kind)))
    assert [answer for _, answer in pairs(row)] == [answer for _, answer in CONTENT[kind]]
    assert (row.generator.name, row.generator.prompt) == ("gpt-x", f"{kind}/json")
    assert rules.broken([row]) == []


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        ("Question: why? Answer: so.", "Question: why? Answer: so."),
        ("First.\n\nQuestion: what?", "First.\n\nQuestion: what?"),
        ("  **A dog** in the sand \n", "A dog in the sand"),
        ("It says: ```x```", "It says: x"),
        ('A "dog" \\ {sand}', 'A "dog" \\ {sand}'),
        ("un perro peque\u00f1o \U0001f415", "un perro peque\u00f1o \U0001f415"),
        ("I hope this helps!", "I hope this helps!"),
    ],
)
def test_what_an_answer_holds_is_never_read_as_form(answer: str, kept: str) -> None:
    """The text form could not tell a mark inside of an answer from the next question; JSON can."""
    row = answered(C, talk(("What is <region1>?", answer), PAIRS[1]))
    assert pairs(row) == [("What is <region1>?", kept), PAIRS[1]]


def test_a_description_is_one_paragraph_and_goes_to_its_region() -> None:
    swapped = written(D, [("<region2>", f"Second.\n\n{LONG}"), (" <region1> ", f"**First.** {LONG}")], JSON)
    assert [answer for _, answer in pairs(answered(D, swapped))] == [f"First. {LONG}", f"Second. {LONG}"]


def test_marks_of_the_text_form_at_the_very_start_are_no_content() -> None:
    row = answered(C, talk(("**Question 1:** What is <region1>?", "A: A dog."), PAIRS[1]))
    assert pairs(row)[0] == ("What is <region1>?", "A dog.")
    row = answered(D, written(D, [("<region1>", f"<region1>: {LONG}"), ("<region2>", f"<region1>: {LONG}")], JSON))
    assert [answer for _, answer in pairs(row)] == [LONG, f"<region1>: {LONG}"], "only a region's own"


def test_a_short_answers_full_stop_is_dropped() -> None:
    row = answered(S, written(S, [("What is <region1>?", "A dog."), ("What is <region2>?", "A kite .")], JSON))
    assert [answer for _, answer in pairs(row)] == ["A dog", "A kite"]


NOT_THE_SCHEMA = [
    "{}", "[]", "null", '"text"', "3", '{"pairs": null}', '{"pairs": {}}', '{"pairs": ["What?"]}', '{"pairs": [{}]}',
    '{"pairs": [{"question": "What is <region1>?"}]}', '{"pairs": [{"question": "What?", "answer": 3}]}',
    '{"pairs": [{"question": "What?", "answer": null}]}', '{"pairs": [{"question": "What?", "answer": ["A dog"]}]}',
    '{"pairs": [{"question": "What?", "answer": "A dog", "why": "it barks"}]}', '{"pairs": [], "note": "none"}',
    '{"descriptions": [{"region": 1, "description": "A dog."}]}', '{"descriptions": {"<region1>": "A dog."}}',
    '{"descriptions": [{"region": "<region1>", "description": "A dog.", "sure": true}]}', '{"Pairs": []}',
]  # fmt: skip
NO_JSON = [
    "A dog and a kite.", "{", '{"pairs": [', '{"pairs": [{"question": "Wh', "{'pairs': []}", '{"pairs": [],}',
    '{"pairs": []} {"pairs": []}', '{"pairs": [NaN]}', "```json\n```", "```json\n{\n```", '{"pairs": "\n"}',
    '{"pairs": [{"question": "\\ud800", "answer": "x"}]}', '{"pairs": "\ud800"}', "[" * 100_000, '{"a":' * 100_000,
]  # fmt: skip


@pytest.mark.parametrize("text", [*NOT_THE_SCHEMA, *NO_JSON])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_json_of_the_schema(kind: str, text: str) -> None:
    assert reason(kind, text) == "reply_format"


@pytest.mark.parametrize("text", NOT_THE_SCHEMA)
@pytest.mark.parametrize("kind", KINDS)
def test_the_schema_that_is_sent_says_so_too(kind: str, text: str) -> None:
    """What we reject for its shape is what a server that keeps to the schema never sends."""
    given = prompts.load(kind, JSON).response_format
    assert given
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(json.loads(text), given["json_schema"]["schema"])


BAD = [
    (D, PARAGRAPHS[:1], "reply_region_count"),
    (D, [], "reply_format"),
    (D, [*PARAGRAPHS, ("<region3>", LONG)], "reply_region_count"),
    (D, [PARAGRAPHS[0], ("<region3>", LONG)], "reply_unknown_region"),
    (D, [PARAGRAPHS[0], ("region2", LONG)], "reply_unknown_region"),
    (D, [PARAGRAPHS[0], ("", LONG)], "reply_unknown_region"),
    (D, [PARAGRAPHS[0], ("<region2><region1>", LONG)], "reply_unknown_region"),
    (D, [PARAGRAPHS[0], (f"<region{'9' * 5000}>", LONG)], "reply_unknown_region"),
    (D, [PARAGRAPHS[0], PARAGRAPHS[0]], "reply_missing_region"),
    (D, [PARAGRAPHS[0], ("<region2>", "A dog.")], "reply_format"),
    (D, [PARAGRAPHS[0], ("<region2>", "")], "reply_format"),
    (D, [PARAGRAPHS[0], ("<region2>", f"{LONG} Beside it is <region7>.")], "reply_unknown_region"),
    (D, [PARAGRAPHS[0], ("<region2>", f"{LONG} It fills its bounding box.")], "reply_mentions_source"),
    (C, [], "reply_no_question"),
    (C, PAIRS[:1], "reply_missing_region"),
    (C, [*PAIRS, ("What is <region3>?", "A cat")], "reply_unknown_region"),
    (C, [*PAIRS, ("", "A cat")], "reply_format"),
    (C, [*PAIRS, ("And?", " \n")], "reply_format"),
    (C, [*PAIRS, ("And?", "**")], "reply_format"),
    (C, [*PAIRS, ("And?", "The caption says so.")], "reply_mentions_source"),
    (S, [*PAIRS, ("And?", "A dog that lies in the wet sand")], "reply_long_answer"),
    (S, [*PAIRS, ("And?", "A dog\nA cat")], "reply_format"),
    (S, [*PAIRS, ("And?", "...")], "reply_format"),
    (P, [*PAIRS, PAIRS[0], PAIRS[0]], "reply_too_many_questions"),
    (P, [*PAIRS[:1], ("And what is that?", "<region2>")], "reply_format"),
    (A, [*TOLD[:1], ("What colour is <region2>?", "Unknown")], "reply_no_answer"),
    (A, [*TOLD[:1], ("What colour is <region2>?", "Green")], "reply_unfounded"),
]


@pytest.mark.parametrize(("kind", "content", "expected"), BAD)
def test_content_is_checked_as_that_of_a_text(kind: str, content: list[tuple[str, str]], expected: str) -> None:
    assert reason(kind, written(kind, content, JSON)) == expected


@pytest.mark.parametrize("kind", KINDS)
def test_a_reply_that_the_model_did_not_finish(kind: str) -> None:
    assert reason(kind, good(kind)[:-9], finish_reason="length") == "reply_cut_off"
    assert reason(kind, "", finish_reason="content_filter") == "reply_filtered"
    assert reason(kind, " ") == "reply_empty"


REFUSALS = [
    "I'm sorry, but I can't help with that.", "I\u2019m sorry, I cannot assist with this request.",
    "Sorry, I can't do that.", "I cannot describe people in pictures.", "I am unable to assist with that.",
    "I apologize, but this is beyond me.", "Unfortunately, I can't answer that.",
]  # fmt: skip


@pytest.mark.parametrize("words", REFUSALS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_refusal(kind: str, words: str) -> None:
    assert reason(kind, words) == "reply_refused"
    text = asked_in(waiting(kind), "text")
    with pytest.raises(BadReply, match="reply_refused"):
        MODEL_KINDS[kind].parse(words, text)
    assert reason(kind, words, finish_reason="refusal") == "reply_refused"
    assert reason(kind, "", finish_reason="refusal") == "reply_refused"


@pytest.mark.parametrize("words", ["I see a dog.", "Sorry sight: a dog.", "I can describe it.", "A dog, I am sure."])
def test_other_words_are_no_refusal(words: str) -> None:
    assert reason(C, words) == "reply_format"


NAMES = ["pairs", "question", "answer", "descriptions", "region", "description", "x"]
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
PIECES = [
    "```", "```json\n", "\n", "{", "}", "[", "]", '"pairs"', ":", ",", '"question"', '"answer"', '"<region1>"', '"a"',
    '"\\ud800"', "\\", "null", "1e999", "\x00", "\ud800", "\u2028", '{"pairs": [', '{"descriptions": [', "<region2>",
]  # fmt: skip
TEXTS = st.text(max_size=60) | st.lists(st.sampled_from(PIECES), max_size=24).map("".join) | JUNK.map(json.dumps)


def verdict(kind: str, text: str) -> str:
    """`good`, the reason of a reject, or the rules of a shard that the row breaks."""
    try:
        return " ".join(rules.broken([answered(kind, text)])) or "good"
    except BadReply as bad:
        return bad.reason


@pytest.mark.parametrize("kind", KINDS)
@quick
@given(TEXTS)
def test_whatever_comes_in_is_a_good_row_or_a_reason(kind: str, text: str) -> None:
    assert verdict(kind, text) in {"good", *REASONS}


ANSWERS = st.text(max_size=20) | st.sampled_from(["A dog", "White", "<region1>", "<region2>", "caption", LONG, "\x00"])


@pytest.mark.parametrize("kind", KINDS)
@quick
@given(st.lists(st.tuples(ANSWERS | st.just("What is <region1>?"), ANSWERS), max_size=4))
def test_any_content_of_the_right_shape(kind: str, more: list[tuple[str, str]]) -> None:
    content = [*CONTENT[kind], *more]
    assert verdict(kind, written(kind, content, JSON)) in {"good", *REASONS}


@pytest.mark.parametrize("kind", KINDS)
@quick
@given(JUNK)
def test_no_junk_that_breaks_the_schema_is_read(kind: str, junk: Any) -> None:
    given_format = prompts.load(kind, JSON).response_format
    assert given_format
    schema = given_format["json_schema"]["schema"]
    if not jsonschema.Draft202012Validator(schema).is_valid(junk):
        assert verdict(kind, json.dumps(junk)) == "reply_format"


@pytest.mark.parametrize("piece", ["{", "[", '{"pairs":', "```", "```\n", "```json\n", " ", "\n", '"', "\\", "a"])
def test_a_model_that_repeats_itself_costs_no_time(piece: str) -> None:
    start = time.perf_counter()
    for kind in KINDS:
        assert reason(kind, "{" + piece * (20_000 // len(piece))) == "reply_format"
    assert time.perf_counter() - start < 5
