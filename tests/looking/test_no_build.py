"""Folders that hold no finished build, at every command that wants one."""

import pathlib

import msgspec
import pytest

from pipelines import recipes
from pipelines.builders import BUILDERS
from pipelines.phases.plan import Plan
from pipelines.sources import EVALUATION_SETS, SOURCES
from tests.command_line import Ran, Run

COMMANDS = {
    "report": ("report", "{out}"), "validate": ("validate", "{out}"), "show": ("show", "{out}", "mask_text-1"),
    "diff": ("diff", "{out}", "{out}"), "export": ("export", "{out}", "--to", "{out}-exported"),
}  # fmt: skip


@pytest.fixture(params=COMMANDS)
def looked(request: pytest.FixtureRequest, osprey_data: Run, tmp_path: pathlib.Path) -> object:
    """One of the commands, on the folder `out`."""

    def run() -> Ran:
        words = [word.format(out=tmp_path / "out") for word in COMMANDS[request.param]]
        ran = osprey_data(*words)
        assert ran.code == (2 if request.param == "diff" else 1)
        assert "Traceback" not in ran.said
        assert not (tmp_path / "out-exported").exists()
        return ran

    return run


def plan(out: pathlib.Path, requests: int = 0) -> None:
    """What the first phase leaves."""
    recipe = recipes.load("object-level", sources=SOURCES, kinds=BUILDERS, evaluation_sets=EVALUATION_SETS)
    made = Plan(
        folder="plan-1", parts=1, generator="template", recipe=recipe, data="/nowhere", sources=(),
        rows={"mask_text": {"train": 4_000, "val": 96}}, cuts={}, amounts={}, requests=requests, ledger=(), rejects={},
    )  # fmt: skip
    (out / "work").mkdir(parents=True, exist_ok=True)
    (out / "work/plan.json").write_bytes(msgspec.json.encode(made))


def test_no_folder(looked: Run) -> None:
    ran = looked()
    assert "no folder" in ran.err
    assert "the --out of its command" in ran.err


def test_a_folder_of_something_else(looked: Run, tmp_path: pathlib.Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/notes.txt").write_text("")
    assert "is no build: it holds neither manifest.json nor work/" in looked().err


@pytest.mark.parametrize("content", [None, b"", b"{", b'{"folder": 1}', b"\xff"])
def test_interrupted_while_it_was_planned(looked: Run, tmp_path: pathlib.Path, content: bytes | None) -> None:
    (tmp_path / "out/work").mkdir(parents=True)
    if content is not None:
        (tmp_path / "out/work/plan.json").write_bytes(content)
    ran = looked()
    assert "not even the first, plan, came to its end" in ran.err
    assert "once more: it goes on where it was stopped" in ran.err


def test_interrupted_before_all_was_answered(looked: Run, tmp_path: pathlib.Path) -> None:
    plan(tmp_path / "out", requests=1_234)
    ran = looked()
    assert "4,096 rows are planned; the phases generate (1,234 requests) and assemble" in ran.err
    assert f"`osprey-data assemble --out {tmp_path}/out` makes shards of the replies that are there" in ran.err


@pytest.mark.parametrize("requests", [0, 1_234])
def test_interrupted_while_shards_were_written(looked: Run, tmp_path: pathlib.Path, requests: int) -> None:
    plan(tmp_path / "out", requests)
    (tmp_path / "out/work/assemble").mkdir()
    (tmp_path / "out/work/assemble/mask_text-train-00000-of-00001.parquet").write_bytes(b"")
    assert "the last phase, assemble, has not come to its end" in looked().err


def test_a_manifest_that_cannot_be_read(looked: Run, tmp_path: pathlib.Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/manifest.json").write_text("{")
    assert "manifest.json cannot be read" in looked().err
