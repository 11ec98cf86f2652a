"""From what was seen to an outcome: severities, thresholds, and the verdict on the build."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from pipelines.qa.checks.base import Check, Finding, Scene
from pipelines.qa.checks.leakage import leakage_of
from pipelines.qa.figures.records import Figures
from pipelines.qa.results import CheckResult, Outcome, Report
from pipelines.qa.suite.expectations import CHECKS, Failure
from pipelines.qa.watch import Watch
from pipelines.shards.manifest import Manifest
from schemas.recipe import CheckSettings

BUILD_CHECKS = {
    "files_as_in_manifest": "every shard of the manifest is there, with its sha256",
    "no_stray_files": "no shard lies under data/ that the manifest does not list",
    "counts_as_in_manifest": "rows, regions, turns and generators of each kind are those of the manifest",
    "sample_id_unique_in_build": "no two rows of all shards have one id",
    "image_in_one_split": "no image is in two splits",
    "ledger_balances": "on every ledger line read = kept + rejected, and each reason is defined",
    "rejects_match_ledger": "rejects/ holds as many records of each reason as the ledger counts",
}
"""Expectations about the build as a whole."""
COUNTS = ("rows", "regions", "turns", "generators")
"""What the manifest says of each kind."""

_UNITS = {"schema": "columns", "samples": "rows", "regions": "regions"}
"""What the suite's frames have a line for."""
_WORST: tuple[Outcome, ...] = ("fail", "warn", "pass")


def judge(scene: Scene, watch: Watch, failures: Sequence[Failure], held: Mapping[str, int]) -> Report:
    """The report on everything that was seen.

    `failures` are those of the suite and of the build as a whole, `held` says how many columns, rows or regions were
    held against each expectation of the suite.
    """
    settings = msgspec.convert(scene.manifest.recipe.get("checks", {}), dict[str, CheckSettings])
    figures = watch.figures()
    whole = _whole(scene.manifest, figures)
    suite = [Asked(check.name, check.means, "form", held.get(check.name, 0), _UNITS[check.frame]) for check in CHECKS]
    checks = (*_form(failures, [*suite, *whole]), *(_content(check, scene, settings) for check in watch.checks))
    outcomes = {check.outcome for check in checks}
    return Report(
        verdict=next(one for one in _WORST if one in outcomes or one == "pass"),
        recipe=str(scene.manifest.recipe.get("name", "")), recipe_sha256=scene.manifest.recipe_sha256,
        seed=scene.manifest.seed, sample_scenes=scene.manifest.sample_scenes,
        drawn_rows=_drawn_rows(scene.manifest, figures), figures=figures, checks=checks, failures=tuple(failures),
        leakage=leakage_of(watch.checks, scene),
    )  # fmt: skip


def _drawn_rows(manifest: Manifest, figures: Figures) -> int:
    """Rows that rest on sample scenes."""
    drawn = frozenset(manifest.sample_scenes)
    return sum(cell.rows for cell in figures.cells if drawn.intersection(cell.sources))


class Asked(NamedTuple):
    """An expectation of the suite or about the build as a whole, and how much was held against it."""

    name: str
    means: str
    group: str
    judged: int
    unit: str


def _whole(manifest: Manifest, figures: Figures) -> list[Asked]:
    """The checks of the build as a whole, in the unit that their failures are counted in."""
    shards = sum(len(entry.files) for entry in manifest.kinds.values())
    judged = {
        "files_as_in_manifest": (shards, "shards"), "no_stray_files": (shards, "shards"),
        "counts_as_in_manifest": (len(COUNTS) * len(manifest.kinds), "counts"),
        "sample_id_unique_in_build": (figures.rows, "rows"), "image_in_one_split": (figures.images, "images"),
        "ledger_balances": (sum(line.read for line in manifest.ledger), "records"),
        "rejects_match_ledger": (sum(sum(line.rejected.values()) for line in manifest.ledger), "rejects"),
    }  # fmt: skip
    return [Asked(name, means, "build", *judged[name]) for name, means in BUILD_CHECKS.items()]


def _form(failures: Sequence[Failure], asked: Sequence[Asked]) -> list[CheckResult]:
    """The suite and the checks of the build as a whole: nothing may be at fault."""
    failed = Counter[str]()
    for failure in failures:
        failed[failure.expectation] += failure.count
    return [_form_result(one, failed[one.name]) for one in asked]


def _form_result(asked: Asked, failed: int) -> CheckResult:
    name, means, group, judged, unit = asked
    outcome: Outcome = "fail" if failed else "pass" if judged else "not judged"
    note = f"the build has no {unit} that could be judged" if outcome == "not judged" else ""
    return CheckResult(
        name=name, means=means, group=group, judged=judged, failed=failed, unit=unit, outcome=outcome, note=note
    )


def _content(check: Check, scene: Scene, settings: Mapping[str, CheckSettings]) -> CheckResult:
    name, means, group, severity, threshold, unit = check.spec
    chosen = settings.get(name, CheckSettings())
    severity = chosen.severity or severity
    threshold = threshold if chosen.threshold is None else chosen.threshold
    found = Finding(0, 0, note="off, by the recipe") if severity == "off" else check.finding(scene)
    return CheckResult(
        name=name, means=means, group=group, severity=severity, threshold=threshold, unit=unit, judged=found.judged,
        failed=found.failed, outcome=_outcome(found, severity, threshold), note=found.note, evidence=found.evidence,
    )  # fmt: skip


def _outcome(found: Finding, severity: str, threshold: float) -> Outcome:
    if not found.judged:
        return "not judged"
    if found.failed <= threshold * found.judged:
        return "pass"
    return "fail" if severity == "fail" else "warn"
