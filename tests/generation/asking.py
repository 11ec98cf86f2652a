"""Runs of the engine in processes of their own, which can be killed. They are forked off a server that has everything
imported, so that one begins in milliseconds."""

import multiprocessing
import multiprocessing.process
from typing import Any

from pipelines.generation.ask import Ask
from pipelines.generation.engine import generate
from pipelines.generation.settings import Settings
from pipelines.generation.store import ReplyStore
from schemas.keys import request_key

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.generation.asking"])


def asks(count: int) -> list[Ask]:
    """The requests of such a run."""
    return [_ask(index) for index in range(count)]


def payload(index: int) -> dict[str, Any]:
    return {"model": "loopback", "messages": [{"role": "user", "content": f"q{index}"}], "max_tokens": 8}


def _ask(index: int) -> Ask:
    return Ask(request_key(payload(index)), "description", payload(index))


def started(url: str, settings: Settings, count: int, told: Any = None) -> multiprocessing.process.BaseProcess:
    """A process that asks so many; `told` is a queue for how it ended."""
    process = _context.Process(target=_run, args=(url, settings, count, told), daemon=True)
    process.start()
    return process


def queue() -> Any:
    """For what processes tell."""
    return _context.Queue()


def _run(url: str, settings: Settings, count: int, told: Any) -> None:
    outcome = generate(asks(count), ReplyStore(url), settings)
    if told is not None:
        told.put(outcome)
