"""Requests: what the model is told, and the row that waits for the answer."""

from collections.abc import Callable

import msgspec
import pytest

import prompts
from pipelines.builders import BUILDERS, referred
from schemas import ledger
from schemas.keys import request_key
from schemas.records import Built, Request
from tests.builders.beach import KINDS, beach, context
from tests.builders.both_forms import composed
from tests.factories import reasons, region, says, scene, text


def request(kind: str, *, detail: bool = True) -> Request:
    (made,) = BUILDERS[kind](beach(detail=detail), context(asking=True)).requests
    return made


def balance(kind: str, made: Built) -> None:
    for line in ledger.lines(f"build:{kind}", made.read, made.rejects):
        line.check()


@pytest.mark.parametrize("detail", [True, False], ids=["detail", "captions"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_whole_prompt(kind: str, detail: bool, golden: Callable[[str, str], None]) -> None:
    messages = request(kind, detail=detail).payload["messages"]
    text = "\n\n".join(f"[{message['role']}]\n{message['content']}" for message in messages)
    golden(f"{kind}-{'detail' if detail else 'captions'}", f"{text}\n")


@pytest.mark.parametrize("kind", KINDS)
def test_the_template_answers_in_the_form_that_is_asked(kind: str, golden: Callable[[str, str], None]) -> None:
    regions = referred.referred(beach(), context().kinds[kind].sources)
    golden(f"{kind}-template", composed(kind, beach(), regions) + "\n")


@pytest.mark.parametrize("kind", KINDS)
def test_the_waiting_row(kind: str) -> None:
    made = request(kind)
    row = made.sample
    assert [one.region_id for one in row.regions] == ["coco/12", "coco/11", "coco/14"], "in order of first sight"
    assert row.messages == ()
    assert row.sources == ("coco", "llava", "refcoco", "refcoco+", "refcocog")
    assert row.license == "LicenseRef-unstated"
    assert row.generator.prompt_sha256 == prompts.sha256(kind)
    assert {key: made.payload[key] for key in made.payload if key != "messages"} == {
        "model": "gpt-4o-mini", "temperature": 0.7, "max_tokens": 1500,
    }  # fmt: skip
    assert made.key == request_key(made.payload)


def test_requests_are_told_apart_by_what_is_sent_only() -> None:
    keys = {request(kind, detail=detail).key for kind in KINDS for detail in (True, False)}
    assert len(keys) == 6
    assert request("conversation").key == request("conversation").key
    renamed = msgspec.structs.replace(beach(), path="coco/val2017/000000000009.jpg", split="val")
    assert BUILDERS["conversation"](renamed, context(asking=True)).requests[0].key == request("conversation").key


def test_only_the_recipes_sources_are_used() -> None:
    """What RefCOCO says must be neither in the prompt nor in the template's answer of a build from RefCOCOg."""
    few = context(sources=("refcocog",))
    (sample,) = BUILDERS["description"](beach(), few).samples
    assert [one.region_id for one in sample.regions] == ["coco/11", "coco/14"]
    assert sample.sources == ("coco", "llava", "refcocog")
    assert "the brown dog" in sample.messages[1].content
    assert "dog on left" not in sample.messages[1].content
    (asked,) = BUILDERS["description"](beach(), context(sources=("refcocog",), asking=True)).requests
    assert "dog on left" not in asked.payload["messages"][-1]["content"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_cap_counts_expressions(kind: str) -> None:
    made = BUILDERS[kind](beach(), context(cap=1))
    balance(kind, made)
    assert made.read == {("refcoco", "expressions"): 4, ("refcoco+", "expressions"): 2, ("refcocog", "expressions"): 2}
    (sample,) = made.samples
    assert len(sample.regions) == 2
    left_out = {"coco/11", "coco/12"} - {one.region_id for one in sample.regions}
    assert len(left_out) == 1, "the cap is RefCOCO's: what only RefCOCOg speaks of does not count"
    assert {reject.key.partition("#")[0] for reject in made.rejects} == left_out
    assert set(reasons(made.rejects)) == {"region_cap"}


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_text_about_the_image_there_is_no_row(kind: str) -> None:
    silent = msgspec.structs.replace(beach(), texts=(text("What is it?", "conversation"),))
    made = BUILDERS[kind](silent, context())
    balance(kind, made)
    assert (made.samples, reasons(made.rejects)) == ([], {"no_image_text": 8})


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_that_nobody_refers_to_has_no_row(kind: str) -> None:
    made = BUILDERS[kind](scene([region(1)], [text("A dog.")]), context())
    assert made == Built([], [], [], {})


@pytest.mark.parametrize("kind", KINDS)
def test_an_expression_that_breaks_the_rules_is_a_reject(kind: str) -> None:
    """The template repeats what people said; here somebody spoke of a region that is not there."""
    odd = scene([region(1, expressions=says("left of <region9>"))], [text("A dog.")])
    made = BUILDERS[kind](odd, context())
    balance(kind, made)
    if made.samples:
        assert "<region9>" not in str(made.samples[0].messages)
    else:
        assert reasons(made.rejects) == {"reply_unknown_region": 1}
