"""The database behind a store: its connections, its transactions, and its errors in words for users.

SQLite in WAL mode with `synchronous = FULL`: readers do not wait for the writer, and what is committed survives a power
cut. PostgreSQL where several machines share a store.
"""

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from pipelines.generation.store import tables
from schemas.errors import GenerationError
from schemas.keys import canonical_json

T = TypeVar("T")

BUSY_S = 30.0
"""How long SQLite waits for another writer."""
CACHE_KB = 16_000
"""Of a store's indexes in memory: with SQLite's own 2 MB, looking up half a million keys takes half as long again."""
CONNECT_S = 15
"""How long PostgreSQL may take to accept a connection."""
ATTEMPTS = 5
"""Of a transaction that PostgreSQL broke off because it and another one waited for each other."""
A_URL = "Give a URL such as sqlite:///folder/replies.sqlite or postgresql://user@host/database."
_DEADLOCK = ("40P01", "40001")
_SECRETS = ("password", "sslpassword", "passfile")


class Database:
    """A database by its URL, opened when it is first used; each process opens its own.

    Every method raises GenerationError where the database cannot be used; nothing is half written then.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._engine: sa.Engine | None = None
        self._process = 0
        self._opening = threading.Lock()

    @property
    def name(self) -> str:
        """The URL without its password."""
        return readable(self.url)

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection for reading."""
        with self._errors_told("read"), self._open().connect() as connection:
            yield connection

    def transact(self, work: Callable[[sa.Connection], T], *, durable: bool = True) -> T:
        """Do it in one transaction, committed on return. On SQLite no other one writes meanwhile.

        What need not be `durable` may be undone where the machine with the database breaks down, or PostgreSQL itself:
        claims, so that at worst a few requests are asked twice.
        """
        engine = self._open()
        with self._errors_told("written"):
            for attempt in range(ATTEMPTS):
                try:
                    with engine.execution_options(immediate=True, durable=durable).begin() as connection:
                        if not durable and connection.dialect.name == "postgresql":
                            connection.exec_driver_sql("SET LOCAL synchronous_commit TO off")
                        return work(connection)
                except sa.exc.DBAPIError as error:
                    if attempt == ATTEMPTS - 1 or getattr(error.orig, "sqlstate", "") not in _DEADLOCK:
                        raise
        raise AssertionError("unreachable")

    def close(self) -> None:
        """Let go of it; it opens again when it is used."""
        with self._opening:
            if self._engine is not None and self._process == os.getpid():
                self._engine.dispose()
            self._engine = None

    def _open(self) -> sa.Engine:
        """The engine of this process; a forked child must not use its parent's connections."""
        with self._opening:
            if self._engine is None or self._process != os.getpid():
                engine = _connect(self.url)
                with self._errors_told("opened"):
                    self._prepare(engine)
                self._engine, self._process = engine, os.getpid()
            return self._engine

    def _prepare(self, engine: sa.Engine) -> None:
        with engine.connect() as connection:
            if tables.current(connection):
                return
        with engine.execution_options(immediate=True).begin() as connection:
            tables.prepare(connection, self.name, clock(connection))

    @contextmanager
    def _errors_told(self, verb: str) -> Iterator[None]:
        """Turns database errors into ones that tell a user what to do."""
        try:
            yield
        except sa.exc.SQLAlchemyError as error:
            words = str(getattr(error, "orig", None) or error).strip()
            what = f"the reply store {self.name} cannot be {verb}: {words}"
            raise GenerationError(what, hint=_what_to_do(words)) from error


def clock(connection: sa.Connection) -> float:
    """Seconds since 1970: PostgreSQL's own, because machines that share it may disagree; otherwise this machine's."""
    if connection.dialect.name != "postgresql":
        return time.time()
    return float(connection.execute(sa.select(sa.func.extract("epoch", sa.func.clock_timestamp()))).scalar_one())


def listed(connection: sa.Connection, keys: Sequence[str]) -> sa.TableValuedAlias:
    """Keys as a table of one column, `value`: one parameter, however many there are."""
    if connection.dialect.name == "postgresql":
        array = sa.cast(list(keys), postgresql.ARRAY(sa.String))
        return sa.func.unnest(array).table_valued(sa.column("value", sa.String)).render_derived()
    return sa.func.json_each(canonical_json(list(keys)).decode()).table_valued(sa.column("value", sa.String))


def among(connection: sa.Connection, column: sa.Column[Any], keys: Sequence[str]) -> sa.ColumnElement[bool]:
    """The condition that a column holds one of the keys."""
    return column.in_(sa.select(listed(connection, keys).c.value))


def readable(url: str) -> str:
    """A database URL without its password."""
    try:
        parsed = _parsed(url)
        shown = {name: "***" for name in parsed.query if name in _SECRETS}
        return parsed.update_query_dict(shown).render_as_string(hide_password=True)
    except (sa.exc.SQLAlchemyError, ValueError):
        return "that URL"


def sqlite_file(url: str) -> Path | None:
    """The file of an SQLite database; None for others, and for what is no URL, as opening it tells."""
    try:
        parsed = _parsed(url)
    except (sa.exc.SQLAlchemyError, ValueError):
        return None
    named = parsed.get_backend_name() == "sqlite" and parsed.database not in (None, "", ":memory:")
    return Path(str(parsed.database)) if named else None


def _full(url: str) -> str:
    """`postgres://`, as libpq and many hosters write it, is `postgresql://`."""
    return f"postgresql://{url.removeprefix('postgres://')}" if url.startswith("postgres://") else url


def _parsed(url: str) -> sa.URL:
    """ValueError for what is no URL; one with two @ would show the end of its password as the name of its host."""
    parsed = sa.make_url(_full(url))
    if "@" in (parsed.host or ""):
        raise ValueError("it has two @; one in a user or password is written as %40")
    return parsed


def _connect(url: str) -> sa.Engine:
    try:
        parsed = _parsed(url)
        if (file := sqlite_file(url)) is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
        engine = _engine(parsed)
    except ImportError as error:
        raise GenerationError(f"no reply store at {readable(url)}: {error}", hint=_driver(url)) from None
    except (sa.exc.SQLAlchemyError, OSError, ValueError) as error:
        raise GenerationError(f"no reply store at {readable(url)}: {error}", hint=A_URL) from None
    return engine


def _driver(url: str) -> str:
    if url.startswith("postgres"):
        return 'PostgreSQL needs its driver: pip install "osprey-data[postgres]"'
    return A_URL


def _engine(url: sa.URL) -> sa.Engine:
    if url.get_backend_name() != "sqlite":
        return sa.create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": CONNECT_S})
    engine = sa.create_engine(url, connect_args={"timeout": BUSY_S})
    sa.event.listen(engine, "connect", _configure_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _configure_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver leaves BEGIN to us
    _to_wal(connection)
    connection.execute(f"PRAGMA cache_size = -{CACHE_KB}")


def _to_wal(connection: Any) -> None:
    """SQLite does not wait for others here, whatever its timeout says: where several make a store at once, we do."""
    deadline = time.monotonic() + BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _begin_sqlite(connection: sa.Connection) -> None:
    """A transaction that will write says so at once: one that finds out later may have to be given up."""
    options = connection.get_execution_options()
    if options.get("immediate"):
        connection.exec_driver_sql(f"PRAGMA synchronous = {'FULL' if options.get('durable', True) else 'NORMAL'}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("immediate") else "BEGIN")


def _what_to_do(words: str) -> str:
    if "locked" in words:
        return "Another program keeps it locked: end that one, such as a database browser, and run the command again."
    if "full" in words or "I/O" in words or "No space left" in words:
        return "Make room on the disk and run the same command again: the replies stored before are kept."
    if "not a database" in words or "malformed" in words or "corrupt" in words:
        return "Move the file away (`sqlite3 FILE .recover` may save its replies); then the requests are asked again."
    if "readonly" in words or "read-only" in words or "unable to open" in words:
        return "It must be allowed to write the file and its folder (ls -ld); a copy elsewhere will do as well."
    if "connection" in words or "server" in words:
        return "Look whether the database server runs and can be reached, then run the same command again."
    return "Check the path or URL and your rights to it."
