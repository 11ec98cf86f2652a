"""Builds that show pictures, and what is looked at in what they send."""

import base64
import io
import pathlib
from typing import Any

import msgspec
import PIL.Image

from pipelines.generation.ask import Ask
from pipelines.phases.generate import asks
from pipelines.phases.layout import Layout
from pipelines.phases.plan import Job, Plan, make_plan
from pipelines.recipes import FOLDER, only
from schemas.recipe import Recipe, VisionSettings
from tests.phases.conftest import good_text
from tests.recipes import load
from tests.servers.openai_server import OpenAIServer, Payload, answer

ASK = ("--generator", "openai", "--model", "loopback-1", "--price", "1/1", "--budget-usd", "90", "--limit", "5",
       "--kinds", "description,conversation,short_form")  # fmt: skip
KINDS = ("description", "conversation", "short_form")
FIRST = 4
"""Messages of a request that is no repair."""


def recipe(tmp_path: pathlib.Path, vision: str = "{}", name: str = "seeing") -> pathlib.Path:
    """The recipe of objects, with pictures."""
    text = (FOLDER / "object-level.yaml").read_text().replace("  seed: null", f"  seed: null\n  vision: {vision}")
    path = tmp_path / f"{name}.yaml"
    path.write_text(text)
    return path


def seeing_recipe(vision: VisionSettings | None, *kinds: str) -> Recipe:
    whole = only(load("object-level"), kinds or KINDS)
    return msgspec.structs.replace(whole, generation=msgspec.structs.replace(whole.generation, vision=vision))


def planned(vision: VisionSettings | None, data: str, out: pathlib.Path) -> tuple[Plan, list[Ask]]:
    layout = Layout(str(out))
    plan = make_plan(Job(seeing_recipe(vision), data, layout, generator="openai", limit=5))
    return plan, list(asks(plan, layout))


def content(payload: Payload) -> list[dict[str, Any]]:
    """Of the question, whatever was said after it."""
    return payload["messages"][FIRST - 1]["content"]


def urls(payload: Payload) -> list[str]:
    return [part["image_url"]["url"] for part in content(payload) if part["type"] == "image_url"]


def opened(url: str) -> PIL.Image.Image:
    kind, _, encoded = url.partition(",")
    assert kind == "data:image/jpeg;base64"
    picture = PIL.Image.open(io.BytesIO(base64.b64decode(encoded, validate=True)))
    picture.load()
    assert picture.format == "JPEG"
    return picture


class Recorder:
    """A model that keeps what it was sent, and answers well."""

    def __init__(self, server: OpenAIServer) -> None:
        self.payloads: list[Payload] = []
        server.reply = self.reply

    def reply(self, payload: Payload) -> Payload:
        self.payloads.append(payload)
        return answer(good_text(payload))
