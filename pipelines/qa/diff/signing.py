"""A build as numbers: per row the hash of its id, one for each group of columns, and its place."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines import storage
from pipelines.qa.diff.hashing import GROUPS, Hashes, group_hashes, hashes
from pipelines.qa.pieces import column
from pipelines.qa.reading import opened, pieces
from pipelines.shards.manifest import Manifest
from schemas.columns import SHARD

Progress = Callable[[str, int, int], None]
_COLUMNS = ["image.path" if name == "image" else name for name in SHARD.names]


class Signed(NamedTuple):
    """All rows of a build that can be read, sorted by the hash of their id: about 90 bytes each."""

    files: list[str]
    """Shards, relative to the build."""
    kinds: list[str]
    """Of each shard."""
    ids: Hashes
    """(rows,)."""
    content: Hashes
    """(rows, groups), in the order of `GROUPS`."""
    file: npt.NDArray[np.int32]
    row: npt.NDArray[np.int32]
    repeated: int
    """Rows left out because an earlier one has their id."""
    unread: dict[str, str]
    """Shards that cannot be read, and why."""
    prompts: set[tuple[str, str, str]]
    """(kind, prompt, its sha256) of all rows."""


def sign(out: str, manifest: Manifest, progress: Progress | None = None, name: str = "") -> Signed:
    """Read all shards once, piece by piece."""
    shards = [(kind, file.path) for kind, entry in sorted(manifest.kinds.items()) for file in entry.files]
    parts: list[tuple[Hashes, Hashes, npt.NDArray[np.int32], npt.NDArray[np.int32]]] = []
    unread: dict[str, str] = {}
    prompts: set[tuple[str, str, str]] = set()
    for number, (kind, path) in enumerate(shards):
        if progress:
            progress(f"read {name}", number, len(shards))
        try:
            with opened(storage.join(out, path)) as file:
                parts += _shard(file, number, kind, prompts)
        except (OSError, KeyError, pa.ArrowException) as error:
            unread[path] = "missing" if isinstance(error, FileNotFoundError) else f"cannot be read: {error}"
    if progress:
        progress(f"read {name}", len(shards), len(shards))
    empty = (
        np.zeros(0, np.uint64),
        np.zeros((0, len(GROUPS)), np.uint64),
        np.zeros(0, np.int32),
        np.zeros(0, np.int32),
    )
    ids, content, files, rows = (np.concatenate(one) for one in zip(empty, *parts, strict=True))
    _, first = np.unique(ids, return_index=True)
    return Signed(
        [path for _, path in shards], [kind for kind, _ in shards], ids[first], content[first], files[first],
        rows[first], len(ids) - len(first), unread, prompts,
    )  # fmt: skip


def _shard(
    file: pq.ParquetFile, number: int, kind: str, prompts: set[tuple[str, str, str]]
) -> list[tuple[Hashes, Hashes, npt.NDArray[np.int32], npt.NDArray[np.int32]]]:
    """Only a shard that can be read to its end counts."""
    found, seen, before = [], set[tuple[str, str, str]](), 0
    for piece in pieces(file, _COLUMNS):
        content = np.stack([group_hashes(piece, group) for group in GROUPS], axis=1)
        rows = np.arange(before, before + piece.num_rows, dtype=np.int32)
        found.append((hashes(column(piece, "sample_id")), content, np.full_like(rows, number), rows))
        seen |= _prompts(piece, kind)
        before += piece.num_rows
    prompts |= seen
    return found


def _prompts(piece: pa.Table, kind: str) -> set[tuple[str, str, str]]:
    generator = column(piece, "generator")
    names = pa.table({name: generator.field(name) for name in ("prompt", "prompt_sha256")})
    lines = names.group_by(["prompt", "prompt_sha256"]).aggregate([]).to_pylist()
    return {(kind, line["prompt"] or "", line["prompt_sha256"] or "") for line in lines}
