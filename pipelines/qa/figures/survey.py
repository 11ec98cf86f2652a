"""The figures of a build, added up piece by piece."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.qa.figures.kinds import CONTEXT, IMAGE_TOKENS, REGION_TOKENS, KindSurvey, attributes
from pipelines.qa.figures.names import Names, vocabulary
from pipelines.qa.figures.records import Cell, Figures
from pipelines.qa.figures.regions import Regions, shapes
from pipelines.qa.figures.words import TOKENIZER
from pipelines.qa.pieces import Piece, column

PAPER_UNIT = {"description": "regions"}
"""What the paper calls a sample of a kind; question-answer pairs (`turns`) where not listed."""
ATTRIBUTES = "part_attribute"
"""The kind whose answers are attributes."""

_Key = tuple[str, str, str, tuple[str, ...]]


class Survey:
    """An observer that counts and measures."""

    def __init__(self) -> None:
        self._cells: dict[_Key, Counter[str]] = defaultdict(Counter)
        self._licenses: Counter[str] = Counter()
        self._region_sources: Counter[str] = Counter()
        self._kinds: dict[str, KindSurvey] = defaultdict(KindSurvey)
        self._regions = Regions()
        self._attributes = Names()

    def add(self, piece: Piece) -> None:
        """Take note of a piece."""
        self._licenses.update(_counted(column(piece.table, "license")))
        self._region_sources.update(_counted(pc.struct_field(piece.regions, "source")))
        for key, counts in _cells(piece):
            self._cells[key].update(counts)
        found = shapes(piece)
        self._regions.add(piece, found)
        self._kinds[piece.kind].add(piece, found)
        if piece.kind == ATTRIBUTES:
            self._attributes.add(*attributes(piece.messages.take(pa.array(piece.asked + 1))))

    def merge(self, other: Self) -> None:
        """Add what another one saw."""
        self._licenses.update(other._licenses)
        self._region_sources.update(other._region_sources)
        for key, counts in other._cells.items():
            self._cells[key].update(counts)
        for kind, survey in other._kinds.items():
            self._kinds[kind].merge(survey)
        self._regions.merge(other._regions)
        self._attributes.merge(other._attributes)

    def figures(self) -> Figures:
        """What was counted so far."""
        cells = tuple(
            Cell(kind=kind, split=split, generator=generator, sources=sources, **counts)
            for (kind, split, generator, sources), counts in sorted(self._cells.items())
        )
        sums = {name: sum(getattr(cell, name) for cell in cells) for name in ("rows", "regions", "turns")}
        row_sources: Counter[str] = Counter()
        for cell in cells:
            for source in cell.sources:
                row_sources[source] += cell.rows
        area_px, area_share = self._regions.areas()
        return Figures(
            **sums, images=self._images(), cells=cells,
            kinds={kind: survey.figures() for kind, survey in sorted(self._kinds.items())},
            regions_per_image=self._regions.per_image(), area_px=area_px, area_share=area_share,
            vanishing=self._regions.vanishing(), categories=self._regions.categories(), parts=self._regions.parts(),
            attributes=vocabulary(self._attributes.counted(), self._attributes.lexicon),
            licenses=_ranked(self._licenses), row_sources=_ranked(row_sources),
            region_sources=_ranked(self._region_sources), context=CONTEXT,
            tokenizer=f"{TOKENIZER}, {IMAGE_TOKENS:,} tokens of the picture and {REGION_TOKENS} of each region;"
            " without what the form of the chat adds",
        )  # fmt: skip

    def _images(self) -> int:
        found = [survey.images.distinct() for survey in self._kinds.values()]
        return len(np.unique(np.concatenate([np.zeros(0, np.uint64), *found])))


def _ranked(counts: Counter[str]) -> dict[str, int]:
    """The largest first, equal ones by name."""
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _cells(piece: Piece) -> Iterable[tuple[_Key, dict[str, int]]]:
    frame = pa.table({
        "split": column(piece.table, "split"), "writer": pa.array(piece.writers, pa.string()),
        "sources": pc.binary_join(column(piece.table, "sources"), ","),
        "regions": pc.list_value_length(column(piece.table, "regions")),
        "turns": pc.divide(pc.list_value_length(column(piece.table, "messages")), 2),
    })  # fmt: skip
    groups = frame.group_by(["split", "writer", "sources"]).aggregate(
        [([], "count_all"), ("regions", "sum"), ("turns", "sum")]
    )
    return [
        ((piece.kind, one["split"], one["writer"], tuple(filter(None, one["sources"].split(",")))),
         {"rows": one["count_all"], "regions": one["regions_sum"], "turns": one["turns_sum"]})
        for one in groups.to_pylist()
    ]  # fmt: skip


def _counted(values: pa.Array) -> dict[str, int]:
    return {str(one["values"]): one["counts"] for one in pc.value_counts(values).to_pylist()}
