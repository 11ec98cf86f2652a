"""The plan phase: raw files -> normalised sources -> masks -> joined images -> finished samples and requests.

Work is cut into ranges of slots. A range that is complete has its summary, which is written last; it is not made again
by a plan of the same inputs, recipe and code.
"""

import hashlib
import os
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import apache_beam as beam
import msgspec

import pipelines
import prompts
import schemas
from pipelines import storage
from pipelines.builders import BUILDERS, MODEL_KINDS, neighbors, positive_negative, vocabulary
from pipelines.builders.context import TEMPLATE, Context
from pipelines.phases import masks, pictures, sources
from pipelines.phases.layout import Layout
from pipelines.phases.limit import first_images
from pipelines.phases.progress import Progress, files, silent, watching
from pipelines.phases.records import write_rejects, write_requests, write_samples
from pipelines.phases.running import ONE_WORKER, Running, run, spread
from pipelines.regions.join import Policy, SourceRows, join
from pipelines.sources import SOURCES
from pipelines.sources.cache import SourceCache
from schemas import keys, ledger
from schemas.errors import BuildError
from schemas.ledger import LedgerLine
from schemas.recipe import ImageSettings, Recipe
from schemas.records import Built, Record, Reject, Scene

SPLITS = ("train", "val")


class Plan(Record, frozen=True, kw_only=True):
    """What the plan phase leaves for the next ones (`OUT/work/plan.json`). Paths are relative to OUT/work."""

    folder: str
    parts: int
    generator: str
    recipe: Recipe
    data: str
    """Where the pictures are."""
    sources: tuple[str, ...]
    rows: dict[str, dict[str, int]]
    """Kind -> split -> samples and requests, before any reply is read."""
    requests: int
    ledger: tuple[LedgerLine, ...]
    rejects: dict[str, tuple[str, ...]]
    """Stage -> Parquet files of its rejects."""
    notes: tuple[str, ...] = ()
    """What a user should know of the sources."""
    faults: tuple[tuple[str, str], ...] = ()
    """Sources that cannot be read, as (what is wrong, what to do)."""


class Summary(Record, frozen=True, kw_only=True):
    """What one range of slots gave."""

    rows: dict[str, dict[str, int]]
    requests: int
    ledger: list[LedgerLine]


class Planner(NamedTuple):
    """All that turning slots into samples needs; small enough to travel to every worker."""

    caches: tuple[SourceCache, ...]
    data: str
    folder: str
    parts: int
    policy: Policy
    context: Context
    images: ImageSettings


class BuildKinds(beam.PTransform):
    """Index of a slot range -> its `Summary`; samples, requests and rejects are files in the plan's folder."""

    def __init__(self, planner: Planner) -> None:
        super().__init__()
        self._planner = planner

    def expand(self, indices: beam.PCollection[int]) -> beam.PCollection[Summary]:
        planner = self._planner
        return indices | "JoinAndBuild" >> beam.Map(lambda index: plan_part(planner, index))


def make_plan(
    recipe: Recipe,
    data: str,
    layout: Layout,
    *,
    generator: str = TEMPLATE,
    limit: int | None = None,
    running: Running = ONE_WORKER,
    progress: Progress = silent,
) -> Plan:
    """Read, clean, join and build; returns the plan, which is also written to `layout.plan`."""
    data = os.path.abspath(data) if storage.is_local(data) else data
    found = sources.look(recipe, data)
    caches, faults = sources.read(recipe, found.located, layout.work, progress)
    masks.clean_all(caches, running, progress)
    planner = _planner(recipe, data, layout, caches, generator, limit, progress)
    _build_parts(planner, running, progress)
    notes = [note for cache in caches for note in cache.notes]
    plan = msgspec.structs.replace(
        _gather(planner, layout, recipe, generator), notes=tuple(notes), faults=tuple(faults)
    )
    storage.write_bytes(layout.plan, msgspec.json.format(msgspec.json.encode(plan), indent=2))
    return plan


def read_plan(layout: Layout) -> Plan:
    """The plan of an earlier call of `make_plan`."""
    if not storage.exists(layout.plan):
        raise BuildError(
            f"{layout.out} holds no plan", hint="Run `osprey-data plan` (or `build`) with this --out first."
        )
    return msgspec.json.decode(storage.read_bytes(layout.plan), type=Plan)


def _planner(
    recipe: Recipe,
    data: str,
    layout: Layout,
    caches: list[SourceCache],
    generator: str,
    limit: int | None,
    progress: Progress,
) -> Planner:
    excluded = frozenset(recipe.exclude_evaluation or ())
    limit_to = None if limit is None else first_images(caches, excluded, recipe.seed, limit)
    policy = Policy(recipe.seed, recipe.val_fraction, excluded, limit_to)
    context = Context(
        seed=recipe.seed, kinds=recipe.kinds, generator=generator, generation=recipe.generation,
        licenses={name: source.spec.license for name, source in SOURCES.items()},
        vocabulary=_vocabulary(recipe, caches, layout.work, progress),
    )  # fmt: skip
    key = _plan_key(recipe, data, caches, context, limit)
    parts = max([1, *(cache.parts for cache in caches)])
    folder = storage.join(layout.work, f"plan-{key}")
    return Planner(tuple(caches), data, folder, parts, policy, context, recipe.images)


def _vocabulary(
    recipe: Recipe, caches: list[SourceCache], work: str, progress: Progress
) -> vocabulary.Vocabulary | None:
    if positive_negative.KIND not in recipe.kinds:
        return None
    progress("meanings of categories", 0, 1)
    used = recipe.kinds[positive_negative.KIND].sources
    built = vocabulary.build({cache.name: cache.vocabulary() for cache in caches if cache.name in used})
    found = neighbors.with_neighbors(built, work)
    progress("meanings of categories", 1, 1)
    return found


def _plan_key(recipe: Recipe, data: str, caches: list[SourceCache], context: Context, limit: int | None) -> str:
    """Changes with everything that a sample or request may depend on."""
    generation = recipe.generation if context.generator != TEMPLATE else None
    parts = [
        msgspec.to_builtins(recipe) | {"generation": msgspec.to_builtins(generation)},
        [cache.key for cache in caches],
        [prompts.sha256(kind) for kind in recipe.kinds],
        [context.generator, limit, _code_sha256(), pictures.state(recipe.images, data, caches)],
    ]
    return keys.digest(keys.canonical_json(parts).decode())[:16]


def _code_sha256() -> str:
    """Of our own modules: no file made by other code is taken for granted."""
    found = hashlib.sha256()
    for package in (pipelines, prompts, schemas):
        for path in sorted(pathlib.Path(package.__path__[0]).rglob("*.py")):
            found.update(path.read_bytes())
    return found.hexdigest()


def _build_parts(planner: Planner, running: Running, progress: Progress) -> None:
    folder = storage.join(planner.folder, "summaries")
    done = set(storage.list_files(folder, ".json"))
    todo = [i for i in range(planner.parts) if f"{storage.part_name(i, planner.parts)}.json" not in done]
    if todo:
        with watching("building samples", files(folder), planner.parts, progress):
            run(
                lambda pipeline: spread(pipeline, todo) | "BuildKinds" >> BuildKinds(planner),
                running.at_most(len(todo)),
            )


def plan_part(planner: Planner, index: int) -> Summary:
    """Join and build one range of slots; writes its files, the summary last."""
    slots = storage.slots_of(index, planner.parts)
    rows = [SourceRows(c.name, c.images(slots), c.texts(slots), masks.regions(c, slots)) for c in planner.caches]
    joined = join(
        rows,
        planner.policy,
        pictures.finder(planner.images, planner.data),
        pictures.checker(planner.images, planner.data),
    )
    lines = ledger.lines("join", joined.read, joined.rejects)
    built = {kind: build_kind(kind, joined.scenes, planner.context) for kind in planner.context.kinds}
    for kind, made in built.items():
        lines += ledger.lines(f"build:{kind}", made.read, made.rejects)
    return _write(planner, index, built, joined.rejects, lines)


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


def _write(
    planner: Planner, index: int, built: dict[str, Built], join_rejects: list[Reject], lines: list[LedgerLine]
) -> Summary:
    name = storage.part_name(index, planner.parts)
    for kind, made in built.items():
        write_samples(storage.join(planner.folder, "samples", kind, name), made.samples)
        write_requests(storage.join(planner.folder, "requests", kind, name), made.requests)
    write_rejects(storage.join(planner.folder, "rejects", "join", name), join_rejects)
    write_rejects(
        storage.join(planner.folder, "rejects", "build", name), [r for made in built.values() for r in made.rejects]
    )
    summary = Summary(
        rows={kind: _by_split(made) for kind, made in built.items()},
        requests=sum(len(made.requests) for made in built.values()),
        ledger=lines,
    )
    storage.write_json(storage.join(planner.folder, "summaries", f"{name}.json"), msgspec.to_builtins(summary))
    return summary


def _by_split(built: Built) -> dict[str, int]:
    samples = [*built.samples, *(request.sample for request in built.requests)]
    return {split: sum(sample.split == split for sample in samples) for split in SPLITS}


def _gather(planner: Planner, layout: Layout, recipe: Recipe, generator: str) -> Plan:
    folder = storage.join(planner.folder, "summaries")
    summaries = [
        msgspec.convert(storage.read_json(storage.join(folder, name)), Summary)
        for name in storage.list_files(folder, ".json")
    ]
    lines = [line for cache in planner.caches for line in (*cache.ledger(), *masks.lines_of(cache))]
    built = ledger.merge(line for summary in summaries for line in summary.ledger)
    order = ["join", *(f"build:{kind}" for kind in recipe.kinds)]
    return Plan(
        folder=_relative(planner.folder, layout), parts=planner.parts, generator=generator, recipe=recipe,
        data=planner.data, sources=tuple(cache.name for cache in planner.caches),
        rows={kind: _sum([summary.rows[kind] for summary in summaries]) for kind in recipe.kinds},
        requests=sum(summary.requests for summary in summaries),
        ledger=tuple(lines + sorted(built, key=lambda line: (order.index(line.stage), line.source, line.unit))),
        rejects=_reject_files(planner, layout),
    )  # fmt: skip


def _sum(counts: list[dict[str, int]]) -> dict[str, int]:
    return {split: sum(count[split] for count in counts) for split in SPLITS}


def _reject_files(planner: Planner, layout: Layout) -> dict[str, tuple[str, ...]]:
    names = [storage.part_name(index, planner.parts) for index in range(planner.parts)]
    files = {
        "ingest": [cache.path("rejects.parquet") for cache in planner.caches],
        "regions": [path for cache in planner.caches for path in masks.reject_files(cache)],
        "join": [storage.join(planner.folder, "rejects", "join", name) for name in names],
        "build": [storage.join(planner.folder, "rejects", "build", name) for name in names],
    }
    return {stage: tuple(_relative(path, layout) for path in paths) for stage, paths in files.items()}


def _relative(path: str, layout: Layout) -> str:
    return path.removeprefix(layout.work + "/")


def requests_of(plan: Plan, layout: Layout, kind: str) -> list[str]:
    """Paths of the request files of one kind."""
    if kind not in MODEL_KINDS:
        return []
    folder = storage.join(layout.work, plan.folder, "requests", kind)
    return [storage.join(folder, name) for name in storage.list_files(folder, ".parquet")]
