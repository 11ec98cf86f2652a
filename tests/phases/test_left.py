"""What is left is told: requests that failed, and those in batches that are under way."""

import pathlib
from functools import partial

import pytest

from pipelines import commands
from pipelines.generation.settings import from_environment
from tests.phases.conftest import Run, kind_of
from tests.phases.test_generation import ASK
from tests.servers.openai_server import OpenAIServer, http_error


def test_a_dry_run_cancels_nothing(
    scenes: str, tmp_path: pathlib.Path, osprey_data: Run, server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "from_environment", partial(from_environment, batch_poll_s=0.05, batch_wait_s=0.2))
    server.batches.held = True
    assert osprey_data("build", "--data", scenes, "--out", tmp_path, *ASK, "--mode", "batch").code == 1
    dry = osprey_data("generate", "--out", tmp_path, "--price", "1/1", "--dry-run")
    assert "24 requests of this store are in batches" in dry.out
    ran = osprey_data("generate", "--out", tmp_path, "--mode", "batch", "--cancel", "--dry-run")
    assert (ran.code, server.batches.calls["cancel"]) == (1, 0)
    assert osprey_data("generate", "--out", tmp_path, "--mode", "batch", "--cancel", "--price", "1/1").code == 0
    assert server.batches.calls["cancel"] == 1


def test_what_failed_is_told_and_how_to_ask_it_again(
    scenes: str, tmp_path: pathlib.Path, osprey_data: Run, server: OpenAIServer
) -> None:
    server.fault = lambda payload, before: http_error(400, "no") if kind_of(payload) == "short_form" else None
    ran = osprey_data("build", "--data", scenes, "--out", tmp_path, *ASK)
    assert "8 requests failed: `osprey-data replies list --failed` shows why" in ran.out
    dry = osprey_data("generate", "--out", tmp_path, "--price", "1/1", "--dry-run")
    assert "nothing to ask: 16 of 24 requests are answered, the others failed" in dry.out
    assert "8 requests failed before and are not asked again without --retry-failed" in dry.out
