"""manifest.json: what a build made, from what, and why the rest is missing.

No clock time and no absolute path stand in it, so that the same inputs, recipe, replies and seed give the same bytes.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import fsspec
import msgspec

from pipelines import storage
from pipelines.regions.overlap import Overlap
from pipelines.shards.writing import FileEntry
from schemas.columns import SCHEMA_VERSION
from schemas.errors import BuildError
from schemas.ledger import LedgerLine
from schemas.records import Record

NAME = "manifest.json"

PAPER_COUNTS: dict[str, int | None] = {
    "image_text": None,
    "mask_text": None,
    "description": 70_000,
    "conversation": 127_000,
    "short_form": 99_000,
    "part_category": 99_000,
    "part_attribute": 207_000,
    "positive_negative": 128_000,
    "region_caption": None,
    "commonsense": None,
}
"""Samples of each kind in Osprey-724K (table 1 of the paper, rounded there to thousands; a sample is a region or a
question-answer pair, not a row). Kinds that are not part of it have no number."""


class KindEntry(Record, frozen=True, kw_only=True):
    """The finished rows of one kind."""

    rows: int
    regions: int
    turns: int
    """Question-answer pairs."""
    paper: int | None
    """The paper's count of the kind, where it has one."""
    generators: dict[str, int] = {}
    """Rows by who wrote the answers; `template` apart from every model."""
    files: tuple[FileEntry, ...] = ()


class KindTotals(Record, frozen=True, kw_only=True):
    """What the requests of one kind came to, by the stored replies."""

    requests: int = 0
    """Requests, with repeats of a key."""
    calls: int = 0
    """Distinct keys that were answered."""
    cached: int = 0
    """Requests that another one with the same key answers."""
    failed: int = 0
    """Distinct keys whose request failed for good."""
    repairs: int = 0
    """Bad replies that the model was shown once more."""
    prompt_tokens: int = 0
    """Of repairs as well, as are the following."""
    completion_tokens: int = 0
    cost_usd: float = 0.0
    """What servers charged for replies, whether they give a row or not."""
    at_risk_usd: float = 0.0
    """Of calls that broke off after they were sent: the server may have charged them besides, at most this much."""


class Generation(KindTotals, frozen=True, kw_only=True):
    """What all requests came to."""

    by_kind: dict[str, KindTotals] = {}

    @classmethod
    def of(cls, kinds: Mapping[str, KindTotals]) -> "Generation":
        """The sums over the kinds."""
        sums = {name: sum(getattr(one, name) for one in kinds.values()) for name in KindTotals.__struct_fields__}
        dollars = {name: round(sums[name], 9) for name in ("cost_usd", "at_risk_usd")}
        return cls(**{**sums, **dollars}, by_kind=dict(kinds))


NOTHING_ASKED = Generation()


class Manifest(Record, frozen=True, kw_only=True):
    """The whole file."""

    schema_version: int = SCHEMA_VERSION
    recipe: dict[str, Any]
    recipe_sha256: str
    seed: int
    versions: dict[str, str]
    """Versions of what the bytes depend on, such as this package and pyarrow."""
    kinds: dict[str, KindEntry]
    ledger: tuple[LedgerLine, ...] = ()
    overlap: tuple[Overlap, ...] = ()
    """Training records in evaluation sets, before these were kept out: a line for each source and set that was read."""
    sample_scenes: tuple[str, ...] = ()
    """Sources whose raw files are sample scenes: their pictures are drawn, and none is a photograph."""
    limit: int | None = None
    """Most images, where the command named a number: a part of the data, and not all that the recipe gives."""
    generation: Generation = Generation()


def manifest_path(out: str) -> str:
    """Where the manifest of a finished build lies; while one is being made there is none."""
    return storage.join(out, NAME)


def write_manifest(out: str, manifest: Manifest) -> None:
    """Write OUT/manifest.json; kinds in alphabetical order, ledger lines in the order given."""
    for file in (file for kind in manifest.kinds.values() for file in kind.files):
        assert file.path.startswith("data/"), f"{file.path} is not relative to OUT"
    content = msgspec.json.format(msgspec.json.encode(manifest, order="deterministic"), indent=2)
    storage.write_bytes(storage.join(out, NAME), content + b"\n")


def read_manifest(out: str) -> Manifest:
    """The manifest of a finished build.

    Raises:
        BuildError: there is none (the build did not finish), it is damaged, or another version wrote it.
    """
    path = storage.join(out, NAME)
    if not storage.exists(path):
        raise BuildError(f"{path} is missing: no build has finished there", hint="Run `osprey-data build` to the end.")
    content = storage.read_bytes(path)
    try:
        version = msgspec.json.decode(content, type=_Version).schema_version
        if version != SCHEMA_VERSION:
            raise BuildError(
                f"{path} has schema version {version}, this program reads {SCHEMA_VERSION}",
                hint="Build again, or use the version of osprey-data that wrote it.",
            )
        return msgspec.json.decode(content, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BuildError(f"{path} cannot be read: {error}", hint="Run `osprey-data assemble` again.") from error


class _Version(Record, frozen=True, kw_only=True):
    schema_version: int


def kind_entry(
    kind: str, files: tuple[FileEntry, ...], *, regions: int, turns: int, generators: dict[str, int]
) -> KindEntry:
    """The entry of one kind from its shards; rows are theirs, the paper's count is looked up."""
    return KindEntry(
        rows=sum(file.rows for file in files), regions=regions, turns=turns, paper=PAPER_COUNTS.get(kind),
        generators=generators, files=tuple(sorted(files, key=lambda file: file.path)),
    )  # fmt: skip


class KindCost(NamedTuple):
    """What the model's rows of one kind cost."""

    kind: str
    totals: KindTotals
    rows: int
    """Kept rows that a model wrote."""
    turns: int
    """Their question-answer pairs."""

    @property
    def usd_per_row(self) -> float | None:
        """Everything that was paid, for each row that was kept; None where none was."""
        return self.totals.cost_usd / self.rows if self.rows else None

    @property
    def usd_per_turn(self) -> float | None:
        return self.totals.cost_usd / self.turns if self.turns else None


def costs(manifest: Manifest) -> list[KindCost]:
    """Kind by kind, and where there are several, `all` of them last; empty where nothing was asked."""
    found = [_cost(kind, totals, manifest.kinds.get(kind)) for kind, totals in manifest.generation.by_kind.items()]
    if len(found) > 1:
        rows, turns = (sum(getattr(one, name) for one in found) for name in ("rows", "turns"))
        found.append(KindCost("all", manifest.generation, rows, turns))
    return found


def _cost(kind: str, totals: KindTotals, entry: KindEntry | None) -> KindCost:
    if entry is None:
        return KindCost(kind, totals, 0, 0)
    return KindCost(kind, totals, entry.rows - entry.generators.get("template", 0), entry.turns)


def damaged_files(out: str, manifest: Manifest) -> dict[str, str]:
    """Shards that are not what the manifest says, by path, with what is wrong (`missing` or what changed)."""
    files = [file for kind in manifest.kinds.values() for file in kind.files]
    found = {file.path: damage(storage.join(out, file.path), file) for file in files}
    return {path: damage for path, damage in found.items() if damage}


def verify_files(out: str, manifest: Manifest) -> None:
    """Compare every shard with its sha256.

    Raises:
        BuildError: naming each shard that is missing or has changed.
    """
    damaged = damaged_files(out, manifest)
    if damaged:
        listed = "; ".join(f"{path}: {damage}" for path, damage in sorted(damaged.items()))
        raise BuildError(
            f"{len(damaged)} of the shards under {out} are not those of the manifest: {listed}",
            hint="Run `osprey-data assemble` to write them again.",
        )


def damage(path: str, entry: FileEntry) -> str:
    """How the file at a path differs from what the manifest says of it; empty where it does not."""
    fs, name = fsspec.url_to_fs(path)
    if not fs.exists(name):
        return "missing"
    size = fs.size(name)
    if size != entry.bytes:
        return f"changed: {size} bytes instead of {entry.bytes}"
    with fs.open(name, "rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return "" if digest == entry.sha256 else f"changed: sha256 {digest[:12]}... instead of {entry.sha256[:12]}..."
