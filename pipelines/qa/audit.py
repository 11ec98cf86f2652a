"""A finished build looked at as a whole: one pass over its shards for the suite, the figures and every check."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

import pyarrow as pa

from pipelines import storage
from pipelines.qa.checks.balance import ledger_failures, reject_failures
from pipelines.qa.checks.base import Scene
from pipelines.qa.checks.crossing import CrossChecks
from pipelines.qa.judging import COUNTS, judge
from pipelines.qa.looking import Build, Seen, Task, look_at_all
from pipelines.qa.results import REPORT, Report, encode
from pipelines.qa.suite.expectations import Failure, Verdict
from pipelines.qa.suite.stored import known_sources, write_judged
from pipelines.qa.watch import Watch
from pipelines.shards.counts import Counts
from pipelines.shards.manifest import Manifest, read_manifest

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""


def audit(
    out: str, data: str | None = None, progress: Progress | None = None,
    judged: Mapping[str, Verdict] | None = None, workers: int = 1,
) -> Report:  # fmt: skip
    """Look at a finished build; leaves OUT/qa/report.json and suite.json, and OUT/qa/evidence/ of what the suite fails.

    `data` is the folder of the raw data, where it is at hand. `judged` holds, by path relative to OUT, what the suite
    said of a shard when it was written or last looked at (`qa.suite.stored.read_judged`); those do not go through it
    again, unless they have changed since. `workers` is the number of processes where the data are many (0: one a
    processor, at most 4); the outcome is the same.

    Raises:
        BuildError: the manifest is missing or unreadable; everything else is a failure in the report.
    """
    manifest = read_manifest(out)
    storage.remove_tree(_evidence_folder(out))
    known = judged or {}
    tasks = [
        Task(kind, file, known.get(file.path)) for kind, entry in sorted(manifest.kinds.items()) for file in entry.files
    ]
    total = _Total(out, manifest)
    tell = progress or _say_nothing
    tell("look at the data", 0, len(tasks))
    build = Build(out, frozenset(known_sources(manifest)) or None)
    for done, seen in enumerate(look_at_all(build, tasks, workers), start=1):
        total.add(seen)
        tell("look at the data", done, len(tasks))
    report = judge(Scene(out, data, manifest, progress), total.watch, [*total.failures, *total.whole()], total.held)
    write_judged(out, manifest, total.verdicts)
    storage.write_bytes(storage.join(out, REPORT), encode(report))
    return report


def _say_nothing(what: str, done: int, total: int) -> None:
    """For who does not want to know."""


class _Total:
    """What was seen of all shards."""

    def __init__(self, out: str, manifest: Manifest) -> None:
        self.out = out
        self.manifest = manifest
        self.failures: list[Failure] = []
        self.held: Counter[str] = Counter()
        """Columns, rows or regions that were held against each expectation of the suite."""
        self.verdicts: dict[str, Verdict] = {}
        """By path; of shards that are as the manifest says."""
        self.crossing = CrossChecks()
        self.found: dict[str, Counts] = {}
        self.watch = Watch()
        self.unread: set[str] = set()

    def add(self, seen: Seen) -> None:
        """Take note of a shard."""
        self.failures += seen.verdict.failures
        for tally in seen.verdict.tallies:
            self.held[tally.expectation] += tally.elements
        if seen.sound:
            self.verdicts[seen.path] = seen.verdict
        if seen.verdict.evidence:
            storage.write_json(_evidence_path(self.out, seen.path), seen.verdict.evidence)
        if not seen.counted:
            self.unread.add(seen.kind)
        self.found[seen.kind] = self.found.get(seen.kind, Counts()) + seen.counts
        self.crossing.merge(seen.crossing)
        self.watch.merge(seen.watch)

    def whole(self) -> list[Failure]:
        """Failures of the build as a whole."""
        listed = {file.path for entry in self.manifest.kinds.values() for file in entry.files}
        return [
            *_stray_files(self.out, listed),
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


def _count_failures(manifest: Manifest, found: dict[str, Counts], unread: Iterable[str]) -> Iterator[Failure]:
    """Kinds whose rows are not those of the manifest; kinds with unreadable shards cannot be judged."""
    for kind, entry in sorted(manifest.kinds.items()):
        counted = found.get(kind, Counts())
        for name in COUNTS:
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


def _evidence_folder(out: str) -> str:
    return storage.join(out, "qa", "evidence")


def _evidence_path(out: str, shard: str) -> str:
    """`qa/evidence/mask_text/train-00000-of-00008.json` for `data/mask_text/train-00000-of-00008.parquet`."""
    return storage.join(_evidence_folder(out), shard.removeprefix("data/").removesuffix(".parquet") + ".json")
