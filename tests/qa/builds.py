"""Small finished builds on disk, whole or broken on purpose."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.shards.counts import Counts, count
from pipelines.shards.manifest import Generation, KindEntry, KindTotals, Manifest, kind_entry, write_manifest
from pipelines.shards.writing import FileEntry, shard_path, write_shard
from schemas.columns import REJECT
from schemas.ledger import LedgerLine
from tests.qa import rows as drawn

LEDGER = (
    LedgerLine(stage="ingest", source="coco", unit="annotations", read=20, kept=18, rejected={"crowd": 2}),
    LedgerLine(stage="join", source="coco", unit="regions", read=18, kept=17, rejected={"evaluation_split": 1}),
)
REJECTS = (
    ("ingest", "coco", "annotations", "annotations[3] id 17", "crowd", ""),
    ("ingest", "coco", "annotations", "annotations[4] id 18", "crowd", ""),
    ("join", "coco", "regions", "coco/19", "evaluation_split", "refcoco_testA"),
)

Shards = Mapping[tuple[str, str], Sequence[Sequence[dict[str, Any]]]]


def shards() -> dict[tuple[str, str], list[list[dict[str, Any]]]]:
    """Two kinds; conversations in two training shards and one of validation."""
    train = drawn.rows(6)
    return {
        ("conversation", "train"): [train[:3], train[3:]],
        ("conversation", "val"): [[row | {"split": "val"} for row in drawn.rows(8)[6:]]],
        ("mask_text", "train"): [drawn.rows(2, "mask_text", regions=1)],
    }


def write(out: pathlib.Path, content: Shards | None = None, **changes: Any) -> Manifest:
    """Write shards, rejects and a manifest that fits them, but for `changes`."""
    content = shards() if content is None else content
    files: dict[str, list[FileEntry]] = {}
    counts: dict[str, Counts] = {}
    for (kind, split), parts in content.items():
        for index, part in enumerate(parts):
            table = drawn.table(list(part))
            files.setdefault(kind, []).append(
                write_shard(shard_path(kind, split, index, len(parts)), table, out=str(out))
            )
            counts[kind] = counts.get(kind, Counts()) + count(table)
    fields: dict[str, Any] = {
        "recipe": {"name": "object-level"}, "recipe_sha256": "f" * 64, "seed": 7, "versions": {"pyarrow": "25.0.0"},
        "kinds": {kind: entry(kind, files[kind], counts[kind]) for kind in files}, "ledger": LEDGER,
        "generation": Generation.of({"conversation": KindTotals(
            requests=9, calls=6, cached=2, failed=1, repairs=2, prompt_tokens=12_000, completion_tokens=800,
            cost_usd=0.5, at_risk_usd=0.25)}),
    }  # fmt: skip
    manifest = Manifest(**(fields | changes))
    write_manifest(str(out), manifest)
    write_rejects(out, REJECTS)
    return manifest


def entry(kind: str, files: list[FileEntry], counts: Counts) -> KindEntry:
    """A kind as its shards are."""
    return kind_entry(kind, tuple(files), regions=counts.regions, turns=counts.turns, generators=counts.generators)


def write_rejects(out: pathlib.Path, rejects: Sequence[tuple[str, ...]]) -> None:
    """One file of rejects."""
    (out / "rejects").mkdir(exist_ok=True)
    rows = [dict(zip(REJECT.names, reject, strict=True)) for reject in rejects]
    pq.write_table(pa.Table.from_pylist(rows, schema=REJECT), out / "rejects" / "all.parquet")
