"""The reply store: what is saved is there, for every process, on SQLite and on PostgreSQL."""

import math
import multiprocessing
import pickle
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from pipelines.generation.store import GenerationTotals, ReplyStore
from schemas.errors import GenerationError
from tests.generation.stores import PAYLOAD, entry, failed, failure, reply


def test_replies_come_back_as_saved_in_the_order_asked(any_store: ReplyStore) -> None:
    replies = [reply("a"), failure("b"), reply("c", text="ein Hund \N{DOG FACE}\n\n", cost_usd=1 / 3, attempts=4)]
    for one in replies:
        any_store.save(one, "description", PAYLOAD)
    found = any_store.get_many(["c", "x", "b", "a", "c"])
    assert list(found.values()) == [replies[2], replies[1], replies[0]]
    assert any_store.missing(["x", "a", "y", "x", "b"]) == ["x", "y"]
    assert any_store.errors(["a", "b", "x"]) == {"a": "", "b": "HTTP 400: no"}


def test_more_keys_than_one_query_takes(any_store: ReplyStore) -> None:
    any_store.save(reply("key-2500"), "description", PAYLOAD)
    keys = [f"key-{index}" for index in range(2600)]
    assert list(any_store.get_many(keys)) == ["key-2500"]
    assert len(any_store.missing(keys)) == 2599


def test_totals_count_exactly_the_keys_given(any_store: ReplyStore) -> None:
    for index in range(10):
        any_store.save(reply(f"k{index}"), "description", PAYLOAD)
    any_store.save(failure("bad"), "description", PAYLOAD)
    totals = any_store.totals(["k1", "k2", "k1", "bad", "never", "k3"])
    assert totals == GenerationTotals(
        requests=6, calls=3, cached=1, failed=1, prompt_tokens=30, completion_tokens=9, cost_usd=0.3
    )
    assert any_store.totals([]).requests == 0
    assert any_store.spent_usd() == pytest.approx(1.0)


def test_totals_do_not_depend_on_the_order_of_arrival(tmp_path: Path) -> None:
    costs = {f"k{index}": math.pi / (index + 1) ** 3 for index in range(200)}
    made = []
    for name, keys in (("a", sorted(costs)), ("b", sorted(costs, reverse=True))):
        store = ReplyStore(f"sqlite:///{tmp_path}/{name}.sqlite")
        for key in keys:
            store.save(reply(key, cost_usd=costs[key]), "description", PAYLOAD)
        made.append(store.totals(costs))
    assert made[0] == made[1]


def test_an_answer_replaces_a_failure_but_not_the_other_way(any_store: ReplyStore) -> None:
    any_store.save(failure("k"), "description", PAYLOAD)
    any_store.save(failure("k", "HTTP 500: later"), "description", PAYLOAD)
    assert any_store.get_many(["k"])["k"].error == "HTTP 500: later"
    any_store.save(reply("k"), "description", PAYLOAD)
    any_store.save(failure("k"), "description", PAYLOAD)
    assert any_store.get_many(["k"])["k"] == reply("k")


def test_an_answer_stays_and_what_failures_cost_before_it_is_counted(any_store: ReplyStore) -> None:
    any_store.save_many([failed("k", at_risk_usd=0.25), failed("k", "HTTP 500: again", at_risk_usd=0.5)])
    assert any_store.get_many(["k"])["k"] == failure("k", "HTTP 500: again", at_risk_usd=0.75)
    any_store.save_many([entry("k")])
    any_store.save_many([entry("k", text="bought twice")])
    assert any_store.get_many(["k"])["k"] == reply("k", at_risk_usd=0.75)


def test_the_newest_answer_of_a_repair_counts_before_any_failure(any_store: ReplyStore) -> None:
    any_store.save_many([entry("a"), entry("b"), entry("c")])
    for one in (entry("r1", repair_of="a"), entry("r2", repair_of="a"), failed("r3", repair_of="a"),
                failed("r4", repair_of="b")):  # fmt: skip
        any_store.save_many([one])
    found = any_store.repairs(["a", "b", "c", "x", "a"])
    assert {key: one.key for key, one in found.items()} == {"a": "r2", "b": "r4"}
    assert any_store.repairs([""]) == {}


def test_an_answer_is_not_lost_for_characters_that_no_database_takes(any_store: ReplyStore) -> None:
    any_store.save_many([entry("k", text="a\0b\ud800c \N{DOG FACE}")])
    assert any_store.get_many(["k"])["k"].text == "a\N{REPLACEMENT CHARACTER}b?c \N{DOG FACE}"


def test_a_batch_of_replies_is_stored_as_a_whole_or_not_at_all(any_store: ReplyStore) -> None:
    bad = entry("b")._replace(reply=reply("b", prompt_tokens=None))
    with pytest.raises(GenerationError, match="prompt_tokens"):
        any_store.save_many([entry("a"), bad, entry("c")])
    assert any_store.missing("abc") == ["a", "b", "c"]


def test_a_reply_and_its_request_can_be_read_with_sqlite_alone(store: ReplyStore, tmp_path: Path) -> None:
    store.save(reply("k"), "short_form", PAYLOAD)
    with sqlite3.connect(tmp_path / "work" / "replies.sqlite") as connection:
        row = connection.execute("SELECT kind, text, payload FROM replies JOIN requests USING (key)").fetchone()
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()
    assert row[:2] == ("short_form", "a dog")
    assert "<region1>" in row[2]


def test_it_is_pickled_by_its_url_and_opened_when_used(store: ReplyStore, tmp_path: Path) -> None:
    copy = pickle.loads(pickle.dumps(store))
    assert not (tmp_path / "work").exists()
    store.save(reply("k"), "description", PAYLOAD)
    assert pickle.loads(pickle.dumps(store)).get_many(["k"]) == copy.get_many(["k"]) == {"k": reply("k")}


def _read(store: ReplyStore, count: int) -> int:
    while len(found := store.get_many(f"k{index}" for index in range(count))) < count:
        pass
    return len(found)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_read_while_one_writes(store: ReplyStore, method: str) -> None:
    store.save(reply("k0"), "description", PAYLOAD)
    with multiprocessing.get_context(method).Pool(2) as pool:
        readers = [pool.apply_async(_read, (store, 100)) for _ in range(2)]
        for index in range(1, 100):
            store.save(reply(f"k{index}"), "description", PAYLOAD)
        assert [reader.get(timeout=60) for reader in readers] == [100, 100]


def test_no_question_reads_the_whole_table(store: ReplyStore) -> None:
    """Half a million replies are looked up by indexes; SQLite says itself whether it uses them."""
    store.save_many([entry("a"), failed("b"), entry("c", repair_of="a")])
    asked: list[tuple[str, object]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        asked.append((statement, parameters))

    sa.event.listen(store.database._open(), "before_cursor_execute", note)
    keys = ["a", "b", "x"]
    with store.worker("p", 1.0) as worker:
        worker.look(keys, retry_failed=True)
        worker.save([entry("x")])
    store.missing(keys), store.errors(keys), store.get_many(keys), store.totals(keys)
    store.repairs(keys), list(store.usage(keys)), list(store.usage(keys, repairs=True))
    about = [(words, given) for words, given in asked if "replies" in words or "claims" in words]
    assert len(about) > 12
    with closing(sqlite3.connect(store.url.removeprefix("sqlite:///"))) as file:
        for words, given in about:
            plan = [row[3] for row in file.execute(f"EXPLAIN QUERY PLAN {words}", given)]  # type: ignore[arg-type]
            assert not [step for step in plan if "SCAN replies" in step or "SCAN claims" in step], (words, plan)
