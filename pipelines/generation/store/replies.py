"""Every answer that was paid for, by the key of its request. Failures stand beside answers, with their error."""

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any, NamedTuple, TypeVar
from uuid import uuid4

import sqlalchemy as sa

from pipelines.generation.ask import Ask
from pipelines.generation.store import money
from pipelines.generation.store.database import Database, among, clock
from pipelines.generation.store.owners import Entry, Owner, Worker
from pipelines.generation.store.reading import absent, errors
from pipelines.generation.store.tables import EMPTY, REPLY, owner_row, owners, replies
from pipelines.generation.store.writing import write
from schemas.records import Record, Reply

T = TypeVar("T")

BATCH = 1000
"""Keys in one query."""


class GenerationTotals(Record, frozen=True, kw_only=True):
    """What a set of requests came to. It rests on the stored replies alone, so that a run that was killed and taken up
    again and an undisturbed one have equal totals."""

    requests: int
    """Requests, with repeats of a key."""
    calls: int
    """Distinct keys that were answered."""
    cached: int
    """Requests that another one with the same key answers."""
    failed: int
    """Distinct keys whose request failed for good."""
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float


class Usage(NamedTuple):
    """What one reply took, without its text."""

    key: str
    repair_of: str
    error: str
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float
    at_risk_usd: float


class Taken(NamedTuple):
    """What came of replies that were taken in."""

    added: int
    known: int
    """Answered here already: these stay as they are."""
    usd: float
    """What the added ones have cost."""


class ReplyStore:
    """Replies by request key, at a database URL such as `sqlite:///OUT/work/replies.sqlite`.

    Nothing is opened before it is used, and only the URL is pickled: workers open their own. Every method raises
    GenerationError where the database cannot be used.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.database = Database(url)

    def __reduce__(self) -> tuple[type["ReplyStore"], tuple[str]]:
        return (ReplyStore, (self.url,))

    def get_many(self, keys: Iterable[str]) -> dict[str, Reply]:
        """The replies that are there, failures among them, in the order of the keys."""
        found: dict[str, Reply] = {}
        for batch in _batches(dict.fromkeys(keys), BATCH):
            rows = {row.key: Reply(**row._mapping) for row in self._select(REPLY, batch)}
            found.update((key, rows[key]) for key in batch if key in rows)
        return found

    def errors(self, keys: Iterable[str]) -> dict[str, str]:
        """For each key that is there its error, which is empty for an answer."""
        found: dict[str, str] = {}
        for batch in _batches(keys, BATCH):
            with self.database.reading() as connection:
                found.update(errors(connection, batch))
        return found

    def usage(self, keys: Iterable[str], *, repairs: bool = False) -> Iterator[Usage]:
        """What the replies of distinct keys took; with `repairs`, what mending these replies took instead."""
        column = replies.c.repair_of if repairs else replies.c.key
        columns = [replies.c[name] for name in Usage._fields]
        for batch in _batches(keys, BATCH):
            with self.database.reading() as connection:
                found = connection.execute(sa.select(*columns).where(among(connection, column, batch), column != EMPTY))
                yield from (Usage(*row) for row in found.all())

    def missing(self, keys: Iterable[str]) -> list[str]:
        """The distinct keys that were neither answered nor failed, in their order. Only these are kept in memory."""
        missing: dict[str, None] = {}
        for batch in _batches(keys, BATCH):
            with self.database.reading() as connection:
                without = absent(connection, batch)
            missing.update((key, None) for key in batch if key in without)
        return list(missing)

    def repairs(self, keys: Iterable[str]) -> dict[str, Reply]:
        """By the key of a first request, what mends its bad reply: the newest answer, or else the newest failure."""
        found: dict[str, Reply] = {}
        for batch in _batches(keys, BATCH):
            with self.database.reading() as connection:
                query = sa.select(*REPLY).where(
                    among(connection, replies.c.repair_of, batch), replies.c.repair_of != EMPTY
                )
                best = query.order_by(replies.c.error == "", replies.c.answered_at, replies.c.key)
                found.update((row.repair_of, Reply(**row._mapping)) for row in connection.execute(best))
        return found

    def save_many(self, entries: Sequence[Entry]) -> None:
        """Commit replies and what was asked, all or none. A failure never takes the place of an answer."""
        self.database.transact(lambda connection: write(connection, entries, clock(connection)))

    def save(self, reply: Reply, kind: str, payload: dict[str, Any]) -> None:
        """Commit one reply."""
        self.save_many([Entry(Ask(reply.key, kind, payload, repair_of=reply.repair_of), reply)])

    def take_in(self, entries: Iterable[Entry]) -> Taken:
        """Store replies that another run or store had; what they cost counts as spent by this store."""
        own = f"import-{uuid4().hex}"
        added, known, usd = 0, 0, 0.0
        for batch in _batches(entries, BATCH):
            new = self.database.transact(partial(_take_in, owner=own, entries=batch))
            added += len(new)
            known += len(batch) - len(new)
            usd += sum(entry.reply.cost_usd for entry in new)
        return Taken(added, known, usd)

    def worker(self, purse: str, budget_usd: float, total_usd: float | None = None, lease_s: float = 60.0) -> Worker:
        """A new worker, to be closed. Workers of one purse share its budget; `total_usd` is for all of the store."""
        return Worker(self.database, purse, budget_usd, total_usd, lease_s)

    def owner(self, id: str) -> Owner:
        """The owner of that id, such as a batch that was handed keys."""
        return Owner(self.database, id)

    def empty(self) -> bool:
        """Whether nothing was ever answered."""
        with self.database.reading() as connection:
            return connection.execute(sa.select(replies.c.key).limit(1)).first() is None

    def totals(self, keys: Iterable[str]) -> GenerationTotals:
        """What exactly these requests came to; a repeated key stands for a request that another one answers."""
        requests, distinct = 0, set[str]()
        for key in keys:
            requests += 1
            distinct.add(key)
        columns = [replies.c[name] for name in ("error", "prompt_tokens", "completion_tokens", "cost_usd")]
        rows = [row for batch in _batches(distinct, BATCH) for row in self._select(columns, batch)]
        failed = sum(1 for row in rows if row.error)
        return GenerationTotals(
            requests=requests, calls=len(rows) - failed, cached=requests - len(distinct), failed=failed,
            prompt_tokens=sum(row.prompt_tokens for row in rows),
            completion_tokens=sum(row.completion_tokens for row in rows),
            cost_usd=round(math.fsum(row.cost_usd for row in rows), 9),
        )  # fmt: skip

    def spent_usd(self) -> float:
        """What all replies in the store have cost."""
        with self.database.reading() as connection:
            return float(connection.execute(sa.select(sa.func.sum(replies.c.cost_usd))).scalar() or 0.0)

    def close(self) -> None:
        """Let go of the database; it opens again when it is used."""
        self.database.close()

    def _select(self, columns: list[sa.Column[Any]], keys: list[str]) -> list[sa.Row[Any]]:
        with self.database.reading() as connection:
            return list(connection.execute(sa.select(*columns).where(among(connection, replies.c.key, keys))))


def _take_in(connection: sa.Connection, owner: str, entries: list[Entry]) -> list[Entry]:
    """Those that the store did not have; their cost is booked on an owner that has ended."""
    known = errors(connection, [entry.reply.key for entry in entries])
    new = list({one.reply.key: one for one in entries if _is_news(one.reply, known)}.values())
    now = clock(connection)
    write(connection, new, now)
    there = connection.execute(sa.select(owners.c.id).where(owners.c.id == owner)).first()
    if not there:
        connection.execute(sa.insert(owners), owner_row(owner, "import", now) | {"ended": now})
    spent, at_risk = sum(one.reply.cost_usd for one in new), sum(one.reply.at_risk_usd for one in new)
    money.spend(connection, owner, spent, at_risk)
    return new


def _is_news(reply: Reply, known: dict[str, str]) -> bool:
    """Whether it is not there, or an answer where there is only a failure."""
    return reply.key not in known or bool(known[reply.key] and not reply.error)


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
