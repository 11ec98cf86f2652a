"""Claims: the one place where it is decided who asks a key."""

from collections.abc import Collection, Iterable, Sequence

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from pipelines.generation.store.database import among, listed
from pipelines.generation.store.processes import is_gone
from pipelines.generation.store.reading import errors
from pipelines.generation.store.tables import claims, owners

Found = tuple[dict[str, str], set[str], dict[str, str]]
"""Answered with their errors, claimed, held elsewhere by which owner."""


def answered(connection: sa.Connection, keys: Sequence[str], retry_failed: bool) -> dict[str, str]:
    """Keys that need not be asked, with their errors."""
    return {key: error for key, error in errors(connection, keys).items() if not (error and retry_failed)}


def claim(connection: sa.Connection, owner: str, keys: Sequence[str], retry_failed: bool, now: float) -> Found:
    """Claim what nobody holds; claims of the dead are taken over.

    An answer is written in the transaction that ends its claim. So the replies are read once more after claiming:
    whatever is ours and has no reply then, nobody else has asked or can ask.
    """
    claimed = _insert(connection, owner, keys)
    elsewhere = _holders(connection, [key for key in keys if key not in claimed])
    if bury(connection, set(elsewhere.values()) - {owner}, now):
        claimed |= _insert(connection, owner, elsewhere)
    elsewhere = _holders(connection, [key for key in keys if key not in claimed])
    late = answered(connection, keys, retry_failed)
    _delete(connection, owner, claimed & late.keys())
    held = {key: holder for key, holder in elsewhere.items() if key not in late}
    between = {key: "" for key in keys if key not in claimed and key not in late and key not in held}
    return late, claimed - late.keys(), held | between


def bury(connection: sa.Connection, ids: Collection[str], now: float) -> bool:
    """Mark those that are dead as lost and end their claims; whether there were any.

    An owner whose row is locked is just doing something, and so it lives.
    """
    if not ids:
        return False
    query = sa.select(owners).where(among(connection, owners.c.id, sorted(ids)), _at_work())
    found = connection.execute(query.order_by(owners.c.id).with_for_update(skip_locked=True)).all()
    dead = [row.id for row in found if not is_live(row, now)]
    if dead:
        connection.execute(sa.update(owners).where(among(connection, owners.c.id, dead)).values(lost=now))
        connection.execute(sa.delete(claims).where(among(connection, claims.c.owner, dead)))
    return bool(dead)


def is_live(row: sa.Row[tuple[object, ...]], now: float) -> bool:
    """Whether an owner that has not ended may still be doing something."""
    if row.expires is None:
        return True
    return bool(row.expires > now) and not is_gone(row.place, row.pid, row.process)


def renew(connection: sa.Connection, owner: str, expires: float) -> bool:
    """Lengthen a lease; False where another owner has marked this one as lost."""
    own = sa.and_(owners.c.id == owner, _at_work())
    return bool(connection.execute(sa.update(owners).where(own).values(expires=expires)).rowcount)


def peers(connection: sa.Connection, purse: str, now: float) -> int:
    """Live workers of a purse, at least one."""
    query = sa.select(owners).where(owners.c.purse == purse, owners.c.expires > now, _at_work())
    return max(1, sum(is_live(row, now) for row in connection.execute(query)))


def move(connection: sa.Connection, owner: str, to: str, keys: Collection[str]) -> int:
    """Give claims to another owner; how many were there to give."""
    own = sa.and_(claims.c.owner == owner, among(connection, claims.c.key, sorted(keys)))
    return connection.execute(sa.update(claims).where(own).values(owner=to)).rowcount


def _at_work() -> sa.ColumnElement[bool]:
    return sa.and_(owners.c.ended.is_(None), owners.c.lost.is_(None))


def _insert(connection: sa.Connection, owner: str, keys: Iterable[str]) -> set[str]:
    """Claim keys that nobody has claimed; in their order, so that two that claim never wait for each other."""
    ordered = listed(connection, sorted(keys))
    rows = sa.select(ordered.c.value, sa.literal(owner)).where(sa.true())
    insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(claims)
    query = insert.from_select(["key", "owner"], rows).on_conflict_do_nothing().returning(claims.c.key)
    return set(connection.execute(query).scalars())


def _holders(connection: sa.Connection, keys: Sequence[str]) -> dict[str, str]:
    if not keys:
        return {}
    query = sa.select(claims.c.key, claims.c.owner).where(among(connection, claims.c.key, keys))
    return {row.key: row.owner for row in connection.execute(query)}


def _delete(connection: sa.Connection, owner: str, keys: Collection[str]) -> None:
    if keys:
        own = sa.and_(claims.c.owner == owner, among(connection, claims.c.key, sorted(keys)))
        connection.execute(sa.delete(claims).where(own))
