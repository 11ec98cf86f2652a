"""Runs of the engine in processes of their own, which can be killed. They are forked off a server that has everything
imported, so that one begins in milliseconds."""

from multiprocessing.context import ForkServerProcess
from typing import Any

from pipelines.generation.ask import Ask
from pipelines.generation.engine import generate
from pipelines.generation.settings import Settings
from pipelines.generation.store import ReplyStore
from schemas.keys import request_key
from tests import forks


def asks(count: int) -> list[Ask]:
    """The requests of such a run."""
    return [_ask(index) for index in range(count)]


def payload(index: int) -> dict[str, Any]:
    return {"model": "loopback", "messages": [{"role": "user", "content": f"q{index}"}], "max_tokens": 8}


def _ask(index: int) -> Ask:
    return Ask(request_key(payload(index)), "description", payload(index))


def started(url: str, settings: Settings, count: int, told: Any = None) -> ForkServerProcess:
    """A process that asks so many; `told` is a queue for how it ended."""
    return forks.started(_run, url, settings, count, told)


def _run(url: str, settings: Settings, count: int, told: Any) -> None:
    outcome = generate(asks(count), ReplyStore(url), settings)
    if told is not None:
        told.put(outcome)
