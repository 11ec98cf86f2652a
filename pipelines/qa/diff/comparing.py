"""Two finished builds compared: everything that differs, as one record."""

from pipelines.qa.diff import settings
from pipelines.qa.diff.rows import RowChanges, compare_rows
from pipelines.qa.diff.settings import Line
from pipelines.qa.diff.signing import Progress, Signed, sign
from pipelines.qa.results import Outcome
from pipelines.shards.manifest import KindEntry, Manifest, read_manifest
from schemas.errors import BuildError
from schemas.records import Record

_NO_ROWS = KindEntry(rows=0, regions=0, turns=0, paper=None)


class KindCounts(Record, frozen=True, kw_only=True):
    """What the manifests count of a kind, in the first build and in the second."""

    kind: str
    rows: tuple[int, int]
    regions: tuple[int, int]
    turns: tuple[int, int]


class Comparison(Record, frozen=True, kw_only=True):
    """Of two builds, `a` and `b`."""

    a: str
    b: str
    equal: bool
    """Nothing that is compared differs."""
    kinds: tuple[KindCounts, ...]
    rows: RowChanges
    recipe: tuple[Line, ...] = ()
    versions: tuple[Line, ...] = ()
    prompts: tuple[Line, ...] = ()
    generators: tuple[Line, ...] = ()
    rejects: tuple[Line, ...] = ()
    costs: tuple[Line, ...] = ()
    checks: tuple[Line, ...] = ()
    verdicts: tuple[Outcome | None, Outcome | None] = (None, None)
    """None: there is no report."""
    faults: tuple[str, ...] = ()
    """Shards that cannot be read, ids that stand twice, pictures in the rows that differ."""
    notes: tuple[str, ...] = ()
    """What could not be compared."""


def compare(out_a: str, out_b: str, progress: Progress | None = None) -> Comparison:
    """Compare what two builds hold and what they say of themselves; no picture is read.

    Raises:
        BuildError: one of them has no manifest, or a shard changed while it was read.
    """
    a, b = read_manifest(out_a), read_manifest(out_b)
    signed_a, signed_b = sign(out_a, a, progress, "the first build"), sign(out_b, b, progress, "the second build")
    try:
        rows = compare_rows(signed_a, out_a, signed_b, out_b)
    except (OSError, IndexError) as error:
        raise BuildError(f"a shard changed while it was read: {error}", hint="Compare again.") from error
    (report_a, note_a), (report_b, note_b) = (settings.stored_report(out, out) for out in (out_a, out_b))
    differing = {
        "recipe": settings.recipe(a, b), "versions": settings.versions(a, b),
        "prompts": settings.prompts(signed_a.prompts, signed_b.prompts), "generators": settings.generators(a, b),
        "rejects": settings.rejects(a, b), "costs": settings.costs(a, b), "checks": settings.checks(report_a, report_b),
    }  # fmt: skip
    kinds = _kinds(a, b)
    faults = (*_faults(out_a, signed_a), *_faults(out_b, signed_b), *_pictures(a, b, rows))
    told = any(differing.values()) or any(one.rows[0] != one.rows[1] for one in kinds)
    return Comparison(
        a=out_a, b=out_b, equal=rows.equal and not (faults or told), kinds=kinds, rows=rows, faults=faults,
        verdicts=(report_a.verdict if report_a else None, report_b.verdict if report_b else None),
        notes=tuple(filter(None, (note_a, note_b))), **{name: tuple(found) for name, found in differing.items()},
    )  # fmt: skip


def _kinds(a: Manifest, b: Manifest) -> tuple[KindCounts, ...]:
    both = [(kind, a.kinds.get(kind, _NO_ROWS), b.kinds.get(kind, _NO_ROWS)) for kind in sorted({*a.kinds, *b.kinds})]
    return tuple(
        KindCounts(kind=kind, rows=(x.rows, y.rows), regions=(x.regions, y.regions), turns=(x.turns, y.turns))
        for kind, x, y in both
    )


def _faults(out: str, signed: Signed) -> list[str]:
    found = [f"{out}: {path} is {why}" if why == "missing" else f"{out}: {path} {why}" for path, why in
             sorted(signed.unread.items())]  # fmt: skip
    found = [f"{one}; its rows count as absent" for one in found]
    if signed.repeated:
        found.append(f"{out}: {signed.repeated:,} rows have the id of an earlier row, and are not compared")
    return found


def _pictures(a: Manifest, b: Manifest, rows: RowChanges) -> list[str]:
    """Shards of the same rows with other bytes: what is not compared differs."""
    sha256 = {file.path: file.sha256 for entry in a.kinds.values() for file in entry.files}
    other = [
        file.path
        for entry in b.kinds.values()
        for file in entry.files
        if sha256.get(file.path, file.sha256) != file.sha256
    ]
    if not rows.equal or not other or a.versions != b.versions:
        return []
    return [
        f"{len(other):,} shards, such as {other[0]}, have the same rows and other bytes by their manifests: "
        "the pictures in them differ, or how they are written"
    ]
