"""Repeated openings: a groove is found, varied answers are not, and a template is told of but not judged."""

from pipelines.qa.checks.openings import ENOUGH, Openings
from pipelines.qa.checks.words import MODEL_WRITTEN
from tests.qa.checks.planted import answers, details, found, piece, scene

VARIED = [f"Number {number} is what the {number}. bus has on it." for number in range(ENOUGH)]
GROOVE = [f"In the picture <region{n % 3 + 1}> shows thing {n}." for n in range(ENOUGH)]


def test_a_groove_is_found() -> None:
    finding = found(Openings(), piece(answers(*VARIED, *GROOVE)))
    assert (finding.judged, finding.failed) == (2 * ENOUGH, ENOUGH)
    assert details(finding) == ['50.0% of the long answers of conversation begin "In the picture <region> ..."']
    assert finding.failed > Openings.spec.threshold * finding.judged


def test_varied_answers_pass() -> None:
    finding = found(Openings(), piece(answers(*VARIED)))
    assert (finding.judged, finding.failed, finding.evidence) == (ENOUGH, 0, ())


def test_a_template_is_told_of_and_not_judged() -> None:
    finding = found(Openings(), piece(answers(*GROOVE, writer="template")))
    assert finding.judged == 0
    assert MODEL_WRITTEN in finding.note
    assert "conversation 100%" in finding.note


def test_short_answers_have_no_opening() -> None:
    finding = found(Openings(), piece(answers(*["A big red bus"] * 2 * ENOUGH)))
    assert finding.judged == 0


def test_parts_add_up() -> None:
    rows = answers(*VARIED, *GROOVE)
    whole, sum_of_parts = Openings(), Openings()
    whole.add(piece(rows))
    for start in (200, 0, 300, 100):
        part = Openings()
        part.add(piece(rows[start : start + 100]))
        sum_of_parts.merge(part)
    assert whole.finding(scene()).failed == sum_of_parts.finding(scene()).failed == ENOUGH
    assert details(whole.finding(scene())) == details(sum_of_parts.finding(scene()))
