"""Several processes on one store: each key has one owner at a time, whoever is killed, and limits hold for all."""

import multiprocessing
import os
import random
import signal
from collections import Counter
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from pipelines.generation.store import Looked, ReplyStore, Worker, processes
from pipelines.generation.store.inspection import Ended, end_dead, owners_of
from pipelines.generation.store.processes import is_gone, this_process
from schemas.errors import GenerationError
from tests.generation.stores import entry, put_to_sleep, set_owner

FORK = multiprocessing.get_context("fork")
KEYS = [f"key{number:03}" for number in range(240)]
CHUNK = 12


class Holding:
    """Files that say which process holds which key, apart from the store, and a log of what was asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"
        self.log.touch()

    def take(self, key: str) -> None:
        """Called once the store has given a key: whoever held it before must be dead."""
        mine = this_process()
        path = self.folder / key
        if path.exists():
            place, pid, mark = path.read_text().split()
            if not is_gone(place, int(pid), mark):
                self.write(f"shared {key}")
        whole = self.folder / f"{key}.{mine.pid}"
        whole.write_text(f"{mine.place} {mine.pid} {mine.mark}")
        whole.rename(path)

    def leave(self, key: str) -> None:
        """Called before the store is told."""
        (self.folder / key).unlink()

    def write(self, line: str) -> None:
        """One line, whole, whoever else writes."""
        log = os.open(self.log, os.O_APPEND | os.O_WRONLY)
        os.write(log, f"{line}\n".encode())
        os.close(log)

    def lines(self, first: str) -> list[str]:
        """What was written after this word."""
        lines = (line.split() for line in self.log.read_text().splitlines())
        return [rest for word, rest in lines if word == first]


def _ask_all(url: str, holding: Holding, seed: int) -> None:
    """A run: claims a few keys at a time in an order of its own, asks and saves one after the other."""
    store = ReplyStore(url)
    keys = random.Random(seed).sample(KEYS, len(KEYS))
    with store.worker("shared", 0.5, total_usd=0.5) as worker:
        while keys:
            looked = worker.look(keys[:CHUNK])
            for key in looked.claimed:
                holding.take(key)
            for number, key in enumerate(sorted(looked.claimed)):
                _ask(worker, holding, key, release=number % 5 == 4)
            rest = [key for key in keys if key not in looked.answered and key not in looked.claimed]
            keys = [*rest[CHUNK:], *rest[:CHUNK]] if len(rest) == len(keys) else rest
            keys += [key for key in looked.claimed if store.missing([key])]


def _ask(worker: Worker, holding: Holding, key: str, *, release: bool) -> None:
    if release:
        holding.leave(key)
        worker.release([key])
        return
    if granted := worker.draw(0.001, 0.001):
        holding.write(f"granted {granted}")
    holding.write(f"asked {key}")
    holding.leave(key)
    worker.save([entry(key, cost_usd=granted)])


def _start(url: str, holding: Holding, seed: int) -> BaseProcess:
    process = FORK.Process(target=_ask_all, args=(url, holding, seed))
    process.start()
    return process


def _join(processes: list[BaseProcess]) -> None:
    for process in processes:
        process.join(timeout=120)
        assert process.exitcode == 0


def test_processes_share_the_keys_and_the_money(any_url: str, tmp_path: Path) -> None:
    holding = Holding(tmp_path)
    _join([_start(any_url, holding, seed) for seed in range(4)])
    store = ReplyStore(any_url)
    assert holding.lines("shared") == []
    assert Counter(holding.lines("asked")) == Counter(KEYS), "each once"
    assert store.missing(KEYS) == []
    granted = sum(map(float, holding.lines("granted")))
    assert granted == pytest.approx(0.24)
    assert store.spent_usd() == pytest.approx(granted)


def test_who_is_killed_loses_only_what_was_in_flight(any_url: str, tmp_path: Path) -> None:
    holding, randomly = Holding(tmp_path), random.Random(5)
    processes, kills = {seed: _start(any_url, holding, seed) for seed in range(3)}, 0
    while kills < 12 and all(process.is_alive() for process in processes.values()):
        victim = randomly.randrange(3)
        target = len(holding.lines("asked")) + randomly.randrange(1, 12)
        while len(holding.lines("asked")) < target and processes[victim].is_alive():
            processes[victim].join(timeout=0.002)
        processes[victim].kill()
        processes[victim].join()
        processes[victim] = _start(any_url, holding, seed=10 + kills)
        kills += 1
    _join(list(processes.values()))
    asked = Counter(holding.lines("asked"))
    assert kills >= 3, "so the test has tested something"
    assert holding.lines("shared") == []
    assert set(asked) == set(KEYS)
    assert asked.total() - len(KEYS) <= kills, "a process asks one at a time, so a kill costs one answer at most"
    assert ReplyStore(any_url).missing(KEYS) == []
    assert sum(map(float, holding.lines("granted"))) <= 0.5


def _sleeper(url: str, parent: Connection) -> None:
    with ReplyStore(url).worker("p", 1.0, lease_s=0.5) as worker:
        parent.send(worker.look(["a", "b"]).claimed)
        parent.recv()
        while not worker.lost():
            pass
        try:
            parent.send(worker.look(["c"]))
        except GenerationError as error:
            parent.send((worker.lapsed(), error.message))


def test_who_slept_longer_than_its_lease_is_told_so(any_url: str) -> None:
    ours, theirs = FORK.Pipe()
    process = FORK.Process(target=_sleeper, args=(any_url, theirs))
    process.start()
    assert ours.recv() == {"a", "b"}
    put_to_sleep(process.pid or 0, any_url)
    try:
        with ReplyStore(any_url).worker("q", 1.0) as awake:
            claimed = set[str]()
            while not claimed:
                looked = awake.look(["a"])
                assert isinstance(looked, Looked)
                claimed = looked.claimed
            os.kill(process.pid or 0, signal.SIGCONT)
            ours.send("go on")
            lapsed, words = ours.recv()
            assert lapsed
            assert "another one asks in its place" in words
            assert awake.look(["b"]).claimed == {"b"}
    finally:
        process.kill()
        process.join()


def _drawer(url: str, parent: Connection) -> None:
    with ReplyStore(url).worker("p", 1.0, total_usd=1.0) as worker:
        worker.look(["a", "b"])
        worker.save([entry("a", cost_usd=0.125)])
        parent.send(worker.draw(0.625, 0.625))
        parent.recv()


def test_who_was_killed_is_ended_and_what_it_drew_is_free(any_url: str) -> None:
    """The living keep theirs, and whoever was taken for dead before is ended too."""
    ours, theirs = FORK.Pipe()
    process = FORK.Process(target=_drawer, args=(any_url, theirs), daemon=True)
    process.start()
    assert ours.recv() == 0.625
    store = ReplyStore(any_url)
    with store.worker("q", 1.0, total_usd=1.0) as live, store.worker("q", 1.0) as lost:
        live.look(["c"])
        assert live.draw(0.125, 0.125) == 0.125
        set_owner(store, lost.id, lost=1.0, granted_usd=0.0625)
        assert end_dead(store.database) == Ended(1, 0.0625)
        process.kill()
        process.join()
        assert live.draw(0.5, 0.5) == 0.0
        assert end_dead(store.database) == Ended(1, 0.5)
        assert end_dead(store.database) == Ended(0, 0.0)
        states = Counter(line.state for line in owners_of(store.database))
        assert states == {"working": 1, "ended": 2}
        assert live.draw(0.5, 0.5) == 0.5
        assert live.look(["b", "c"]) == Looked({}, {"b"}, {"c": live.id})
        assert store.spent_usd() == 0.125


def test_a_process_that_ended_is_gone_even_while_nobody_has_asked_for_its_status() -> None:
    ours, theirs = FORK.Pipe()
    process = FORK.Process(target=lambda: theirs.send(this_process()))
    process.start()
    _, place, pid, mark = ours.recv()
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert is_gone(place, pid, mark), "a zombie"
    process.join()
    assert is_gone(place, pid, mark)
    assert not is_gone("another machine", pid, mark)
    assert not is_gone(*this_process()[1:])
    assert not is_gone(this_process().place, os.getpid(), "")


def test_another_users_process_that_the_system_hides_is_not_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with /proc mounted with `hidepid`."""

    def kill(pid: int, signal: int) -> None:
        raise PermissionError

    _, place, pid, mark = this_process()
    monkeypatch.setattr(processes.os, "kill", kill)
    monkeypatch.setattr(processes, "_mark", lambda pid: "")
    assert not is_gone(place, pid, mark)
    monkeypatch.setattr(processes, "_mark", lambda pid: "another")
    assert is_gone(place, pid, mark), "its number was given to another one"
