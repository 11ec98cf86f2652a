"""Looking into a store: its replies one after the other, single ones with their prompts, its owners; and forgetting
replies, and what dead workers had set aside."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec
import sqlalchemy as sa

from pipelines.generation.ask import Ask
from pipelines.generation.store import money
from pipelines.generation.store.claims import bury, is_live
from pipelines.generation.store.database import Database, among, clock
from pipelines.generation.store.owners import WORKER
from pipelines.generation.store.reading import FAILED
from pipelines.generation.store.tables import EMPTY, REPLY, claims, lock, owners, replies, requests
from schemas.records import Reply

PAGE = 1000
"""Replies in memory at a time."""


class Wanted(NamedTuple):
    """Which replies; without any condition all of them."""

    kind: str = ""
    model: str = ""
    """As answered; the beginning of its name is enough."""
    failed: bool = False
    """Only requests that failed for good."""
    repairs: bool = False
    """Only replies that were to mend others."""


class Stored(NamedTuple):
    """A reply as the store has it."""

    ask: Ask
    reply: Reply
    answered_at: float
    """Seconds since 1970; 0 where an earlier version stored it."""


class OwnerLine(NamedTuple):
    """An owner and what it holds."""

    id: str
    kind: str
    purse: str
    note: str
    host: str
    pid: int
    state: str
    """`working`, `waiting` (a batch), `dead` (its keys are free), or `ended`."""
    started: float
    claims: int
    granted_usd: float
    spent_usd: float
    at_risk_usd: float
    committed_usd: float
    """What it counts for in the limits."""

    @property
    def aside_usd(self) -> float:
        """What it holds and has not spent."""
        return max(0.0, self.committed_usd - self.spent_usd - self.at_risk_usd)


class Ended(NamedTuple):
    """Workers that were dead."""

    workers: int
    aside_usd: float
    """What they had set aside, and count for no more."""


def stored(database: Database, wanted: Wanted = Wanted(), *, payloads: bool = False) -> Iterator[Stored]:  # noqa: B008
    """The replies in the order of their keys, a page in memory at a time; payloads only where they are needed."""
    after = ""
    while True:
        with database.reading() as connection:
            query = _query(payloads).where(*_conditions(wanted), replies.c.key > after)
            page = connection.execute(query.order_by(replies.c.key).limit(PAGE)).all()
        yield from map(_stored, page)
        if len(page) < PAGE:
            return
        after = page[-1].key


def count(database: Database) -> int:
    """How many replies there are."""
    with database.reading() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(replies)).scalar_one())


def beginning_with(database: Database, prefix: str, limit: int) -> list[Stored]:
    """The replies whose keys begin so, with their prompts."""
    with database.reading() as connection:
        query = _query(payloads=True).where(replies.c.key.startswith(prefix, autoescape=True))
        return [_stored(row) for row in connection.execute(query.order_by(replies.c.key).limit(limit))]


def forget(database: Database, keys: Iterable[str]) -> None:
    """Remove replies and their prompts, and what was to mend them. What they cost stays booked."""
    wanted = sorted(set(keys))

    def work(connection: sa.Connection) -> None:
        mending = sa.select(replies.c.key).where(
            among(connection, replies.c.repair_of, wanted), replies.c.repair_of != EMPTY
        )
        gone = sorted({*wanted, *connection.execute(mending).scalars()})
        for table in (replies, requests):
            connection.execute(sa.delete(table).where(among(connection, table.c.key, gone)))

    database.transact(work)


def owners_of(database: Database) -> list[OwnerLine]:
    """All owners, those at work first, then the newest."""
    held = sa.select(claims.c.owner, sa.func.count().label("claims")).group_by(claims.c.owner).subquery()
    query = sa.select(owners, held.c.claims, money.COMMITTED.label("committed_usd")).outerjoin(
        held, held.c.owner == owners.c.id
    )
    with database.reading() as connection:
        now = clock(connection)
        found = [_owner(row, now) for row in connection.execute(query)]
    return sorted(found, key=lambda one: (STATES.index(one.state), -one.started))


def end_dead(database: Database) -> Ended:
    """End the workers that are dead: their keys are free, and they count for what they have spent, no more."""

    def work(connection: sa.Connection) -> Ended:
        lock(connection)
        now = clock(connection)
        not_ended = sa.and_(owners.c.kind == WORKER, owners.c.ended.is_(None))
        bury(connection, connection.execute(sa.select(owners.c.id).where(not_ended)).scalars().all(), now)
        dead = sa.and_(not_ended, owners.c.lost.is_not(None))
        sums = sa.select(sa.func.count(), sa.func.sum(money.COMMITTED - money.SPENT)).where(dead)
        workers, aside = connection.execute(sums).one()
        connection.execute(sa.update(owners).where(dead).values(ended=now))
        return Ended(workers, float(aside or 0.0))

    return database.transact(work)


STATES = ("working", "waiting", "dead", "ended")


def _owner(row: sa.Row[tuple[object, ...]], now: float) -> OwnerLine:
    if row.ended is not None:
        state = "ended"
    elif row.lost is not None or not is_live(row, now):
        state = "dead"
    else:
        state = "working" if row.expires is not None else "waiting"
    return OwnerLine(
        row.id, row.kind, row.purse, row.note, row.host, row.pid, state, row.started, row.claims or 0,
        row.granted_usd, row.spent_usd, row.at_risk_usd, row.committed_usd,
    )  # fmt: skip


def _query(payloads: bool) -> sa.Select[tuple[object, ...]]:
    columns = [*REPLY, replies.c.kind, replies.c.answered_at, requests.c.row]
    more = [requests.c.payload] if payloads else []
    return sa.select(*columns, *more).outerjoin(requests, requests.c.key == replies.c.key)


def _conditions(wanted: Wanted) -> Iterator[sa.ColumnElement[bool]]:
    if wanted.kind:
        yield replies.c.kind == wanted.kind
    if wanted.model:
        yield replies.c.model.startswith(wanted.model, autoescape=True)
    if wanted.failed:
        yield FAILED
    if wanted.repairs:
        yield replies.c.repair_of != EMPTY


def _stored(row: sa.Row[tuple[object, ...]]) -> Stored:
    values = row._mapping
    reply = Reply(**{name: values[name] for name in Reply.__struct_fields__})
    payload = msgspec.json.decode(values["payload"] or "{}") if "payload" in values else {}
    return Stored(Ask(reply.key, row.kind, payload, row.row or "", reply.repair_of), reply, row.answered_at)
