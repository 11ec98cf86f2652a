"""A build with a real language model: `osprey-data build --generator openai` against SmolLM2 on loopback.

So small a model writes little that passes. What counts is that every request is made once, every reply is stored, and
each one ends as a row or as a reject with its reason. (`mask_text` is there so that the build has rows at all.)
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq
import pytest

from pipelines.generation.store import ReplyStore
from schemas.ledger import REASONS

pytestmark = [pytest.mark.llm, pytest.mark.timeout(3600)]

LIMIT = 3
LLM_KINDS = ("description", "conversation", "short_form")
MAX_TOKENS = 320
RECIPE = f"""
name: small-model
seed: 0
kinds:
  mask_text: {{sources: [coco]}}
  description: {{sources: [refcoco, refcoco+, refcocog]}}
  conversation: {{sources: [refcoco, refcoco+, refcocog]}}
  short_form: {{sources: [refcoco, refcoco+, refcocog]}}
sources:
  coco: {{}}
  refcoco: {{}}
  refcoco+: {{}}
  refcocog: {{}}
  llava: {{}}
generation:
  temperature: 0
  seed: 0
  max_tokens: {MAX_TOKENS}
"""


class Built(NamedTuple):
    """A finished build and how often the model was asked for it."""

    out: Path
    manifest: dict[str, Any]
    calls: int


def _run(*arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.cli", *arguments], env=os.environ, capture_output=True, text=True,
        check=False, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def _calls(log: Path) -> int:
    return log.read_text(errors="replace").count("POST /v1/chat/completions")


@pytest.fixture(scope="module")
def build(smollm2_server, tmp_path_factory):
    """Builds three sample scenes with the model; called again it builds into the same folder."""
    folder = tmp_path_factory.mktemp("small-model")
    (folder / "recipe.yaml").write_text(RECIPE)
    _run("sample", str(folder / "scenes"), "--images", "12")

    def made() -> Built:
        before = _calls(smollm2_server.log)
        _run(
            "build", "--data", str(folder / "scenes"), "--out", str(folder / "out"),
            "--recipe", str(folder / "recipe.yaml"), "--generator", "openai", "--model", smollm2_server.model,
            "--budget-usd", "1", "--price", "0/0", "--concurrency", "1", "--limit", str(LIMIT),
        )  # fmt: skip
        manifest = json.loads((folder / "out" / "manifest.json").read_text())
        return Built(folder / "out", manifest, _calls(smollm2_server.log) - before)

    return made


@pytest.fixture(scope="module")
def first(build) -> Built:
    return build()


def _rows(folder: Path) -> list[dict[str, Any]]:
    return [row for path in sorted(folder.rglob("*.parquet")) for row in pq.read_table(path).to_pylist()]


def _request_keys(out: Path) -> list[str]:
    found = [
        path for path in (out / "work").rglob("*.parquet") if {"key", "payload"} <= set(pq.read_schema(path).names)
    ]
    return [key for path in found for key in pq.read_table(path, columns=["key"])["key"].to_pylist()]


def test_every_request_is_made_once_and_its_reply_stored(first: Built) -> None:
    generation, keys = first.manifest["generation"], _request_keys(first.out)
    assert generation["requests"] == len(keys) >= LIMIT * len(LLM_KINDS) // 2
    assert generation["calls"] + generation["failed"] == len(set(keys))
    assert first.calls >= generation["calls"] > 0
    assert generation["cost_usd"] == 0
    assert generation["completion_tokens"] > 0
    store = ReplyStore(f"sqlite:///{first.out}/work/replies.sqlite")
    assert store.missing(keys) == []
    assert all(reply.text or reply.error for reply in store.get_many(keys).values())


def test_each_reply_becomes_a_row_or_a_reject_with_its_reason(first: Built) -> None:
    keys = set(_request_keys(first.out))
    rows = {row["generator"]["request_key"] for row in _rows(first.out / "data") if row["kind"] in LLM_KINDS}
    rejects = [row for row in _rows(first.out / "rejects") if _about_a_reply(row["reason"])]
    assert rows <= keys
    assert len(rows) + len(rejects) == len(keys)
    assert all(row["reason"] in REASONS and row["detail"] for row in rejects)
    print({reason: sum(row["reason"] == reason for row in rejects) for reason in {row["reason"] for row in rejects}})
    print(first.manifest["generation"], "rows", len(rows))


def _about_a_reply(reason: str) -> bool:
    return reason.startswith("reply_") or reason in ("request_failed", "not_generated")


def test_the_ledger_holds(first: Built) -> None:
    ledger = first.manifest["ledger"]
    assert all(line["read"] == line["kept"] + sum(line["rejected"].values()) for line in ledger)
    replies = [line for line in ledger if any(_about_a_reply(reason) for reason in line["rejected"])]
    rejected = [row for row in _rows(first.out / "rejects") if _about_a_reply(row["reason"])]
    counted = sum(count for line in replies for reason, count in line["rejected"].items() if _about_a_reply(reason))
    assert counted == len(rejected)


def test_a_second_run_makes_no_call_and_the_same_data(first: Built, build) -> None:
    second = build()
    assert second.calls == 0
    assert second.manifest == first.manifest
