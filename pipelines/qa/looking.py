"""One shard after the other through the suite, the counts and every check, by one process or several.

What is seen of each shard comes back apart and is added up in the order of the shards, so that the outcome is the same
whoever looked at which.
"""

import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import cached_property
from multiprocessing import get_context
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from pipelines import storage
from pipelines.qa.checks.crossing import CrossChecks
from pipelines.qa.pieces import Piece
from pipelines.qa.reading import opened, pieces
from pipelines.qa.suite.expectations import Failure, ShardValidator, Verdict, merge
from pipelines.qa.suite.frame import complete_rows
from pipelines.qa.suite.tally import add_up
from pipelines.qa.watch import Watch
from pipelines.shards.counts import Counts, count
from pipelines.shards.manifest import damage
from pipelines.shards.writing import FileEntry
from schemas.errors import BuildError

FEW = 100_000
"""Rows below which one process looks at all: others take seconds to start."""

MOST = 4
"""Processes that are taken unasked: each needs more than half a gigabyte."""


class Task(NamedTuple):
    """A shard to be looked at."""

    kind: str
    entry: FileEntry
    judged: Verdict | None
    """What the suite said of it earlier."""


class Seen(NamedTuple):
    """What was seen of a shard."""

    kind: str
    path: str
    verdict: Verdict
    sound: bool
    """It is the file of the manifest, and the suite could judge it."""
    counted: bool
    """All of it could be read, and is in what follows."""
    counts: Counts
    crossing: CrossChecks
    watch: Watch


class Build(NamedTuple):
    """What holds for all shards."""

    out: str
    sources: frozenset[str] | None
    """Data sets that rows may rest on; None admits all."""


def look_at_all(build: Build, tasks: Sequence[Task], workers: int) -> Iterator[Seen]:
    """What is seen of each shard, in order, by at most so many processes; 0: one a processor, `MOST` at most.

    Raises:
        BuildError: a worker process was killed.
    """
    workers = _fitting(tasks, workers)
    if workers == 1:
        yield from map(Looker(build).look, tasks)
        return
    with ProcessPoolExecutor(workers, get_context("spawn"), _start, (build,)) as pool:
        try:
            yield from pool.map(_look, tasks)
        except BrokenProcessPool as error:
            raise BuildError(
                "a worker process ended before it had looked at its shard",
                hint="Most often memory ran out: try fewer workers (--workers 1).",
            ) from error


def _fitting(tasks: Sequence[Task], workers: int) -> int:
    few = sum(task.entry.rows for task in tasks) < FEW
    return 1 if few else max(1, min(workers or min(MOST, len(os.sched_getaffinity(0))), len(tasks)))


_looker: list["Looker"] = []
"""Of this worker process."""


def _start(build: Build) -> None:
    """Make ready a worker. Ctrl-C reaches all; the shards in work are looked at to their end, and no others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _looker[:] = [Looker(build)]


def _look(task: Task) -> Seen:
    return _looker[0].look(task)


class Looker:
    """Looks at shards."""

    def __init__(self, build: Build) -> None:
        self._build = build

    @cached_property
    def _validator(self) -> ShardValidator:
        """Loaded when a shard needs it."""
        return ShardValidator(self._build.sources)

    def look(self, task: Task) -> Seen:
        """Look at one shard; a shard that cannot be read to its end is a failure, and nothing of it is counted."""
        path = storage.join(self._build.out, task.entry.path)
        found = damage(path, task.entry)
        try:
            with opened(path) as file:
                seen = self._look_inside(task._replace(judged=None) if found else task, file)
        except (OSError, pa.ArrowException) as error:
            return _unread(task, found or f"cannot be read: {error}")
        except Exception:  # changed bytes may break anything, such as the encoding of a text; sound ones must not
            if not found:
                raise
            return _unread(task, found)
        if not found:
            return seen
        failures = [_file_failure(task, found), *seen.verdict.failures]
        return seen._replace(sound=False, verdict=seen.verdict._replace(failures=failures))

    def _look_inside(self, task: Task, file: Any) -> Seen:
        kind, path = task.kind, task.entry.path
        split = path.rpartition("/")[2].split("-")[0]
        known = task.judged or Verdict([], [])
        failures, evidence, tallies = list(known.failures), list(known.evidence), list(known.tallies)
        counts, crossing, watch, counted, before = Counts(), CrossChecks(), Watch(), True, 0
        for piece in _at_least_one(file):
            if task.judged is None:
                verdict = self._validator.validate(piece, kind, file=path, split=split, schema=file.schema_arrow)
                failures += verdict.failures
                evidence += verdict.evidence
                tallies += verdict.tallies
            if any(failure.expectation == "columns" for failure in failures):
                counted = False
                break
            crossing.add(path, split, piece)
            counts += count(piece)
            whole = complete_rows(piece)
            watch.add(Piece(kind, split, path, before + np.flatnonzero(whole), piece.filter(pa.array(whole))))
            before += piece.num_rows
        verdict = Verdict(merge(failures), evidence, add_up(tallies))
        return Seen(kind, path, verdict, True, counted, counts, crossing, watch)


def _at_least_one(file: Any) -> Iterator[pa.Table]:
    """The pieces of a shard; an empty table for an empty shard, so that its columns are looked at."""
    empty = True
    for piece in pieces(file):
        empty = False
        yield piece
    if empty:
        yield file.schema_arrow.empty_table()


def _unread(task: Task, why: str) -> Seen:
    verdict = Verdict([_file_failure(task, why)], [])
    return Seen(task.kind, task.entry.path, verdict, False, False, Counts(), CrossChecks(), Watch())


def _file_failure(task: Task, why: str) -> Failure:
    path = task.entry.path
    return Failure(
        expectation="files_as_in_manifest", kind=task.kind, file=path, count=1, examples=(path,),
        detail=f"{path}: {why}",
    )  # fmt: skip
