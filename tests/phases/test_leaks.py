"""What a build keeps out of its rows is not in them, and what is let in is said: real builds, by report.json."""

import json
import pathlib

import msgspec
import pytest

from pipelines import commands
from pipelines.commands import Asking
from pipelines.phases.layout import Layout
from pipelines.phases.plan import Job
from pipelines.phases.running import Running
from pipelines.qa.audit import audit
from pipelines.qa.results import REPORT, CheckResult, Report
from schemas.recipe import Recipe
from tests.recipes import load

NAMES = ("no_evaluation_images", "no_admitted_evaluation_images")


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    """Names of regions from COCO and PACO: quick to build, and much of PACO's COCO is in evaluation sets."""
    whole = load()
    kinds = {name: whole.kinds[name] for name in ("mask_text", "part_category")}
    return msgspec.structs.replace(whole, kinds=kinds)


@pytest.fixture(scope="module")
def admitted(scenes: str, recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A build that keeps nothing out."""
    out = tmp_path_factory.mktemp("admitted")
    built(scenes, out, msgspec.structs.replace(recipe, exclude_evaluation=()))
    return out


def built(scenes: str, out: pathlib.Path, recipe: Recipe) -> Report:
    commands.build(Job(recipe, scenes, Layout(str(out))), Asking(), Running())
    return msgspec.json.decode((out / REPORT).read_bytes(), type=Report)


def checks(report: Report) -> list[CheckResult]:
    found = {check.name: check for check in report.checks}
    return [found[name] for name in NAMES]


def test_what_is_kept_out_is_not_in(scenes: str, recipe: Recipe, tmp_path: pathlib.Path) -> None:
    report = built(scenes, tmp_path, recipe)
    kept_out, let_in = checks(report)
    assert (kept_out.outcome, kept_out.failed) == ("pass", 0)
    assert kept_out.judged > 10
    assert let_in.outcome == "not judged"
    assert sum(line.images_before for line in report.leakage) > 0
    assert {line.images_after for line in report.leakage} == {0}


def test_what_is_let_in_is_said_with_the_rows(admitted: pathlib.Path, scenes: str) -> None:
    report = audit(str(admitted), scenes)
    kept_out, let_in = checks(report)
    assert kept_out.outcome == "not judged"
    assert let_in.outcome == "warn"
    assert let_in.failed > 0
    assert all(one.sample_id and " of " in one.detail for one in let_in.evidence)
    after = {(line.source, line.evaluation_set): line.images_after for line in report.leakage}
    before = {(line.source, line.evaluation_set): line.images_before for line in report.leakage}
    assert max(count or 0 for count in after.values()) > 0
    assert all((after[key] or 0) <= before[key] for key in after if key[0] == "paco" and not key[1].startswith("paco"))


def test_a_leak_fails_the_build(admitted: pathlib.Path, scenes: str) -> None:
    """The rows of a build that let evaluation sets in, under a recipe that keeps them out."""
    path = admitted / "manifest.json"
    before = path.read_bytes()
    manifest = json.loads(before)
    manifest["recipe"]["exclude_evaluation"] = ["lvis_val", "refcoco_val"]
    path.write_text(json.dumps(manifest))
    report = audit(str(admitted), scenes)
    path.write_bytes(before)
    kept_out, _ = checks(report)
    assert report.verdict == kept_out.outcome == "fail"
    assert kept_out.failed > 0
    assert "lvis_val" in kept_out.evidence[0].detail + kept_out.note
