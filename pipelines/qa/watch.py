"""Everything that sees each piece of every shard once: figures and checks, side by side."""

from typing import Self

import msgspec

from pipelines.qa.checks.catalog import new_checks
from pipelines.qa.figures.records import Figures
from pipelines.qa.figures.shown import Selection
from pipelines.qa.figures.survey import Survey
from pipelines.qa.figures.terms import Terms
from pipelines.qa.pieces import Observer, Piece


class Watch:
    """An observer made of observers. It travels between processes, so all it holds is bounded and plain."""

    def __init__(self) -> None:
        self.rows = 0
        self.survey = Survey()
        self.selection = Selection()
        self.terms = Terms()
        self.checks = new_checks()

    def add(self, piece: Piece) -> None:
        """Show a piece to all of them."""
        self.rows += len(piece)
        seeing: tuple[Observer, ...] = (self.survey, self.selection, self.terms, *self.checks)
        for one in seeing:
            one.add(piece)

    def merge(self, other: Self) -> None:
        """Add what another one saw, of later shards."""
        self.rows += other.rows
        self.survey.merge(other.survey)
        self.selection.merge(other.selection)
        self.terms.merge(other.terms)
        for mine, theirs in zip(self.checks, other.checks, strict=True):
            mine.merge(theirs)

    def figures(self) -> Figures:
        """What was counted."""
        return msgspec.structs.replace(
            self.survey.figures(), shown=self.selection.shown(), kind_licenses=self.terms.licenses(),
            prompts=self.terms.prompts(),
        )  # fmt: skip
