"""Dollars of owners. What an owner may come to is what it has drawn or, if that is more, spent; once it has ended, what
it has spent. Over a purse and over the store these sums never exceed their limits."""

from typing import Any, NamedTuple

import sqlalchemy as sa

from pipelines.generation.store.tables import lock, owners


class Limits(NamedTuple):
    """What may be spent."""

    purse: str
    budget_usd: float
    """By all owners of the purse."""
    total_usd: float | None
    """By all owners of the store, ever."""


SPENT: Any = owners.c.spent_usd + owners.c.at_risk_usd
"""What an owner has come to for certain."""
COMMITTED: Any = sa.case(
    (sa.or_(owners.c.ended.is_not(None), owners.c.granted_usd < SPENT), SPENT), else_=owners.c.granted_usd
)
"""What an owner may come to. One that was lost keeps what it drew, which may have been spent, until it is
ended (`inspection.end_dead`)."""


def draw(connection: sa.Connection, owner: str, limits: Limits, least_usd: float, wish_usd: float) -> float:
    """Grant an owner dollars, at least the one and at most the other, or nothing (0.0)."""
    lock(connection)
    grant = min(wish_usd, limits.budget_usd - committed(connection, limits.purse))
    if limits.total_usd is not None:
        grant = min(grant, limits.total_usd - committed(connection))
    if grant <= 0 or grant < least_usd:
        return 0.0
    live = sa.and_(owners.c.id == owner, owners.c.ended.is_(None), owners.c.lost.is_(None))
    done = connection.execute(sa.update(owners).where(live).values(granted_usd=owners.c.granted_usd + grant))
    return grant if done.rowcount else 0.0


def committed(connection: sa.Connection, purse: str | None = None) -> float:
    """What the owners of a purse, or all, may come to."""
    query = sa.select(sa.func.sum(COMMITTED))
    return float(connection.execute(query if purse is None else query.where(owners.c.purse == purse)).scalar() or 0.0)


def give_back(connection: sa.Connection, owner: str, usd: float) -> None:
    """Take dollars off what an owner has drawn."""
    left = owners.c.granted_usd - usd
    values = {"granted_usd": sa.case((left > 0, left), else_=0.0)}
    connection.execute(sa.update(owners).where(owners.c.id == owner).values(values))


def spend(connection: sa.Connection, owner: str, spent_usd: float, at_risk_usd: float) -> None:
    """Add to what an owner has spent."""
    if spent_usd or at_risk_usd:
        values = {
            "spent_usd": owners.c.spent_usd + spent_usd, "at_risk_usd": owners.c.at_risk_usd + at_risk_usd,
        }  # fmt: skip
        connection.execute(sa.update(owners).where(owners.c.id == owner).values(values))
