"""The log says what was tried again, what was learnt and how it ended, and never a key."""

import logging
from typing import Any

import pytest

from pipelines.generation.batch import run_batches
from pipelines.generation.engine import generate
from pipelines.generation.log import logger, redact
from schemas.errors import GenerationError
from tests.generation.conftest import KEY
from tests.servers import openai_server as faulty
from tests.servers import rates


def test_a_run_is_told(server: Any, store: Any, quick: Any, ask: Any, caplog: Any) -> None:
    caplog.set_level(logging.INFO, logger.name)
    server.rates = rates.Rates(requests=rates.Bucket(6000.0))
    server.fault = lambda payload, before: faulty.http_error(503, "overloaded") if before == 0 else None
    generate([ask("q")], store, quick())
    text = caplog.text
    for told in ("start", "budget $1.0", "HTTP 503: overloaded", "6000 requests"):
        assert told in text, told
    assert _end(caplog)[:2] == [
        "requests 1: 0 known or repeated, 1 answered, 0 failed, $0.0000 spent", "calls tried again: 1",
    ]  # fmt: skip
    assert "Outcome" not in text


def _end(caplog: Any) -> list[str]:
    """What the log says of the end."""
    return [line.removeprefix("end: ") for line in caplog.messages if line.startswith("end: ")]


def test_what_was_odd_about_a_run_is_told_at_its_end(
    server: Any, store: Any, quick: Any, ask: Any, caplog: Any
) -> None:
    caplog.set_level(logging.INFO, logger.name)
    server.reply = lambda payload: faulty.answer("a dog", usage=None)
    server.fault = lambda payload, before: faulty.http_error(400, "no") if "bad" in faulty.last_text(payload) else None
    generate([ask("good"), ask("bad")], store, quick())
    generate([ask(f"q{index}", max_tokens=1000) for index in range(9)], store, quick(budget_usd=0.0014, concurrency=1))
    first, *said = _end(caplog)
    assert first.startswith("requests 2: 0 known or repeated, 1 answered, 1 failed, $0.0")
    assert said[:2] == [
        "replies that give no row: request_failed 1",
        "1 answers came without a count of tokens: they are charged at the most",
    ]
    left = next(words for words in said if words.endswith("requests were not asked"))
    assert int(left.split()[0]) > 0
    assert next(words for words in said if words.startswith("stopped early: ")).count("budget")


def test_a_run_in_batches_is_told(store: Any, batched: Any, asks: Any, caplog: Any) -> None:
    caplog.set_level(logging.INFO, logger.name)
    run_batches(asks(3), store, batched())
    assert _end(caplog)[0].startswith("requests 3: 0 known or repeated, 3 answered, 0 failed, $0.0")


def test_a_failure_is_told_with_its_request(server: Any, store: Any, quick: Any, ask: Any, caplog: Any) -> None:
    caplog.set_level(logging.INFO, logger.name)
    server.fault = lambda payload, before: faulty.http_error(400, "too long")
    generate([ask("q")], store, quick())
    assert ask("q").key in caplog.text
    assert "HTTP 400: too long" in caplog.text


@pytest.mark.parametrize("status", [400, 401, 429, 500])
def test_a_key_that_the_server_repeats_is_in_no_log(
    status: int, server: Any, store: Any, quick: Any, ask: Any, caplog: Any, tmp_path: Any
) -> None:
    handler = logging.FileHandler(tmp_path / "log.txt")
    caplog.set_level(logging.DEBUG)
    logger.addHandler(handler)
    try:
        server.fault = lambda payload, before: faulty.http_error(status, f"Incorrect API key provided: {KEY}.")
        try:
            generate([ask("q")], store, quick())
        except GenerationError as error:
            logger.exception("ended with %s", error)
        logger.info("a handler of another one gives %s and sk-proj-abc***xyz9", KEY)
    finally:
        logger.removeHandler(handler)
        handler.close()
    written = (tmp_path / "log.txt").read_text()
    assert "[key]" in written
    for text in (written, caplog.text):
        assert KEY not in text
        assert "xyz9" not in text


def test_what_looks_like_a_key_is_hidden() -> None:
    assert redact("Authorization: Bearer abc.def-1") == "Authorization: Bearer [key]"
    assert redact("you sent sk-lo**********ret") == "you sent [key]"
    assert redact("task-force sk-1") == "task-force sk-1"
