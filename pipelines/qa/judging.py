"""From what was seen to an outcome: severities, thresholds, and the verdict on the build."""

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from pipelines.qa.checks.base import Check, Finding, Scene
from pipelines.qa.checks.leakage import leakage_of
from pipelines.qa.results import CheckResult, Outcome, Report
from pipelines.qa.suite.expectations import CHECKS, Failure
from pipelines.qa.watch import Watch
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

_WORST: tuple[Outcome, ...] = ("fail", "warn", "pass")


def judge(scene: Scene, watch: Watch, failures: Sequence[Failure]) -> Report:
    """The report on everything that was seen; `failures` are those of the suite and of the build as a whole."""
    settings = msgspec.convert(scene.manifest.recipe.get("checks", {}), dict[str, CheckSettings])
    checks = (*_form(failures, watch.rows), *(_content(check, scene, settings) for check in watch.checks))
    outcomes = {check.outcome for check in checks}
    return Report(
        verdict=next(one for one in _WORST if one in outcomes or one == "pass"),
        recipe=str(scene.manifest.recipe.get("name", "")), recipe_sha256=scene.manifest.recipe_sha256,
        seed=scene.manifest.seed, figures=watch.figures(), checks=checks, failures=tuple(failures),
        leakage=leakage_of(watch.checks, scene),
    )  # fmt: skip


def _form(failures: Sequence[Failure], rows: int) -> list[CheckResult]:
    """The suite and the checks of the build as a whole: nothing may be at fault."""
    failed = Counter[str]()
    for failure in failures:
        failed[failure.expectation] += failure.count
    suite = {check.name: (check.means, "form") for check in CHECKS}
    whole = {name: (means, "build") for name, means in BUILD_CHECKS.items()}
    return [
        CheckResult(
            name=name, means=means, group=group, judged=rows, failed=failed[name],
            outcome="fail" if failed[name] else "pass",
        )
        for name, (means, group) in (suite | whole).items()
    ]  # fmt: skip


def _content(check: Check, scene: Scene, settings: Mapping[str, CheckSettings]) -> CheckResult:
    name, means, group, severity, threshold, unit = check.spec
    chosen = settings.get(name, CheckSettings())
    severity = chosen.severity or severity
    threshold = threshold if chosen.threshold is None else chosen.threshold
    found = Finding(0, 0, note="the recipe turns it off") if severity == "off" else check.finding(scene)
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
