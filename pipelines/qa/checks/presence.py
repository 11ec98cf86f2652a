"""Whether there is anything to judge: a build without a row, and kinds that were asked for and have none."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, Self

from pipelines.qa.checks.base import KEPT, Finding, Scene, Spec
from pipelines.qa.pieces import Piece
from pipelines.qa.results import Evidence
from pipelines.shards.manifest import Manifest
from schemas.ledger import REASONS, LedgerLine


class _Counted:
    """Counts the rows of each kind."""

    def __init__(self) -> None:
        self._rows = Counter[str]()

    def add(self, piece: Piece) -> None:
        """Take note of a piece."""
        self._rows[piece.kind] += len(piece)

    def merge(self, other: Self) -> None:
        """Add what another one saw."""
        self._rows += other._rows


class HasRows(_Counted):
    """Judges the build as a whole: one that is empty teaches nothing, whatever else is said of it."""

    spec = Spec("has_rows", "the build has rows", "fit", "fail", 0.0, "builds")

    def finding(self, scene: Scene) -> Finding:
        """The reasons that took most records, where no row is left."""
        if self._rows.total():
            return Finding(1, 0)
        why = _reasons(scene.manifest.ledger)
        detail = f"a build without a row; rejected were {why}" if why else "a build without a row: nothing was read"
        return Finding(1, 1, (Evidence(detail=detail),))


class KindsHaveRows(_Counted):
    """Judges the kinds that the recipe asks for: one without a row misses its sources, or rejected all they have."""

    spec = Spec("kinds_have_rows", "every kind that was asked for has rows", "fit", "warn", 0.0, "kinds")

    def finding(self, scene: Scene) -> Finding:
        """For each kind without a row what the ledger says of it."""
        asked = asked_for(scene.manifest)
        empty = [kind for kind in asked if not self._rows[kind]]
        shown = tuple(Evidence(detail=f"{kind}: {_why(scene.manifest, kind)}", kind=kind) for kind in empty[:KEPT])
        return Finding(len(asked), len(empty), shown, "" if asked else "the manifest names no kind")


def asked_for(manifest: Manifest) -> list[str]:
    """The kinds of the recipe and of the manifest, in this order."""
    return list(dict.fromkeys((*_asked(manifest), *manifest.kinds)))


def _asked(manifest: Manifest) -> dict[str, Any]:
    kinds = manifest.recipe.get("kinds")
    return kinds if isinstance(kinds, dict) else {}


def _why(manifest: Manifest, kind: str) -> str:
    """What became of the rows that waited for a reply, else of the records that the kind looked at."""
    entry = manifest.kinds.get(kind)
    if entry and entry.rows:
        return f"no row; the manifest counts {entry.rows:,}, and none of them can be read"
    waited = [line for line in manifest.ledger if line.stage == "assemble" and line.source == kind]
    looked = [line for line in manifest.ledger if line.stage == f"build:{kind}"]
    lines = [line for line in waited if line.rejected] or looked
    why, units = _reasons(lines), Counter[str]()
    for line in lines:
        units[line.unit] += line.read
    read = " and ".join(f"{count:,} {unit}" for unit, count in sorted(units.items()))
    if why:
        return f"no row; of {read} rejected were {why}"
    return f"no row; {read} were read" if read else f"no row; {_nothing(manifest, kind)}"


def _nothing(manifest: Manifest, kind: str) -> str:
    sources = _asked(manifest).get(kind, {}).get("sources", ())
    known = {line.source for line in manifest.ledger}
    missing = [source for source in sources if source not in known]
    return f"nothing was read of {', '.join(missing)}" if missing else "its sources have nothing for it"


def _reasons(lines: Iterable[LedgerLine]) -> str:
    """The three commonest reasons, with the meaning of the first: `no_negative 900 (no other ...), region_cap 30`."""
    counts = sum((Counter(line.rejected) for line in lines), Counter[str]())
    ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:3]
    told = [f"{reason} {count:,}" for reason, count in ranked]
    if told:
        told[0] += f" ({REASONS.get(ranked[0][0], 'not defined')})"
    return ", ".join(told)
