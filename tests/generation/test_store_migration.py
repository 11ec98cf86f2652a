"""A store that the first version made: its replies are found, and nothing of it is bought again."""

import multiprocessing
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from pipelines.generation.store import Looked, ReplyStore
from schemas.keys import canonical_json
from tests.generation.stores import PAYLOAD, entry, failure, reply

FIRST = """
CREATE TABLE requests ("key" VARCHAR(64) NOT NULL, payload VARCHAR NOT NULL, PRIMARY KEY ("key"));
CREATE TABLE replies (
    "key" VARCHAR(64) NOT NULL, kind VARCHAR NOT NULL, text VARCHAR NOT NULL, finish_reason VARCHAR NOT NULL,
    model VARCHAR NOT NULL, prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL,
    cost_usd DOUBLE PRECISION NOT NULL, attempts INTEGER NOT NULL, error VARCHAR NOT NULL, PRIMARY KEY ("key")
);
INSERT INTO replies VALUES ('old', 'description', 'a dog', 'stop', 'm-1', 10, 3, 0.1, 1, '');
INSERT INTO replies VALUES ('bad', 'description', '', 'error', 'm', 0, 0, 0.0, 1, 'HTTP 400: no');
"""
"""The SQL of the version 0.1.0, word for word, with an answer and a failure."""


@pytest.fixture
def first(any_url: str) -> str:
    """The URL of such a store."""
    statements = [one for one in FIRST.split(";") if one.strip()]
    asked = [(key, canonical_json(PAYLOAD).decode()) for key in ("old", "bad")]
    if any_url.startswith("postgresql"):
        with psycopg.connect(any_url, autocommit=True) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement.encode())
            cursor.executemany("INSERT INTO requests VALUES (%s, %s)", asked)
    else:
        with closing(sqlite3.connect(any_url.removeprefix("sqlite:///"))) as file, file:
            file.execute("PRAGMA journal_mode = WAL")
            for statement in statements:
                file.execute(statement)
            file.executemany("INSERT INTO requests VALUES (?, ?)", asked)
    return any_url


def test_replies_of_an_earlier_version_are_found(first: str) -> None:
    store = ReplyStore(first)
    assert store.get_many(["old", "bad"]) == {"old": reply("old"), "bad": failure("bad")}
    with store.worker("p", 1.0, total_usd=0.5) as worker:
        assert worker.look(["old", "bad", "new"]) == Looked({"old": "", "bad": "HTTP 400: no"}, {"new"}, {})
        assert worker.draw(0.0, 1.0) == pytest.approx(0.4), "what was spent before counts towards the store's limit"
        worker.save([entry("new", repair_of="old")])
    assert store.repairs(["old"]) == {"old": reply("new", repair_of="old")}
    assert ReplyStore(first).spent_usd() == pytest.approx(0.2)


def _look(url: str) -> list[str]:
    return ReplyStore(url).missing(["old", "new"])


def test_many_open_it_at_once(first: str) -> None:
    with multiprocessing.get_context("fork").Pool(6) as pool:
        assert pool.map(_look, [first] * 12, chunksize=1) == [["new"]] * 12
    with ReplyStore(first).worker("p", 1.0, total_usd=0.1) as worker:
        assert worker.draw(0.0, 1.0) == 0.0, "and what was spent before is booked once"


def test_an_empty_store_is_made_once_by_many(any_url: str, tmp_path: Path) -> None:
    with multiprocessing.get_context("fork").Pool(6) as pool:
        assert pool.map(_look, [any_url] * 12, chunksize=1) == [["old", "new"]] * 12


def test_a_store_that_another_one_is_making_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    maker = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    for statement in ("CREATE TABLE made (name VARCHAR)", "DROP TABLE made", "BEGIN IMMEDIATE"):
        maker.execute(statement)
    threading.Timer(0.3, lambda: (maker.rollback(), maker.close())).start()
    assert _look(f"sqlite:///{path}") == ["old", "new"]
