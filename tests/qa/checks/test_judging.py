"""How strictly checks are taken: severity and threshold of the recipe decide what becomes of a planted fault."""

import pathlib
from typing import Any

import pytest

from pipelines.qa.audit import audit
from pipelines.qa.checks.base import Check, RowCheck
from pipelines.qa.checks.catalog import new_checks, row_checks, specs
from pipelines.qa.results import CheckResult, Report
from schemas.errors import BuildError
from tests.qa import builds
from tests.qa import rows as drawn

NAME = "no_refusals"
SORRY = "I'm sorry, but I can't help with that."


def report(out: pathlib.Path, checks: dict[str, Any], refusals: int = 1) -> Report:
    """On a build of ten rows with so many refusals, by a recipe with such checks. Each row has two answers."""
    rows = drawn.rows(10)
    for one in rows[:refusals]:
        one["messages"][1]["content"] = SORRY
    builds.write(out, {("conversation", "train"): [rows]}, recipe={"name": "small", "checks": checks})
    return audit(str(out))


def result(of: Report) -> CheckResult:
    (found,) = [check for check in of.checks if check.name == NAME]
    return found


def test_as_the_check_itself_says(tmp_path: pathlib.Path) -> None:
    found = result(report(tmp_path, {}))
    assert (found.severity, found.outcome, found.failed, found.judged) == ("warn", "warn", 1, 20)
    assert (found.evidence[0].kind, found.evidence[0].row) == ("conversation", 0)


def test_fail_breaks_the_build(tmp_path: pathlib.Path) -> None:
    made = report(tmp_path, {NAME: {"severity": "fail"}})
    assert (result(made).outcome, made.verdict) == ("fail", "fail")
    with pytest.raises(BuildError, match=rf"{NAME} \(1\)") as caught:
        made.require()
    assert "I'm sorry" in caught.value.hint


def test_warnings_do_not(tmp_path: pathlib.Path) -> None:
    made = report(tmp_path, {NAME: {"severity": "warn"}})
    assert made.verdict == "warn"
    made.require()


def test_off_is_not_judged(tmp_path: pathlib.Path) -> None:
    found = result(report(tmp_path, {NAME: {"severity": "off"}}))
    assert (found.outcome, found.judged, found.evidence) == ("not judged", 0, ())
    assert "recipe" in found.note


@pytest.mark.parametrize(("threshold", "refusals", "outcome"), [
    (0.05, 1, "pass"), (0.05, 2, "fail"), (0.0, 1, "fail"), (0.0, 0, "pass"), (1.0, 10, "pass"),
])  # fmt: skip
def test_the_threshold_is_a_share(tmp_path: pathlib.Path, threshold: float, refusals: int, outcome: str) -> None:
    checks = {NAME: {"severity": "fail", "threshold": threshold}}
    assert result(report(tmp_path, checks, refusals)).outcome == outcome


@pytest.mark.parametrize("check", new_checks(), ids=lambda check: check.spec.name)
def test_every_check_says_what_it_is(check: Check) -> None:
    name, means, group, severity, threshold, unit = check.spec
    assert name.islower()
    assert name.isidentifier()
    assert means
    assert unit
    assert group in ("repeats", "leakage", "truth", "language", "fit")
    assert severity in ("fail", "warn")
    assert 0 <= threshold < 1
    assert type(check).__doc__


def test_names_of_checks_are_unique() -> None:
    assert len(specs()) == len(new_checks())


def test_checks_of_single_rows() -> None:
    names = {check.spec.name for check in row_checks()}
    assert {"no_coordinates", "no_slurs", "categories_true", "sides_true", "yes_no_true"} <= names
    assert all(isinstance(check, RowCheck) for check in row_checks())
    assert names.isdisjoint({"colours_true", "varied_openings", "english"})
