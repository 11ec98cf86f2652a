"""Rows that are longer than the model's context."""

from pipelines.qa.checks.fit import FitsContext
from pipelines.qa.figures.kinds import CONTEXT, IMAGE_TOKENS, REGION_TOKENS
from tests.qa.checks.planted import answers, details, found, piece

LEFT = CONTEXT - IMAGE_TOKENS - 2 * REGION_TOKENS - len(("What", "is", "there", "?"))
"""Tokens that two regions and the question leave for an answer."""


def test_a_row_that_is_too_long_is_found() -> None:
    finding = found(FitsContext(), piece(answers("A dog.", " ".join(["dog"] * (LEFT + 1)))))
    assert (finding.judged, finding.failed) == (2, 1)
    assert details(finding) == [f"{CONTEXT + 1:,} tokens"]
    assert finding.evidence[0].row == 1


def test_a_row_that_just_fits_passes() -> None:
    finding = found(FitsContext(), piece(answers(" ".join(["dog"] * LEFT), " ".join(["internationally"] * LEFT))))
    assert (finding.judged, finding.failed) == (2, 0)


def test_ten_thousand_words() -> None:
    finding = found(FitsContext(), piece(answers("word " * 10_000)))
    assert finding.failed == 1
