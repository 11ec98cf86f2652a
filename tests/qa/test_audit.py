"""A finished build is held against what it promises; break one promise and it is named."""

import hashlib
import json
import os
import pathlib
import shutil
import tempfile
from collections.abc import Callable
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.qa import looking
from pipelines.qa.audit import audit
from pipelines.qa.judging import BUILD_CHECKS
from pipelines.qa.results import CheckResult, Report
from pipelines.qa.suite.expectations import CHECKS, Failure, Verdict
from pipelines.qa.suite.stored import read_judged
from pipelines.shards.manifest import read_manifest, write_manifest
from pipelines.shards.writing import FileEntry
from schemas.columns import SHARD
from schemas.errors import BuildError
from schemas.ledger import LedgerLine
from tests.qa import builds
from tests.qa import rows as drawn


def broken(out: pathlib.Path) -> dict[str, Any]:
    report = audit(str(out))
    found = {one.expectation: one for one in report.failures}
    assert {check.name for check in form(report) if check.outcome == "fail"} == set(found)
    assert report.passed == (not found)
    return found


def form(report: Report) -> list[CheckResult]:
    """The suite and the checks of the build as a whole, whose failures are listed one by one."""
    return [check for check in report.checks if check.group in ("form", "build")]


def test_a_whole_build_passes(tmp_path: pathlib.Path) -> None:
    builds.write(tmp_path)
    seen: list[tuple[str, int, int]] = []
    report = audit(str(tmp_path), progress=lambda *step: seen.append(step))
    assert report.passed
    assert {check.outcome for check in form(report)} == {"pass"}
    assert report.figures.rows == 10
    assert seen == [("look at the data", done, 4) for done in range(5)]
    report.require()
    stored = (tmp_path / "qa/report.json").read_bytes()
    assert msgspec.json.decode(stored, type=Report) == report
    assert not (tmp_path / "qa/evidence").exists()


def test_rows_that_break_expectations_are_named_with_evidence(tmp_path: pathlib.Path) -> None:
    content = builds.shards()
    content["conversation", "train"][1][0]["regions"][0]["area"] = 7
    content["conversation", "train"][1][2]["license"] = ""
    builds.write(tmp_path, content)
    report = audit(str(tmp_path))
    shard = "data/conversation/train-00001-of-00002.parquet"
    assert [(one.expectation, one.file, one.examples) for one in report.failures] == [
        ("license_filled", shard, ("conversation/6",)),
        ("area_equals_mask", shard, ("conversation/4",)),
    ]
    evidence = json.loads((tmp_path / "qa/evidence/conversation/train-00001-of-00002.json").read_text())
    assert [one["expectation_config"]["meta"]["name"] for one in evidence] == ["license_filled", "area_equals_mask"]
    with pytest.raises(BuildError, match=r"breaks 2 checks: license_filled \(1\), area_equals_mask \(1\)"):
        report.require()


def test_what_was_judged_when_written_is_not_judged_again(tmp_path: pathlib.Path) -> None:
    builds.write(tmp_path)
    failure = Failure(expectation="mask_size", kind="mask_text", file=MASK_TEXT, count=2)
    judged = {MASK_TEXT: Verdict([failure], [{"why": "seen then"}])}
    assert audit(str(tmp_path), judged=judged).failures == (failure,)
    assert json.loads((tmp_path / "qa/evidence/mask_text/train-00000-of-00001.json").read_text()) == [
        {"why": "seen then"}
    ]
    _change(MASK_TEXT)(tmp_path)
    assert "mask_size" not in {one.expectation for one in audit(str(tmp_path), judged=judged).failures}


def _outcomes(out: pathlib.Path) -> dict[str, set[str]]:
    """Outcome -> names of the suite's checks and those of the build as a whole."""
    found: dict[str, set[str]] = {}
    for check in form(audit(str(out))):
        found.setdefault(check.outcome, set()).add(check.name)
        assert bool(check.note) == (check.outcome == "not judged")
    return found


def test_what_has_nothing_to_judge_does_not_pass(tmp_path: pathlib.Path) -> None:
    builds.write(tmp_path)
    shutil.rmtree(tmp_path / "data")
    found = _outcomes(tmp_path)
    assert found["fail"] == {"files_as_in_manifest"}
    assert {check.name for check in CHECKS} | {"image_in_one_split"} <= found["not judged"]


def test_rows_without_regions_say_nothing_of_regions(tmp_path: pathlib.Path) -> None:
    builds.write(tmp_path, {("image_text", "train"): [drawn.rows(3, "image_text", regions=0)]}, ledger=())
    (tmp_path / "rejects/all.parquet").unlink()
    found = _outcomes(tmp_path)
    regions = {check.name for check in CHECKS if check.frame == "regions"}
    assert found["not judged"] == regions | {"ledger_balances", "rejects_match_ledger"}
    counted = {check.name: (check.judged, check.unit) for check in form(audit(str(tmp_path)))}
    assert counted["columns"] == (len(SHARD.names), "columns")
    assert (counted["license_filled"], counted["no_stray_files"]) == ((3, "rows"), (1, "shards"))


def test_old_evidence_goes(tmp_path: pathlib.Path) -> None:
    builds.write(tmp_path)
    (tmp_path / "qa/evidence").mkdir(parents=True)
    (tmp_path / "qa/evidence/old.json").write_text("[]")
    audit(str(tmp_path))
    assert not (tmp_path / "qa/evidence").exists()


def _change(path: str) -> Callable[[pathlib.Path], None]:
    """Another row count in the footer would be a changed size; a flipped byte is not."""

    def change(out: pathlib.Path) -> None:
        content = bytearray((out / path).read_bytes())
        content[60] ^= 1
        (out / path).write_bytes(content)

    return change


def _miscount(out: pathlib.Path) -> None:
    manifest = read_manifest(str(out))
    wrong = msgspec.structs.replace(manifest.kinds["mask_text"], turns=99)
    write_manifest(str(out), msgspec.structs.replace(manifest, kinds={**manifest.kinds, "mask_text": wrong}))


def _unbalanced(out: pathlib.Path) -> None:
    line = LedgerLine(stage="build", source="coco", unit="regions", read=17, kept=16, rejected={})
    write_manifest(str(out), msgspec.structs.replace(read_manifest(str(out)), ledger=(*builds.LEDGER, line)))


def _undefined_reason(out: pathlib.Path) -> None:
    line = LedgerLine(stage="build", source="coco", unit="regions", read=17, kept=16, rejected={"bad_luck": 1})
    write_manifest(str(out), msgspec.structs.replace(read_manifest(str(out)), ledger=(*builds.LEDGER, line)))
    builds.write_rejects(out, [*builds.REJECTS, ("build", "coco", "regions", "coco/3", "bad_luck", "")])


MASK_TEXT = "data/mask_text/train-00000-of-00001.parquet"
FAULTS = [
    ("files_as_in_manifest", lambda out: (out / MASK_TEXT).unlink()),
    ("files_as_in_manifest", lambda out: (out / MASK_TEXT).write_bytes(b"PAR1")),
    ("no_stray_files", lambda out: (out / "data/mask_text/train-00000-of-00009.parquet").write_bytes(b"x")),
    ("counts_as_in_manifest", _miscount),
    ("ledger_balances", _unbalanced),
    ("ledger_balances", _undefined_reason),
    ("rejects_match_ledger", lambda out: builds.write_rejects(out, builds.REJECTS[1:])),
    ("rejects_match_ledger", lambda out: (out / "rejects/all.parquet").unlink()),
]


@pytest.mark.parametrize(("expectation", "break_it"), FAULTS)
def test_a_broken_build_fails_its_expectation_alone(
    tmp_path: pathlib.Path, expectation: str, break_it: Callable[[pathlib.Path], Any]
) -> None:
    builds.write(tmp_path)
    break_it(tmp_path)
    assert list(broken(tmp_path)) == [expectation]


def test_rejects_that_cannot_be_read(tmp_path: pathlib.Path) -> None:
    builds.write(tmp_path)
    (tmp_path / "rejects/all.parquet").write_bytes(b"PAR1")
    assert "cannot be read" in broken(tmp_path)["rejects_match_ledger"].detail


def test_a_changed_byte_is_seen(tmp_path: pathlib.Path) -> None:
    builds.write(tmp_path)
    _change(MASK_TEXT)(tmp_path)
    found = broken(tmp_path)
    assert "changed: sha256" in found["files_as_in_manifest"].detail


def test_a_file_that_is_no_parquet_though_the_manifest_agrees(tmp_path: pathlib.Path) -> None:
    manifest = builds.write(tmp_path)
    (tmp_path / MASK_TEXT).write_bytes(b"words")
    entry = manifest.kinds["mask_text"]
    file = msgspec.structs.replace(entry.files[0], bytes=5, sha256=hashlib.sha256(b"words").hexdigest())
    kinds = {**manifest.kinds, "mask_text": msgspec.structs.replace(entry, files=(file,))}
    write_manifest(str(tmp_path), msgspec.structs.replace(manifest, kinds=kinds))
    assert "cannot be read" in broken(tmp_path)["files_as_in_manifest"].detail


def test_an_id_in_two_shards(tmp_path: pathlib.Path) -> None:
    content = builds.shards()
    content["mask_text", "train"][0][1]["sample_id"] = "conversation/2"
    builds.write(tmp_path, content)
    [one] = broken(tmp_path).values()
    assert one.expectation == "sample_id_unique_in_build"
    assert (one.count, one.examples) == (1, ("conversation/2",))
    assert one.detail.endswith(f"data/conversation/train-00000-of-00002.parquet and {MASK_TEXT}")


def test_an_image_in_two_splits(tmp_path: pathlib.Path) -> None:
    content = builds.shards()
    content["conversation", "val"][0][0]["image_id"] = "coco/000000000002"
    builds.write(tmp_path, content)
    [one] = broken(tmp_path).values()
    assert one.expectation == "image_in_one_split"
    assert (one.count, one.examples) == (1, ("coco/000000000002",))


def test_every_expectation_about_the_build_has_been_seen_to_fail() -> None:
    assert {name for name, _ in FAULTS} | {"sample_id_unique_in_build", "image_in_one_split"} == set(BUILD_CHECKS)


def test_a_source_that_the_ledger_does_not_know(tmp_path: pathlib.Path) -> None:
    content = builds.shards()
    content["mask_text", "train"][0][0]["sources"] = ["coco", "lvis"]
    builds.write(tmp_path, content)
    assert list(broken(tmp_path)) == ["sources_known"]


def test_zero_rows_of_a_kind(tmp_path: pathlib.Path) -> None:
    builds.write(tmp_path, {("mask_text", "train"): [[]], ("conversation", "train"): [drawn.rows(2)]})
    assert broken(tmp_path) == {}


def test_an_empty_shard_still_needs_the_columns(tmp_path: pathlib.Path) -> None:
    manifest = builds.write(tmp_path, {("mask_text", "train"): [[]]})
    path = tmp_path / MASK_TEXT
    pq.write_table(pq.read_table(path).drop_columns(["split"]), path)
    assert {"columns", "files_as_in_manifest"} == set(broken(tmp_path))
    assert manifest.kinds["mask_text"].rows == 0


def test_an_interrupted_build(tmp_path: pathlib.Path) -> None:
    with pytest.raises(BuildError, match="no build has finished"):
        audit(str(tmp_path))


@pytest.fixture(scope="module")
def one_worker(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A build with faults in several shards, looked at by one process."""
    out = tmp_path_factory.mktemp("one")
    content = builds.shards()
    content["conversation", "train"][1][0]["regions"][0]["area"] = 7
    content["mask_text", "train"][0][1]["sample_id"] = "conversation/2"
    manifest = builds.write(out, content)
    (out / "data/conversation/val-00000-of-00001.parquet").unlink()
    audit(str(out), judged=None)
    audit(str(out), judged=read_judged(str(out), manifest))
    return out


def test_two_processes_say_the_same(
    one_worker: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(one_worker, tmp_path / "two", ignore=shutil.ignore_patterns("qa"))
    monkeypatch.setattr(looking, "FEW", 0)
    seen: list[int] = []
    judged = read_judged(str(one_worker), read_manifest(str(one_worker)))
    report = audit(str(tmp_path / "two"), None, lambda what, done, total: seen.append(done), judged, workers=2)
    assert {one.expectation for one in report.failures} == {
        "area_equals_mask", "files_as_in_manifest", "sample_id_unique_in_build"
    }  # fmt: skip
    assert seen == [0, 1, 2, 3, 4]
    written = sorted((tmp_path / "two/qa").rglob("*.json"))
    assert len(written) >= 3
    for path in written:
        assert path.read_bytes() == (one_worker / path.relative_to(tmp_path / "two")).read_bytes()


class _Deadly(str):
    """Kills the process that it is sent to, as the system does where memory runs out."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os._exit, (1,)


def test_a_worker_that_is_killed(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = builds.write(tmp_path)
    monkeypatch.setattr(looking, "FEW", 0)
    tasks = [looking.Task(kind, file, None) for kind, entry in manifest.kinds.items() for file in entry.files]
    with pytest.raises(BuildError, match="worker process ended"):
        list(looking.look_at_all(looking.Build(_Deadly(tmp_path), None), tasks, 2))


@pytest.mark.parametrize("size", [0, 4, 100, 0.5, 0.99])
def test_of_a_shard_that_is_cut_off_the_others_are_counted(tmp_path: pathlib.Path, size: float) -> None:
    builds.write(tmp_path)
    path = tmp_path / "data/conversation/train-00000-of-00002.parquet"
    content = path.read_bytes()
    path.write_bytes(content[: int(size * len(content)) if size < 1 else int(size)])
    report = audit(str(tmp_path))
    assert report.verdict == "fail"
    assert [(one.expectation, one.file) for one in report.failures] == [
        ("files_as_in_manifest", "data/conversation/train-00000-of-00002.parquet")
    ]
    assert report.figures.rows == 10 - 3


class _Silent:
    """A suite that finds nothing."""

    def validate(self, *args: Any, **named: Any) -> Verdict:
        return Verdict([], [])


@given(st.integers(4, 4_000), st.integers(1, 255))
@settings(max_examples=40, deadline=None)
def test_any_changed_byte_is_damage_and_no_crash(intact: bytes, place: int, other: int) -> None:
    """Whatever breaks: the footer, a page, the encoding of a text, a number."""
    changed = bytearray(intact)
    changed[place % len(intact)] ^= other
    with tempfile.TemporaryDirectory() as out:
        path = pathlib.Path(out, "x.parquet")
        path.write_bytes(changed)
        entry = FileEntry(path="x.parquet", rows=2, bytes=len(intact), sha256=hashlib.sha256(intact).hexdigest())
        looker = looking.Looker(looking.Build(out, None))
        looker.__dict__["_validator"] = _Silent()
        seen = looker.look(looking.Task("mask_text", entry, None))
    assert not seen.sound
    assert seen.verdict.failures[0].expectation == "files_as_in_manifest"
    assert "changed: sha256" in seen.verdict.failures[0].detail
    assert seen.counts.rows == seen.watch.rows or seen.counted


@pytest.fixture(scope="module")
def intact(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    out = tmp_path_factory.mktemp("intact")
    builds.write(out)
    return (out / MASK_TEXT).read_bytes()
