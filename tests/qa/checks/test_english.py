"""A foreign text is found, short texts are left alone, and the sample does not depend on the order of the shards."""

import random

from pipelines.qa.checks import english
from pipelines.qa.checks.english import English
from tests.qa.checks.planted import answers, details, found, piece, scene

GERMAN = "Ein brauner Hund steht auf der Wiese und schaut in die Kamera."
SOUND = [
    "A brown dog stands on the grass and looks into the camera.",
    "partially eaten pepperoni pizza in pizza box",
    "<region1> shows a giraffe near the fence, and <region2> a zebra.",
]


def test_finds_a_foreign_text_and_no_english_one() -> None:
    finding = found(English(), piece(answers(*SOUND, GERMAN)))
    assert (finding.judged, finding.failed) == (4, 1)
    assert details(finding) == [f"de: {GERMAN}"]


def test_a_text_counts_once_however_often_it_stands_there() -> None:
    finding = found(English(), piece(answers(*[GERMAN] * 5, *SOUND)))
    assert (finding.judged, finding.failed) == (4, 1)
    assert "4 distinct answers of the 8" in finding.note


def test_short_answers_are_not_judged() -> None:
    finding = found(English(), piece(answers("Ja.", "Ein Hund")))
    assert finding.judged == 0
    assert "40 characters" in finding.note


def test_the_sample_is_bounded_and_the_same_in_any_order(monkeypatch) -> None:
    monkeypatch.setattr(english, "LOOKED_AT", 20)
    texts = [f"The number on the side of the red bus reads {number} and no more." for number in range(100)]
    rows = answers(*texts)
    one, other = English(), English()
    shuffled = random.Random(1).sample(rows, len(rows))
    one.add(piece(rows))
    for start in range(0, 100, 7):
        part = English()
        part.add(piece(shuffled[start : start + 7]))
        other.merge(part)
    assert one._texts.keys() == other._texts.keys()
    assert one.finding(scene()) == other.finding(scene())
    assert one.finding(scene()).judged == 20
