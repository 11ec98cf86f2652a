"""The engine and a real language model: three questions, answered once."""

import time
from pathlib import Path

import pytest

from pipelines.generation.engine import generate
from pipelines.generation.settings import from_environment
from pipelines.generation.store import ReplyStore
from schemas.keys import request_key

QUESTIONS = ("Name three colours.", "Describe a red car in one sentence.", "Is snow white? Answer yes or no.")

pytestmark = [pytest.mark.llm, pytest.mark.timeout(900)]


def _request(model: str, question: str) -> tuple[str, str, dict[str, object]]:
    payload = {
        "model": model, "messages": [{"role": "user", "content": question}], "max_tokens": 48, "temperature": 0,
        "seed": 0,
    }  # fmt: skip
    return request_key(payload), "short_form", payload


def test_three_questions_are_answered_and_not_asked_again(smollm2_server, tmp_path: Path) -> None:
    store = ReplyStore(f"sqlite:///{tmp_path}/replies.sqlite")
    settings = from_environment(budget_usd=1.0, price=(0.0, 0.0), concurrency=2, timeout_s=300.0)
    requests = [_request(smollm2_server.model, question) for question in QUESTIONS]
    began = time.monotonic()
    outcome = generate(requests, store, settings)
    seconds = time.monotonic() - began
    replies = store.get_many(key for key, _, _ in requests)
    assert (outcome.answered, outcome.failed, outcome.left) == (3, 0, 0)
    assert all(reply.text and reply.completion_tokens and reply.cost_usd == 0 for reply in replies.values())
    assert all(smollm2_server.model in reply.model for reply in replies.values())
    asked_before = smollm2_server.log.read_text().count("POST /v1/chat/completions")
    assert generate(requests, store, settings).cached == 3
    assert smollm2_server.log.read_text().count("POST /v1/chat/completions") == asked_before >= 3
    tokens = sum(reply.completion_tokens for reply in replies.values())
    print(f"{tokens} tokens in {seconds:.1f} s: {tokens / seconds:.1f} a second")
    for (_, _, payload), reply in zip(requests, replies.values(), strict=True):
        print(payload["messages"][0]["content"], "->", reply.finish_reason, repr(reply.text))
