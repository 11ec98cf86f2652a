"""The reply store: what is saved is there, for every process, and a file that is no store is said to be none."""

import math
import multiprocessing
import pickle
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from pipelines.generation.store import GenerationTotals, ReplyStore
from schemas.errors import GenerationError
from schemas.records import Reply

PAYLOAD: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "What is <region1>?"}]}


def _reply(key: str, **fields: Any) -> Reply:
    usual = {
        "text": "a dog", "finish_reason": "stop", "model": "m-1", "prompt_tokens": 10, "completion_tokens": 3,
        "cost_usd": 0.1,
    }  # fmt: skip
    return Reply(key=key, **{**usual, **fields})


def _failure(key: str, error: str = "HTTP 400: no") -> Reply:
    return Reply(key=key, text="", finish_reason="error", model="m", error=error)


def test_replies_come_back_as_saved_in_the_order_asked(store: ReplyStore) -> None:
    replies = [_reply("a"), _failure("b"), _reply("c", text="ein Hund \N{DOG FACE}\n\n", cost_usd=1 / 3, attempts=4)]
    for reply in replies:
        store.save(reply, "description", PAYLOAD)
    found = store.get_many(["c", "x", "b", "a", "c"])
    assert list(found.values()) == [replies[2], replies[1], replies[0]]
    assert store.missing(["x", "a", "y", "x", "b"]) == ["x", "y"]
    assert store.errors(["a", "b", "x"]) == {"a": "", "b": "HTTP 400: no"}


def test_more_keys_than_one_query_takes(store: ReplyStore) -> None:
    store.save(_reply("key-2500"), "description", PAYLOAD)
    keys = [f"key-{index}" for index in range(2600)]
    assert list(store.get_many(keys)) == ["key-2500"]
    assert len(store.missing(keys)) == 2599


def test_totals_count_exactly_the_keys_given(store: ReplyStore) -> None:
    for index in range(10):
        store.save(_reply(f"k{index}"), "description", PAYLOAD)
    store.save(_failure("bad"), "description", PAYLOAD)
    totals = store.totals(["k1", "k2", "k1", "bad", "never", "k3"])
    assert totals == GenerationTotals(
        requests=6, calls=3, cached=1, failed=1, prompt_tokens=30, completion_tokens=9, cost_usd=0.3
    )
    assert store.totals([]).requests == 0
    assert store.spent_usd() == pytest.approx(1.0)


def test_totals_do_not_depend_on_the_order_of_arrival(tmp_path: Path) -> None:
    costs = {f"k{index}": math.pi / (index + 1) ** 3 for index in range(200)}
    made = []
    for name, keys in (("a", sorted(costs)), ("b", sorted(costs, reverse=True))):
        store = ReplyStore(f"sqlite:///{tmp_path}/{name}.sqlite")
        for key in keys:
            store.save(_reply(key, cost_usd=costs[key]), "description", PAYLOAD)
        made.append(store.totals(costs))
    assert made[0] == made[1]


def test_an_answer_replaces_a_failure_but_not_the_other_way(store: ReplyStore) -> None:
    store.save(_failure("k"), "description", PAYLOAD)
    store.save(_failure("k", "HTTP 500: later"), "description", PAYLOAD)
    assert store.get_many(["k"])["k"].error == "HTTP 500: later"
    store.save(_reply("k"), "description", PAYLOAD)
    store.save(_failure("k"), "description", PAYLOAD)
    assert store.get_many(["k"])["k"] == _reply("k")


def test_a_reply_and_its_request_can_be_read_with_sqlite_alone(store: ReplyStore, tmp_path: Path) -> None:
    store.save(_reply("k"), "short_form", PAYLOAD)
    with sqlite3.connect(tmp_path / "work" / "replies.sqlite") as connection:
        row = connection.execute("SELECT kind, text, payload FROM replies JOIN requests USING (key)").fetchone()
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()
    assert row[:2] == ("short_form", "a dog")
    assert "<region1>" in row[2]


def test_it_is_pickled_by_its_url_and_opened_when_used(store: ReplyStore, tmp_path: Path) -> None:
    copy = pickle.loads(pickle.dumps(store))
    assert not (tmp_path / "work").exists()
    store.save(_reply("k"), "description", PAYLOAD)
    assert pickle.loads(pickle.dumps(store)).get_many(["k"]) == copy.get_many(["k"]) == {"k": _reply("k")}


def _read(store: ReplyStore, count: int) -> int:
    while len(found := store.get_many(f"k{index}" for index in range(count))) < count:
        pass
    return len(found)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_read_while_one_writes(store: ReplyStore, method: str) -> None:
    store.save(_reply("k0"), "description", PAYLOAD)
    with multiprocessing.get_context(method).Pool(2) as pool:
        readers = [pool.apply_async(_read, (store, 100)) for _ in range(2)]
        for index in range(1, 100):
            store.save(_reply(f"k{index}"), "description", PAYLOAD)
        assert [reader.get(timeout=60) for reader in readers] == [100, 100]


def test_a_damaged_file_is_named_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "replies.sqlite"
    path.write_bytes(b"this is no database at all, whatever its name may say " * 50)
    with pytest.raises(GenerationError, match=r"replies\.sqlite cannot be opened: file is not a database") as caught:
        ReplyStore(f"sqlite:///{path}").missing(["k"])
    assert "Move the file away" in caught.value.hint


def test_a_file_cut_short_is_named_with_what_to_do(store: ReplyStore, tmp_path: Path) -> None:
    for index in range(200):
        store.save(_reply(f"k{index}", text="x" * 500), "description", PAYLOAD)
    store.close()
    path = tmp_path / "work" / "replies.sqlite"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    with pytest.raises(GenerationError, match="malformed") as caught:
        ReplyStore(store.url).get_many(f"k{index}" for index in range(200))
    assert "Move the file away" in caught.value.hint


@pytest.mark.parametrize("table", ["photos (id)", "replies (id)"])
def test_somebody_elses_database_is_left_alone(tmp_path: Path, table: str) -> None:
    path = tmp_path / "other.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute(f"CREATE TABLE {table}")
    connection.close()
    with pytest.raises(GenerationError, match="no reply store"):
        ReplyStore(f"sqlite:///{path}").save(_reply("k"), "description", PAYLOAD)
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (1,)
    connection.close()


def test_a_folder_that_cannot_be_made_and_a_url_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(GenerationError, match="no reply store at"):
        ReplyStore(f"sqlite:///{tmp_path}/file/replies.sqlite").missing(["k"])
    with pytest.raises(GenerationError):
        ReplyStore("not a url").missing(["k"])


def test_a_password_stays_out_of_errors() -> None:
    with pytest.raises(GenerationError) as caught:
        ReplyStore("mysql://user:secret@127.0.0.1/db").missing(["k"])
    assert "secret" not in str(caught.value)
