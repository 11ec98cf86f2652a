"""Builds that ask a server, and what becomes of bad replies."""

import pathlib
import shlex
import signal
import subprocess
import sys
import time
from collections import Counter
from functools import partial
from typing import Any

import pytest

from pipelines import commands
from pipelines.generation.settings import from_environment
from pipelines.generation.store import ReplyStore
from tests.phases import outputs
from tests.phases.conftest import Run, good_text, kind_of
from tests.servers.openai_server import OpenAIServer, Payload, answer, last_text

ASK = ("--generator", "openai", "--model", "loopback-1", "--price", "1/1", "--budget-usd", "5", "--limit", "8",
       "--reply-format", "text",
       "--recipe", "object-level")  # fmt: skip


def test_asks_once_and_then_never_again(
    scenes: str, tmp_path: pathlib.Path, osprey_data: Run, server: OpenAIServer
) -> None:
    first = osprey_data("build", "--data", scenes, "--out", tmp_path, *ASK)
    assert first.code == 0, first.said
    before, calls = outputs.fingerprint(str(tmp_path)), server.calls
    assert calls == outputs.manifest(str(tmp_path))["generation"]["calls"] == 24
    assert max(server.answered.values()) == 1
    assert osprey_data("build", "--data", scenes, "--out", tmp_path, *ASK).code == 0
    assert server.calls == calls
    assert outputs.fingerprint(str(tmp_path)) == before
    row = outputs.rows(str(tmp_path), "description")[0]
    assert row["generator"]["name"] == "loopback-1"
    assert len(row["generator"]["request_key"]) == 64


BAD = {
    "reply_empty": lambda payload: answer(""),
    "reply_cut_off": lambda payload: answer(good_text(payload), finish_reason="length"),
    "reply_filtered": lambda payload: answer("", finish_reason="content_filter"),
    "reply_unknown_region": lambda payload: answer(good_text(payload).replace("<region1>", "<region99>")),
    "reply_mentions_source": lambda payload: answer(good_text(payload).replace("thing", "thing in a bounding box")),
    "reply_format": lambda payload: answer("I see a nice picture."),
}


def test_bad_replies_are_rejects_with_their_reason(
    scenes: str, tmp_path: pathlib.Path, osprey_data: Run, server: OpenAIServer
) -> None:
    reasons: dict[str, str] = {}

    def reply(payload: Payload) -> Payload:
        if kind_of(payload) != "description":
            return answer(good_text(payload))
        reason = list(BAD)[len(reasons) % len(BAD)]
        reasons[last_text(payload)] = reason
        return BAD[reason](payload)

    server.reply = reply
    ran = osprey_data("build", "--data", scenes, "--out", tmp_path, *ASK)
    assert ran.code == 0, ran.said
    found = Counter(row["reason"] for row in outputs.rejects(str(tmp_path), "assemble"))
    assert found == Counter(reasons.values())
    line = outputs.ledger(str(tmp_path))["assemble", "description", "rows"]
    assert (line["read"], line["kept"]) == (8, 0)
    kept_reply = next(row for row in outputs.rejects(str(tmp_path), "assemble") if row["reason"] == "reply_format")
    assert "I see a nice picture." in kept_reply["detail"]
    calls = server.calls
    assert osprey_data("build", "--data", scenes, "--out", tmp_path, *ASK).code == 0
    assert server.calls == calls, "a reply that fails is not bought again by itself"


def test_a_budget_stops_before_it_is_exceeded_and_the_rest_is_built(
    scenes: str, tmp_path: pathlib.Path, osprey_data: Run, server: OpenAIServer
) -> None:
    server.reply = lambda payload: answer(good_text(payload), usage=(1000, 1000))
    ask = [value if value != "5" else "0.02" for value in ASK]
    ran = osprey_data("build", "--data", scenes, "--out", tmp_path, *ask, "--concurrency", 2)
    assert ran.code == 1
    assert "--budget-usd" in ran.err
    generation = outputs.manifest(str(tmp_path))["generation"]
    assert 0 < generation["calls"] < 24
    assert generation["cost_usd"] <= 0.02
    left = sum(row["reason"] == "not_generated" for row in outputs.rejects(str(tmp_path), "assemble"))
    assert left == 24 - generation["calls"]
    assert outputs.rows(str(tmp_path), "mask_text")
    assert osprey_data("build", "--data", scenes, "--out", tmp_path, *ASK).code == 0
    assert max(server.answered.values()) == 1


def test_phases_by_themselves_give_what_build_gives(
    scenes: str, tmp_path: pathlib.Path, osprey_data: Run, server: OpenAIServer
) -> None:
    whole, steps = tmp_path / "whole", tmp_path / "steps"
    assert osprey_data("build", "--data", scenes, "--out", whole, *ASK).code == 0
    planned = osprey_data("plan", "--data", scenes, "--out", steps, *ASK[:6], *ASK[8:])
    assert planned.code == 0, planned.said
    assert "24 requests" in planned.out
    assert osprey_data("generate", "--out", steps, "--price", "1/1", "--budget-usd", 5).code == 0
    assert osprey_data("assemble", "--out", steps).code == 0
    assert outputs.fingerprint(str(steps)) == outputs.fingerprint(str(whole))


def test_without_a_budget_nothing_is_asked(
    scenes: str, tmp_path: pathlib.Path, osprey_data: Run, server: OpenAIServer
) -> None:
    ran = osprey_data("build", "--data", scenes, "--out", tmp_path, *ASK[:4], "--limit", 3)
    assert ran.code == 1
    assert "--budget-usd" in ran.err
    assert server.calls == 0


@pytest.mark.parametrize(
    ("lacks", "ask", "says"),
    [("OPENAI_API_KEY", ASK, "OPENAI_API_KEY is not set"), ("", (*ASK[:4], *ASK[6:]), "price of the model")],
)
def test_what_asking_needs_is_looked_at_first(
    lacks: str, ask: tuple[str, ...], says: str, scenes: str, tmp_path: pathlib.Path, osprey_data: Run,
    server: OpenAIServer, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.delenv(lacks, raising=False)
    ran = osprey_data("build", "--data", scenes, "--out", tmp_path, *ask)
    assert ran.code == 1
    assert says in ran.err
    assert ".;" not in ran.err
    assert not list(tmp_path.glob("work/plan*"))
    assert osprey_data("build", "--data", scenes, "--out", tmp_path, *ask, "--kinds", "mask_text").code == 0
    assert server.calls == 0


def test_with_replies_but_no_key_everything_else_is_built(
    scenes: str, tmp_path: pathlib.Path, osprey_data: Run, server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert osprey_data("build", "--data", scenes, "--out", tmp_path, *ASK, "--kinds", "description").code == 0
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert osprey_data("build", "--data", scenes, "--out", tmp_path, *ASK, "--kinds", "description").code == 0
    ran = osprey_data("build", "--data", scenes, "--out", tmp_path, *ASK)
    assert ran.code == 1
    assert "OPENAI_API_KEY" in ran.err
    assert "Traceback" not in ran.said
    assert outputs.rows(str(tmp_path), "mask_text")
    assert outputs.ledger(str(tmp_path))["assemble", "conversation", "rows"]["rejected"] == {"not_generated": 8}
    alone = osprey_data("build", "--data", scenes, "--out", tmp_path, *ASK, "--kinds", "conversation")
    assert alone.code == 1
    assert "OPENAI_API_KEY is not set, so nothing can be generated; the build has no rows" in alone.err
    assert not (tmp_path / "manifest.json").exists()


def test_keys_reach_no_file(scenes: str, tmp_path: pathlib.Path, osprey_data: Run, server: OpenAIServer) -> None:
    assert osprey_data("build", "--data", scenes, "--out", tmp_path, *ASK).code == 0
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and b"sk-loopback" in path.read_bytes()]
    store = ReplyStore(f"sqlite:///{tmp_path}/work/replies.sqlite")
    assert store.spent_usd() > 0


def _costs(out: pathlib.Path) -> dict[str, Any]:
    generation = outputs.manifest(str(out))["generation"]
    kinds = generation["by_kind"].values()
    for name in ("requests", "calls", "failed", "repairs", "prompt_tokens", "completion_tokens"):
        assert generation[name] == sum(one[name] for one in kinds), name
    assert generation["cost_usd"] == pytest.approx(sum(one["cost_usd"] for one in kinds))
    return generation


def test_what_is_missing_and_what_it_would_cost(
    scenes: str, tmp_path: pathlib.Path, osprey_data: Run, server: OpenAIServer
) -> None:
    asked = [*ASK, "--kinds", "description"]
    assert osprey_data("build", "--data", scenes, "--out", tmp_path, *asked).code == 0
    planned = osprey_data("plan", "--data", scenes, "--out", tmp_path, *ASK[:6], *ASK[8:])
    assert planned.code == 0, planned.said
    calls = server.calls
    told = osprey_data("generate", "--out", tmp_path, "--price", "1/1", "--dry-run")
    assert told.code == 0
    assert server.calls == calls == 8
    lines = {line.split()[0]: line.split() for line in told.out.splitlines() if line.strip()}
    assert lines["description"][1:4] == ["0", "8", "0"]
    assert lines["conversation"][1:3] == ["8", "0"]
    assert lines["all"][1:3] == ["16", "8"]
    assert "16 requests to ask: $" in told.out
    assert osprey_data("generate", "--out", tmp_path, "--price", "1/1", "--budget-usd", 5).code == 0
    assert "nothing to ask" in osprey_data("generate", "--out", tmp_path, "--price", "1/1", "--dry-run").out


def test_batches_give_the_rows_that_calls_give_at_half_the_price(
    scenes: str, tmp_path: pathlib.Path, osprey_data: Run, server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "from_environment", partial(from_environment, batch_poll_s=0.05))
    online, batch = tmp_path / "online", tmp_path / "batch"
    assert osprey_data("build", "--data", scenes, "--out", online, *ASK).code == 0
    calls = server.calls
    ran = osprey_data("build", "--data", scenes, "--out", batch, *ASK, "--mode", "batch")
    assert ran.code == 0, ran.said
    assert server.calls == calls, "nothing was asked online"
    assert "a batch at 0.5 of it" in ran.out
    assert _costs(batch)["cost_usd"] == pytest.approx(_costs(online)["cost_usd"] / 2)
    shards = [{path: sha for path, sha in outputs.fingerprint(str(out)).items() if path != "manifest.json"}
              for out in (online, batch)]  # fmt: skip
    assert shards[0] == shards[1]
    ended = osprey_data("generate", "--out", batch, "--mode", "batch", "--cancel")
    assert ended.code == 0, ended.said
    assert "no batch is under way" in ended.out
    assert osprey_data("generate", "--out", batch, "--cancel").code == 1


def test_a_repair_mends_rows_and_is_paid_for(
    scenes: str, tmp_path: pathlib.Path, osprey_data: Run, server: OpenAIServer
) -> None:
    def reply(payload: Payload) -> Payload:
        first = kind_of(payload) == "description" and "nice picture" not in str(payload["messages"])
        texts = {**payload, "messages": payload["messages"][:4]}
        return answer("I see a nice picture." if first else good_text(texts), usage=(100, 10))

    server.reply = reply
    asked = [*ASK, "--kinds", "description,short_form", "--repair", 1]
    ran = osprey_data("build", "--data", scenes, "--out", tmp_path, *asked)
    assert ran.code == 0, ran.said
    assert "8 repairs" in ran.out
    line = outputs.ledger(str(tmp_path))["assemble", "description", "rows"]
    assert (line["read"], line["kept"]) == (8, 8)
    generation = _costs(tmp_path)
    assert generation["by_kind"]["description"]["repairs"] == generation["repairs"] == 8
    assert generation["cost_usd"] == pytest.approx(24 * 110e-6)
    told = [line.split() for line in ran.out.splitlines() if line.startswith("description") and "$" in line][-1]
    assert told[1:4] == ["8", "8", "8"], "rows kept, replies, repairs"
    assert float(told[6].removeprefix("$")) == pytest.approx(16 * 110e-6 / 8, rel=0.05)
    assert "0.000220 USD" in (tmp_path / "qa" / "index.html").read_text()
    assert "0.000220 USD" in (tmp_path / "README.md").read_text()
    before, calls = outputs.fingerprint(str(tmp_path)), server.calls
    assert osprey_data("build", "--data", scenes, "--out", tmp_path, *asked).code == 0
    assert (outputs.fingerprint(str(tmp_path)), server.calls) == (before, calls)


@pytest.mark.parametrize("mode", ["online", "batch"])
def test_repairs_that_the_total_leaves_no_dollars_for_are_told(
    mode: str, scenes: str, tmp_path: pathlib.Path, osprey_data: Run, server: OpenAIServer
) -> None:
    server.reply = lambda payload: answer("I see a nice picture.")
    osprey_data("build", "--data", scenes, "--out", tmp_path, *ASK, "--kinds", "description")
    calls = server.calls
    again = ("--price", "1/1", "--budget-usd", 5, "--repair", 1, "--total-usd", 0.0001, "--mode", mode)
    ran = osprey_data("generate", "--out", tmp_path, *again)
    assert "8 of them to mend stored replies" in ran.out
    assert (ran.code, server.calls) == (1, calls)
    assert "not mended" in ran.err or "not asked" in ran.err
    assert "--total-usd, which may have to be more" in ran.err


def test_the_way_on_is_told_without_a_password(
    scenes: str, tmp_path: pathlib.Path, osprey_data: Run, server: OpenAIServer
) -> None:
    server.reply = lambda payload: answer(good_text(payload), usage=(1000, 1000))
    ask = [value if value != "5" else "0.02" for value in ASK]
    ran = osprey_data("build", "--data", scenes, "--out", tmp_path / "with blank", *ask)
    assert ran.code == 1
    again = next(line for line in ran.err.splitlines() if line.startswith("  osprey-data build"))
    assert shlex.split(again) == ["osprey-data", "build", "--data", scenes, "--out", f"{tmp_path}/with blank", *ask]
    database = "postgresql://me:very-secret@127.0.0.1:1/replies"
    refused = osprey_data("build", "--data", scenes, "--out", tmp_path, *ASK, "--replies", database)
    assert refused.code == 1
    assert "very-secret" not in refused.said


def test_ctrl_c_says_how_far_it_came_and_how_to_go_on(
    scenes: str, tmp_path: pathlib.Path, osprey_data: Run, server: OpenAIServer
) -> None:
    assert osprey_data("plan", "--data", scenes, "--out", tmp_path, *ASK[:6], *ASK[8:]).code == 0
    server.latency_s = 0.3
    command = ["generate", "--out", str(tmp_path), "--price", "1/1", "--budget-usd", "5", "--concurrency", "2"]
    process = subprocess.Popen([sys.executable, "-m", "pipelines.cli", *command], stderr=subprocess.PIPE, text=True)
    while sum(server.answered.values()) < 3:
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in said
    answered = sum(server.answered.values())
    assert f"{answered} answered and stored, {24 - answered} left, $" in said
    assert said.rstrip().endswith(" ".join(command))
    server.latency_s = 0.0
    assert osprey_data(*command).code == 0
    assert max(server.answered.values()) == 1
