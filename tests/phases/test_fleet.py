"""Several worker processes of Beam ask, over one store and one purse."""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from pipelines.generation.progress import Progress
from pipelines.generation.settings import Settings
from pipelines.generation.store import ReplyStore
from pipelines.phases import fleet, generate
from pipelines.phases.generate import Share
from pipelines.phases.layout import Layout
from pipelines.phases.plan import read_plan
from pipelines.phases.running import Running
from schemas.errors import GenerationError
from schemas.keys import request_key
from tests.phases.conftest import Run, good_text
from tests.phases.planned import layout, planned, settings
from tests.servers import postgres
from tests.servers.openai_server import Late, OpenAIServer, answer, http_error
from tests.servers.postgres import PostgresServer
from tests.servers.rates import Bucket, Rates

WORKERS = Running(2)

__all__ = ["layout", "planned", "settings"]


@pytest.fixture(scope="module")
def postgres_server() -> Iterator[PostgresServer]:
    with postgres.running() as started:
        yield started


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, layout: Layout) -> ReplyStore:
    if request.param == "sqlite":
        return ReplyStore(layout.replies_url)
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return ReplyStore(server.new_database())


@pytest.fixture
def sqlite(layout: Layout) -> ReplyStore:
    return ReplyStore(layout.replies_url)


def _quiet(_: Progress) -> None:
    pass


def test_shares_hold_every_request_once(layout: Layout) -> None:
    plan = read_plan(layout)
    whole = [ask.key for ask in generate.asks(plan, layout)]
    shares = [[ask.key for ask in generate.asks(plan, layout, Share(number, 3))] for number in range(3)]
    assert sorted(key for share in shares for key in share) == sorted(whole)
    assert all(len(share) > len(whole) / 5 for share in shares)
    assert not set(shares[0]) & set(shares[1])


def test_nothing_is_bought_twice(
    layout: Layout, store: ReplyStore, server: OpenAIServer, settings: Callable[..., Settings]
) -> None:
    plan, seen = read_plan(layout), list[Progress]()
    server.latency_s = 0.1
    outcome = fleet.answer(plan, layout, store, settings(), seen.append, WORKERS)
    assert (outcome.answered, outcome.left, outcome.failed) == (plan.requests, 0, 0)
    assert set(server.answered.values()) == {1}
    assert len(server.answered) == plan.requests
    assert server.most_in_flight > 4, "both workers were at work at the same time"
    assert outcome.spent_usd == pytest.approx(18e-6 * plan.requests) == store.spent_usd()
    assert any(0 < now.answered < plan.requests for now in seen), "what the workers do is told while they do it"
    assert not list(pathlib.Path(layout.work).glob("fleet-*"))
    log = pathlib.Path(layout.work, "generate.log").read_text()
    assert "sk-loopback" not in log
    assert log.count(" end: requests ") == 2, "each worker's"
    assert "Outcome(" not in log
    again = fleet.answer(plan, layout, store, settings(), _quiet, WORKERS)
    assert (again.cached, again.answered, again.spent_usd) == (plan.requests, 0, 0)
    assert set(server.answered.values()) == {1}


def test_workers_share_one_budget(
    layout: Layout, store: ReplyStore, server: OpenAIServer, settings: Callable[..., Settings]
) -> None:
    server.reply = lambda payload: answer(good_text(payload), usage=(1000, 1000))
    plan = read_plan(layout)
    outcome = fleet.answer(plan, layout, store, settings(budget_usd=0.05), _quiet, WORKERS)
    assert 0 < outcome.spent_usd <= 0.05
    assert store.spent_usd() == pytest.approx(outcome.spent_usd) == pytest.approx(0.002 * server.calls)
    assert outcome.answered + outcome.left == plan.requests
    assert "budget" in outcome.stopped


def test_a_worker_without_dollars_lets_the_other_one_wait_for_its_answers(
    layout: Layout, sqlite: ReplyStore, server: OpenAIServer, settings: Callable[..., Settings]
) -> None:
    """They are paid for, and take longer than an interrupted run would wait."""
    slow = Share(1, 2)
    server.reply = lambda payload: answer(good_text(payload), usage=(1000, 1000))
    server.fault = lambda payload, before: Late(2.5) if slow.holds(request_key(payload)) else None
    chosen = settings(budget_usd=0.15, concurrency=2, grace_s=0.05)
    outcome = fleet.answer(read_plan(layout), layout, sqlite, chosen, _quiet, WORKERS)
    assert "budget" in outcome.stopped
    assert outcome.at_risk_usd == 0
    assert outcome.spent_usd == sqlite.spent_usd() == pytest.approx(0.002 * sum(server.answered.values()))


def test_workers_share_the_rates(
    layout: Layout, sqlite: ReplyStore, server: OpenAIServer, settings: Callable[..., Settings]
) -> None:
    """The server admits 20 a second, after 40 at once. Two workers of 20 a second each would be turned away."""
    server.rates = Rates(told=False, retry_after=False, requests=Bucket(1200, full=40))
    plan = read_plan(layout)
    outcome = fleet.answer(plan, layout, sqlite, settings(rpm=1200), _quiet, WORKERS)
    assert outcome.answered == plan.requests
    assert server.rates.turned_away == 0


def test_what_stops_one_stops_all_and_is_told_once(
    planned: str, scenes: str, tmp_path: pathlib.Path, osprey_data: Run, server: OpenAIServer
) -> None:
    shutil.copytree(planned, tmp_path / "out")
    server.fault = lambda payload, before: http_error(401, "Incorrect API key: sk-loopback")
    ran = osprey_data("generate", "--out", tmp_path / "out", "--price", "1/1", "--budget-usd", 1, "--workers", 2)
    assert ran.code == 1
    assert ran.err.count("turns every request away") == 1
    assert "Traceback" not in ran.said
    assert "sk-loopback" not in ran.said


def test_a_file_cannot_be_shared_by_other_machines(
    layout: Layout, sqlite: ReplyStore, settings: Callable[..., Settings]
) -> None:
    elsewhere = Running(2, ("--runner=FlinkRunner",))
    with pytest.raises(GenerationError, match="SQLite") as caught:
        fleet.answer(read_plan(layout), layout, sqlite, settings(), _quiet, elsewhere)
    assert "postgresql://" in caught.value.hint
    with pytest.raises(GenerationError, match="batches"):
        fleet.answer(read_plan(layout), layout, sqlite, settings(mode="batch"), _quiet, Running(2))


def test_ctrl_c_lets_the_workers_store_what_they_have_sent(layout: Layout, server: OpenAIServer) -> None:
    """Pressed on a terminal it reaches all processes."""
    server.latency_s = 0.3
    command = ["generate", "--out", layout.out, "--price", "1/1", "--budget-usd", "5", "--workers", "2"]
    started = [sys.executable, "-m", "pipelines.cli", *command, "--concurrency", "2"]
    process = subprocess.Popen(started, stderr=subprocess.PIPE, text=True, start_new_session=True)
    while sum(server.answered.values()) < 6:
        assert process.poll() is None
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    stored = ReplyStore(layout.replies_url)
    plan = read_plan(layout)
    keys = [key for kind in plan.recipe.kinds for key in generate.keys(plan, layout, kind)]
    answered = len(server.answered)
    assert 6 <= answered < plan.requests
    assert stored.totals(keys).calls == answered
    assert f"{answered} answered and stored, {plan.requests - answered} left" in said
