"""Answers that talk of boxes or coordinates, which nobody who looks at the picture could know."""

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.qa.checks.base import Fault, Faults, RowCheck, Spec
from pipelines.qa.pieces import Piece

_WORDS = r"(?i)\b(bounding[ -]box|coordinates?|bbox|pixels?)\b|[\[(]\s*\d*\.?\d+\s*(,\s*\d*\.?\d+\s*){1,3}[\])]"


class Coordinates(RowCheck):
    """Judges every answer."""

    spec = Spec("no_coordinates", "answers do not talk of boxes or coordinates", "language", "fail", 0.0, "answers")

    def faults(self, piece: Piece) -> Faults:
        turns = piece.turns
        hit = turns[pc.match_substring_regex(pa.array(turns["answer"], pa.string()), _WORDS).to_numpy(False)]
        first = hit.drop_duplicates("row")
        return Faults(
            len(turns), len(hit), [Fault(int(r), a[:200]) for r, a in zip(first["row"], first["answer"], strict=True)]
        )
