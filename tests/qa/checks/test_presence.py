"""A build without rows fails, and a kind without rows is told with what became of its records."""

import pathlib
from typing import Any

import pytest

from pipelines.qa.audit import audit
from pipelines.qa.checks.base import Scene
from pipelines.qa.checks.presence import HasRows, KindsHaveRows
from pipelines.qa.results import CheckResult, Report
from pipelines.shards.manifest import Manifest
from schemas.errors import BuildError
from schemas.ledger import LedgerLine
from tests.qa import builds
from tests.qa import rows as drawn

KINDS = {"conversation": {"sources": ["refcoco", "refcocog"]}, "part_category": {"sources": ["paco"]}}


def line(stage: str, source: str, unit: str = "regions", read: int = 50, **rejected: int) -> LedgerLine:
    return LedgerLine(
        stage=stage, source=source, unit=unit, read=read, kept=read - sum(rejected.values()), rejected=rejected
    )


def told(*ledger: LedgerLine, kinds: dict[str, Any] | None = None) -> list[str]:
    """What is said of the kinds of a build without rows."""
    recipe = {"kinds": KINDS if kinds is None else kinds}
    manifest = Manifest(recipe=recipe, recipe_sha256="f" * 64, seed=0, versions={}, kinds={}, ledger=ledger)
    found = KindsHaveRows().finding(Scene("", None, manifest))
    assert found.judged == found.failed == len(found.evidence)
    return [one.detail for one in found.evidence]


def test_the_main_reason_of_the_ledger_is_told() -> None:
    ledger = (
        line("join", "paco", evaluation_split=40),
        line("build:conversation", "refcoco", "expressions", 9, no_image_text=3, region_cap=6),
        line("build:conversation", "refcocog", "expressions", 5, no_image_text=5),
        line("build:part_category", "paco", read=1000, no_category=1, not_a_part=999),
    )
    assert told(*ledger) == [
        "conversation: no row; of 14 expressions rejected were no_image_text 8 (the image has neither a detailed "
        "description nor captions), region_cap 6",
        "part_category: no row; of 1,000 regions rejected were not_a_part 999 (the kind is about parts and their "
        "objects, and the source marks no parts on the image), no_category 1",
    ]


def test_replies_that_failed_are_the_reason() -> None:
    looked = line("build:conversation", "refcoco", "expressions", 9, region_cap=6)
    waited = line("assemble", "conversation", "rows", 3, reply_refused=3)
    assert told(looked, waited)[0] == (
        "conversation: no row; of 3 rows rejected were reply_refused 3 (the model declined to answer)"
    )


def test_sources_that_are_not_there() -> None:
    assert told(line("ingest", "refcoco", "annotations")) == [
        "conversation: no row; nothing was read of refcocog", "part_category: no row; nothing was read of paco",
    ]  # fmt: skip
    both = (line("ingest", "refcoco"), line("ingest", "refcocog"), line("ingest", "paco"))
    assert told(*both)[0] == "conversation: no row; its sources have nothing for it"


@pytest.mark.parametrize("kinds", [{}, "all", None])
def test_a_manifest_of_another_hand(kinds: Any) -> None:
    manifest = Manifest(recipe={"kinds": kinds}, recipe_sha256="", seed=0, versions={}, kinds={}, ledger=())
    assert KindsHaveRows().finding(Scene("", None, manifest)).note == "the manifest names no kind"
    (only,) = HasRows().finding(Scene("", None, manifest)).evidence
    assert only.detail == "a build without a row: nothing was read"


def results(report: Report) -> dict[str, CheckResult]:
    return {check.name: check for check in report.checks}


def test_a_build_without_a_row_fails(tmp_path: pathlib.Path) -> None:
    builds.write(tmp_path, {("conversation", "train"): [[]]})
    report = audit(str(tmp_path))
    found = results(report)
    assert (report.verdict, found["has_rows"].outcome) == ("fail", "fail")
    assert found["has_rows"].evidence[0].detail.startswith("a build without a row; rejected were crowd 2 (")
    with pytest.raises(BuildError, match="has_rows"):
        report.require()


def test_a_kind_without_a_row_is_told_and_breaks_nothing(tmp_path: pathlib.Path) -> None:
    recipe = {"name": "small", "kinds": KINDS}
    builds.write(tmp_path, {("conversation", "train"): [drawn.rows(3)]}, recipe=recipe)
    report = audit(str(tmp_path))
    found = results(report)["kinds_have_rows"]
    assert (report.verdict, found.outcome, found.judged, found.failed) == ("warn", "warn", 2, 1)
    assert found.evidence[0].kind == "part_category"
    assert results(report)["has_rows"].outcome == "pass"
    report.require()


def test_shards_that_cannot_be_read(tmp_path: pathlib.Path) -> None:
    builds.write(tmp_path)
    (tmp_path / "data/mask_text/train-00000-of-00001.parquet").write_bytes(b"no parquet")
    (only,) = results(audit(str(tmp_path)))["kinds_have_rows"].evidence
    assert only.detail == "mask_text: no row; the manifest counts 2, and none of them can be read"
