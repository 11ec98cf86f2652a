"""The reply store: every answer that was paid for, by the key of its request.

SQLite in WAL mode by default, so that many processes read while one writes; any other database by its URL. A reply is
committed, and on the disk, before `save` returns. Failures stand beside answers, with their error.
"""

import math
import os
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from schemas.errors import GenerationError
from schemas.keys import canonical_json
from schemas.records import Record, Reply

T = TypeVar("T")

BATCH = 1000
"""Keys in one query."""

_metadata = sa.MetaData()
_replies = sa.Table(
    "replies", _metadata,
    sa.Column("key", sa.String(64), primary_key=True), sa.Column("kind", sa.String, nullable=False),
    sa.Column("text", sa.String, nullable=False), sa.Column("finish_reason", sa.String, nullable=False),
    sa.Column("model", sa.String, nullable=False), sa.Column("prompt_tokens", sa.Integer, nullable=False),
    sa.Column("completion_tokens", sa.Integer, nullable=False), sa.Column("cost_usd", sa.Double, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False), sa.Column("error", sa.String, nullable=False),
    sa.Column("at_risk_usd", sa.Double, nullable=False, server_default="0"),
    sa.Column("repair_of", sa.String(64), nullable=False, server_default=""),
)  # fmt: skip
_requests = sa.Table(
    "requests", _metadata,
    sa.Column("key", sa.String(64), primary_key=True), sa.Column("payload", sa.String, nullable=False),
)  # fmt: skip
_REPLY = [_replies.c[name] for name in Reply.__struct_fields__]


class GenerationTotals(Record, frozen=True, kw_only=True):
    """What a set of requests came to. It rests on the stored replies alone, so that a run that was killed and taken up
    again and an undisturbed one have equal totals."""

    requests: int
    """Requests, with repeats of a key."""
    calls: int
    """Distinct keys that were answered."""
    cached: int
    """Requests that another one with the same key answers."""
    failed: int
    """Distinct keys whose request failed for good."""
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float


class ReplyStore:
    """Replies by request key, at a database URL such as `sqlite:///OUT/work/replies.sqlite`.

    Nothing is opened before it is used, and only the URL is pickled: workers open their own. Every method raises
    GenerationError where the database cannot be used.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._engine: sa.Engine | None = None
        self._process = 0

    def __reduce__(self) -> tuple[type["ReplyStore"], tuple[str]]:
        return (ReplyStore, (self.url,))

    def get_many(self, keys: Iterable[str]) -> dict[str, Reply]:
        """The replies that are there, failures among them, in the order of the keys."""
        found: dict[str, Reply] = {}
        for batch in _batches(dict.fromkeys(keys), BATCH):
            rows = {row.key: Reply(**row._mapping) for row in self._select(_REPLY, batch)}
            found.update((key, rows[key]) for key in batch if key in rows)
        return found

    def errors(self, keys: Iterable[str]) -> dict[str, str]:
        """For each key that is there its error, which is empty for an answer."""
        columns = [_replies.c.key, _replies.c.error]
        return {row.key: row.error for batch in _batches(keys, BATCH) for row in self._select(columns, batch)}

    def missing(self, keys: Iterable[str]) -> list[str]:
        """The distinct keys that were neither answered nor failed, in their order."""
        distinct = dict.fromkeys(keys)
        known = self.errors(distinct)
        return [key for key in distinct if key not in known]

    def save(self, reply: Reply, kind: str, payload: dict[str, Any]) -> None:
        """Commit a reply and what was asked. A failure never takes the place of an answer."""
        row = {"kind": kind, **{name: getattr(reply, name) for name in Reply.__struct_fields__}}
        asked = {"key": reply.key, "payload": canonical_json(payload).decode()}
        with self._errors_told("written"), self._open().begin() as connection:
            dialect = connection.dialect.name
            connection.execute(_upsert(_requests, dialect), asked)
            connection.execute(_upsert(_replies, dialect, unless_answered=bool(reply.error)), row)

    def empty(self) -> bool:
        """Whether nothing was ever answered."""
        with self._errors_told("read"), self._open().connect() as connection:
            return connection.execute(sa.select(_replies.c.key).limit(1)).first() is None

    def totals(self, keys: Iterable[str]) -> GenerationTotals:
        """What exactly these requests came to; a repeated key stands for a request that another one answers."""
        requests, distinct = 0, set[str]()
        for key in keys:
            requests += 1
            distinct.add(key)
        columns = [_replies.c[name] for name in ("error", "prompt_tokens", "completion_tokens", "cost_usd")]
        rows = [row for batch in _batches(distinct, BATCH) for row in self._select(columns, batch)]
        failed = sum(1 for row in rows if row.error)
        return GenerationTotals(
            requests=requests, calls=len(rows) - failed, cached=requests - len(distinct), failed=failed,
            prompt_tokens=sum(row.prompt_tokens for row in rows),
            completion_tokens=sum(row.completion_tokens for row in rows),
            cost_usd=round(math.fsum(row.cost_usd for row in rows), 9),
        )  # fmt: skip

    def spent_usd(self) -> float:
        """What all replies in the store have cost."""
        with self._errors_told("read"), self._open().connect() as connection:
            return float(connection.execute(sa.select(sa.func.sum(_replies.c.cost_usd))).scalar() or 0.0)

    def close(self) -> None:
        """Let go of the database; it opens again when it is used."""
        if self._engine is not None and self._process == os.getpid():
            self._engine.dispose()
        self._engine = None

    def _select(self, columns: list[sa.Column[Any]], keys: list[str]) -> list[sa.Row[Any]]:
        with self._errors_told("read"), self._open().connect() as connection:
            return list(connection.execute(sa.select(*columns).where(_replies.c.key.in_(keys))))

    def _open(self) -> sa.Engine:
        """The engine of this process; a forked child must not use its parent's connections."""
        if self._engine is None or self._process != os.getpid():
            self._engine, self._process = _connect(self.url), os.getpid()
            with self._errors_told("opened"):
                _prepare(self._engine, self.url)
        return self._engine

    def _errors_told(self, verb: str) -> "_ErrorsTold":
        return _ErrorsTold(self.url, verb)


class _ErrorsTold:
    """Turns database errors into ones that tell a user what to do."""

    def __init__(self, url: str, verb: str) -> None:
        self.what = f"the reply store {_readable(url)} cannot be {verb}"

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, sa.exc.SQLAlchemyError):
            words = str(getattr(error, "orig", None) or error)
            raise GenerationError(f"{self.what}: {words}", hint=_what_to_do(words)) from error


def _what_to_do(words: str) -> str:
    if "locked" in words:
        return "Another run is writing to it: wait for that one, or give this one another OUT."
    if "full" in words or "I/O" in words:
        return "Make room on the disk and run the same command again: the replies stored before are kept."
    if "not a database" in words or "malformed" in words or "corrupt" in words:
        return "Move the file away (`sqlite3 FILE .recover` may save its replies); then the requests are asked again."
    return "Check the path or URL and your rights to it."


def _connect(url: str) -> sa.Engine:
    try:
        parsed = sa.make_url(url)
        _make_folder(parsed)
        engine = sa.create_engine(parsed)
    except (sa.exc.SQLAlchemyError, ImportError, OSError) as error:
        raise GenerationError(f"no reply store at {_readable(url)}: {error}", hint="Give a database URL.") from None
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _configure_sqlite)
    return engine


def _make_folder(url: sa.URL) -> None:
    if url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)


def _configure_sqlite(connection: Any, _record: object) -> None:
    """Readers do not wait for the writer (WAL), and a committed reply survives a power cut (FULL)."""
    for pragma in ("busy_timeout = 30000", "journal_mode = WAL", "synchronous = FULL"):
        connection.execute(f"PRAGMA {pragma}")


def _prepare(engine: sa.Engine, url: str) -> None:
    """Create the tables in an empty database; refuse one that is somebody else's."""
    inspector = sa.inspect(engine)
    tables = set(inspector.get_table_names())
    if not tables:
        with engine.begin() as connection:
            connection.execute(sa.schema.CreateTable(_requests, if_not_exists=True))
            connection.execute(sa.schema.CreateTable(_replies, if_not_exists=True))
        return
    columns = {column["name"] for column in inspector.get_columns("replies")} if "replies" in tables else set()
    if not columns >= set(_replies.columns.keys()) or "requests" not in tables:
        raise GenerationError(
            f"{_readable(url)} is a database, but no reply store (it has the tables {', '.join(sorted(tables))})",
            hint="Give another path: nothing is changed in this one.",
        )


@cache
def _upsert(table: sa.Table, dialect: str, *, unless_answered: bool = False) -> sa.Insert:
    """Insert a row or write over the one of that key, unless that one is an answer."""
    insert = (postgresql if dialect == "postgresql" else sqlite).insert(table)
    others = {column.name: insert.excluded[column.name] for column in table.columns if column.name != "key"}
    where = _replies.c.error != "" if unless_answered else None
    return insert.on_conflict_do_update(index_elements=[table.c.key], set_=others, where=where)


def _readable(url: str) -> str:
    """The URL without its password."""
    try:
        return sa.make_url(url).render_as_string(hide_password=True)
    except sa.exc.SQLAlchemyError:
        return "of that URL"


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
