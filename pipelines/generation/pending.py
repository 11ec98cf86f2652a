"""Which requests are still to be asked, found while they stream by."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from typing import Any, NamedTuple

from pipelines.generation.ask import Ask, Hooks
from pipelines.generation.repair import repairs_of_stored
from pipelines.generation.settings import Settings
from pipelines.generation.store import Looked, ReplyStore, is_batch

CHUNK = 256
"""Requests looked up in the store at a time."""
MOST_ASIDE = 4096
"""Requests that others are asking which are kept, in case that they die. With more, no further ones are read."""
AGAIN_S = 1.0
"""Between two looks at what other workers are asking, once there is nothing else to do."""

Look = Callable[[list[str]], Awaitable[Looked]]
"""Claims keys in the store."""
Settle = Callable[[], Awaitable[None]]
"""Puts into the store what others may be waiting for."""


class _Read(NamedTuple):
    """What a chunk of requests came to."""

    requests: int
    unknown: list[Ask]
    repairs: list[Ask]


class Pending:
    """The requests that are to be asked: not those in the store, nor repeats of one that is being asked, nor those that
    others are asking.

    Every chunk is looked up when it is read. What was taken before is in the store by then or still in `taken`, so that
    nothing else need be remembered, however many requests there are. Reading and looking up is done in a thread.
    """

    def __init__(
        self, requests: Iterable[tuple[Any, ...]], store: ReplyStore, settings: Settings, hooks: Hooks
    ) -> None:
        self._requests = iter(requests)
        self._store = store
        self._settings = settings
        self._hooks = hooks
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="requests")
        self.read = 0
        """Requests seen so far."""
        self.cached = 0
        """Of these, found in the store or repeats."""
        self.in_batches = 0
        """Of these, being asked by a batch."""
        self.taken: set[str] = set()
        self.aside: dict[str, Ask] = {}
        """Being asked by other workers."""

    def close(self) -> None:
        """Read no more."""
        self._thread.shutdown(wait=False)

    async def unknown(self) -> list[Ask]:
        """Requests of the next chunk that has any which the store lacks; none at the end."""
        loop = asyncio.get_running_loop()
        while (found := await loop.run_in_executor(self._thread, self._read)).requests:
            self.read += found.requests
            self.cached += found.requests - len(found.unknown)
            fresh = [*found.unknown, *found.repairs]
            self.taken.update(ask.key for ask in fresh)
            if fresh:
                return fresh
        return []

    async def claim(self, asks: Iterable[Ask], look: Look) -> list[Ask]:
        """Those of the requests that are ours to ask; the others are set aside, or have been answered meanwhile."""
        by_key = {ask.key: ask for ask in asks}
        looked = await look(list(by_key))
        for key in looked.answered:
            self._forget(by_key[key], cached=True)
        for key, owner in looked.elsewhere.items():
            if is_batch(owner):
                self._forget(by_key[key], cached=False)
            else:
                self.aside[key] = by_key[key]
        return [ask for ask in by_key.values() if ask.key in looked.claimed]

    async def following(self, look: Look, settle: Settle, stop: asyncio.Event) -> list[Ask]:
        """The next requests that are ours to ask; none at the end, or when the run stops.

        At the end it waits for what others are asking: that is answered, or free because its worker is dead. They may
        be waiting for this run in their turn, so nothing is held back meanwhile.
        """
        while not stop.is_set():
            fresh = await self.unknown() if len(self.aside) < MOST_ASIDE else []
            if not fresh and not self.aside:
                return []
            if ours := await self.claim(fresh, look) if fresh else await self._claim_aside(look):
                return ours
            if not fresh:
                await settle()
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), AGAIN_S)
        return []

    async def _claim_aside(self, look: Look) -> list[Ask]:
        asks, self.aside = self.aside, {}
        try:
            return await self.claim(asks.values(), look)
        except BaseException:  # cancelling is one: what was set aside must not get lost, whatever ends this
            self.aside = asks
            raise

    def done(self, key: str, *, failed: bool) -> None:
        """The store has it now; where failures are asked again, one that failed again stays taken."""
        if not (failed and self._settings.retry_failed):
            self.taken.discard(key)

    @property
    def elsewhere(self) -> int:
        """Requests that others are asking."""
        return self.in_batches + sum(1 for ask in self.aside.values() if not ask.repair_of)

    def _forget(self, ask: Ask, *, cached: bool) -> None:
        self.taken.discard(ask.key)
        if not ask.repair_of:
            self.cached += cached
            self.in_batches += not cached

    def _read(self) -> _Read:
        """The next chunk. What is taken is left out before the store is asked: done means that the store has it."""
        chunk = [Ask(*request) for request in islice(self._requests, CHUNK)]
        free = {ask.key: ask for ask in chunk if ask.key not in self.taken}
        errors = self._store.errors(free)
        retry = self._settings.retry_failed
        unknown = [ask for key, ask in free.items() if key not in errors or (errors[key] and retry)]
        return _Read(len(chunk), unknown, self._repairs([ask for key, ask in free.items() if errors.get(key) == ""]))

    def _repairs(self, answered: list[Ask]) -> list[Ask]:
        if not self._settings.repairs or not answered:
            return []
        wanted = repairs_of_stored(answered, self._store, self._hooks, retry_failed=self._settings.retry_failed)
        return [ask for ask in wanted if ask.key not in self.taken]
