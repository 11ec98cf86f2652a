"""What two builds say of themselves, where they differ: recipe, prompts, generators, rejects, costs, checks."""

from collections.abc import Mapping
from typing import Any

import msgspec

from pipelines import storage
from pipelines.qa.results import REPORT, Report
from pipelines.shards.manifest import KindTotals, Manifest
from schemas.records import Record

_SPENT = ("calls", "failed", "prompt_tokens", "completion_tokens", "cost_usd")


class Line(Record, frozen=True, kw_only=True):
    """Something that differs. None: the build does not have it."""

    name: str
    a: Any
    b: Any


def recipe(a: Manifest, b: Manifest) -> list[Line]:
    """What the commands said, kinds and sources that one of them lacks, and settings by their path in the recipe, such
    as `kinds.mask_text.rows`.
    """
    found = lines(*({"--limit": one.limit, "drawn (sample scenes)": list(one.sample_scenes)} for one in (a, b)))
    for part in ("kinds", "sources"):
        here, there = (one.recipe.get(part, {}) for one in (a, b))
        alone = [[name for name in one if name not in other] for one, other in ((here, there), (there, here))]
        found += [Line(name=f"{part} the other lacks", a=alone[0], b=alone[1])] * any(alone)
    settings = lines(_flat(_common(a.recipe, b.recipe)), _flat(_common(b.recipe, a.recipe)))
    return found + settings


def _common(recipe: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Without kinds and sources that the other lacks."""
    kept = {
        part: {name: one for name, one in recipe.get(part, {}).items() if name in other.get(part, {})}
        for part in ("kinds", "sources")
    }
    return {**recipe, **kept}


def versions(a: Manifest, b: Manifest) -> list[Line]:
    """Versions of what made the builds."""
    return lines(a.versions, b.versions)


def prompts(a: set[tuple[str, str, str]], b: set[tuple[str, str, str]]) -> list[Line]:
    """sha256 of the prompts of each kind, as the rows have them."""
    return lines(_by_prompt(a), _by_prompt(b))


def generators(a: Manifest, b: Manifest) -> list[Line]:
    """Rows by kind and who wrote them."""
    return lines(*({f"{kind}: {name}": rows for kind, entry in one.kinds.items()
                    for name, rows in entry.generators.items()} for one in (a, b)))  # fmt: skip


def rejects(a: Manifest, b: Manifest) -> list[Line]:
    """Records by stage, source and reason; the largest difference first."""
    return sorted(lines(_rejects(a), _rejects(b)), key=lambda line: -abs((line.a or 0) - (line.b or 0)))


def costs(a: Manifest, b: Manifest) -> list[Line]:
    """What asking came to, by kind."""
    return lines(_costs(a), _costs(b))


def checks(a: Report | None, b: Report | None) -> list[Line]:
    """Outcome and figures of each check that found something in either build, where both have a report."""
    quiet = "pass, 0 of "
    found = lines(_checks(a), _checks(b)) if a and b else []
    return [line for line in found if not (str(line.a).startswith(quiet) and str(line.b).startswith(quiet))]


def stored_report(out: str, name: str) -> tuple[Report | None, str]:
    """The report of a build, or why there is none."""
    path = storage.join(out, REPORT)
    if not storage.exists(path):
        return None, f"{name} has no {REPORT}, so checks are not compared: `osprey-data report` makes it"
    try:
        return msgspec.json.decode(storage.read_bytes(path), type=Report), ""
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        again = "`osprey-data report` makes it anew"
        return None, f"{REPORT} of {name} cannot be read ({error}), so checks are not compared: {again}"


def lines(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[Line]:
    """A line for each name whose values differ, in the order of the first build and then of the second."""
    return [Line(name=name, a=a.get(name), b=b.get(name)) for name in {**a, **b} if a.get(name) != b.get(name)]


def _flat(value: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, one in value.items():
        found |= _flat(one, f"{before}{name}.") if isinstance(one, dict) else {f"{before}{name}": one}
    return found


def _by_prompt(found: set[tuple[str, str, str]]) -> dict[str, list[str]]:
    made: dict[str, list[str]] = {}
    for kind, name, sha256 in sorted(found):
        made.setdefault(f"{kind}: {name}", []).append(sha256)
    return made


def _rejects(manifest: Manifest) -> dict[str, int]:
    found: dict[str, int] = {}
    for line in manifest.ledger:
        for reason, count in line.rejected.items():
            name = f"{line.stage} {line.source} {line.unit}: {reason}"
            found[name] = found.get(name, 0) + count
    return found


def _costs(manifest: Manifest) -> dict[str, float]:
    totals: dict[str, KindTotals] = {**manifest.generation.by_kind, "all": manifest.generation}
    found = {f"{kind}: {name}": getattr(one, name) for kind, one in totals.items() for name in _SPENT}
    return {name: amount for name, amount in found.items() if amount}


def _checks(report: Report | None) -> dict[str, str]:
    return {
        one.name: one.outcome if one.outcome == "not judged" else f"{one.outcome}, {one.failed:,} of {one.judged:,}"
        for one in (report.checks if report else ())
    }
