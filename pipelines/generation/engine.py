"""Many calls at once: only what the store lacks, each answer stored before anything else, never over the budget.

Requests stream from an iterator: a few hundred are in memory, whatever their number. Each is claimed in the store
before it is asked, so that no other worker asks it too. It ends as an answer in the store, as a failure in the store
(the server refused this one, or did not answer it while it answered others), or unasked (budget, interruption, a server
that is gone), and then the next run asks it.
"""

import asyncio
import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from pipelines.generation.ask import Hooks
from pipelines.generation.client import Client
from pipelines.generation.pending import Pending
from pipelines.generation.progress import Outcome as Outcome
from pipelines.generation.progress import Progress as Progress
from pipelines.generation.progress import Report as Report
from pipelines.generation.progress import quiet
from pipelines.generation.run import Run
from pipelines.generation.settings import Settings
from pipelines.generation.store import ReplyStore
from schemas.errors import GenerationError

Requests = Iterable[tuple[Any, ...]]
"""`Ask`s, or tuples of their first fields: (key, kind, payload) at least."""
NO_HOOKS = Hooks()


def generate(
    requests: Requests, store: ReplyStore, settings: Settings, progress: Report = quiet, hooks: Hooks = NO_HOOKS
) -> Outcome:
    """`answer_all` for a program without an event loop.

    Ctrl-C waits for the answers in flight and stores them, then raises KeyboardInterrupt; a second one does not wait.
    """
    with _short_collections():
        return asyncio.run(answer_all(requests, store, settings, progress, hooks))


@contextmanager
def _short_collections() -> Iterator[None]:
    """What is loaded already (a million objects of libraries) is passed over by the garbage collector: looking through
    it holds all requests up for up to a tenth of a second, time and again (`python -m benchmarks.asking`)."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


async def answer_all(
    requests: Requests, store: ReplyStore, settings: Settings, progress: Report = quiet, hooks: Hooks = NO_HOOKS
) -> Outcome:
    """Ask for every request that the store lacks, and store the replies. Needs neither key nor budget to ask nothing.

    Raises:
        GenerationError: no budget or key was given, the price is not known, the server refuses or does not answer, or
            the store takes nothing. The replies that came before are in the store.
    """
    pending = Pending(requests, store, settings, hooks)
    try:
        fresh = await pending.unknown()
        if not fresh:
            return Outcome(requests=pending.read, cached=pending.cached)
        if settings.budget_usd is None:
            raise GenerationError(
                "nothing is asked without a budget",
                hint="Say what this run may spend at most, in dollars: --budget-usd 5",
            )
        async with Client(settings) as client:
            purse = settings.purse or uuid4().hex
            with store.worker(purse, settings.budget_usd, settings.total_usd, settings.lease_s) as worker:
                return await Run(pending, store.url, worker, client, settings, progress, hooks).go(fresh)
    finally:
        pending.close()
