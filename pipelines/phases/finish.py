"""The end of a build: rejects in one file a stage, no stale shards, the manifest."""

import hashlib
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from typing import Any

import fsspec
import msgspec
import pyarrow.parquet as pq

from pipelines import storage
from pipelines.generation.store import ReplyStore
from pipelines.phases import costs, evaluation
from pipelines.phases.assemble import Written
from pipelines.phases.layout import Layout
from pipelines.phases.plan import Plan
from pipelines.shards.counts import Counts
from pipelines.shards.manifest import KindEntry, Manifest, kind_entry, write_manifest
from pipelines.sources.locate import file_name
from schemas import ledger
from schemas.columns import REJECT
from schemas.errors import BuildError
from schemas.keys import canonical_json
from schemas.ledger import LedgerLine
from schemas.recipe import Recipe

VERSIONS = ("osprey-data", "apache-beam", "pyarrow", "pycocotools", "numpy", "sentence-transformers")


def finish(plan: Plan, layout: Layout, store: ReplyStore, written: Sequence[Written]) -> Manifest:
    """Write `rejects/` and, last, `manifest.json`; remove shards of earlier builds.

    Raises:
        BuildError: where there is no row at all, saying what became of the records.
    """
    kept = [one for one in written if _split_rows(written, one)]
    lines = [*plan.ledger, *ledger.merge(line for one in written for line in one.ledger)]
    if not kept:
        raise BuildError("the build has no rows, so it leaves no manifest", hint=_what_became(lines))
    _remove_others(layout, {one.file.path for one in kept})
    _write_rejects(plan, layout)
    evaluation.write_lists(storage.join(layout.work, plan.folder), layout.out)
    recipe = _recorded(plan.recipe)
    manifest = Manifest(
        recipe=recipe,
        recipe_sha256=hashlib.sha256(canonical_json(recipe)).hexdigest(),
        seed=plan.recipe.seed,
        versions={name: version(name) for name in VERSIONS},
        kinds={kind: _entry(kind, [one for one in kept if one.kind == kind]) for kind in plan.recipe.kinds},
        ledger=tuple(lines),
        overlap=plan.overlap,
        sample_scenes=plan.sample_scenes,
        limit=plan.limit,
        generation=costs.spent(plan, layout, store),
    )
    write_manifest(layout.out, manifest)
    _prune(plan, layout)
    return manifest


def _recorded(recipe: Recipe) -> dict[str, Any]:
    """The recipe without the folders of raw files: the same content elsewhere is the same data."""
    sources = {name: msgspec.structs.replace(settings, files={}) for name, settings in recipe.sources.items()}
    images = msgspec.structs.replace(recipe.images, folders={})
    noise = tuple(file_name(path) for path in recipe.label_noise)
    return msgspec.to_builtins(msgspec.structs.replace(recipe, sources=sources, images=images, label_noise=noise))


def _prune(plan: Plan, layout: Layout) -> None:
    """Remove what earlier plans left."""
    fs, root = fsspec.url_to_fs(layout.work)
    for path in fs.ls(root, detail=False):
        name = path.rstrip("/").rpartition("/")[2]
        if name.startswith(("plan-", "dry-")) and name != plan.folder:
            fs.rm(path, recursive=True)


def _split_rows(written: Sequence[Written], one: Written) -> int:
    """Rows of the same kind and split: an empty shard among full ones stays, a wholly empty split goes."""
    return sum(other.file.rows for other in written if (other.kind, other.split) == (one.kind, one.split))


def _entry(kind: str, written: Sequence[Written]) -> KindEntry:
    counts = sum((one.counts for one in written), Counts())
    files = tuple(one.file for one in written)
    return kind_entry(kind, files, regions=counts.regions, turns=counts.turns, generators=counts.generators)


def _remove_others(layout: Layout, wanted: set[str]) -> None:
    fs, root = fsspec.url_to_fs(storage.join(layout.out, "data"))
    for path in fs.find(root):
        if storage.join("data", path.removeprefix(f"{root}/")) not in wanted:
            fs.rm(path)


def _write_rejects(plan: Plan, layout: Layout) -> None:
    names = storage.list_files(layout.assembled, ".parquet")
    assembled = [storage.join(layout.assembled, name) for name in names]
    stages = {stage: [storage.join(layout.work, path) for path in paths] for stage, paths in plan.rejects.items()}
    for stage, paths in {**stages, "assemble": assembled}.items():
        _concatenate(paths, storage.join(layout.rejects, f"{stage}.parquet"))


def _concatenate(paths: Iterable[str], path: str) -> None:
    """One file after the other, never all in memory."""
    with storage.writing(path) as stream, pq.ParquetWriter(stream, REJECT, compression="zstd") as writer:
        for part in paths:
            writer.write_table(storage.read_table(part))


def _what_became(ledger_lines: Iterable[LedgerLine]) -> str:
    """The reasons that took most records, for whoever wonders where everything went."""
    lines = [
        f"{line.stage} {line.source}: of {line.read} {line.unit} {count} were rejected as {reason}"
        f" ({ledger.REASONS[reason]})"
        for line in ledger_lines
        for reason, count in line.rejected.items()
    ]
    return "What became of the records:\n  " + "\n  ".join(lines or ["nothing was read"])
