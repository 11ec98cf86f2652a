"""What a model that sees is sent, as a person would read it: pictures stand in it by their digests."""

from collections.abc import Callable

import pytest

from pipelines.builders import BUILDERS
from pipelines.phases.seeing import shown
from schemas.recipe import VisionSettings
from tests.builders.beach import KINDS, beach, context


@pytest.mark.parametrize("kind", KINDS)
def test_the_whole_seeing_prompt(kind: str, golden: Callable[[str, str], None]) -> None:
    (request,) = BUILDERS[kind](beach(detail=True), context(asking=True)).requests
    seen = shown(request, "a" * 64, VisionSettings())
    assert seen.payload["messages"][:-1] == request.payload["messages"][:-1], "the same instructions and example"
    parts = [
        part["text"] if part["type"] == "text" else f"[{part['image_url']['url']} {part['image_url']['detail']}]"
        for part in seen.payload["messages"][-1]["content"]
    ]
    golden(f"{kind}-seeing", "\n\n".join(parts) + "\n")


@pytest.mark.parametrize(
    ("kind", "key"),
    [("description", "0ba9611be1bf4507"), ("conversation", "5a561d7e84fc9b2b"), ("short_form", "b74245a463539dde")],
)
def test_text_only_requests_keep_the_keys_they_always_had(kind: str, key: str) -> None:
    """Answers were bought by these keys. Only a wanted change of a kind's own wording may change them."""
    (request,) = BUILDERS[kind](beach(detail=True), context(asking=True)).requests
    assert request.key[:16] == key
