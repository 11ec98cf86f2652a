"""One range of slots after the other: joined images -> samples, requests and rejects as files.

A range that is complete has its summary, which is written last; it is not made again by a plan of the same inputs,
recipe and code.
"""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import apache_beam as beam
import msgspec

from pipelines import storage
from pipelines.builders import BUILDERS
from pipelines.builders.context import Context
from pipelines.phases import evaluation, masks, pictures, seeing, tally
from pipelines.phases.progress import Progress, files, watching
from pipelines.phases.records import write_rejects, write_requests, write_samples
from pipelines.phases.running import Running, run, spread
from pipelines.regions.join import Policy, SourceRows, join
from pipelines.regions.overlap import Overlap
from pipelines.sources.cache import SourceCache
from schemas import ledger
from schemas.ledger import LedgerLine
from schemas.recipe import ImageSettings
from schemas.records import Built, Image, Record, Reject, Scene


class Summary(Record, frozen=True, kw_only=True):
    """What one range of slots gave; its rows are counted in a table (`pipelines.phases.tally`)."""

    ledger: list[LedgerLine]
    overlap: list[Overlap]


class Planner(NamedTuple):
    """All that turning slots into samples needs; small enough to travel to every worker."""

    caches: tuple[SourceCache, ...]
    data: str
    folder: str
    parts: int
    policy: Policy
    context: Context
    images: ImageSettings
    exhaustive: frozenset[str] = frozenset()
    """Sources of which the recipe says that they annotate every object."""
    dry: bool = False
    """Count only: no sample, request or reject is written."""

    def names(self) -> list[str]:
        """The names of the files of all parts."""
        return [storage.part_name(index, self.parts) for index in range(self.parts)]

    def tallies(self) -> list[str]:
        """Paths of the tables of rows."""
        return [storage.join(self.folder, "tally", name) for name in self.names()]


class BuildKinds(beam.PTransform):
    """Index of a slot range -> its `Summary`; samples, requests and rejects are files in the plan's folder."""

    def __init__(self, planner: Planner) -> None:
        super().__init__()
        self._planner = planner

    def expand(self, indices: beam.PCollection[int]) -> beam.PCollection[Summary]:
        planner = self._planner
        return indices | "JoinAndBuild" >> beam.Map(lambda index: plan_part(planner, index))


def build_parts(planner: Planner, running: Running, progress: Progress) -> list[Summary]:
    """Every part that is not there yet; returns the summaries of all."""
    folder = storage.join(planner.folder, "summaries")
    done = set(storage.list_files(folder, ".json"))
    todo = [index for index, name in enumerate(planner.names()) if f"{name}.json" not in done]
    if todo:
        with watching("building samples", files(folder), planner.parts, progress):
            run(partial(_pipeline, planner, todo), running.at_most(len(todo)))
    found = (storage.read_json(storage.join(folder, f"{name}.json")) for name in planner.names())
    return [msgspec.convert(summary, Summary) for summary in found]


def _pipeline(planner: Planner, todo: list[int], pipeline: beam.Pipeline) -> beam.PCollection[Summary]:
    return spread(pipeline, todo) | "BuildKinds" >> BuildKinds(planner)


def plan_part(planner: Planner, index: int) -> Summary:
    """Join and build one range of slots; writes its files, the summary last."""
    slots = storage.slots_of(index, planner.parts)
    rows = [_rows(planner, cache, slots) for cache in planner.caches]
    joined = join(
        rows,
        planner.policy,
        pictures.finder(planner.images, planner.data),
        pictures.checker(planner.images, planner.data),
    )
    lines = ledger.lines("join", joined.read, joined.rejects)
    built = {kind: build_kind(kind, joined.scenes, planner.context) for kind in planner.context.kinds}
    if not planner.dry:
        built = seeing.show(built, planner.data, planner.context.vision)
    for kind, made in built.items():
        lines += ledger.lines(f"build:{kind}", made.read, made.rejects)
    name = storage.part_name(index, planner.parts)
    if not planner.dry:
        _write(planner.folder, name, built, joined.rejects)
        evaluation.write_part(planner.folder, name, rows, planner.images.folders)
    counted = tally.table(built, planner.context.kinds, planner.context.seed)
    storage.write_table(storage.join(planner.folder, "tally", name), counted)
    summary = Summary(ledger=lines, overlap=joined.overlap)
    storage.write_json(storage.join(planner.folder, "summaries", f"{name}.json"), msgspec.to_builtins(summary))
    return summary


def _rows(planner: Planner, cache: SourceCache, slots: tuple[int, int]) -> SourceRows:
    images: Sequence[Image] = cache.images(slots)
    if cache.name in planner.exhaustive:
        images = [msgspec.structs.replace(image, exhaustive=True) for image in images]
    return SourceRows(cache.name, images, cache.texts(slots), masks.regions(cache, slots))


def build_kind(kind: str, scenes: Sequence[Scene], context: Context) -> Built:
    """All that one kind makes of some scenes."""
    total = Built([], [], [], {})
    for scene in scenes:
        made = BUILDERS[kind](scene, context)
        total.samples.extend(made.samples)
        total.requests.extend(made.requests)
        total.rejects.extend(made.rejects)
        for key, count in made.read.items():
            total.read[key] = total.read.get(key, 0) + count
    return total


def _write(folder: str, name: str, built: dict[str, Built], join_rejects: list[Reject]) -> None:
    for kind, made in built.items():
        write_samples(storage.join(folder, "samples", kind, name), made.samples)
        write_requests(storage.join(folder, "requests", kind, name), made.requests)
    write_rejects(storage.join(folder, "rejects", "join", name), join_rejects)
    write_rejects(storage.join(folder, "rejects", "build", name), [r for made in built.values() for r in made.rejects])
