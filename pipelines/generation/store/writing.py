"""What a reply leaves in the tables."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from pipelines.generation.store.database import among
from pipelines.generation.store.tables import claims, replies, requests
from schemas.keys import canonical_json
from schemas.records import Reply

if TYPE_CHECKING:
    from pipelines.generation.store.owners import Entry

FIELDS = Reply.__struct_fields__


def write(connection: sa.Connection, entries: Iterable[Entry], now: float) -> None:
    """Write replies and what was asked. The first answer of a key stays; a failure gives way to whatever comes next,
    and what it cost is counted with that."""
    ordered = sorted(entries, key=lambda entry: entry.reply.key)  # so that two writers never wait for each other
    if ordered:
        name = connection.dialect.name
        connection.execute(_put_request(name), [_request(entry) for entry in ordered])
        connection.execute(_put_reply(name), [_reply(entry, now) for entry in ordered])


def delete_claims(connection: sa.Connection, owner: str, keys: Iterable[str] | None = None) -> None:
    """End an owner's claims: on these keys, or all."""
    own = claims.c.owner == owner
    if keys is not None:
        own = sa.and_(own, among(connection, claims.c.key, list(keys)))
    connection.execute(sa.delete(claims).where(own))


def _request(entry: Entry) -> dict[str, Any]:
    return {"key": entry.reply.key, "payload": canonical_json(entry.ask.payload).decode(), "row": entry.ask.row}


def _reply(entry: Entry, now: float) -> dict[str, Any]:
    reply = {name: getattr(entry.reply, name) for name in FIELDS}
    storable = {name: _storable(value) for name, value in reply.items() if isinstance(value, str)}
    return {"kind": entry.ask.kind, "answered_at": now, **reply, **storable}


def _storable(text: str) -> str:
    """A server may send characters that no database takes (NUL in PostgreSQL, halves of surrogate pairs): an answer is
    not lost for them, and is the same in every store."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()


def _insert(table: sa.Table, dialect: str) -> postgresql.Insert | sqlite.Insert:
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


@cache
def _put_request(dialect: str) -> sa.Insert:
    """The payload of a key never changes; the row that waits for it may."""
    insert = _insert(requests, dialect)
    return insert.on_conflict_do_update(
        index_elements=[requests.c.key], set_={"row": insert.excluded.row}, where=insert.excluded.row != ""
    )


@cache
def _put_reply(dialect: str) -> sa.Insert:
    insert = _insert(replies, dialect)
    new: dict[str, Any] = {column.name: insert.excluded[column.name] for column in replies.columns}
    del new["key"]
    for name in ("cost_usd", "at_risk_usd", "prompt_tokens", "completion_tokens"):
        new[name] = replies.c[name] + insert.excluded[name]
    return insert.on_conflict_do_update(index_elements=[replies.c.key], set_=new, where=replies.c.error != "")
