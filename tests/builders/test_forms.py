"""Both forms of a request, and replies in both: the same content ends in the same sample."""

import json
from collections.abc import Callable
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import prompts
from pipelines.builders import BUILDERS, MODEL_KINDS
from pipelines.builders.context import OPENAI, Context
from pipelines.builders.model_kind import asked_form, finish, form_of
from prompts import JSON, TEXT, Form
from schemas.keys import request_key
from schemas.recipe import GenerationSettings
from schemas.records import Reply, Request, Sample, Scene
from tests.builders import beach, kitchen
from tests.builders.both_forms import FORMS, asked_in, composed
from tests.factories import context
from tests.properties import quick

REFERRED = beach.KINDS
PARTS = ("part_category", "part_attribute")
KINDS = (*REFERRED, *PARTS)


def asking(kind: str, form: Form) -> Context:
    sources = beach.SOURCES if kind in REFERRED else kitchen.SOURCES
    settings = GenerationSettings(reply_format=form)
    return context(kind, sources, generator=OPENAI)._replace(generation=settings)


def scene_of(kind: str) -> Scene:
    return beach.beach() if kind in REFERRED else kitchen.kitchen()


def requests(kind: str, form: Form, one: Scene) -> list[Request]:
    return BUILDERS[kind](one, asking(kind, form)).requests


def request(kind: str, form: Form) -> Request:
    (made,) = requests(kind, form, scene_of(kind))
    return made


KEYS = {
    "description": "0ba9611be1bf4507d68c0ae8f03cc1815a9c734dc7d9cb993f75f34b8ff7199f",
    "conversation": "5a561d7e84fc9b2b3ff5c8bc5a922f942d940c47640d0941f7c799672032246a",
    "short_form": "b74245a463539dde27e92a26e46307763f57e800449e06d040fb50580e4aab37",
    "part_category": "e59359fd616841bcf13e68bf22cada4e96b35328c5894feb1304863b38b3915a",
    "part_attribute": "e803309d28a71f9a3616cfbd7343da8b79b283b728e0cc6b06235e0397adb54a",
}
"""Of requests as they were before there was a second form."""


@pytest.mark.parametrize("kind", KINDS)
def test_no_text_request_is_bought_again(kind: str) -> None:
    """A key here may change only with a prompt that is meant to: then all replies of the kind are asked anew."""
    made = request(kind, TEXT)
    assert made.key == KEYS[kind]
    assert set(made.payload) == {"model", "temperature", "max_tokens", "messages"}
    assert made.sample.generator.prompt == kind


@pytest.mark.parametrize("kind", KINDS)
def test_the_whole_json_request(kind: str, golden: Callable[[str, str], None]) -> None:
    payload = request(kind, JSON).payload
    messages = "\n\n".join(f"[{message['role']}]\n{message['content']}" for message in payload["messages"])
    golden(f"{kind}-json", f"{messages}\n\n[response_format]\n{json.dumps(payload['response_format'], indent=2)}\n")


@pytest.mark.parametrize("kind", KINDS)
def test_the_template_in_json(kind: str, golden: Callable[[str, str], None]) -> None:
    regions = request(kind, JSON).sample.regions
    golden(f"{kind}-json-template", composed(kind, scene_of(kind), regions, form=JSON) + "\n")


@pytest.mark.parametrize("kind", KINDS)
def test_a_json_request(kind: str) -> None:
    text, made = request(kind, TEXT), request(kind, JSON)
    assert made.key == request_key(made.payload) != text.key
    assert made.sample.generator.prompt_sha256 == prompts.sha256(kind, JSON) != prompts.sha256(kind)
    assert made.payload["messages"][-1] == text.payload["messages"][-1]
    given = made.payload["response_format"]["json_schema"]
    assert (given["name"], given["strict"]) == (kind, True)
    assert {name: made.payload[name] for name in ("model", "temperature", "max_tokens")} == {
        name: text.payload[name] for name in ("model", "temperature", "max_tokens")
    }
    unnamed = asked_in(text.sample, JSON).generator
    assert msgspec.structs.replace(made.sample.generator, prompt_sha256=unnamed.prompt_sha256) == unnamed


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_row_knows_in_which_form_its_request_is(kind: str, form: Form) -> None:
    made = request(kind, form)
    again = msgspec.json.decode(msgspec.json.encode(made.sample), type=Sample)
    assert form_of(again) == form == (JSON if "response_format" in made.payload else TEXT)


def test_a_form_that_nobody_decided_is_the_papers() -> None:
    assert asked_form(GenerationSettings()) == asked_form(GenerationSettings(reply_format="text")) == TEXT
    assert asked_form(GenerationSettings(reply_format="json")) == JSON


def objects(schema: Any) -> list[dict[str, Any]]:
    """Every object of a schema."""
    if isinstance(schema, list):
        return [found for one in schema for found in objects(one)]
    if not isinstance(schema, dict):
        return []
    own = [schema] if schema.get("type") == "object" else []
    return own + [found for one in schema.values() for found in objects(one)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_schema_keeps_to_the_strict_subset(kind: str) -> None:
    """All properties required and no other allowed; no reference, no bound on a length, nothing optional."""
    schema = request(kind, JSON).payload["response_format"]["json_schema"]["schema"]
    jsonschema.Draft202012Validator.check_schema(schema)
    assert len(objects(schema)) == 2
    for one in objects(schema):
        assert one["additionalProperties"] is False
        assert one["required"] == list(one["properties"])
    used = set(json.dumps(schema).replace(":", " ").replace('"', " ").split())
    assert not used & {"$ref", "$defs", "minItems", "maxItems", "minLength", "maxLength", "pattern", "format", "anyOf"}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_read_is_what_the_schema_admits(kind: str) -> None:
    prompt = prompts.load(kind, JSON)
    assert prompt.response_format
    schema = prompt.response_format["json_schema"]["schema"]
    jsonschema.validate(json.loads(prompt.example_assistant), schema)
    jsonschema.validate(
        json.loads(composed(kind, scene_of(kind), request(kind, JSON).sample.regions, form=JSON)), schema
    )


def ended(kind: str, form: Form, text: str, made: Request) -> Sample:
    reply = Reply(key=made.key, text=text, finish_reason="stop", model="m")
    return finish(MODEL_KINDS[kind], made, reply)


def both_alike(kind: str, one: Scene, seed: int) -> None:
    """Template -> text or JSON -> sample: equal but for what says how it was asked."""
    for text, made in zip(requests(kind, TEXT, one), requests(kind, JSON, one), strict=True):
        rows = [
            ended(kind, form, composed(kind, one, asked.sample.regions, seed, form), asked)
            for form, asked in ((TEXT, text), (JSON, made))
        ]
        assert rows[0].messages
        assert msgspec.structs.replace(rows[1], generator=rows[0].generator) == rows[0]
        assert rows[1].generator.request_key == made.key


@pytest.mark.parametrize("kind", REFERRED)
@quick
@given(beach.scenes(), st.integers(0, 3))
def test_referred_regions_in_both_forms(kind: str, one: Scene, seed: int) -> None:
    both_alike(kind, one, seed)


@pytest.mark.parametrize("kind", PARTS)
@quick
@given(kitchen.kitchens(), st.integers(0, 3))
def test_parts_in_both_forms(kind: str, one: Scene, seed: int) -> None:
    both_alike(kind, one, seed)
