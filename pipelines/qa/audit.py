"""A finished build looked at as a whole: one pass over its shards for the suite, the figures and every check."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from pipelines import storage
from pipelines.qa.checks.balance import ledger_failures, reject_failures
from pipelines.qa.checks.base import Scene
from pipelines.qa.checks.crossing import CrossChecks
from pipelines.qa.judging import judge
from pipelines.qa.pieces import Piece
from pipelines.qa.reading import opened, pieces
from pipelines.qa.results import REPORT, Report, encode
from pipelines.qa.suite.expectations import Failure, ShardValidator, Verdict, merge
from pipelines.qa.suite.frame import complete_rows
from pipelines.qa.suite.stored import write_judged
from pipelines.qa.suite.tally import add_up
from pipelines.qa.watch import Watch
from pipelines.shards.counts import Counts, count
from pipelines.shards.manifest import Manifest, damaged_files, read_manifest
from pipelines.shards.writing import FileEntry

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""


def audit(
    out: str, data: str | None = None, progress: Progress | None = None, judged: Mapping[str, Verdict] | None = None
) -> Report:
    """Look at a finished build; leaves OUT/qa/report.json and suite.json, and OUT/qa/evidence/ of what the suite fails.

    `data` is the folder of the raw data, where it is at hand. `judged` holds, by path relative to OUT, what the suite
    said of a shard when it was written or last looked at (`qa.suite.stored.read_judged`); those do not go through it
    again, unless they have changed since.

    Raises:
        BuildError: the manifest is missing or unreadable; everything else is a failure in the report.
    """
    manifest = read_manifest(out)
    storage.remove_tree(_evidence_folder(out))
    walk = _Walk(out, manifest, judged or {})
    for done, (kind, file) in enumerate(walk.files):
        if progress:
            progress("look at the data", done, len(walk.files))
        walk.look_at(kind, file)
    if progress:
        progress("look at the data", len(walk.files), len(walk.files))
    report = judge(Scene(out, data, manifest), walk.watch, [*walk.failures, *walk.whole()])
    write_judged(out, manifest, walk.verdicts)
    storage.write_bytes(storage.join(out, REPORT), encode(report))
    return report


class _Walk:
    """One pass over all shards."""

    def __init__(self, out: str, manifest: Manifest, judged: Mapping[str, Verdict]) -> None:
        self.out = out
        self.manifest = manifest
        self.files = [(kind, file) for kind, entry in sorted(manifest.kinds.items()) for file in entry.files]
        self.failures: list[Failure] = []
        self.verdicts: dict[str, Verdict] = {}
        """By path; of shards that are as the manifest says."""
        self.crossing = CrossChecks()
        self.found: dict[str, Counts] = {}
        self.watch = Watch()
        self.unread: set[str] = set()
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
        failures, evidence, tallies = list(known.failures), list(known.evidence), list(known.tallies)
        before = 0
        for piece in _at_least_one(file):
            if path not in self._judged:
                verdict = self._validator.validate(piece, kind, file=path, split=split, schema=file.schema_arrow)
                failures += verdict.failures
                evidence += verdict.evidence
                tallies += verdict.tallies
            if any(failure.expectation == "columns" for failure in failures):
                self.unread.add(kind)
                break
            self.crossing.add(path, split, piece)
            self._count(kind, piece)
            whole = complete_rows(piece)
            self.watch.add(Piece(kind, split, path, before + np.flatnonzero(whole), piece.filter(pa.array(whole))))
            before += piece.num_rows
        failures = merge(failures)
        self.failures += failures
        if path not in self._damaged:
            self.verdicts[path] = Verdict(failures, evidence, add_up(tallies))
        if evidence:
            storage.write_json(_evidence_path(self.out, path), evidence)

    def _count(self, kind: str, piece: pa.Table) -> None:
        self.found[kind] = self.found.get(kind, Counts()) + count(piece)

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


def _evidence_folder(out: str) -> str:
    return storage.join(out, "qa", "evidence")


def _evidence_path(out: str, shard: str) -> str:
    """`qa/evidence/mask_text/train-00000-of-00008.json` for `data/mask_text/train-00000-of-00008.parquet`."""
    return storage.join(_evidence_folder(out), shard.removeprefix("data/").removesuffix(".parquet") + ".json")
