"""What the tests of the store have in common."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from pipelines.generation.ask import Ask
from pipelines.generation.store import Entry, ReplyStore
from pipelines.generation.store.tables import owners
from schemas.records import Reply

PAYLOAD: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "What is <region1>?"}]}


def reply(key: str, **fields: Any) -> Reply:
    """An answer that cost a dime."""
    usual = {
        "text": "a dog", "finish_reason": "stop", "model": "m-1", "prompt_tokens": 10, "completion_tokens": 3,
        "cost_usd": 0.1,
    }  # fmt: skip
    return Reply(key=key, **{**usual, **fields})


def failure(key: str, error: str = "HTTP 400: no", **fields: Any) -> Reply:
    return Reply(key=key, text="", finish_reason="error", model="m", error=error, **fields)


def entry(key: str, kind: str = "description", **fields: Any) -> Entry:
    """An answer with its request."""
    return Entry(Ask(key, kind, PAYLOAD, repair_of=fields.get("repair_of", "")), reply(key, **fields))


def failed(key: str, error: str = "HTTP 400: no", **fields: Any) -> Entry:
    """A failure with its request."""
    return Entry(Ask(key, "description", PAYLOAD), failure(key, error, **fields))


def set_owner(store: ReplyStore, owner: str, **values: Any) -> None:
    """Make the row of an owner tell something else, such as that its lease has run out."""
    change = sa.update(owners).where(owners.c.id == owner).values(**values)
    store.database.transact(lambda connection: connection.execute(change).rowcount)


def owner_row(store: ReplyStore, owner: str) -> Any:
    """The row of an owner."""
    with store.database.reading() as connection:
        return connection.execute(sa.select(owners).where(owners.c.id == owner)).one()


def put_to_sleep(process: int, url: str) -> None:
    """Stop a process at a moment without a transaction: one that writes keeps SQLite locked for all others."""
    while True:
        os.kill(process, signal.SIGSTOP)
        while Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "T":
            time.sleep(0.001)
        if _nobody_writes(url):
            return
        os.kill(process, signal.SIGCONT)
        time.sleep(0.01)


def _nobody_writes(url: str) -> bool:
    engine = sa.create_engine(url, connect_args={"timeout": 0} if url.startswith("sqlite") else {})
    try:
        with engine.connect() as connection:
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                return True
            time.sleep(0.1)  # until the server has answered what was under way
            others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle'"
            return connection.exec_driver_sql(f"{others} AND pid <> pg_backend_pid()").scalar() == 0
    except sa.exc.OperationalError:
        return False
    finally:
        engine.dispose()
