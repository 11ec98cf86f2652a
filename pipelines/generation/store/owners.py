"""Who asks: owners hold the keys that are being asked and the dollars that this may cost, so that no two ask the same.

A worker is a process that asks; it renews its lease while it lives. A batch is under way at the server and holds its
keys until it ends. What a worker claimed is free again once it is dead: its lease has run out or, on the same machine,
its process is gone. The finder marks it as lost in the transaction that takes its claims, so that it never gets them
back, and what it had drawn counts as spent from then on, because nobody knows what of it was.
"""

import contextlib
import math
import threading
import time
from collections.abc import Callable, Collection, Iterable
from typing import Any, NamedTuple
from uuid import uuid4

import sqlalchemy as sa

from pipelines.generation.ask import Ask
from pipelines.generation.store import claims, money
from pipelines.generation.store.database import Database, clock
from pipelines.generation.store.processes import this_process
from pipelines.generation.store.tables import owner_row, owners
from pipelines.generation.store.writing import delete_claims, write
from schemas.errors import GenerationError
from schemas.records import Reply

WORKER, BATCH = "worker", "batch"
SOON_S = 0.5
"""To the first renewal; each further one takes twice as long to come. A worker soon sees those that begin with it."""
RENEWALS = 4
"""Of a lease before it runs out."""
SAFE = 0.8
"""The share of a lease after which nothing is sent any more: a call takes a while to leave."""


Also = Callable[[sa.Connection, str], None]


class Entry(NamedTuple):
    """A reply with what it answers."""

    ask: Ask
    reply: Reply


class Looked(NamedTuple):
    """What became of keys that a worker wanted."""

    answered: dict[str, str]
    """Those in the store, with their errors: empty for answers."""
    claimed: set[str]
    """Those that are this worker's from now on, and were not before."""
    elsewhere: dict[str, str]
    """Those that an owner, this worker perhaps, holds already, with its id (`is_batch` tells what it is)."""


def is_batch(owner: str) -> bool:
    """Whether the owner of this id is a batch: its answers come when it is collected."""
    return owner.startswith(BATCH)


class Owner:
    """Somebody with claims and dollars: a batch, or whoever collects it. Each method is one transaction."""

    def __init__(self, database: Database, id: str) -> None:
        self.id = id
        self._database = database

    def save(self, entries: Iterable[Entry]) -> None:
        """Commit replies and what was asked; this owner's claims on them end, and their cost is its own."""
        self._database.transact(lambda connection: self._save(connection, list(entries)))

    def release(self, keys: Iterable[str]) -> None:
        """Give claims back, unasked."""
        self._database.transact(lambda connection: delete_claims(connection, self.id, keys), durable=False)

    def at_risk(self, usd: float) -> None:
        """Calls broke off and gave no reply; the server may charge so much for them."""
        self._database.transact(lambda connection: money.spend(connection, self.id, 0.0, usd))

    def give_back(self, usd: float) -> None:
        """Dollars that were drawn and will not be spent."""
        self._database.transact(lambda connection: money.give_back(connection, self.id, usd))

    def end(self) -> None:
        """Nothing is asked any more: claims and unspent dollars are free."""
        self._database.transact(self._end)

    def _save(self, connection: sa.Connection, entries: list[Entry]) -> None:
        write(connection, entries, clock(connection))
        delete_claims(connection, self.id, [entry.ask.key for entry in entries])
        spent = sum(entry.reply.cost_usd for entry in entries)
        money.spend(connection, self.id, spent, sum(entry.reply.at_risk_usd for entry in entries))

    def _end(self, connection: sa.Connection) -> None:
        delete_claims(connection, self.id)
        now = clock(connection)
        own = sa.and_(owners.c.id == self.id, owners.c.ended.is_(None))
        connection.execute(sa.update(owners).where(own).values(ended=now))


class Worker(Owner):
    """A process that asks. A thread of its own renews the lease; close it, or use it as a context manager.

    Safe to use from several threads, as the database's transactions are.
    """

    def __init__(
        self, database: Database, purse: str, budget_usd: float, total_usd: float | None, lease_s: float
    ) -> None:
        super().__init__(database, f"{WORKER}-{uuid4().hex}")
        self.purse, self.budget_usd, self.total_usd, self.lease_s = purse, budget_usd, total_usd, lease_s
        self._peers, self._lost = 1, False
        self._renewed = _ticking()
        database.transact(self._enrol)
        self._closing = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="lease of the reply store", daemon=True)
        self._heart.start()

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def look(self, keys: Iterable[str], retry_failed: bool = False) -> Looked:
        """Claim those keys that are neither answered nor held; with `retry_failed`, failures count as unanswered.

        GenerationError where another one has taken this worker for dead.
        """
        distinct = sorted(set(keys))
        with self._database.reading() as connection:
            answered = claims.answered(connection, distinct, retry_failed)
        wanted = [key for key in distinct if key not in answered]
        if not wanted:
            return Looked(answered, set(), {})
        began = _ticking()
        more, claimed, elsewhere = self._database.transact(
            lambda connection: self._claim(connection, wanted, retry_failed), durable=False
        )
        self._renewed = max(self._renewed, began)
        return Looked(answered | more, claimed, elsewhere)

    def draw(self, least_usd: float, wish_usd: float) -> float:
        """Dollars granted, at least the one and at most the other, or 0.0 where the limits leave less."""
        limits = money.Limits(self.purse, self.budget_usd, self.total_usd)
        return self._database.transact(lambda c: money.draw(c, self.id, limits, least_usd, wish_usd))

    def undrawn(self) -> tuple[float, float]:
        """Dollars that the purse's budget and the store's total leave, for telling which of them is used up."""
        with self._database.reading() as connection:
            of_purse = self.budget_usd - money.committed(connection, self.purse)
            total = math.inf if self.total_usd is None else self.total_usd - money.committed(connection)
        return of_purse, total

    def hand_over(self, keys: Collection[str], usd: float, note: str = "", also: Also | None = None) -> str:
        """Give claims, and dollars drawn, to a new owner of kind batch, which lives until it is ended; its id.

        `also` is called with that id in the same transaction, so that whoever looks after the batch knows of it.
        """
        batch = f"{BATCH}-{uuid4().hex}"

        def work(connection: sa.Connection) -> None:
            self._hand_over(connection, batch, keys, usd, note)
            if also is not None:
                also(connection, batch)

        self._database.transact(work)
        return batch

    def peers(self) -> int:
        """Live workers of the same purse, this one among them, as the last renewal saw them."""
        return self._peers

    def lapsed(self) -> bool:
        """Whether the lease has run out, because the machine slept or the database is gone: nothing may be sent.

        It may be renewed in time; but once another worker has taken the claims, it stays so.
        """
        return self._lost or _ticking() - self._renewed > self.lease_s * SAFE

    def lost(self) -> bool:
        """Whether another worker has taken this one for dead, and its claims: there is nothing to wait for."""
        return self._lost

    def close(self) -> None:
        """Give back what is claimed and not spent. Where the database is gone by now, the lease runs out."""
        if not self._closing.is_set():
            self._closing.set()
            self._heart.join()
            with contextlib.suppress(GenerationError):
                self.end()

    def _enrol(self, connection: sa.Connection) -> None:
        now = clock(connection)
        process = this_process()
        connection.execute(sa.insert(owners), owner_row(self.id, WORKER, now) | {
            "purse": self.purse, "expires": now + self.lease_s, "host": process.host, "place": process.place,
            "pid": process.pid, "process": process.mark,
        })  # fmt: skip
        self._peers = claims.peers(connection, self.purse, now)

    def _claim(self, connection: sa.Connection, keys: list[str], retry: bool) -> Looked:
        now = clock(connection)
        if not self._renew(connection, now):
            raise _taken_for_dead(self._database.name)
        return Looked(*claims.claim(connection, self.id, keys, retry, now))

    def _renew(self, connection: sa.Connection, now: float) -> bool:
        self._lost = self._lost or not claims.renew(connection, self.id, now + self.lease_s)
        return not self._lost

    def _hand_over(self, connection: sa.Connection, batch: str, keys: Collection[str], usd: float, note: str) -> None:
        now = clock(connection)
        row = owner_row(batch, BATCH, now) | {"purse": self.purse, "granted_usd": usd, "note": note}
        if not self._renew(connection, now) or claims.move(connection, self.id, batch, keys) != len(set(keys)):
            raise _taken_for_dead(self._database.name)
        connection.execute(sa.insert(owners), row)
        money.give_back(connection, self.id, usd)

    def _beat(self) -> None:
        """Renew the lease until the worker is closed. What hinders it is tried again: a lease that is not renewed runs
        out, and `lapsed` says so."""
        usual = self.lease_s / RENEWALS
        wait = min(SOON_S, usual)
        while not self._closing.wait(wait) and not self._lost:
            began = _ticking()
            try:
                self._peers = self._database.transact(self._heartbeat, durable=False)
            except GenerationError:
                wait = usual / 4
                continue
            wait, self._renewed = min(2 * wait, usual), began

    def _heartbeat(self, connection: sa.Connection) -> int:
        now = clock(connection)
        self._renew(connection, now)
        return claims.peers(connection, self.purse, now)


def _taken_for_dead(name: str) -> GenerationError:
    return GenerationError(
        f"this run did not reach the reply store {name} for longer than its lease, and another one asks in its place",
        hint="Run the same command again: it goes on with what is left.",
    )


def _boot_clock() -> Callable[[], float]:
    """A clock that runs on while the machine sleeps, where the system has one."""
    boot: Any = getattr(time, "CLOCK_BOOTTIME", None)
    return time.time if boot is None else lambda: time.clock_gettime(boot)


_ticking = _boot_clock()
