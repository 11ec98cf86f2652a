"""What goes wrong with a database is told with what to do about it, and nothing is lost."""

import sqlite3
from pathlib import Path

import pytest

from pipelines.generation.store import ReplyStore
from schemas.errors import GenerationError
from tests.generation.stores import PAYLOAD, reply


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
