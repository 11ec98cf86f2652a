"""Answers that a store does not take: nothing more is asked, nothing that was paid for is lost."""

import asyncio
import shutil
import sqlite3
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pipelines.generation.engine import generate
from pipelines.generation.saving import Writer
from pipelines.generation.store import Entry, ReplyStore, database, read_lines
from schemas.errors import GenerationError
from tests.generation.stores import entry
from tests.servers import openai_server as faulty


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for 1 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], check=False).returncode == 0
    if not mounted:
        pytest.skip("this user may not mount a small disk")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_disk_that_gets_full_stops_the_run_and_loses_nothing(
    small_disk: Path, tmp_path: Path, server: Any, quick: Any, ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    server.reply = lambda payload: faulty.answer("x" * 8000)
    asks = [ask(f"q{index}") for index in range(500)]
    store = ReplyStore(f"sqlite:///{small_disk}/replies.sqlite")
    with pytest.raises(GenerationError, match="disk is full") as caught:
        generate(asks, store, quick(grace_s=0.1, lease_s=1.0))
    assert "replies import" in str(caught.value)
    rescued = list(read_lines(caught.value.message.split(" answers are in ")[1].split(":")[0]))
    store.close()
    stored = [ask.key for ask in asks if ask.key not in set(store.missing(ask.key for ask in asks))]
    assert len(stored) + len(rescued) == server.calls < 200, "nothing is asked that could not be stored"
    _go_on_elsewhere(store, rescued, tmp_path, asks, quick, server)


def _go_on_elsewhere(store: Any, rescued: Any, tmp_path: Path, asks: Any, quick: Any, server: Any) -> None:
    store.close()
    shutil.copytree(tmp_path / "disk", tmp_path / "large")
    roomy = ReplyStore(f"sqlite:///{tmp_path}/large/replies.sqlite")
    roomy.take_in(rescued)
    outcome = generate(asks, roomy, quick())
    assert outcome.cached + outcome.answered == 500
    assert set(server.answered.values()) == {1}, "nothing is bought twice"


def test_a_store_that_is_locked_for_a_while_has_all_answers_in_the_end(
    store: ReplyStore, server: Any, quick: Any, ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_S", 0.05)
    asks = [ask(f"q{index}") for index in range(300)]
    generate(asks[:1], store, quick())
    server.latency_s = 0.01
    with closing(
        sqlite3.connect(store.url.removeprefix("sqlite:///"), isolation_level=None, check_same_thread=False)
    ) as other:
        locked: list[bool] = []

        def lock(payload: dict[str, Any], before: int) -> None:
            if server.calls >= 60 and not locked:
                locked.append(True)
                other.execute("BEGIN IMMEDIATE")
                threading.Timer(1.5, other.execute, ["ROLLBACK"]).start()

        server.fault = lock
        with pytest.raises(GenerationError, match="locked") as caught:
            generate(asks, store, quick(grace_s=20.0))
    assert "By now all answers are stored" in str(caught.value)
    assert 300 - len(store.missing(one.key for one in asks)) == server.calls < 300
    server.fault = lambda payload, before: None
    generate(asks, store, quick())
    assert set(server.answered.values()) == {1}


def test_what_waits_is_committed_together() -> None:
    groups: list[int] = []
    gate = threading.Event()

    def save(entries: Any) -> None:
        gate.wait(10)
        groups.append(len(entries))

    async def run() -> None:
        writer = Writer(save, lambda entries: "", lambda: None)
        first = asyncio.create_task(writer.save([entry("first")]))
        await asyncio.sleep(0.05)
        others = [asyncio.create_task(writer.save([entry(f"{index}")])) for index in range(20)]
        await asyncio.sleep(0)
        assert not first.done()
        gate.set()
        await asyncio.gather(first, *others)
        await writer.close()

    asyncio.run(run())
    assert groups == [1, 20]


def test_what_is_being_committed_when_a_run_breaks_off_is_committed_once() -> None:
    """Committed twice, its dollars would be booked twice."""
    groups: list[list[str]] = []
    began, gate = threading.Event(), threading.Event()

    def save(entries: Any) -> None:
        began.set()
        gate.wait(10)
        groups.append([one.reply.key for one in entries])

    async def run() -> None:
        writer = Writer(save, lambda entries: "", lambda: None)
        saving = asyncio.create_task(writer.save([entry("first")]))
        await asyncio.get_running_loop().run_in_executor(None, began.wait, 10)
        late = asyncio.create_task(writer.save([entry("late")]))
        await asyncio.sleep(0)
        for task in (saving, late):
            task.cancel()
        threading.Timer(0.05, gate.set).start()
        await writer.close()

    asyncio.run(run())
    assert groups == [["first"], ["late"]]


def test_a_fault_of_ours_is_heard_and_the_answers_are_rescued() -> None:
    rescued: list[Entry] = []

    def save(entries: Any) -> None:
        raise TypeError("a fault")

    def rescue(entries: Any) -> str:
        rescued.extend(entries)
        return "they are in a file"

    async def run() -> None:
        writer = Writer(save, rescue, lambda: None)
        with pytest.raises(TypeError):
            await writer.save([entry("a")])
        with pytest.raises(GenerationError, match="they are in a file"):
            await writer.close()

    asyncio.run(run())
    assert [one.reply.key for one in rescued] == ["a"]
