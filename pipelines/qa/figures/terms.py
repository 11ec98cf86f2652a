"""On which terms rows stand: their licences by kind, and the prompts that models were given."""

from collections import Counter, defaultdict
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.qa.figures.records import Prompt
from pipelines.qa.pieces import Piece, column

SHOWN = 200
"""Prompts that are listed, the most used ones."""

_Fields = tuple[str, str, str, str]
"""Kind, model, prompt and its sha256."""


class Terms:
    """An observer that counts licences and prompts."""

    def __init__(self) -> None:
        self._licenses: dict[str, Counter[str]] = defaultdict(Counter)
        self._prompts: Counter[_Fields] = Counter()

    def add(self, piece: Piece) -> None:
        """Take note of a piece."""
        for one in pc.value_counts(column(piece.table, "license")).to_pylist():
            self._licenses[piece.kind][str(one["values"])] += one["counts"]
        generator = column(piece.table, "generator")
        names = ("name", "prompt", "prompt_sha256")
        columns = pa.table({name: pc.struct_field(generator, name) for name in names})
        for row in columns.group_by(names).aggregate([([], "count_all")]).to_pylist():
            if row["prompt"] or row["prompt_sha256"]:
                self._prompts[piece.kind, row["name"], row["prompt"], row["prompt_sha256"]] += row["count_all"]

    def merge(self, other: Self) -> None:
        """Add what another one saw."""
        self._prompts.update(other._prompts)
        for kind, counts in other._licenses.items():
            self._licenses[kind].update(counts)

    def licenses(self) -> dict[str, dict[str, int]]:
        """Rows by kind and licence, the commonest first."""
        return {
            kind: dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
            for kind, counts in sorted(self._licenses.items())
        }

    def prompts(self) -> tuple[Prompt, ...]:
        """By kind and model; of very many the most used."""
        most = sorted(self._prompts.items(), key=lambda item: (-item[1], item[0]))[:SHOWN]
        return tuple(
            Prompt(kind=kind, generator=generator, prompt=prompt, sha256=sha256, rows=rows)
            for (kind, generator, prompt, sha256), rows in sorted(most)
        )
