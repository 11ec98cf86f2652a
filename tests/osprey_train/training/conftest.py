"""Shards of a few dozen rows, a model of some thousand parameters, and `osprey-train` in this process."""

import json
import pathlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
import torch

from osprey_train import train
from pipelines.shards import writing
from tests.osprey_train import small_model
from tests.osprey_train.small_shards import row, write

COLOURS = ("red", "green", "blue", "a dog in the grass", "grey")


class Ran(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]


def _row(kind: str, number: int) -> dict[str, Any]:
    """A row whose answer is a few words of its own; every third one has no region."""
    made = row(kind, number)
    made["messages"][1]["content"] = f"{COLOURS[number % 5]}, number {number}"
    return made


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """OUT/data with three kinds, DATA with pictures, and `model`, an untrained one."""
    folder = tmp_path_factory.mktemp("training")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writing, "GROUP_ROWS", 5)
        write(folder, "image_text", [[{**_row("image_text", n), "regions": []} | _plain(n) for n in range(8)]])
        write(
            folder,
            "mask_text",
            [[_row("mask_text", n) for n in range(14)], [_row("mask_text", n) for n in range(14, 24)]],
        )
        write(folder, "conversation", [[_row("conversation", n) for n in range(9)]])
    small_model.save(folder / "model")
    return folder


def _plain(number: int) -> dict[str, Any]:
    texts = ("What is there?", COLOURS[number % 5])
    return {
        "messages": [{"role": role, "content": text} for role, text in zip(("user", "assistant"), texts, strict=True)]
    }


def flags(world: pathlib.Path, output: pathlib.Path, **changes: Any) -> list[str]:
    """A command line of six steps of four samples."""
    given = {
        "stage": 3, "preset": "tiny", "kinds": "mask_text,conversation", "data": world / "OUT/data",
        "images": world / "DATA", "init": world / "model", "output": output, "batch": 4, "max_steps": 6,
        "context": 256, "workers": 0, "log_every": 1, "save_every": 2, "keep": 9, "learning_rate": 1e-2, **changes,
    }  # fmt: skip
    words: list[str] = []
    for name, value in given.items():
        if value is not None:
            words += [f"--{name.replace('_', '-')}", *([] if value is True else [str(value)])]
    return words


@pytest.fixture
def osprey_train(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """The command line, in this process and on one thread."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)

    def run(*arguments: object) -> Ran:
        capfd.readouterr()
        monkeypatch.setattr("sys.argv", ["osprey-train", *map(str, arguments)])
        code = 0
        try:
            train.main()
        except SystemExit as stopped:
            code = int(stopped.code or 0)
        return Ran(code, *capfd.readouterr())

    yield run
    torch.set_num_threads(threads)


def log_of(output: pathlib.Path) -> list[dict[str, Any]]:
    """The lines of a run's log."""
    return [json.loads(line) for line in (output / "log.jsonl").read_text().splitlines()]


def samples_of(output: pathlib.Path) -> dict[int, list[str]]:
    """Sample ids of each step, over all processes, sorted within the step."""
    found: dict[int, list[str]] = {}
    for path in output.glob("samples-*.jsonl"):
        for line in path.read_text().splitlines():
            entry = json.loads(line)
            found.setdefault(entry["step"], []).extend(entry["samples"])
    return {step: sorted(ids) for step, ids in found.items()}
