"""Checks shown the shards of a small build."""

import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from pipelines import storage
from pipelines.qa.checks.base import Check, Finding, Scene
from pipelines.qa.pieces import Piece
from pipelines.qa.reading import opened, pieces
from pipelines.shards.manifest import read_manifest


def add_file(check: Check, out: pathlib.Path, kind: str, path: str) -> None:
    """Show a check one shard, in pieces of two rows."""
    split = path.rpartition("/")[2].split("-")[0]
    with opened(storage.join(str(out), path)) as file:
        for table in pieces(file):
            for start in range(0, table.num_rows, 2):
                part = table.slice(start, 2)
                check.add(Piece(kind, split, path, np.arange(start, start + part.num_rows), part))


def show(out: pathlib.Path, checks: Sequence[Check]) -> None:
    """Share out all shards among the checks in turn, and merge them into the first."""
    manifest = read_manifest(str(out))
    files = [(kind, file.path) for kind, entry in sorted(manifest.kinds.items()) for file in entry.files]
    for number, (kind, path) in enumerate(files):
        add_file(checks[number % len(checks)], out, kind, path)
    for other in reversed(checks[1:]):
        checks[0].merge(other)


def scene(out: pathlib.Path, data: pathlib.Path | None = None) -> Scene:
    """Where a build lies."""
    return Scene(str(out), str(data) if data else None, read_manifest(str(out)))


def finding(out: pathlib.Path, checks: Sequence[Check], data: pathlib.Path | None = None) -> Finding:
    """What these checks, of one kind, find together."""
    show(out, checks)
    return checks[0].finding(scene(out, data))


def talk(row: dict[str, Any], *texts: str) -> dict[str, Any]:
    """The row with these questions and answers."""
    roles = ("user", "assistant")
    return row | {"messages": [{"role": roles[i % 2], "content": text} for i, text in enumerate(texts)]}
