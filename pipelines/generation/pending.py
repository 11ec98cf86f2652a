"""Which requests are still to be asked, found while they stream by."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from pipelines.generation.ask import Ask
from pipelines.generation.store import ReplyStore

CHUNK = 256
"""Requests looked up in the store at a time."""


class Pending(Iterator[Ask]):
    """The requests that are to be asked: not those in the store, nor repeats of one that is being asked.

    Every chunk is looked up when it is read. What was taken before is in the store by then or still in `taken`, so that
    nothing else need be remembered, however many requests there are.
    """

    def __init__(self, requests: Iterable[tuple[str, str, dict[str, Any]]], store: ReplyStore, retry: bool) -> None:
        self._requests = iter(requests)
        self._store = store
        self._retry = retry
        self._chunk: list[Ask] = []
        self.read = 0
        """Requests seen so far."""
        self.cached = 0
        """Of these, found in the store or repeats."""
        self.taken: set[str] = set()

    def __next__(self) -> Ask:
        if self.empty():
            raise StopIteration
        return self._chunk.pop()

    def empty(self) -> bool:
        """Whether nothing is left to be asked."""
        while not self._chunk:
            chunk = [Ask(*request) for request in islice(self._requests, CHUNK)]
            if not chunk:
                return True
            self._chunk = self._fresh(chunk)[::-1]
        return False

    def _fresh(self, chunk: list[Ask]) -> list[Ask]:
        errors = self._store.errors(ask.key for ask in chunk)
        known = {key for key, error in errors.items() if not (error and self._retry)} | self.taken
        fresh = {ask.key: ask for ask in chunk if ask.key not in known}
        self.read += len(chunk)
        self.cached += len(chunk) - len(fresh)
        self.taken.update(fresh)
        return list(fresh.values())

    def done(self, key: str, *, failed: bool) -> None:
        """The store has it now; where failures are asked again, one that failed again stays taken."""
        if not (failed and self._retry):
            self.taken.discard(key)
