"""What is to be asked, claimed a few hundred at a time: first what came back without an answer, then what is new.

Every request is counted once, whoever answers it. That takes care where a batch of an earlier run is under way: its
requests may come by before or after it is collected.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from pipelines.generation import prices
from pipelines.generation.ask import Ask, Hooks
from pipelines.generation.batch.tally import Tally
from pipelines.generation.repair import repairs_of_stored
from pipelines.generation.settings import Settings
from pipelines.generation.store import ReplyStore, Worker, is_batch
from pipelines.generation.store.batches import Batches, BatchRow, Line

CHUNK = 256
"""Requests looked up in the store at a time."""
ASIDE = 10_000
"""Requests that another run is asking, remembered in order to look again."""


class Planner:
    """Gives the requests that are this run's to ask. `next` returns None while there are none."""

    def __init__(
        self, requests: Iterable[Ask], store: ReplyStore, worker: Worker, settings: Settings, hooks: Hooks, tally: Tally
    ) -> None:
        self._requests: Iterator[Ask] = iter(requests)
        self._store, self._worker, self._settings, self._hooks, self._tally = store, worker, settings, hooks, tally
        self._batches = Batches(store.database)
        self._ready: deque[Line] = deque()
        self._mend: deque[Ask] = deque()
        self._over: deque[BatchRow] = deque()
        self._aside: dict[str, Ask] = {}
        self._own: set[str] = set()
        """Owners of the batches that this run has made."""
        self._earlier: set[str] = set()
        """Owners of the batches that it has taken over."""
        self._awaited: set[str] = set()
        """Keys that were read while a batch of an earlier run held them."""
        self._early: set[str] = set()
        """Keys that such a batch has answered before they were read."""
        self._failed: set[str] = set()
        self._exhausted = False

    def next(self) -> Line | None:
        """The next request to be asked, claimed."""
        while not self._ready:
            if self._over:
                self._ready.extend(self._left_over())
            elif self._mend:
                asks = [self._mend.popleft() for _ in range(min(CHUNK, len(self._mend)))]
                self._ready.extend(self._claim([self.line(ask) for ask in asks]))
            elif not self._exhausted:
                self._ready.extend(self._read())
            else:
                return None
        return self._ready.popleft()

    def put_back(self, line: Line) -> None:
        """It comes again as the next one."""
        self._ready.appendleft(line)

    def made(self, row: BatchRow) -> None:
        """A batch of this run."""
        self._own.add(row.owner)

    def taken_over(self, row: BatchRow) -> None:
        """A batch of an earlier run, which this one collects."""
        self._earlier.add(row.owner)

    def over(self, row: BatchRow) -> None:
        """A batch has ended: what is left of it is to be asked again."""
        self._over.append(row)

    def settled(self, row: BatchRow | None, ask: Ask, *, failed: bool) -> None:
        """A batch has brought an answer or a failure; or none has, and the request has failed before."""
        if failed and self._settings.retry_failed:
            self._failed.add(ask.key)
        if row is not None and row.owner in self._earlier and not ask.repair_of:
            if ask.key in self._awaited:
                self._awaited.discard(ask.key)
            else:
                self._early.add(ask.key)

    def look_again(self) -> None:
        """Take what another run has left, count what it has answered."""
        asks, self._aside = iter(self._aside.values()), {}
        while chunk := list(islice(asks, CHUNK)):
            self._tally.elsewhere -= len(chunk)
            self._ready.extend(self._claim([self.line(ask) for ask in chunk]))

    def rest(self) -> int:
        """How many requests are left unasked, repairs not counted. Reads them all; nothing can be asked after that."""
        while self._over:
            self._ready.extend(self._left_over())
        left = sum(1 for line in self._ready if not line.ask.repair_of)
        while chunk := list(islice(self._counted(), CHUNK)):
            keys = {ask.key for ask in chunk}
            known = self._store.errors(keys)
            unasked = [key for key in keys if key not in known or (known[key] and self._settings.retry_failed)]
            left += len(unasked)
            self._tally.cached += len(chunk) - len(unasked)
        return left

    def line(self, ask: Ask) -> Line:
        """A request with what it may cost; GenerationError where that is not known."""
        price = prices.price_of(str(ask.payload["model"]), self._settings)
        return Line(ask, price.cost(prices.bound(ask.payload, self._settings.image_tokens)))

    def _counted(self) -> Iterator[Ask]:
        for ask in self._requests:
            self._tally.requests += 1
            yield ask

    def _read(self) -> list[Line]:
        """The next requests, and those of them that are this run's to ask."""
        chunk = list(islice(self._counted(), CHUNK))
        self._exhausted = not chunk
        distinct = {ask.key: ask for ask in reversed(chunk)}
        self._tally.cached += len(chunk) - len(distinct)
        lines = [self.line(ask) for ask in reversed(distinct.values())]
        return self._claim(lines, new=True)

    def _left_over(self) -> list[Line]:
        """Some of what a batch brought no answer for. What an earlier run asked is taken where this one wants it; else
        it comes by, or nobody needs it any more."""
        row = self._over[0]
        taken = self._batches.take(row.id, CHUNK)
        if not taken:
            self._over.popleft()
        if row.owner in self._earlier:
            taken = [line for line in taken if line.ask.repair_of or line.ask.key in self._awaited]
            self._awaited.difference_update(line.ask.key for line in taken)
        return self._claim([self.line(line.ask)._replace(rounds=line.rounds, words=line.words) for line in taken])

    def _claim(self, lines: Sequence[Line], *, new: bool = False) -> list[Line]:
        """Those that nobody has answered or holds; they are this run's now."""
        if not lines:
            return []
        asks = {line.ask.key: line.ask for line in lines}
        looked = self._worker.look(asks, self._settings.retry_failed)
        counted = [key for key in looked.answered if not asks[key].repair_of and not self._was_early(key)]
        self._tally.cached += len(counted)
        again = {key for key in looked.claimed if new and key in self._failed}
        if again:
            self._worker.release(again)
            self._tally.cached += len(again)
        for key, owner in looked.elsewhere.items():
            self._elsewhere(asks[key], owner)
        if new and self._settings.repairs:
            self._mend_earlier([asks[key] for key, error in looked.answered.items() if not error])
        return [line for line in lines if line.ask.key in looked.claimed - again]

    def _was_early(self, key: str) -> bool:
        """Whether a batch of an earlier run has answered it, which has been counted; the next one is a repeat."""
        was = key in self._early
        self._early.discard(key)
        return was

    def _elsewhere(self, ask: Ask, owner: str) -> None:
        if ask.repair_of:
            return
        ours = owner == self._worker.id or owner in self._own
        if ours or ask.key in self._awaited or ask.key in self._aside:
            self._tally.cached += 1
        elif owner in self._earlier:
            self._awaited.add(ask.key)
        else:
            self._tally.elsewhere += 1
            if not is_batch(owner) and len(self._aside) < ASIDE:
                self._aside[ask.key] = ask

    def _mend_earlier(self, asks: list[Ask]) -> None:
        """Bad replies of earlier runs that nobody has tried to mend."""
        retry = self._settings.retry_failed
        self._mend.extend(repairs_of_stored(asks, self._store, self._hooks, retry_failed=retry))
