"""Checkpoints: whole or not there, and the newest whole one is found."""

import errno
import os
import pathlib
import shutil

import pytest
import torch
from safetensors.torch import save_file

from osprey_train import checkpoints
from schemas.errors import TrainingError


def save(output: pathlib.Path, step: int, *, fails: BaseException | None = None) -> None:
    with checkpoints.saving(output, f"checkpoint-{step}", main=True, barrier=lambda: None) as folder:
        made = folder / f"checkpoint-{step}"
        made.mkdir()
        (made / "model.safetensors").write_bytes(bytes(100 + step))
        if fails:
            raise fails
        checkpoints.write_record(made, step, {"seed": 0}, {"samples": 4 * step})


def newest(output: pathlib.Path) -> tuple[int, list[str]]:
    said: list[str] = []
    found = checkpoints.newest(output, said.append)
    return found.step if found else 0, said


def test_the_newest_is_found_by_number(tmp_path: pathlib.Path) -> None:
    for step in (2, 10, 9):
        save(tmp_path, step)
    assert newest(tmp_path) == (10, [])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-10", "checkpoint-2", "checkpoint-9"]


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (lambda folder: (folder / "model.safetensors").write_bytes(b"cut"), "has 3 bytes of 104"),
        (lambda folder: (folder / "model.safetensors").unlink(), "model.safetensors is missing"),
        (lambda folder: (folder / checkpoints.RECORD).write_text("{"), "cannot be read"),
        (lambda folder: (folder / checkpoints.RECORD).unlink(), "cannot be read"),
        (lambda folder: (folder / checkpoints.RECORD).write_text("[]"), "cannot be read"),
        (lambda folder: (shutil.rmtree(folder), folder.mkdir()), "cannot be read"),
    ],
)  # fmt: skip
def test_one_that_is_not_whole_is_passed_over(tmp_path: pathlib.Path, harm, reason: str) -> None:  # type: ignore[no-untyped-def]
    save(tmp_path, 2)
    save(tmp_path, 4)
    harm(tmp_path / "checkpoint-4")
    step, said = newest(tmp_path)
    assert step == 2
    assert len(said) == 1
    assert "checkpoint-4 is not whole" in said[0]
    assert reason in said[0]


def test_a_broken_one_is_replaced_by_the_same_step(tmp_path: pathlib.Path) -> None:
    save(tmp_path, 2)
    (tmp_path / "checkpoint-2/model.safetensors").write_bytes(b"cut")
    save(tmp_path, 2)
    assert newest(tmp_path) == (2, [])
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-2"]


def test_rotation_never_counts_a_broken_one(tmp_path: pathlib.Path) -> None:
    for step in (1, 2, 3, 4):
        save(tmp_path, step)
    (tmp_path / "checkpoint-4/model.safetensors").unlink()
    checkpoints.rotate(tmp_path, keep=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-2", "checkpoint-3"]


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EFBIG, "File too large"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        RuntimeError("[enforce fail at inline_container.cc:858] . PytorchStreamWriter failed writing file data/12"),
        checkpoints.SafetensorError('Error while serializing: I/O error: No space left on device (os error 28)'),
    ],
)  # fmt: skip
def test_no_room_is_told_and_leaves_what_was_there(tmp_path: pathlib.Path, error: Exception) -> None:
    save(tmp_path, 2)
    with pytest.raises(TrainingError, match=r"no room to save .*checkpoint-4.* free\)") as caught:
        save(tmp_path, 4, fails=error)
    assert "--resume" in caught.value.hint
    assert newest(tmp_path) == (2, [])
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-2"]


def test_other_faults_are_not_taken_for_want_of_room(tmp_path: pathlib.Path) -> None:
    with pytest.raises(RuntimeError, match="shapes"):
        save(tmp_path, 4, fails=RuntimeError("shapes differ"))
    assert not list(tmp_path.iterdir())


def test_leftovers_of_a_killed_save_are_removed(tmp_path: pathlib.Path) -> None:
    save(tmp_path, 2)
    (tmp_path / ".saving-checkpoint-4/checkpoint-4").mkdir(parents=True)
    (tmp_path / ".saving-checkpoint-4/checkpoint-4/model.safetensors").write_bytes(b"cut")
    assert newest(tmp_path) == (2, [])
    assert checkpoints.remove_leftovers(tmp_path) == [".saving-checkpoint-4"]
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-2"]


def test_what_is_saved_can_be_read_by_whom_the_umask_lets(tmp_path: pathlib.Path) -> None:
    before = os.umask(0o027)
    try:
        with checkpoints.saving(tmp_path, "checkpoint-2", main=True, barrier=lambda: None) as folder:
            (folder / "checkpoint-2").mkdir()
            save_file({"x": torch.zeros(1)}, folder / "checkpoint-2/model.safetensors")
    finally:
        os.umask(before)
    assert (tmp_path / "checkpoint-2/model.safetensors").stat().st_mode & 0o777 == 0o640


def test_differences_are_named() -> None:
    before = {"seed": 0, "batch": 4, "shards of a": "x"}
    now = {"seed": 0, "batch": 8, "shards of b": "y"}
    assert checkpoints.differences(before, now) == [
        "batch was 4, now 8", "shards of a was 'x', now None", "shards of b was None, now 'y'",
    ]  # fmt: skip


def test_contents_differ_only_where_both_are_known() -> None:
    before = {"seed": 0, "contents": {"a": "x", "b": "y"}}
    assert checkpoints.differences(before, {"seed": 0}) == []
    assert checkpoints.differences(before, {"seed": 0, "contents": {"a": "x"}}) == []
    assert checkpoints.differences(before, {"seed": 0, "contents": {"a": "x", "b": "z"}}) == [
        "shards of b have other contents, by the manifest's sums"
    ]
