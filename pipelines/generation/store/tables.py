"""The tables of the store, made where there are none, and brought up to date where an earlier version made them."""

from typing import Any

import sqlalchemy as sa

from schemas.errors import GenerationError
from schemas.records import Reply

metadata = sa.MetaData()

replies = sa.Table(
    "replies", metadata,
    sa.Column("key", sa.String(64), primary_key=True), sa.Column("kind", sa.String, nullable=False),
    sa.Column("text", sa.String, nullable=False), sa.Column("finish_reason", sa.String, nullable=False),
    sa.Column("model", sa.String, nullable=False), sa.Column("prompt_tokens", sa.Integer, nullable=False),
    sa.Column("completion_tokens", sa.Integer, nullable=False), sa.Column("cost_usd", sa.Double, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False), sa.Column("error", sa.String, nullable=False),
    sa.Column("at_risk_usd", sa.Double, nullable=False, server_default="0"),
    sa.Column("repair_of", sa.String(64), nullable=False, server_default=""),
    sa.Column("answered_at", sa.Double, nullable=False, server_default="0"),
)  # fmt: skip
"""Answers and failures. `answered_at`: seconds since 1970, 0 where an earlier version stored it."""

requests = sa.Table(
    "requests", metadata,
    sa.Column("key", sa.String(64), primary_key=True), sa.Column("payload", sa.String, nullable=False),
    sa.Column("row", sa.String, nullable=False, server_default=""),
)  # fmt: skip
"""What was asked, as planned, and the row that waits for the answer (JSON)."""

owners = sa.Table(
    "owners", metadata,
    sa.Column("id", sa.String(64), primary_key=True), sa.Column("kind", sa.String, nullable=False),
    sa.Column("purse", sa.String, nullable=False), sa.Column("note", sa.String, nullable=False),
    sa.Column("host", sa.String, nullable=False), sa.Column("place", sa.String, nullable=False),
    sa.Column("pid", sa.Integer, nullable=False), sa.Column("process", sa.String, nullable=False),
    sa.Column("started", sa.Double, nullable=False), sa.Column("expires", sa.Double),
    sa.Column("ended", sa.Double), sa.Column("lost", sa.Double),
    sa.Column("granted_usd", sa.Double, nullable=False), sa.Column("spent_usd", sa.Double, nullable=False),
    sa.Column("at_risk_usd", sa.Double, nullable=False),
)  # fmt: skip
"""Who asks, or asked. `expires` is null for what never does; `ended` is set by the owner itself, `lost` by another one
that found it dead. `place` and `process` tell whether the process is still there (`processes.py`)."""

claims = sa.Table(
    "claims", metadata,
    sa.Column("key", sa.String(64), primary_key=True), sa.Column("owner", sa.String(64), nullable=False),
)  # fmt: skip
"""Keys that somebody is asking."""

batches = sa.Table(
    "batches", metadata,
    sa.Column("id", sa.String(64), primary_key=True), sa.Column("owner", sa.String(64), nullable=False),
    sa.Column("worker", sa.String(64), nullable=False), sa.Column("server", sa.String, nullable=False),
    sa.Column("state", sa.String, nullable=False), sa.Column("changed", sa.Double, nullable=False),
    sa.Column("file_id", sa.String, nullable=False), sa.Column("batch_id", sa.String, nullable=False),
    sa.Column("requests", sa.Integer, nullable=False), sa.Column("usd", sa.Double, nullable=False),
)  # fmt: skip
"""Batches at a server (`batches.py`): `owner` holds their keys and dollars, `worker` looks after them."""

batch_lines = sa.Table(
    "batch_lines", metadata,
    sa.Column("key", sa.String(64), primary_key=True), sa.Column("batch", sa.String(64), nullable=False),
    sa.Column("line", sa.Integer, nullable=False), sa.Column("kind", sa.String, nullable=False),
    sa.Column("payload", sa.String, nullable=False), sa.Column("row", sa.String, nullable=False),
    sa.Column("repair_of", sa.String(64), nullable=False), sa.Column("rounds", sa.Integer, nullable=False),
    sa.Column("bound_usd", sa.Double, nullable=False), sa.Column("words", sa.String, nullable=False),
)  # fmt: skip
"""What is in which batch, so that it can be collected by another run. `line`: where it stands in the batch's file, from
1; 0 for what waits for the next one. `rounds`: batches it was in before; `words`: why it has to come again."""

EMPTY: sa.ColumnElement[str] = sa.literal_column("''")
"""As a word of the SQL, not a parameter: only so does SQLite see that a partial index will do."""

INDEXES = (
    sa.Index("claims_by_owner", claims.c.owner),
    sa.Index("batch_lines_by_batch", batch_lines.c.batch, batch_lines.c.line),
    sa.Index("replies_by_repaired", replies.c.repair_of, sqlite_where=replies.c.repair_of != EMPTY,
             postgresql_where=replies.c.repair_of != EMPTY),
    sa.Index("replies_failed", replies.c.key, sqlite_where=replies.c.error != EMPTY,
             postgresql_where=replies.c.error != EMPTY),
)  # fmt: skip

REPLY = [replies.c[name] for name in Reply.__struct_fields__]
_FIRST = {
    "replies": {name for name in replies.columns.keys() if name not in ("at_risk_usd", "repair_of", "answered_at")},  # noqa: SIM118
    "requests": {"key", "payload"},
}
"""What the store's first version had: by this a store is told from other databases."""
LOCK = 0x05_9E_4D
"""PostgreSQL's advisory lock for what one process at a time may do: bring tables up to date, grant dollars."""


def lock(connection: sa.Connection) -> None:
    """Let others wait until this transaction ends. On SQLite a writing transaction has done so already."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))


def current(connection: sa.Connection) -> bool:
    """Whether nothing is to be made or brought up to date."""
    found = _columns(connection)
    return all(found.get(name, set()) >= set(table.columns.keys()) for name, table in metadata.tables.items())


def prepare(connection: sa.Connection, name: str, now: float) -> None:
    """Make what is not there yet; refuse a database that is somebody else's."""
    lock(connection)
    found = _columns(connection)
    if found and not all(found.get(table, set()) >= columns for table, columns in _FIRST.items()):
        raise GenerationError(
            f"{name} is a database, but no reply store (it has the tables {', '.join(sorted(found))})",
            hint="Give another path: nothing is changed in this one.",
        )
    for table in metadata.sorted_tables:
        if table.name not in found:
            connection.execute(sa.schema.CreateTable(table))
        else:
            _add_columns(connection, table, found[table.name])
    for index in INDEXES:
        connection.execute(sa.schema.CreateIndex(index, if_not_exists=True))
    if found and "owners" not in found:
        _book_earlier(connection, now)


def _add_columns(connection: sa.Connection, table: sa.Table, there: set[str]) -> None:
    for column in table.columns:
        if column.name not in there:
            made = sa.schema.CreateColumn(column).compile(dialect=connection.dialect)
            connection.execute(sa.text(f"ALTER TABLE {table.name} ADD COLUMN {made}"))


def _book_earlier(connection: sa.Connection, now: float) -> None:
    """What an earlier version has spent counts towards the limit of the whole store."""
    spent = float(connection.execute(sa.select(sa.func.sum(replies.c.cost_usd))).scalar() or 0.0)
    connection.execute(sa.insert(owners), owner_row("earlier", "earlier", now) | {"ended": now, "spent_usd": spent})


def owner_row(id: str, kind: str, now: float) -> dict[str, Any]:
    """An owner without process and money."""
    return {
        "id": id, "kind": kind, "purse": "", "note": "", "host": "", "place": "", "pid": 0, "process": "",
        "started": now, "expires": None, "ended": None, "lost": None, "granted_usd": 0.0, "spent_usd": 0.0,
        "at_risk_usd": 0.0,
    }  # fmt: skip


def _columns(connection: sa.Connection) -> dict[str, set[str]]:
    inspector = sa.inspect(connection)
    return {table: {one["name"] for one in inspector.get_columns(table)} for table in inspector.get_table_names()}
