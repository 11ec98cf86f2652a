"""`osprey-eval` on real shards of a few rows: its errors, its JSON, its example."""

import json
import pathlib

import numpy as np
import PIL.Image
import pytest

from osprey_train import evaluate
from tests.osprey_train import small_model
from tests.osprey_train.small_shards import row, write


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """OUT/data with a val split, DATA with pictures, and an untrained model of some thousand parameters."""
    folder = tmp_path_factory.mktemp("evaluate")
    write(folder, "mask_text", [[row("mask_text", number, "val") for number in range(9)]], "val")
    write(folder, "description", [[row("description", number, "val") for number in range(3)]], "val")
    small_model.save(folder / "model", hidden=16, layers=1)
    return folder


def run(monkeypatch: pytest.MonkeyPatch, world: pathlib.Path, *words: object) -> int:
    given = ("--model", world / "model", "--data", world / "OUT/data", "--images", world / "DATA")
    monkeypatch.setattr("sys.argv", ["osprey-eval", *map(str, (*given, *words))])
    try:
        evaluate.main()
    except SystemExit as stopped:
        return int(stopped.code or 0)
    return 0


def test_what_was_asked_and_answered_is_written(
    monkeypatch: pytest.MonkeyPatch, world: pathlib.Path, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of rows with no, one and two regions, those with one are asked about."""
    assert run(monkeypatch, world, "--json", tmp_path / "found.json", "--example", tmp_path / "example") == 0
    found = json.loads((tmp_path / "found.json").read_bytes())
    assert [one["sample_id"] for one in found["answers"]] == [f"mask_text-{number}" for number in (1, 4, 7)]
    assert all(one["answer"] == "A dog." and isinstance(one["said_shuffled"], str) for one in found["answers"])
    category = found["results"]["category"]
    assert (category["questions"], category["pictures"], category["chance"]) == (3, 3, 1.0)
    assert "category" in capsys.readouterr().out
    picture = PIL.Image.open(tmp_path / "example/picture.png")
    mask = np.asarray(PIL.Image.open(tmp_path / "example/mask.png"))
    assert picture.size == mask.shape[::-1]
    assert mask.sum() == 63


def test_without_shuffled_masks_nothing_is_said_of_them(
    monkeypatch: pytest.MonkeyPatch, world: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    assert run(monkeypatch, world, "--no-shuffle-masks", "--limit", 2, "--json", tmp_path / "found.json") == 0
    found = json.loads((tmp_path / "found.json").read_bytes())
    assert [one["said_shuffled"] for one in found["answers"]] == [None, None]
    assert found["results"]["category"]["shuffled"] is None


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--topics", "colour"), "no val question about one region in mask_text"),
        (("--kinds", "mask_texts"), "unknown kind mask_texts"),
        (("--split", "test"), "no shards <kind>/test-*.parquet"),
        (("--model", "nowhere"), "nowhere: no such folder"),
        (("--images", "nowhere"), "nowhere: there is no such folder of pictures"),
        (("--json", "nowhere/found.json"), "its folder does not exist"),
        (("--device", "abacus"), "no device 'abacus'"),
    ],
)
def test_mistakes_are_told_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch,
    world: pathlib.Path,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, str],
    told: str,
) -> None:
    assert run(monkeypatch, world, *words) == 1
    said = capsys.readouterr().err
    assert told in said
    assert "Traceback" not in said


def test_a_picture_that_is_gone_is_named(
    monkeypatch: pytest.MonkeyPatch, world: pathlib.Path, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, world, "--images", tmp_path) == 1
    assert "mask_text-" in capsys.readouterr().err
