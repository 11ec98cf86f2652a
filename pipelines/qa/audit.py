"""A finished build held against everything it promises, and the evidence where it breaks a promise."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

import msgspec
import pyarrow as pa

from pipelines import storage
from pipelines.qa.checks.balance import ledger_failures, reject_failures
from pipelines.qa.checks.crossing import CrossChecks
from pipelines.qa.reading import opened, pieces
from pipelines.qa.suite.expectations import CHECKS, Failure, ShardValidator, Verdict, merge
from pipelines.shards.counts import Counts, count
from pipelines.shards.manifest import Manifest, damaged_files, read_manifest
from pipelines.shards.writing import FileEntry
from schemas.errors import BuildError
from schemas.records import Record

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""

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


class CheckResult(Record, frozen=True, kw_only=True):
    """How one expectation came out."""

    name: str
    means: str
    failed: int
    """Rows, regions or records at fault; 0 where it holds."""


class ValidationReport(Record, frozen=True, kw_only=True):
    """The outcome, as it stands in OUT/qa/validation.json."""

    passed: bool
    shards: int
    rows: int
    checks: tuple[CheckResult, ...]
    failures: tuple[Failure, ...]

    def require(self) -> None:
        """Raise BuildError with the names of the broken expectations."""
        if self.passed:
            return
        names = [f"{check.name} ({check.failed})" for check in self.checks if check.failed]
        raise BuildError(
            f"the data breaks {len(names)} expectation{'s' * (len(names) > 1)}: {', '.join(names)}",
            hint="\n".join([*(_told(failure) for failure in self.failures[:5]), *self._advice()]),
        )

    def _advice(self) -> list[str]:
        damaged = any(failure.expectation == "files_as_in_manifest" for failure in self.failures)
        again = ["Damaged or missing shards: `osprey-data assemble` with this --out writes them again."]
        return [*(again if damaged else []), "All of them: qa/validation.json"]


def validate_output(
    out: str, progress: Progress | None = None, judged: Mapping[str, Verdict] | None = None
) -> ValidationReport:
    """Check a finished build; leaves OUT/qa/validation.json and, of failing shards, OUT/qa/evidence/.

    `judged` holds, by path relative to OUT, what the suite said when a shard was written; those do not go through it
    again, unless they have changed since.

    Raises:
        BuildError: the manifest is missing or unreadable; everything else is a failure in the report.
    """
    manifest = read_manifest(out)
    storage.remove_tree(_evidence_folder(out))
    walk = _Walk(out, manifest, judged or {})
    for done, (kind, file) in enumerate(walk.files):
        if progress:
            progress("validate", done, len(walk.files))
        walk.look_at(kind, file)
    if progress:
        progress("validate", len(walk.files), len(walk.files))
    report = _report(walk)
    storage.write_json(storage.join(out, "qa", "validation.json"), msgspec.to_builtins(report))
    return report


def _told(failure: Failure) -> str:
    """One line of a failure: where, and what or which rows."""
    where, what = failure.file or "the build", failure.detail or failure.expectation
    return f"{where}: {what} ({', '.join(failure.examples[:3])})"


class _Walk:
    """One pass over all shards."""

    def __init__(self, out: str, manifest: Manifest, judged: Mapping[str, Verdict]) -> None:
        self.out = out
        self.manifest = manifest
        self.files = [(kind, file) for kind, entry in sorted(manifest.kinds.items()) for file in entry.files]
        self.failures: list[Failure] = []
        self.crossing = CrossChecks()
        self.found: dict[str, Counts] = {}
        self.unread: set[str] = set()
        self.rows = 0
        sources = {line.source for line in manifest.ledger}
        self._sources = sources or None
        self._damaged = damaged_files(out, manifest)
        self._judged = {path: verdict for path, verdict in judged.items() if path not in self._damaged}

    @cached_property
    def _validator(self) -> ShardValidator:
        """Loaded when a shard needs it."""
        return ShardValidator(self._sources)

    def look_at(self, kind: str, entry: FileEntry) -> None:
        """Take one shard through the suite and into the counts; a shard that is no Parquet file is only damaged."""
        if entry.path in self._damaged:
            self.failures.append(_file_failure(kind, entry.path, self._damaged[entry.path]))
        try:
            with opened(storage.join(self.out, entry.path)) as file:
                self._look_inside(kind, entry.path, file)
        except (OSError, pa.ArrowException) as error:
            self.unread.add(kind)
            if entry.path not in self._damaged:
                self.failures.append(_file_failure(kind, entry.path, f"cannot be read: {error}"))

    def _look_inside(self, kind: str, path: str, file: Any) -> None:
        split = path.rpartition("/")[2].split("-")[0]
        known = self._judged.get(path, Verdict([], []))
        failures, evidence = list(known.failures), list(known.evidence)
        for piece in _at_least_one(file):
            if path not in self._judged:
                verdict = self._validator.validate(piece, kind, file=path, split=split, schema=file.schema_arrow)
                failures += verdict.failures
                evidence += verdict.evidence
            if any(failure.expectation == "columns" for failure in failures):
                self.unread.add(kind)
                break
            self.crossing.add(path, split, piece)
            self._count(kind, piece)
        self.failures += merge(failures)
        if evidence:
            storage.write_json(_evidence_path(self.out, path), evidence)

    def _count(self, kind: str, piece: pa.Table) -> None:
        self.found[kind] = self.found.get(kind, Counts()) + count(piece)
        self.rows += piece.num_rows

    def whole(self) -> list[Failure]:
        """Failures of the build as a whole."""
        return [
            *_stray_files(self.out, {file.path for _, file in self.files}),
            *_count_failures(self.manifest, self.found, self.unread),
            *_guarded(lambda: self.crossing.failures(self.out), "files_as_in_manifest", "data"),
            *ledger_failures(self.manifest.ledger),
            *_guarded(lambda: reject_failures(self.out, self.manifest.ledger), "rejects_match_ledger", "rejects"),
        ]


def _guarded(find: Callable[[], list[Failure]], expectation: str, folder: str) -> list[Failure]:
    """What a search finds; that it cannot read a file of the folder is a failure like others."""
    try:
        return find()
    except (OSError, pa.ArrowException) as error:
        detail = f"a file below {folder}/ cannot be read: {error}"
        return [Failure(expectation=expectation, kind="", file=folder, count=1, examples=(folder,), detail=detail)]


def _at_least_one(file: Any) -> Iterator[pa.Table]:
    """The pieces of a shard; an empty table for an empty shard, so that its columns are looked at."""
    empty = True
    for piece in pieces(file):
        empty = False
        yield piece
    if empty:
        yield file.schema_arrow.empty_table()


def _count_failures(manifest: Manifest, found: dict[str, Counts], unread: Iterable[str]) -> Iterator[Failure]:
    """Kinds whose rows are not those of the manifest; kinds with unreadable shards cannot be judged."""
    for kind, entry in sorted(manifest.kinds.items()):
        counted = found.get(kind, Counts())
        for name in ("rows", "regions", "turns", "generators"):
            said, seen = getattr(entry, name), getattr(counted, name)
            if said != seen and kind not in unread:
                yield Failure(
                    expectation="counts_as_in_manifest", kind=kind, file="manifest.json", count=1, examples=(name,),
                    detail=f"{name} of {kind}: the manifest says {said}, the shards hold {seen}",
                )  # fmt: skip


def _stray_files(out: str, listed: set[str]) -> Iterator[Failure]:
    """Shards that a reader of `data/<kind>/*.parquet` would take in though no build made them."""
    for kind in storage.list_files(storage.join(out, "data")):
        for name in storage.list_files(storage.join(out, "data", kind), ".parquet"):
            path = storage.join("data", kind, name)
            if path not in listed:
                yield Failure(expectation="no_stray_files", kind=kind, file=path, count=1, examples=(path,))


def _file_failure(kind: str, path: str, damage: str) -> Failure:
    return Failure(
        expectation="files_as_in_manifest", kind=kind, file=path, count=1, examples=(path,), detail=f"{path}: {damage}"
    )


def _report(walk: _Walk) -> ValidationReport:
    failures = [*walk.failures, *walk.whole()]
    means = {check.name: check.means for check in CHECKS} | BUILD_CHECKS
    failed = {name: sum(one.count for one in failures if one.expectation == name) for name in means}
    checks = tuple(CheckResult(name=name, means=means[name], failed=count) for name, count in failed.items())
    return ValidationReport(
        passed=not failures, shards=len(walk.files), rows=walk.rows, checks=checks, failures=tuple(failures)
    )


def _evidence_folder(out: str) -> str:
    return storage.join(out, "qa", "evidence")


def _evidence_path(out: str, shard: str) -> str:
    """`qa/evidence/mask_text/train-00000-of-00008.json` for `data/mask_text/train-00000-of-00008.parquet`."""
    return storage.join(_evidence_folder(out), shard.removeprefix("data/").removesuffix(".parquet") + ".json")
