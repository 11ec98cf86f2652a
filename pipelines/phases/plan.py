"""The plan phase: raw files -> normalised sources -> masks -> joined images -> finished samples and requests."""

import hashlib
import os
import pathlib
from typing import NamedTuple

import msgspec

import pipelines
import prompts.seeing
import schemas
from pipelines import storage
from pipelines.builders import MODEL_KINDS, image_text, neighbors, positive_negative, vocabulary
from pipelines.builders.context import TEMPLATE, Context
from pipelines.builders.model_kind import asked_form
from pipelines.phases import masks, pictures, seeing, sources, tally
from pipelines.phases.layout import Layout
from pipelines.phases.limit import first_images
from pipelines.phases.parts import Planner, Summary, build_parts
from pipelines.phases.progress import Progress, silent
from pipelines.phases.running import ONE_WORKER, Running
from pipelines.phases.tally import ALL, Amount
from pipelines.regions import overlap
from pipelines.regions.join import Policy
from pipelines.regions.overlap import Overlap
from pipelines.sources import SOURCES
from pipelines.sources.cache import SourceCache
from pipelines.sources.drawn import drawn_sources
from pipelines.sources.label_noise import LabelNoise, read_label_noise
from pipelines.sources.locate import resolve
from schemas import keys, ledger
from schemas.errors import BuildError
from schemas.ledger import LedgerLine
from schemas.recipe import Recipe
from schemas.records import Record

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
    """Kind -> split -> samples and requests within the recipe's caps, before any reply is read."""
    cuts: dict[str, int]
    """Kind -> rank of its last row, where it has more than its cap (`pipelines.phases.tally`)."""
    amounts: dict[str, dict[str, Amount]]
    """Kind -> source (`tally.ALL` for the kind) -> what its rows hold."""
    requests: int
    ledger: tuple[LedgerLine, ...]
    rejects: dict[str, tuple[str, ...]]
    """Stage -> Parquet files of its rejects."""
    overlap: tuple[Overlap, ...] = ()
    """Training records in evaluation sets, before these were kept out."""
    notes: tuple[str, ...] = ()
    """What a user should know of the sources."""
    limit: int | None = None
    """Most images, where the command named a number."""
    sample_scenes: tuple[str, ...] = ()
    """Sources whose files are drawn (`pipelines.sources.drawn`)."""
    faults: tuple[tuple[str, str], ...] = ()
    """Sources that cannot be read, as (what is wrong, what to do)."""


class Job(NamedTuple):
    """What is to be built, from what, where."""

    recipe: Recipe
    data: str
    layout: Layout
    generator: str = TEMPLATE
    limit: int | None = None


def make_plan(job: Job, *, dry: bool = False, running: Running = ONE_WORKER, progress: Progress = silent) -> Plan:
    """Read, clean, join and build; returns the plan.

    It is also written to the layout's `plan`, except for a dry one, which only counts and leaves nothing but caches.
    """
    job = job._replace(data=os.path.abspath(job.data) if storage.is_local(job.data) else job.data)
    found = sources.look(job.recipe, job.data)
    noise = read_label_noise([resolve(job.data, path) for path in job.recipe.label_noise])
    caches, faults = sources.read(job.recipe, found.located, job.layout.work, progress)
    masks.clean_all(caches, running, progress)
    planner = _planner(job, caches, noise, progress, dry=dry)
    plan = _gather(planner, job, build_parts(planner, running, progress))
    notes = [note for cache in caches for note in cache.notes]
    if noise.read:
        notes.append(
            f"lists of wrong expressions: {noise.read:,} records, {len(noise.entries):,} of them call one wrong"
        )
    drawn = tuple(name for name in drawn_sources(found.located) if name in plan.sources)
    plan = msgspec.structs.replace(plan, notes=tuple(notes), faults=tuple(faults), sample_scenes=drawn)
    if not dry:
        storage.write_bytes(job.layout.plan, msgspec.json.format(msgspec.json.encode(plan), indent=2))
    return plan


def read_plan(layout: Layout) -> Plan:
    """The plan of an earlier call of `make_plan`."""
    if not storage.exists(layout.plan):
        raise BuildError(
            f"{layout.out} holds no plan", hint="Run `osprey-data plan` (or `build`) with this --out first."
        )
    return msgspec.json.decode(storage.read_bytes(layout.plan), type=Plan)


def _planner(job: Job, caches: list[SourceCache], noise: LabelNoise, progress: Progress, *, dry: bool) -> Planner:
    recipe = job.recipe
    excluded = frozenset(recipe.exclude_evaluation or ())
    captions = frozenset(recipe.kinds[image_text.KIND].sources if image_text.KIND in recipe.kinds else ())
    limit_to = None if job.limit is None else first_images(caches, excluded, recipe.seed, job.limit, captions)
    policy = Policy(recipe.seed, recipe.val_fraction, excluded, limit_to, noise if noise.entries else None, captions)
    context = Context(
        seed=recipe.seed, kinds=recipe.kinds, generator=job.generator, generation=recipe.generation,
        licenses=_licenses(recipe), vocabulary=_vocabulary(recipe, caches, job.layout.work, progress),
    )  # fmt: skip
    key = _plan_key(job, caches, noise)
    return Planner(
        tuple(caches), job.data, storage.join(job.layout.work, f"{'dry' if dry else 'plan'}-{key}"),
        max([1, *(cache.parts for cache in caches)]), policy, context, seeing.checked(recipe.images, context.vision),
        frozenset(name for name, settings in recipe.sources.items() if settings.exhaustive), dry,
    )  # fmt: skip


def _licenses(recipe: Recipe) -> dict[str, str]:
    own = {name: settings.license for name, settings in recipe.sources.items() if settings.license}
    return {name: source.spec.license for name, source in SOURCES.items()} | own


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


def _plan_key(job: Job, caches: list[SourceCache], noise: LabelNoise) -> str:
    """Changes with everything that a sample or request may depend on."""
    recipe = job.recipe
    generation = recipe.generation if job.generator != TEMPLATE else None
    parts = [
        msgspec.to_builtins(recipe) | {"generation": msgspec.to_builtins(generation), "published": None},
        [cache.key for cache in caches],
        [prompts.sha256(kind, asked_form(recipe.generation)) for kind in recipe.kinds],
        sorted(noise.entries),
        [job.generator, job.limit, _code_sha256(), _pictures_state(job, caches)],
    ]
    return keys.digest(keys.canonical_json(parts).decode())[:16]


def _pictures_state(job: Job, caches: list[SourceCache]) -> str:
    vision = job.recipe.generation.vision if job.generator != TEMPLATE else None
    images = seeing.checked(job.recipe.images, vision)
    found = pictures.state(images, job.data, caches, contents=vision is not None)
    return keys.digest(found, prompts.seeing.sha256("")) if vision else found


def _code_sha256() -> str:
    """Of our own modules: no file made by other code is taken for granted."""
    found = hashlib.sha256()
    for package in (pipelines, prompts, schemas):
        for path in sorted(pathlib.Path(package.__path__[0]).rglob("*.py")):
            found.update(path.read_bytes())
    return found.hexdigest()


def _gather(planner: Planner, job: Job, summaries: list[Summary]) -> Plan:
    recipe, layout = job.recipe, job.layout
    lines = [line for cache in planner.caches for line in (*cache.ledger(), *masks.lines_of(cache))]
    built = ledger.merge(line for summary in summaries for line in summary.ledger)
    order = ["join", *(f"build:{kind}" for kind in recipe.kinds)]
    counted = tally.gather(planner.tallies(), recipe.kinds)
    return Plan(
        folder=_relative(planner.folder, layout), parts=planner.parts, generator=job.generator, recipe=recipe,
        data=planner.data, limit=job.limit, sources=tuple(cache.name for cache in planner.caches),
        rows={kind: {split: counted.rows.get(kind, {}).get(split, 0) for split in SPLITS} for kind in recipe.kinds},
        cuts=counted.cuts, amounts=counted.amounts,
        requests=sum(amounts[ALL].asked for amounts in counted.amounts.values() if amounts),
        ledger=tuple(lines + sorted(built, key=lambda line: (order.index(line.stage), line.source, line.unit))),
        rejects={} if planner.dry else _reject_files(planner, layout),
        overlap=tuple(overlap.merge(line for summary in summaries for line in summary.overlap)),
    )  # fmt: skip


def _reject_files(planner: Planner, layout: Layout) -> dict[str, tuple[str, ...]]:
    files = {
        "ingest": [cache.path("rejects.parquet") for cache in planner.caches],
        "regions": [path for cache in planner.caches for path in masks.reject_files(cache)],
        "join": [storage.join(planner.folder, "rejects", "join", name) for name in planner.names()],
        "build": [storage.join(planner.folder, "rejects", "build", name) for name in planner.names()],
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
