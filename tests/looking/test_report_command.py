"""`osprey-data report` and `validate`: what they leave, what they say, how they end."""

import json
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipelines.looking_commands import look
from pipelines.phases.layout import Layout
from pipelines.qa.results import Report
from tests.command_line import Run
from tests.qa import builds
from tests.qa import rows as drawn

SHARD = "data/mask_text/train-00000-of-00001.parquet"
OUTPUTS = ("qa/index.html", "README.md", "croissant.json", "qa/report.json")


def stored(out: pathlib.Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "qa/report.json").read_text())
    return found


def test_everything_is_written_from_one_look(out: pathlib.Path, data: pathlib.Path, osprey_data: Run) -> None:
    ran = osprey_data("report", out, "--data", data)
    assert (ran.code, "Traceback" in ran.said) == (0, False)
    assert all((out / name).stat().st_size for name in OUTPUTS)
    assert "10 rows" in ran.out
    assert f"report: {out}/qa/index.html" in ran.out
    assert ran.out.splitlines()[-1].startswith(f"verdict: {stored(out)['verdict']}")


def test_the_same_bytes_every_time_and_by_any_number_of_workers(out: pathlib.Path, osprey_data: Run) -> None:
    osprey_data("report", out)
    first = {name: (out / name).read_bytes() for name in OUTPUTS}
    osprey_data("report", out, "--workers", 2)
    assert {name: (out / name).read_bytes() for name in OUTPUTS} == first


def test_shards_are_left_alone(out: pathlib.Path, osprey_data: Run) -> None:
    before = {path: path.read_bytes() for path in [*out.rglob("*.parquet"), out / "manifest.json"]}
    osprey_data("report", out)
    assert {path: path.read_bytes() for path in before} == before


def test_without_pictures_masks_stand_on_grey_and_it_is_said(out: pathlib.Path, osprey_data: Run) -> None:
    ran = osprey_data("report", out)
    assert "where the pictures lie is not known: its regions stand on grey" in ran.out
    assert ran.code == 0


def test_a_folder_of_pictures_that_is_not_there(out: pathlib.Path, osprey_data: Run) -> None:
    ran = osprey_data("report", out, "--data", out / "nothing")
    assert ran.code == 1
    assert f"no data folder {out}/nothing" in ran.err
    assert not (out / "qa/index.html").exists()


def broken(tmp_path: pathlib.Path, severity: str) -> pathlib.Path:
    """A build with an answer about coordinates."""
    content = builds.shards()
    content["mask_text", "train"][0][0]["messages"][1]["content"] = "It lies at the coordinates [12, 30, 44, 51]."
    recipe = {"name": "object-level", "checks": {"no_coordinates": {"severity": severity, "threshold": 0.0}}}
    builds.write(tmp_path, content, recipe=recipe)
    return tmp_path


def test_a_failure_is_told_by_the_report_and_ends_validate(tmp_path: pathlib.Path, osprey_data: Run) -> None:
    broken(tmp_path, "fail")
    ran = osprey_data("report", tmp_path)
    assert ran.code == 0
    assert "no_coordinates" in ran.out
    assert ran.out.splitlines()[-1] == "verdict: fail: the data breaks its promises"
    again = osprey_data("validate", tmp_path)
    assert again.code == 1
    assert "no_coordinates (1)" in again.err
    assert "mask_text/1" in again.err


def test_a_warning_is_told_and_passes(tmp_path: pathlib.Path, osprey_data: Run) -> None:
    broken(tmp_path, "warn")
    ran = osprey_data("validate", tmp_path)
    assert ran.code == 0
    line = next(line for line in ran.out.splitlines() if line.startswith("no_coordinates"))
    assert "warn" in line
    assert "1 of 20 answers" in line
    assert ran.out.splitlines()[-1].startswith("verdict: warn")


def test_what_is_turned_off_is_told_as_such(tmp_path: pathlib.Path, osprey_data: Run) -> None:
    broken(tmp_path, "off")
    said = osprey_data("report", tmp_path).out.splitlines()
    assert "off: no_coordinates" in said
    assert not [line for line in said if line.startswith("not judged: ") and "no_coordinates" in line]


def test_a_missing_shard_is_named_and_the_rest_is_shown(out: pathlib.Path, osprey_data: Run) -> None:
    (out / SHARD).unlink()
    ran = osprey_data("report", out)
    assert ran.code == 0
    assert stored(out)["verdict"] == "fail"
    assert "files_as_in_manifest" in ran.out
    assert SHARD in (out / "qa/index.html").read_text()
    ended = osprey_data("validate", out)
    assert ended.code == 1
    assert f"{SHARD}: missing" in ended.err
    assert "osprey-data assemble" in ended.err


def test_a_shard_that_changed_after_a_report_is_looked_at_again(out: pathlib.Path, osprey_data: Run) -> None:
    osprey_data("report", out)
    rows = pq.read_table(out / SHARD).to_pylist()
    rows[0]["license"] = ""
    pq.write_table(drawn.table(rows), out / SHARD)
    ran = osprey_data("report", out)
    assert ran.code == 0
    assert "files_as_in_manifest" in ran.out
    assert "license_filled" in ran.out
    assert "changed: " in osprey_data("validate", out).err


def test_zero_rows_of_a_kind(tmp_path: pathlib.Path, osprey_data: Run) -> None:
    builds.write(tmp_path, {("mask_text", "train"): [[]], ("conversation", "train"): [drawn.rows(2)]})
    assert osprey_data("report", tmp_path).code == 0
    assert all((tmp_path / name).exists() for name in OUTPUTS)


def test_no_rows_at_all(tmp_path: pathlib.Path, osprey_data: Run) -> None:
    builds.write(tmp_path, {("mask_text", "train"): [[]]})
    assert osprey_data("report", tmp_path).code == 0
    assert (tmp_path / "qa/index.html").exists()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b'{"schema_version": 9}'])
def test_an_unreadable_report_is_made_anew(out: pathlib.Path, osprey_data: Run, content: bytes) -> None:
    osprey_data("report", out)
    sound = (out / "qa/report.json").read_bytes()
    for name in ("report.json", "suite.json"):
        (out / "qa" / name).write_bytes(content)
    assert osprey_data("report", out).code == 0
    assert (out / "qa/report.json").read_bytes() == sound


@pytest.mark.parametrize(
    "text",
    [
        "word " * 10_000, "מה זה? זהו דוב קטן בצד שמאל", "这是什么 一只熊", "هذا دب صغير", "ไทย ελληνικά кириллица",
        "\u202eabc\u202c \x1b[31mred\x07", "<script>alert(1)</script>", "x" * 50_000,
    ],
    ids=["long", "hebrew", "chinese", "arabic", "thai", "controls", "script", "one word"],
)  # fmt: skip
def test_texts_of_all_sorts(tmp_path: pathlib.Path, osprey_data: Run, text: str) -> None:
    content = {("mask_text", "train"): [drawn.rows(1, "mask_text", regions=1, text=text)]}
    builds.write(tmp_path, content)
    ran = osprey_data("report", tmp_path)
    assert (ran.code, "Traceback" in ran.said) == (0, False)
    page = (tmp_path / "qa/index.html").read_text()
    assert "<script>alert(1)" not in page
    shown = osprey_data("show", tmp_path, "mask_text/1", "--to", tmp_path / "one.png")
    assert (shown.code, "\x1b" in shown.out) == (0, False)


@contextmanager
def nobody() -> Iterator[None]:
    """Not the superuser, who may write anywhere."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65_534)
    try:
        yield
    finally:
        os.seteuid(before)


@pytest.fixture
def sealed() -> Iterator[pathlib.Path]:
    """A build that has been looked at and that nobody may write to."""
    out = pathlib.Path(tempfile.mkdtemp())
    builds.write(out)
    look(Layout(str(out)), None, lambda *_: None, {})  # all modules are loaded while they may be read
    for path in [out, *out.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    yield out
    for path in [out, *out.rglob("*")]:
        path.chmod(0o755)
    shutil.rmtree(out)


def test_a_folder_that_may_not_be_written_to(sealed: pathlib.Path, osprey_data: Run) -> None:
    with nobody():
        ran = osprey_data("report", sealed)
    assert ran.code == 1
    assert f"{sealed}/qa is no folder to write to" in ran.err
    assert "Traceback" not in ran.said


def test_what_is_told_of_each_check_is_what_is_stored(tmp_path: pathlib.Path, osprey_data: Run) -> None:
    broken(tmp_path, "fail")
    ran = osprey_data("report", tmp_path)
    found = [one for one in stored(tmp_path)["checks"] if one["failed"]]
    assert found
    assert all(any(line.startswith(one["name"]) for line in ran.out.splitlines()) for one in found)
    assert set(Report.__struct_fields__) >= set(stored(tmp_path))
