"""What goes wrong with a database is told with what to do about it, and nothing is lost."""

import multiprocessing
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
import sqlalchemy as sa

from pipelines.generation.store import Entry, ReplyStore, Taken, database, read_lines, rescue, rescued
from pipelines.generation.store.database import readable
from pipelines.generation.store.writing import write
from schemas.errors import GenerationError
from tests.generation.stores import PAYLOAD, entry, reply
from tests.servers import postgres
from tests.servers.postgres import PASSWORD, PostgresServer


def test_a_damaged_file_is_named_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "replies.sqlite"
    path.write_bytes(b"this is no database at all, whatever its name may say " * 50)
    with pytest.raises(GenerationError, match=r"replies\.sqlite cannot be opened: file is not a database") as caught:
        ReplyStore(f"sqlite:///{path}").missing(["k"])
    assert "Move the file away" in caught.value.hint


def test_a_file_cut_short_is_named_with_what_to_do(store: ReplyStore, tmp_path: Path) -> None:
    for index in range(200):
        store.save(reply(f"k{index}", text="x" * 500), "description", PAYLOAD)
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
        ReplyStore(f"sqlite:///{path}").save(reply("k"), "description", PAYLOAD)
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


@pytest.mark.parametrize("url", ["postgresql://user:pass@word@127.0.0.1:1/db", "postgresql://user:pass@word@host/db"])
def test_a_password_with_an_at_sign_is_told_how_to_write_and_shown_by_no_half(url: str) -> None:
    with pytest.raises(GenerationError, match="%40") as caught:
        ReplyStore(url).missing(["k"])
    assert "word@" not in str(caught.value)
    assert readable(url) == "that URL"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for 1.5 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1500k", "tmpfs", folder], check=False).returncode == 0
    if not mounted:
        pytest.skip("this user may not mount a small disk")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def _fill(save: Callable[[Entry], None]) -> tuple[list[str], Entry, GenerationError]:
    """Save until it fails: the keys that were saved, the entry that was not, and the error."""
    for number in range(1000):
        one = entry(f"k{number:03}", text="x" * 4000)
        try:
            save(one)
        except GenerationError as error:
            return [f"k{before:03}" for before in range(number)], one, error
    raise AssertionError("the disk never got full")


def _held_to_the_end(store: ReplyStore, disk: Path) -> None:
    """Fill the disk, rescue what finds no room, make room, take it in: nothing is lost and nothing bought twice."""
    with store.worker("p", 100.0) as worker:
        worker.look(f"k{number:03}" for number in range(200))
        saved, lost, error = _fill(lambda one: worker.save([one]))
        assert "full" in error.message
        assert "Make room on the disk" in error.hint
        assert len(saved) > 5
        path = rescue(store.url, [lost, entry("another", text="y")])
    assert ReplyStore(store.url).missing(saved) == []
    assert "replies import" in rescued(store.url, path, 2)
    subprocess.run(["mount", "-o", "remount,size=8m", disk], check=True)
    assert store.take_in(read_lines(path)) == Taken(2, 0, pytest.approx(0.2))
    assert store.take_in(read_lines(path)) == Taken(0, 2, 0.0)
    assert store.get_many([lost.ask.key])[lost.ask.key] == lost.reply
    os.unlink(path)


def test_a_full_disk_loses_nothing(small_disk: Path) -> None:
    _held_to_the_end(ReplyStore(f"sqlite:///{small_disk}/replies.sqlite"), small_disk)


def test_a_database_that_may_not_grow_says_so_and_keeps_what_it_has(store: ReplyStore) -> None:
    """The same where nobody may mount a disk: SQLite's own limit, on the connections that are made from now on."""
    store.save_many([entry("first")])
    store.close()
    limited = ReplyStore(store.url)
    engine = limited.database._open()
    sa.event.listen(engine, "checkout", lambda connection, *_: connection.execute("PRAGMA max_page_count = 60"))
    saved, lost, error = _fill(lambda one: limited.save_many([one]))
    assert "database or disk is full" in error.message
    assert "Make room on the disk" in error.hint
    assert ReplyStore(store.url).missing(["first", *saved, lost.ask.key]) == [lost.ask.key]
    path = rescue(store.url, [lost])
    assert Path(path).parent == Path(store.url.removeprefix("sqlite:///")).parent
    assert ReplyStore(store.url).take_in(read_lines(path)).added == 1


def test_a_rescue_file_goes_elsewhere_where_its_folder_is_gone(
    store: ReplyStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    path = rescue(store.url, [entry("a")])
    assert Path(path).parent == tmp_path
    assert rescue(store.url, [entry("b")]) == path, "one file a process"
    assert [one.reply for one in read_lines(path)] == [reply("a"), reply("b")]
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "not there"))
    with pytest.raises(GenerationError, match="paid for cannot be written anywhere, 1 in all"):
        rescue(store.url, [entry("a")])


def test_a_line_that_is_no_reply_is_named(store: ReplyStore, tmp_path: Path) -> None:
    path = tmp_path / "cut.jsonl"
    whole = Path(rescue(f"sqlite:///{tmp_path}/r.sqlite", [entry("a"), entry("b")])).read_bytes()
    path.write_bytes(whole[:-20])
    with pytest.raises(GenerationError, match=r"cut\.jsonl, line 2 is no stored reply"):
        store.take_in(read_lines(str(path)))
    with pytest.raises(GenerationError, match="cannot be read"):
        list(read_lines(str(tmp_path / "nowhere.jsonl")))


def test_a_store_that_another_program_keeps_locked(store: ReplyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_S", 0.05)
    store.save_many([entry("a")])
    with closing(sqlite3.connect(store.url.removeprefix("sqlite:///"), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(GenerationError, match="database is locked") as caught:
            store.save_many([entry("b")])
        assert "end that one" in caught.value.hint
        assert store.missing("ab") == ["b"], "reading goes on"
        other.execute("ROLLBACK")
    store.save_many([entry("b")])
    assert store.missing("ab") == []


def _as_nobody(url: str, told: Connection) -> None:
    """Try to save as a user who may not."""
    if os.geteuid() == 0:
        os.setgid(65534)
        os.setuid(65534)
    for work in (lambda: ReplyStore(url).save_many([entry("b")]), lambda: told.send(ReplyStore(url).missing("ab"))):
        try:
            work()
        except GenerationError as error:
            told.send((error.message, error.hint))


@pytest.mark.parametrize("what", ["folder and file", "no file yet"])
def test_a_folder_that_may_not_be_written(what: str) -> None:
    folder = Path(tempfile.mkdtemp())
    store = ReplyStore(f"sqlite:///{folder}/replies.sqlite")
    if what == "folder and file":
        store.save_many([entry("a")])
        store.close()
        (folder / "replies.sqlite").chmod(0o444)
    folder.chmod(0o555)
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=_as_nobody, args=(store.url, theirs))
    process.start()
    try:
        for _ in range(2):
            assert ours.poll(60)
            message, hint = ours.recv()
            assert str(folder) in message
            assert "allowed to write the file and its folder" in hint
    finally:
        process.join()
        folder.chmod(0o755)
        shutil.rmtree(folder)


def test_a_postgresql_that_stops_in_the_middle(postgres_server: PostgresServer, postgres_url: str) -> None:
    store = ReplyStore(postgres_url)
    with store.worker("p", 1.0, lease_s=0.4) as worker:
        worker.look("abc")
        worker.save([entry("a")])
        postgres_server.stop()
        with pytest.raises(GenerationError) as caught:
            worker.save([entry("b")])
        _tells_no_password(caught.value)
        assert "database server runs" in caught.value.hint
        while not worker.lapsed():
            pass
        path = rescue(store.url, [entry("b")])
        assert PASSWORD not in rescued(store.url, path, 1)
        with pytest.raises(GenerationError) as caught:
            ReplyStore(postgres_url).missing(["a"])
        _tells_no_password(caught.value)
        postgres_server.start()
        assert store.missing("ab") == ["b"], "the same store goes on"
        assert store.take_in(read_lines(path)).added == 1
        assert worker.look("bc").answered == {"b": ""}
        assert not worker.lost()
    os.unlink(path)


def test_a_postgresql_that_ends_while_it_is_asked_for_much(postgres_server: PostgresServer, postgres_url: str) -> None:
    """A transaction that breaks off leaves nothing."""
    store = ReplyStore(postgres_url)
    store.save_many([entry("first")])

    def breaks_off(connection: sa.Connection) -> None:
        write(connection, [entry("a")], 0.0)
        postgres_server.stop()
        write(connection, [entry("b")], 0.0)

    with pytest.raises(GenerationError) as caught:
        store.database.transact(breaks_off)
    _tells_no_password(caught.value)
    postgres_server.start()
    assert store.missing(["first", "a", "b"]) == ["a", "b"]


def test_a_postgresql_that_is_not_to_be_used(postgres_server: PostgresServer, postgres_url: str) -> None:
    for url in (
        postgres_url.replace(PASSWORD, "wrong-secret"),
        postgres_url + "_not_there",
        f"postgres://osprey@127.0.0.1:{postgres_server.port}/x?password=wrong-secret",
        "postgresql://osprey:wrong-secret@127.0.0.1:1/x",
    ):
        with pytest.raises(GenerationError) as caught:
            ReplyStore(url).missing(["a"])
        _tells_no_password(caught.value)
        assert caught.value.hint
    postgres_server.execute("CREATE TABLE photos (id int)", postgres_url.split("/")[-1])
    with pytest.raises(GenerationError, match="no reply store"):
        ReplyStore(postgres_url).missing(["a"])


def test_a_missing_driver_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(GenerationError) as caught:
        ReplyStore("postgresql://user:secret@127.0.0.1/db").missing(["k"])
    assert 'pip install "osprey-data[postgres]"' in caught.value.hint
    _tells_no_password(caught.value)


def _tells_no_password(error: GenerationError) -> None:
    assert "secret" not in f"{error.message} {error.hint} {error!r}"


def test_postgresql_is_missed_only_where_it_is_not_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "binaries", lambda: None)
    for name in ("CI", postgres.REQUIRED):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(pytest.skip.Exception, match="apt-get install postgresql"), postgres.running():
        pass
    monkeypatch.setenv(postgres.REQUIRED, "1")
    with pytest.raises(pytest.fail.Exception, match="PostgreSQL is required here"), postgres.running():
        pass
