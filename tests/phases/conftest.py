"""Sample scenes, the command line, and a server that answers as a good model would."""

import json
import pathlib
import re
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from pipelines.builders import MODEL_KINDS, neighbors
from pipelines.scenes import write_scenes
from tests.command_line import Ran, Run, osprey_data
from tests.servers.openai_server import OpenAIServer, Payload, answer, last_text, running
from tests.servers.structured import by_schema, schema_name, schema_of

__all__ = ["Ran", "Run", "osprey_data"]

IMAGES = 36


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A raw data tree."""
    folder = str(tmp_path_factory.mktemp("scenes"))
    write_scenes(folder, IMAGES, seed=5, workers=1)
    return folder


@pytest.fixture(scope="session", autouse=True)
def _one_embedding() -> Iterator[None]:
    """The real SentenceBERT, asked once for each vocabulary rather than once for each output folder."""
    real = neighbors.embed
    known: dict[tuple[str, ...], Any] = {}

    def embed(texts: list[str]) -> Any:
        key = tuple(texts)
        if key not in known:
            known[key] = real(texts)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbors, "embed", embed)
        yield


def request_text(payload: Payload) -> str:
    """What a request tells of its image: the message after the worked example, also where a repair follows it."""
    return last_text({"messages": payload["messages"][:4]})


def regions_of(payload: Payload) -> int:
    """How many regions a request asks about."""
    return len(set(re.findall(r"^<region(\d+)> (?:is|lies) ", request_text(payload), re.MULTILINE)))


def kind_of(payload: Payload) -> str:
    """Told by the system message, as a model would."""
    system = payload["messages"][0]["content"]
    for words, kind in (
        ("one word or one short phrase", "short_form"),
        ("what each region is", "part_category"),
        ("how each region looks", "part_attribute"),
    ):
        if words in system:
            return kind
    return "conversation" if "Write a conversation" in system else "description"


def good_text(payload: Payload) -> str:
    """A reply in the form that is asked for."""
    schema = schema_of(payload)
    if schema and schema_name(payload) not in MODEL_KINDS:
        return by_schema(schema)
    content = good_content(payload)
    if kind_of(payload) == "description":
        text = "\n\n".join(f"{name}: {paragraph}" for name, paragraph in content)
        entries = [{"region": name, "description": paragraph} for name, paragraph in content]
        return json.dumps({"descriptions": entries}) if schema else text
    text = "\n\n".join(f"Question: {question}\nAnswer: {told}" for question, told in content)
    return json.dumps({"pairs": [{"question": one, "answer": told} for one, told in content]}) if schema else text


def good_content(payload: Payload) -> list[tuple[str, str]]:
    """(name of a region, paragraph), or (question, answer)."""
    numbers = range(1, regions_of(payload) + 1)
    if kind_of(payload) == "description":
        return [(f"<region{n}>", f"A thing of number {n} that stands there in plain view.") for n in numbers]
    told = dict.fromkeys(numbers, "A thing")
    if kind_of(payload) == "part_attribute":
        told = {n: _first_fact(payload, n) for n in numbers}
    return [(f"What is <region{n}>?", told[n]) for n in numbers]


def _first_fact(payload: Payload, number: int) -> str:
    """What the request tells first of a region's looks."""
    found = re.search(rf"^<region{number}> is .*\n- \w+: (.*)$", request_text(payload), re.MULTILINE)
    assert found
    return found[1]


def good_reply(payload: Payload) -> Payload:
    return answer(good_text(payload))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAIServer]:
    """A server of its own, with the environment set for it."""
    with running(OpenAIServer(reply=good_reply)) as started:
        monkeypatch.setenv("OPENAI_BASE_URL", started.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-loopback")
        yield started


@pytest.fixture
def data(scenes: str, tmp_path: pathlib.Path) -> str:
    """Sample scenes of one's own, to change."""
    shutil.copytree(scenes, tmp_path / "data")
    return str(tmp_path / "data")
