"""Rows that do not fit the model: the trainer leaves out the turns at their end, or cuts the first one."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.qa.checks.base import Fault, Faults, RowCheck, Spec
from pipelines.qa.figures.kinds import CONTEXT, IMAGE_TOKENS, REGION_TOKENS
from pipelines.qa.figures.words import lengths
from pipelines.qa.pieces import Piece


class FitsContext(RowCheck):
    """Judges rows by the tokens that the figures count: the picture's, two a region, and those of the words.

    The tokenizer of the figures stands in for the language model's, which makes a few percent more or less of a text.
    A token has a byte at least, so only rows with many bytes are counted.
    """

    spec = Spec("fits_context", f"rows have {CONTEXT:,} tokens at most", "fit", "warn", 0.01, "rows")

    def faults(self, piece: Piece) -> Faults:
        """A fault for each row that is longer."""
        if not len(piece):
            return Faults(0, 0, [])
        fixed = IMAGE_TOKENS + REGION_TOKENS * np.bincount(piece.region_rows, minlength=len(piece))
        size = pc.binary_length(piece.messages).to_numpy(zero_copy_only=False)
        long = np.bincount(piece.message_rows, size, len(piece)) + fixed > CONTEXT
        texts = np.flatnonzero(long[piece.message_rows])
        tokens = lengths(piece.messages.take(pa.array(texts))).tokens if len(texts) else np.zeros(0, np.int64)
        total = fixed + np.bincount(piece.message_rows[texts], tokens, len(piece)).astype(np.int64)
        over = np.flatnonzero(long & (total > CONTEXT))
        return Faults(len(piece), len(over), [Fault(int(row), f"{total[row]:,} tokens") for row in over])
