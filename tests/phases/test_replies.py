"""The commands that look into the reply store, on the replies of a real run: good ones, bad ones, failed ones."""

import io
import json
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from rich.console import Console

from pipelines import console, console_replies
from pipelines.generation.store import ReplyStore
from pipelines.generation.store.inspection import OwnerLine, owners_of
from pipelines.phases import judging
from schemas.records import Reply
from tests.phases import outputs
from tests.phases.conftest import Run, good_text, kind_of
from tests.servers.openai_server import OpenAIServer, Payload, answer, http_error, last_text

PLAN = ("--generator", "openai", "--model", "loopback-1", "--limit", 8, "--reply-format", "text",
        "--kinds", "description,short_form", "--recipe", "object-level")  # fmt: skip
MONEY = ("--price", "100/100", "--budget-usd", 50)


class Odd:
    """A server's answers: of the descriptions the first has no form, the second is cut off, the third is refused."""

    def __init__(self, server: OpenAIServer) -> None:
        self.seen: list[str] = []
        self.healthy = False
        server.reply, server.fault = self.reply, self.fault

    def reply(self, payload: Payload) -> Payload:
        number = self._number(payload)
        if self.healthy or number > 1:
            return answer(good_text(payload))
        return [answer("I see a [bold]nice[/bold] picture."), answer(good_text(payload), finish_reason="length")][
            number
        ]

    def fault(self, payload: Payload, before: int) -> Callable[[], object] | None:
        return None if self.healthy or self._number(payload) != 2 else lambda: http_error(400, "no such thing")()

    def _number(self, payload: Payload) -> int:
        if kind_of(payload) != "description":
            return 99
        if last_text(payload) not in self.seen:
            self.seen.append(last_text(payload))
        return self.seen.index(last_text(payload))


@pytest.fixture
def odd(server: OpenAIServer) -> Odd:
    return Odd(server)


@pytest.fixture
def out(scenes: str, tmp_path: Path, osprey_data: Run, odd: Odd) -> Path:
    """A build folder with a plan and the replies of a run: 16, of which 13 are good."""
    folder = tmp_path / "out"
    assert osprey_data("plan", "--data", scenes, "--out", folder, *PLAN, *MONEY[:2]).code == 0
    ran = osprey_data("generate", "--out", folder, *MONEY)
    assert ran.code == 0, ran.said
    return folder


def _table(text: str) -> dict[tuple[str, ...], list[str]]:
    """Lines by their first two cells."""
    cells = [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in text.splitlines()]
    return {tuple(line[:2]): line[2:] for line in cells if len(line) > 2}


def _key(out: Path, reason: str) -> str:
    """The key of the one reply that is bad in this way."""
    with closing(sqlite3.connect(out / "work" / "replies.sqlite")) as file:
        where = {"reply_format": "text LIKE 'I see%'", "reply_cut_off": "finish_reason = 'length'",
                 "request_failed": "error <> ''"}[reason]  # fmt: skip
        ((key,),) = file.execute(f"SELECT key FROM replies WHERE {where}")
    return str(key)


def test_list_counts_by_kind_and_reason_and_shows_the_newest(out: Path, osprey_data: Run) -> None:
    ran = osprey_data("replies", "list", "--out", out, "--limit", 3)
    assert ran.code == 0, ran.said
    found = _table(ran.out)
    assert found["description", "good"][0] == "5"
    assert found["description", "reply_format"][0] == "1"
    assert found["description", "reply_cut_off"][0] == "1"
    assert found["description", "request_failed"][0] == "1"
    assert found["short_form", "good"][0] == "8"
    with closing(sqlite3.connect(out / "work" / "replies.sqlite")) as file:
        ((usd, tokens),) = file.execute("SELECT sum(cost_usd), sum(prompt_tokens + completion_tokens) FROM replies")
    total = next(line.split() for line in ran.out.splitlines() if line.startswith("all "))
    assert total == ["all", "16", f"{tokens:,}", f"${usd:,.4f}"]
    assert "the newest 3 of 16" in ran.out


def test_a_narrow_terminal_shows_keys_and_worths_whole(
    out: Path, osprey_data: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = io.StringIO()
    monkeypatch.setattr(console, "out", Console(file=said, width=80, force_terminal=True, color_system=None))
    assert osprey_data("replies", "list", "--out", out, "--failed").code == 0
    key = _key(out, "request_failed")[:12]
    line = next(line for line in said.getvalue().splitlines() if line.startswith(key))
    assert line.split()[:3] == [key, "description", "request_failed"]
    assert "HTTP 400" in line
    assert max(map(len, said.getvalue().splitlines())) <= 80


def test_a_reply_gives_the_terminal_no_commands(out: Path, osprey_data: Run) -> None:
    odd = Reply(key="0" * 64, text="\x1b[2Ja\x9bb\tc\nd", finish_reason="stop", model="m")
    ReplyStore(f"sqlite:///{out}/work/replies.sqlite").save(odd, "description", {})
    for told in ("list", "show 000000"):
        ran = osprey_data("replies", *told.split(), "--out", out)
        assert "[2Ja" in ran.out
        assert not {"\x1b", "\x9b"} & set(ran.out)


@pytest.mark.parametrize(
    ("chosen", "reason"),
    [
        (["--reason", "reply_format"], "reply_format"), (["--reason", "length"], "reply_cut_off"),
        (["--failed"], "request_failed"), (["--reason", "failed", "--kind", "description"], "request_failed"),
    ],
)  # fmt: skip
def test_list_of_some(out: Path, osprey_data: Run, chosen: list[str], reason: str) -> None:
    ran = osprey_data("replies", "list", "--out", out, *chosen)
    assert ran.code == 0, ran.said
    assert _key(out, reason)[:12] in ran.out
    assert list(_table(ran.out))[1] == ("description", reason)
    assert "good" not in ran.out


def test_nothing_to_list_and_names_that_are_none(out: Path, osprey_data: Run) -> None:
    assert "no such replies" in osprey_data("replies", "list", "--out", out, "--model", "gpt-9").out
    assert "no such replies" in osprey_data("replies", "forget", "--out", out, "--kind", "commonsense", "--yes").out
    wrong = osprey_data("replies", "list", "--out", out, "--reason", "ugly")
    assert wrong.code == 1
    assert "reply_format" in wrong.err
    assert "--out" in osprey_data("replies", "list").err
    nowhere = osprey_data("replies", "owners", "--out", out / "nowhere")
    assert nowhere.code == 1
    assert "there is no reply store" in nowhere.err
    assert not (out / "nowhere").exists(), "looking makes nothing"
    assert osprey_data("replies", "forget", "--out", out).code == 1


@pytest.mark.parametrize("url", ["out/work/replies.sqlite", "postgresql://host:port/replies"])
def test_a_store_that_is_no_url(osprey_data: Run, url: str) -> None:
    ran = osprey_data("replies", "list", "--replies", url)
    assert ran.code == 1
    assert "no reply store at that URL" in ran.err
    assert "sqlite:///folder/replies.sqlite" in ran.err


def test_show_tells_a_reply_with_its_prompt(out: Path, osprey_data: Run) -> None:
    key = _key(out, "reply_format")
    ran = osprey_data("replies", "show", key[:10], "--out", out)
    assert ran.code == 0, ran.said
    assert key in ran.out
    assert "not in the asked format" in ran.out
    assert "I see a [bold]nice[/bold] picture." in ran.out
    assert "<region1>" in ran.out
    assert "\nsystem\n" in ran.out
    failed = osprey_data("replies", "show", _key(out, "request_failed"), "--out", out).out
    assert "HTTP 400: no such thing" in failed
    assert "no key begins with" in osprey_data("replies", "show", "xyz", "--out", out).err
    assert "several keys begin with" in osprey_data("replies", "show", "", "--out", out).err


def test_what_is_exported_can_be_taken_in_elsewhere(out: Path, osprey_data: Run, tmp_path: Path) -> None:
    file = tmp_path / "replies.jsonl"
    assert "16 replies" in osprey_data("replies", "export", file, "--out", out).out
    assert osprey_data("replies", "export", file, "--out", out).code == 1, "it would write over answers"
    line = json.loads(file.read_text().splitlines()[0])
    assert line["payload"]["model"] == "loopback-1"
    assert "secret" not in file.read_text()
    other = f"sqlite:///{tmp_path}/other.sqlite"
    assert "16 replies taken in" in osprey_data("replies", "import", file, "--replies", other).out
    again = osprey_data("replies", "import", file, "--replies", other).out
    assert "0 replies taken in ($0.00), 16 were there before" in again
    before, after = (osprey_data("replies", "list", *place).out for place in (("--out", out), ("--replies", other)))
    assert _table(before)["short_form", "good"] == _table(after)["short_form", "good"]
    some = tmp_path / "some.jsonl"
    assert "1 reply in" in osprey_data("replies", "export", some, "--out", out, "--reason", "reply_format").out


def test_forget_asks_first_and_then_only_that_is_asked_again(
    out: Path, osprey_data: Run, server: OpenAIServer, odd: Odd
) -> None:
    odd.healthy = True
    calls, chosen = server.calls, ("--out", out, "--kind", "description", "--reason", "reply_format")
    ran = osprey_data("replies", "forget", *chosen)
    assert "would remove 1 reply at a cost of $" in ran.out
    assert "--yes" in ran.out
    assert osprey_data("replies", "list", "--out", out, "--reason", "reply_format").out != "no such replies\n"
    assert "removed 1 reply" in osprey_data("replies", "forget", *chosen, "--yes").out
    assert osprey_data("replies", "list", "--out", out, "--reason", "reply_format").out == "no such replies\n"
    assert osprey_data("generate", "--out", out, *MONEY).code == 0
    assert server.calls == calls + 1
    assert osprey_data("assemble", "--out", out).code == 0
    assert {row["reason"] for row in outputs.rejects(str(out), "assemble")} == {"reply_cut_off", "request_failed"}


def test_retry_asks_only_what_has_failed(out: Path, osprey_data: Run, server: OpenAIServer, odd: Odd) -> None:
    assert "removed 1 reply" in osprey_data("replies", "forget", "--out", out, "--reason", "length", "--yes").out
    odd.healthy, calls, failed = True, server.calls, _key(out, "request_failed")
    ran = osprey_data("replies", "retry", "--out", out, *MONEY)
    assert ran.code == 0, ran.said
    assert server.calls == calls + 1, "what is missing is left alone"
    assert ReplyStore(f"sqlite:///{out}/work/replies.sqlite").errors([failed]) == {failed: ""}
    assert "no request of this plan has failed" in osprey_data("replies", "retry", "--out", out, *MONEY).out


def test_owners_shows_who_works(out: Path, osprey_data: Run) -> None:
    store = ReplyStore(f"sqlite:///{out}/work/replies.sqlite")
    with store.worker("p", 5.0) as worker:
        worker.look(["a", "b"])
        worker.draw(1.5, 1.5)
        ran = osprey_data("replies", "owners", "--out", out)
    lines = [line.split() for line in ran.out.splitlines()]
    assert lines[1][0] == worker.id[:13]
    assert lines[1][1] == "working"
    assert lines[1][-4:] == ["2", "$0.00", "$0.00", "$1.5000"]
    assert lines[2][1] == "ended"
    assert f"in all ${store.spent_usd():,.4f} spent" in ran.out


def test_what_killed_runs_may_have_spent_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    line = OwnerLine("worker-1", "worker", "run", "", "here", 7, "dead", 1.0, 0, 0.03, 0.01, 0.0, 0.03)
    console_replies.owners([line])
    assert "runs that were killed had set aside $0.0200" in capsys.readouterr().out


def _kill_while_it_asks(out: Path, server: OpenAIServer) -> None:
    command = [sys.executable, "-m", "pipelines.cli", "generate", "--out", str(out), *map(str, MONEY)]
    calls, server.latency_s = server.calls, 20.0
    process = subprocess.Popen([*command, "--concurrency", "2"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while server.calls < calls + 2:
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.wait()
    server.latency_s = 0.0


def test_what_a_killed_run_had_set_aside_counts_until_it_is_released(
    out: Path, osprey_data: Run, server: OpenAIServer, odd: Odd
) -> None:
    assert osprey_data("replies", "forget", "--out", out, "--kind", "short_form", "--yes").code == 0
    _kill_while_it_asks(out, server)
    store = ReplyStore(f"sqlite:///{out}/work/replies.sqlite")
    (dead,) = (one for one in owners_of(store.database) if one.state == "dead")
    assert (dead.claims, dead.spent_usd) == (8, 0.0)
    assert dead.aside_usd > 0
    spent, aside = store.spent_usd(), console_replies.usd(dead.aside_usd)
    again = ("generate", "--out", out, *MONEY, "--total-usd", spent + dead.aside_usd)
    calls = server.calls
    assert "total of the store are left" in osprey_data(*again).said
    assert server.calls == calls
    told = osprey_data("replies", "owners", "--out", out, "--release").out
    assert f"this would end 1 run that was killed: {aside} would count for --total-usd no more" in told
    assert "--yes" in told
    assert f"killed had set aside {aside}" in osprey_data("replies", "owners", "--out", out).out, "nothing was done"
    told = osprey_data("replies", "owners", "--out", out, "--release", "--yes").out
    assert f"ended 1 run that was killed: {aside} count for --total-usd no more" in told
    assert "killed" not in osprey_data("replies", "owners", "--out", out).out
    assert "nothing to release" in osprey_data("replies", "owners", "--out", out, "--release", "--yes").out
    osprey_data(*again)
    assert server.calls > calls
    assert store.spent_usd() <= spent + dead.aside_usd


def test_a_run_that_is_alive_is_not_released(out: Path, osprey_data: Run) -> None:
    with ReplyStore(f"sqlite:///{out}/work/replies.sqlite").worker("p", 5.0) as worker:
        worker.draw(1.5, 1.5)
        told = osprey_data("replies", "owners", "--out", out, "--release", "--yes").out
        assert "nothing to release" in told
        assert worker.look(["a"]).claimed == {"a"}
    refused = osprey_data("replies", "owners", "--out", out, "--yes")
    assert refused.code == 1
    assert "--release" in refused.err


def test_rows_of_earlier_stores_come_from_the_plan(out: Path, osprey_data: Run) -> None:
    with closing(sqlite3.connect(out / "work" / "replies.sqlite")) as file, file:
        file.execute("UPDATE requests SET row = ''")
    ran = osprey_data("replies", "list", "--out", out)
    assert _table(ran.out)["description", "reply_format"][0] == "1"
    url = f"sqlite:///{out}/work/replies.sqlite"
    assert _table(osprey_data("replies", "list", "--replies", url).out)["description", "good"][0] == "6", (
        "without a plan only what can be told of any reply"
    )


def test_a_mended_reply_is_told_and_kept(out: Path, osprey_data: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = _key(out, "reply_format")
    with closing(sqlite3.connect(out / "work" / "replies.sqlite")) as file, file:
        file.execute("""
            INSERT INTO replies SELECT 'mend', kind, text, finish_reason, model, 1, 1, 0.01, 1, '', 0, ?, answered_at
            FROM replies WHERE kind = 'description' AND finish_reason = 'stop' AND text NOT LIKE 'I see%' LIMIT 1
        """, [bad])  # fmt: skip
    monkeypatch.setattr(judging, "finish", lambda kind, request, reply: _only_format_fails(reply.text))
    ran = osprey_data("replies", "list", "--out", out)
    assert ("description", "reply_format, mended") in _table(ran.out)
    assert "repair mend (good, $0.0100)" in osprey_data("replies", "show", bad, "--out", out).out
    assert "no such replies" in osprey_data("replies", "forget", "--out", out, "--reason", "reply_format", "--yes").out


def _only_format_fails(text: str) -> None:
    if text.startswith("I see"):
        raise judging.BadReply("reply_format", "no form")


def test_looking_loads_neither_beam_nor_torch(out: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pipelines import cli; sys.argv[1:] = ['replies', 'list', '--out', sys.argv[1]]\n"
        "try: cli.main()\nexcept SystemExit: pass\n"
        "print([name for name in ('apache_beam', 'torch', 'transformers', 'openai') if name in sys.modules])"
    )
    copy = shutil.copytree(out, tmp_path / "copy")
    done = subprocess.run([sys.executable, "-c", code, copy], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert "good" in done.stdout
