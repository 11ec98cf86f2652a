"""Rows with a text of one's choice, as pieces for checks to look at."""

import pathlib
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from pipelines.qa.checks.base import Check, Finding, Scene
from pipelines.qa.pieces import Piece
from pipelines.shards.manifest import Manifest
from tests.qa import rows as drawn

MODEL = "gpt-4o-mini"
Row = dict[str, Any]


def row(number: int, *turns: tuple[str, str], kind: str = "conversation", writer: str = MODEL, **changes: Any) -> Row:
    """A row with these questions and answers."""
    made = _drawn(kind) | {"sample_id": f"{kind}/{number}"} | changes
    roles = ("user", "assistant")
    said = [{"role": role, "content": text} for turn in turns for role, text in zip(roles, turn, strict=True)]
    return made | {"messages": said, "generator": made["generator"] | {"name": writer}}


@cache
def _drawn(kind: str) -> Row:
    return drawn.rows(1, kind)[0]


def answers(*texts: str, kind: str = "conversation", writer: str = MODEL) -> list[Row]:
    """A row for each answer."""
    return [row(number, ("What is there?", text), kind=kind, writer=writer) for number, text in enumerate(texts)]


def piece(rows: Sequence[Row], file: str = "data/a.parquet") -> Piece:
    """Rows of one kind as a piece of a shard."""
    return Piece(rows[0]["kind"], "train", file, np.arange(len(rows)), drawn.table(list(rows)))


def scene(out: pathlib.Path | str = "") -> Scene:
    """For checks that need no more than rows."""
    manifest = Manifest(recipe={}, recipe_sha256="f" * 64, seed=7, versions={}, kinds={}, ledger=())
    return Scene(str(out), None, manifest)


def found(check: Check, *pieces: Piece, out: pathlib.Path | str = "") -> Finding:
    """What a check finds in some pieces."""
    for one in pieces:
        check.add(one)
    return check.finding(scene(out))


def details(finding: Finding) -> list[str]:
    """What the evidence says."""
    return [one.detail for one in finding.evidence]
