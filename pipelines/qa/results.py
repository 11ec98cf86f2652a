"""What looking at a build gave: the one set of figures and checks that report, card and Croissant are written from."""

from typing import Literal

import msgspec

from pipelines.qa.figures.records import Figures
from pipelines.qa.suite.expectations import Failure
from schemas.errors import BuildError
from schemas.records import Record

REPORT = "qa/report.json"
Severity = Literal["fail", "warn", "off"]
Outcome = Literal["pass", "warn", "fail", "not judged"]
State = Outcome | Literal["off"]
"""How a check stands: what the recipe turned off is no check that had nothing to judge."""


class Evidence(Record, frozen=True, kw_only=True):
    """One thing at fault."""

    detail: str
    """What is wrong, with the words or numbers at fault."""
    sample_id: str = ""
    kind: str = ""
    file: str = ""
    """Shard, relative to OUT; empty where it is about more than a row."""
    row: int = -1
    """Within the shard; -1 where it is about more than a row."""


class CheckResult(Record, frozen=True, kw_only=True):
    """How one check came out."""

    name: str
    means: str
    """What holds where it passes."""
    group: str
    """Where it stands in the report: `form`, `build`, `repeats`, `leakage`, `truth`, `language` ..."""
    severity: Severity = "fail"
    threshold: float = 0.0
    """Share of what was judged that may be at fault."""
    unit: str = "rows"
    """What is counted."""
    judged: int = 0
    failed: int = 0
    outcome: Outcome
    note: str = ""
    """Why it was not judged, or what the figure leaves out."""
    evidence: tuple[Evidence, ...] = ()

    @property
    def share(self) -> float:
        """At fault, of what was judged."""
        return self.failed / self.judged if self.judged else 0.0

    @property
    def state(self) -> State:
        """Its outcome, or that the recipe turned it off, which is another thing than having nothing to judge."""
        return "off" if self.severity == "off" else self.outcome


class LeakLine(Record, frozen=True, kw_only=True):
    """A source against an evaluation set."""

    source: str
    evaluation_set: str
    images_before: int
    """Training images of the source that are in the set, before any were kept out."""
    annotations_before: int
    images_after: int | None
    """Images of finished rows that rest on the source and are in the set; None where the set's list is not at hand."""


class Report(Record, frozen=True, kw_only=True):
    """OUT/qa/report.json. No clock time: the same build gives the same bytes."""

    schema_version: int = 1
    verdict: Outcome
    """The worst outcome of all checks."""
    recipe: str
    recipe_sha256: str
    seed: int
    sample_scenes: tuple[str, ...] = ()
    """Sources whose raw files are sample scenes, by the manifest: their pictures are drawn, and no photographs."""
    drawn_rows: int = 0
    """Rows that rest on one of these."""
    figures: Figures
    checks: tuple[CheckResult, ...]
    failures: tuple[Failure, ...] = ()
    """Of the suite and of the build as a whole, by shard."""
    leakage: tuple[LeakLine, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether nothing of severity `fail` is broken; warnings pass."""
        return self.verdict != "fail"

    def require(self) -> None:
        """Raise BuildError with the names of the broken checks."""
        if self.passed:
            return
        broken = [check for check in self.checks if check.outcome == "fail"]
        names = ", ".join(f"{check.name} ({check.failed})" for check in broken)
        raise BuildError(
            f"the data breaks {len(broken)} check{'s' * (len(broken) > 1)}: {names}",
            hint="\n".join([*self._examples(broken), *self._advice()]),
        )

    def _examples(self, broken: list[CheckResult]) -> list[str]:
        told = [_told(failure) for failure in self.failures[:5]]
        seen = [f"{one.file or 'the build'}: {one.detail} ({one.sample_id})" for c in broken for one in c.evidence[:1]]
        return (told + seen)[:8]

    def _advice(self) -> list[str]:
        damaged = any(failure.expectation == "files_as_in_manifest" for failure in self.failures)
        again = ["Damaged or missing shards: `osprey-data assemble` with this --out writes them again."]
        return [*(again if damaged else []), f"All of them: {REPORT}"]


def _told(failure: Failure) -> str:
    """One line of a failure: where, and what or which rows."""
    where, what = failure.file or "the build", failure.detail or failure.expectation
    named = ", ".join(one for one in failure.examples[:3] if one != where)
    return f"{where}: {what.removeprefix(f'{where}: ')}" + (f" ({named})" if named else "")


def encode(report: Report) -> bytes:
    """The bytes of the file."""
    return msgspec.json.format(msgspec.json.encode(report, order="deterministic"), indent=1) + b"\n"
