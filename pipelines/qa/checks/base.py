"""What a check of the content is, and how it keeps its evidence."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Protocol, Self

from pipelines.qa.pieces import Piece
from pipelines.qa.results import Evidence, Severity
from pipelines.shards.manifest import Manifest

KEPT = 12
"""Pieces of evidence of one check."""


class Spec(NamedTuple):
    """What a check is; severity and threshold are what holds where the recipe says nothing (`checks`)."""

    name: str
    means: str
    """What holds where it passes, as a sentence."""
    group: str
    severity: Severity
    threshold: float
    """Share of what was judged that may be at fault."""
    unit: str
    """What is judged, in the plural: answers, rows, images."""


class Scene(NamedTuple):
    """Where a build lies, for checks that need more than its rows."""

    out: str
    data: str | None
    """Folder of the raw data, where it is known."""
    manifest: Manifest
    progress: Callable[[str, int, int], None] | None = None
    """As `qa.audit.Progress`, for checks that take long."""


class Finding(NamedTuple):
    """What a check found."""

    judged: int
    """0: nothing could be judged, and `note` says why."""
    failed: int
    evidence: tuple[Evidence, ...] = ()
    note: str = ""


class Check(Protocol):
    """An observer of all shards that says at the end what is at fault."""

    spec: Spec

    def add(self, piece: Piece) -> None:
        """Take note of a piece."""

    def merge(self, other: Any) -> None:
        """Add what another one saw, of later shards."""

    def finding(self, scene: Scene) -> Finding:
        """What was found, once all is added."""


class Fault(NamedTuple):
    """A row of a piece, and what is wrong with it."""

    row: int
    detail: str


class Faults(NamedTuple):
    """What a check of single rows says of a piece."""

    judged: int
    failed: int
    """In the check's unit; a row may hold several."""
    found: Iterable[Fault]
    """A fault for each row at fault, in order."""


class RowCheck:
    """A check that judges each row by itself: subclasses have a `spec` and say what is wrong with a piece."""

    spec: Spec
    nothing = "the build has nothing of the kind"
    """Said where there was nothing to judge."""

    def __init__(self) -> None:
        self.judged = self.failed = 0
        self._kept: list[tuple[int, Evidence]] = []

    def faults(self, piece: Piece) -> Faults:
        """What is wrong with the rows of a piece."""
        raise NotImplementedError

    def add(self, piece: Piece) -> None:
        """Take note of a piece."""
        judged, failed, found = self.faults(piece)
        self.judged += judged
        self.failed += failed
        self._keep((int(piece.ranks[fault.row]), evidence(piece, fault)) for fault in found)

    def merge(self, other: Self) -> None:
        """Add what another one saw."""
        self.judged += other.judged
        self.failed += other.failed
        self._keep(other._kept)

    def finding(self, scene: Scene) -> Finding:
        """Counts, and the evidence with the lowest ranks."""
        note = "" if self.judged else self.nothing
        return Finding(self.judged, self.failed, tuple(one for _, one in self._kept), note)

    def _keep(self, more: Iterable[tuple[int, Evidence]]) -> None:
        self._kept = sorted([*self._kept, *more], key=lambda ranked: (ranked[0], ranked[1].sample_id))[:KEPT]


def evidence(piece: Piece, fault: Fault) -> Evidence:
    """A fault with the place of its row."""
    place = piece.place(fault.row)
    return Evidence(
        detail=fault.detail, sample_id=str(piece.ids[fault.row]), kind=place.kind, file=place.file, row=place.row
    )
