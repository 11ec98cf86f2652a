"""What is in which batch, and where each batch stands: enough for another run to go on after a kill at any moment.

A batch is drafted (its lines are written down), then its keys and dollars are handed over to an owner of its own, and
only then is anything sent. It is collected line by line: one whose key the owner still holds has not been dealt with.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, NamedTuple
from uuid import uuid4

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from pipelines.generation.ask import Ask
from pipelines.generation.store import claims as claiming
from pipelines.generation.store.database import Database, among, clock
from pipelines.generation.store.owners import Worker
from pipelines.generation.store.tables import batch_lines, batches, claims, owners
from schemas.errors import GenerationError
from schemas.keys import canonical_json

DRAFT = "draft"
"""Nothing has been handed over or sent."""
READY = "ready"
"""Handed over; its file may have been uploaded."""
UPLOADED = "uploaded"
CREATING = "creating"
"""The server may have the batch: nobody knows until it is asked."""
OPEN = "open"
ENDED = "ended"


class BatchRow(NamedTuple):
    """A batch as the store knows it."""

    id: str
    """Our own, which the server keeps as metadata."""
    owner: str
    worker: str
    """Who looks after it."""
    server: str
    state: str
    changed: float
    """When it came into its state, seconds since 1970."""
    file_id: str
    batch_id: str
    """The server's own."""
    requests: int
    usd: float
    """The most that it can cost."""


class Line(NamedTuple):
    """A request in a batch."""

    ask: Ask
    bound_usd: float = 0.0
    """The most that it can cost, at the batch rate."""
    rounds: int = 0
    """Batches that it was in before without an answer."""
    words: str = ""
    """Why it has to come again."""
    held: bool = True
    """Whether the batch still holds its key: it has not been dealt with."""


_LINE = [batch_lines.c[name] for name in ("key", "kind", "payload", "row", "repair_of", "rounds", "bound_usd", "words")]
_COLUMNS = [batches.c[name] for name in BatchRow._fields]


class Batches:
    """The batches of a store. Each method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def draft(self, worker: Worker, server: str) -> str:
        """A new batch without lines; its id."""
        id = uuid4().hex
        row = BatchRow(id, "", worker.id, server, DRAFT, 0.0, "", "", 0, 0.0)._asdict()
        self._database.transact(lambda c: c.execute(sa.insert(batches).values(row | {"changed": clock(c)})))
        return id

    def add(self, batch: str, first: int, lines: Sequence[Line]) -> None:
        """Write lines down, the first of them standing at line `first` of the file; 0 for all that wait for another."""
        rows = [_row(batch, first + place if first else 0, line) for place, line in enumerate(lines)]
        if rows:
            self._database.transact(lambda c: c.execute(_put(c.dialect.name, replace=bool(first)), rows))

    def hand_over(self, batch: str, worker: Worker, keys: Collection[str], usd: float) -> None:
        """Keys and dollars go from the worker to the batch, which is ready to be sent from then on."""

        def ready(connection: sa.Connection, owner: str) -> None:
            _update(connection, batch, {"state": READY, "owner": owner, "requests": len(keys), "usd": usd})

        worker.hand_over(keys, usd, f"batch {batch}", ready)

    def change(self, row: BatchRow, **values: str) -> BatchRow:
        """Set `state`, `file_id` or `batch_id`; the batch as it stands then.

        GenerationError where another run looks after it by now, because this one slept.
        """

        def work(connection: sa.Connection) -> BatchRow:
            if not _update(connection, row.id, values, sa.and_(batches.c.worker == row.worker, _under_way())):
                raise GenerationError(
                    "this run slept for longer than its lease, and another one looks after its batch",
                    hint="Run the same command again: it goes on with what is left.",
                )
            return _rows(connection, batches.c.id == row.id)[0]

        return self._database.transact(work)

    def get(self, batch: str) -> BatchRow:
        """The batch of that id."""
        with self._database.reading() as connection:
            return _rows(connection, batches.c.id == batch)[0]

    def under_way(self, server: str | None = None) -> list[BatchRow]:
        """Batches that hold keys, of one server or all, the oldest first."""
        with self._database.reading() as connection:
            return _rows(connection, _handed_over(server))

    def take_over(self, worker: Worker, server: str) -> list[BatchRow]:
        """Look after the server's batches that nobody looks after; from now on they count for this worker's purse.

        What other runs drafted or left for a next batch, and did not live to send, is forgotten: it is asked anew.
        """

        def work(connection: sa.Connection) -> list[BatchRow]:
            now = clock(connection)
            _sweep(connection, now)
            open_ = [row for row in _rows(connection, _handed_over(server)) if _alone(connection, row, now)]
            for row in open_:
                _update(connection, row.id, {"worker": worker.id})
                mine = sa.update(owners).where(owners.c.id == row.owner).values(purse=worker.purse)
                connection.execute(mine)
            return [row._replace(worker=worker.id) for row in open_]

        return self._database.transact(work)

    def lines(self, row: BatchRow, keys: Sequence[str]) -> dict[str, Line]:
        """The lines of a batch by key."""
        with self._database.reading() as connection:
            query = _lines(row).where(among(connection, batch_lines.c.key, keys), batch_lines.c.line > 0)
            return {found.key: _line(found) for found in connection.execute(query)}

    def at(self, row: BatchRow, places: Iterable[int]) -> dict[int, Line]:
        """The lines that stand at these places of a batch's file, where it still holds them."""
        with self._database.reading() as connection:
            query = _lines(row).where(batch_lines.c.line.in_(list(places)), claims.c.key.is_not(None))
            return {found.line: _line(found) for found in connection.execute(query)}

    def open_lines(self, row: BatchRow, after: int, count: int) -> list[tuple[int, Line]]:
        """The next lines after a place in a batch's file that have not been dealt with, with their places."""
        with self._database.reading() as connection:
            query = _lines(row).where(batch_lines.c.line > after, claims.c.key.is_not(None))
            found = connection.execute(query.order_by(batch_lines.c.line).limit(count)).all()
            return [(one.line, _line(one)) for one in found]

    def again(self, row: BatchRow, words: dict[str, str], *, counted: bool = True) -> None:
        """These keys got no answer, for these words; `counted` where they were asked at all."""

        here = sa.and_(batch_lines.c.key == sa.bindparam("of"), batch_lines.c.batch == row.id)
        values = {"words": sa.bindparam("said"), "rounds": batch_lines.c.rounds + int(counted)}
        rows = [{"of": key, "said": said} for key, said in words.items()]
        if rows:
            self._database.transact(lambda c: c.execute(sa.update(batch_lines).where(here).values(values), rows))

    def end(self, row: BatchRow) -> None:
        """A batch is over: keys that it still holds are free, their lines wait to be taken into another one."""

        def work(connection: sa.Connection) -> None:
            here, held = batch_lines.c.batch == row.id, sa.select(claims.c.key).where(claims.c.owner == row.owner)
            done = sa.and_(here, batch_lines.c.line > 0, batch_lines.c.key.not_in(held))
            connection.execute(sa.delete(batch_lines).where(done))
            connection.execute(sa.update(batch_lines).where(here).values(line=0))
            connection.execute(sa.delete(claims).where(claims.c.owner == row.owner))
            owner = sa.and_(owners.c.id == row.owner, owners.c.ended.is_(None))
            connection.execute(sa.update(owners).where(owner).values(ended=clock(connection)))
            _update(connection, row.id, {"state": ENDED})

        self._database.transact(work)

    def take(self, batch: str, count: int) -> list[Line]:
        """Take lines that wait in a batch that is over."""

        def work(connection: sa.Connection) -> list[Line]:
            query = sa.select(*_LINE).where(batch_lines.c.batch == batch, batch_lines.c.line == 0)
            found = connection.execute(query.order_by(batch_lines.c.key).limit(count)).all()
            taken = among(connection, batch_lines.c.key, [one.key for one in found])
            connection.execute(sa.delete(batch_lines).where(taken))
            return [_line(one) for one in found]

        return self._database.transact(work)

    def forget(self, batch: str) -> None:
        """Nobody waits for what is left of a batch that is over, or that was never sent."""
        self._database.transact(lambda c: _forget(c, [batch]))


def _handed_over(server: str | None) -> sa.ColumnElement[bool]:
    return _under_way() if server is None else sa.and_(_under_way(), batches.c.server == server)


def _under_way() -> sa.ColumnElement[bool]:
    return batches.c.state.in_((READY, UPLOADED, CREATING, OPEN))


def _rows(connection: sa.Connection, where: sa.ColumnElement[bool]) -> list[BatchRow]:
    query = sa.select(*_COLUMNS).where(where).order_by(batches.c.changed, batches.c.id)
    return [BatchRow(*row) for row in connection.execute(query)]


def _update(connection: sa.Connection, batch: str, values: dict[str, Any], only: Any = sa.true()) -> bool:  # noqa: B008
    """Whether there was such a batch."""
    stamped = {**values, "changed": clock(connection)} if "state" in values else values
    return bool(connection.execute(sa.update(batches).where(batches.c.id == batch, only).values(stamped)).rowcount)


def _alone(connection: sa.Connection, row: BatchRow, now: float) -> bool:
    """Whether whoever looked after a batch is gone."""
    found = connection.execute(sa.select(owners).where(owners.c.id == row.worker)).first()
    at_work = found is not None and found.ended is None and found.lost is None
    return not (at_work and found is not None and claiming.is_live(found, now))


def _sweep(connection: sa.Connection, now: float) -> None:
    """Forget drafts and leftovers of the dead, and what they drew."""
    at_work = sa.and_(owners.c.ended.is_(None), owners.c.lost.is_(None))
    for worker in connection.execute(sa.select(owners).where(owners.c.id.in_(sa.select(batches.c.worker)), at_work)):
        if not claiming.is_live(worker, now):
            _bury(connection, worker.id, now)
    left = sa.or_(batches.c.state == DRAFT, sa.and_(batches.c.state == ENDED, _has_lines()))
    for row in _rows(connection, left):
        if _alone(connection, row, now):
            _forget(connection, [row.id])


def _bury(connection: sa.Connection, worker: str, now: float) -> None:
    """A run in batches is dead. What it drew and did not hand over was never spent: nothing was sent for it."""
    claiming.bury(connection, {worker}, now)
    lost = sa.and_(owners.c.id == worker, owners.c.lost.is_not(None))
    spent = owners.c.spent_usd + owners.c.at_risk_usd
    connection.execute(sa.update(owners).where(lost).values(granted_usd=spent))


def _has_lines() -> sa.ColumnElement[bool]:
    return sa.exists().where(batch_lines.c.batch == batches.c.id)


def _forget(connection: sa.Connection, ids: list[str]) -> None:
    connection.execute(sa.delete(batch_lines).where(batch_lines.c.batch.in_(ids)))
    connection.execute(sa.delete(batches).where(batches.c.id.in_(ids), batches.c.state == DRAFT))


def _lines(row: BatchRow) -> sa.Select[Any]:
    """The lines of a batch, beside the claims that it still holds."""
    held = sa.and_(claims.c.key == batch_lines.c.key, claims.c.owner == row.owner)
    return (
        sa.select(*_LINE, batch_lines.c.line, claims.c.key.label("held"))
        .select_from(batch_lines.outerjoin(claims, held))
        .where(batch_lines.c.batch == row.id)
    )


def _line(row: sa.Row[Any]) -> Line:
    ask = Ask(row.key, row.kind, msgspec.json.decode(row.payload), row.row, row.repair_of)
    return Line(ask, row.bound_usd, row.rounds, row.words, getattr(row, "held", row.key) is not None)


def _row(batch: str, place: int, line: Line) -> dict[str, Any]:
    ask = line.ask
    return {
        "key": ask.key, "batch": batch, "line": place, "kind": ask.kind, "row": ask.row, "repair_of": ask.repair_of,
        "payload": canonical_json(ask.payload).decode(), "rounds": line.rounds, "bound_usd": line.bound_usd,
        "words": line.words,
    }  # fmt: skip


def _put(dialect: str, *, replace: bool) -> sa.Insert:
    """What waits never takes the place of what is in a batch; what goes into one takes the place of what waits."""
    insert: Callable[..., Any] = postgresql.insert if dialect == "postgresql" else sqlite.insert
    made = insert(batch_lines)
    if not replace:
        return made.on_conflict_do_nothing()
    values = {column.name: made.excluded[column.name] for column in batch_lines.columns if column.name != "key"}
    return made.on_conflict_do_update(index_elements=[batch_lines.c.key], set_=values)
