"""Which keys have a reply: by indexes alone, so that half a million of them take seconds."""

from collections.abc import Sequence

import sqlalchemy as sa

from pipelines.generation.store.database import among, listed
from pipelines.generation.store.tables import EMPTY, replies

FAILED = replies.c.error != EMPTY


def absent(connection: sa.Connection, keys: Sequence[str]) -> set[str]:
    """Keys without a reply, neither an answer nor a failure."""
    wanted = listed(connection, keys).c.value
    query = sa.select(wanted).where(~sa.exists().where(replies.c.key == wanted))
    return set(connection.execute(query).scalars())


def errors(connection: sa.Connection, keys: Sequence[str]) -> dict[str, str]:
    """For each key that has a reply its error, which is empty for an answer."""
    missing = absent(connection, keys)
    query = sa.select(replies.c.key, replies.c.error).where(among(connection, replies.c.key, keys), FAILED)
    failed = {row.key: row.error for row in connection.execute(query)}
    return {key: failed.get(key, "") for key in keys if key not in missing}
