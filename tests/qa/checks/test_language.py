"""Checks of how answers are worded: each finds what is planted, and nothing in the sound text beside it."""

import pytest

from pipelines.qa.checks.base import RowCheck
from pipelines.qa.checks.cleanness import Names, Script, Slurs
from pipelines.qa.checks.coordinates import Coordinates, Sources
from pipelines.qa.checks.speech import Boilerplate, Refusals
from tests.qa.checks.planted import answers, details, found, piece

CASES: dict[type[RowCheck], tuple[dict[str, str], list[str]]] = {
    Coordinates: (
        {
            "The bounding box of <region1> is small.": "bounding box",
            "It lies at [0.120, 0.331, 0.5, 0.9].": "[0.120",
            "Its coordinates are known.": "coordinates",
        },
        ["A pizza box lies on the table.", "The clock reads 10:45 (a quarter to eleven).", "Bus 12, number (4)."],
    ),
    Sources: (
        {"As the caption says, it is red.": "caption", "Based on the text, there are two.": "Based on the text"},
        ["A man reads a book with a long text.", "The box is described in gold letters."],
    ),
    Refusals: (
        {
            "I'm sorry, but I can't help with that.": "I'm sorry",
            "As an AI language model, I have no eyes.": "As an AI",
            "There is no image here to describe.": "There is no image here",
            "I cannot see the image.": "I cannot see the image",
        },
        ["He says that he is sorry.", "There is no picture on the wall.", "I see a cat.", "A model stands there."],
    ),
    Boilerplate: (
        {"A bus.\n\nI hope this helps!": "I hope this helps!", "Two.\n\nLet me know if it rains.": "Let me know"},
        ["A sign says: let me know if you need more.", "A red bus.\n\nIt stands near a shop."],
    ),
    Slurs: (
        {"the guy in the blue SHIT": "SHIT", "two retards on a bench": "retards"},
        ["a blue-footed boobie and a big black dog", "the ass of a donkey", "a cock crows", "shitake mushrooms",
         "a shih tzu", "Scunthorpe United"],
    ),
    Names: (
        {"The man on the left, Stephen, is smiling.": "Stephen", "She looks at Jennifer now.": "Jennifer"},
        ["Will it rain? The man in May.", "A Rose grows.", "Casey looks at Riley.", "He walks down Madison Avenue.",
         'A sign that reads "Henry" hangs there.', "Kevin", "The Saint Paul bridge.", "A Man Called Robert Is Here"],
    ),
    Script: (
        {
            "Слон стоит": "Слонстоит",
            "a sign with \u4e2d\u56fd on it": "\u4e2d\u56fd",
            "it\u00e2\u20ac\u2122s red": "\u00e2\u20ac",
            "a caf\ufffd": "\ufffd",
        },
        ["a café, naïve, 5 µm, 20 °C — “quoted” …", "\U0001f600 a smile"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("check", CASES, ids=lambda check: check.spec.name)
def test_finds_what_is_planted_and_nothing_else(check: type[RowCheck]) -> None:
    planted, sound = CASES[check]
    finding = found(check(), piece(answers(*sound, *planted)))
    assert (finding.judged, finding.failed) == (len(sound) + len(planted), len(planted)), details(finding)
    told = {one.row: one.detail for one in finding.evidence}
    for place, words in enumerate(planted.values(), start=len(sound)):
        assert words in told[place]


@pytest.mark.parametrize("check", [Sources, Boilerplate])
def test_only_models_are_judged_where_people_may_say_so(check: type[RowCheck]) -> None:
    planted, _ = CASES[check]
    finding = found(check(), piece(answers(*planted, writer="template")))
    assert finding.judged == 0
    assert "language model" in finding.note


def test_questions_are_judged_too_for_words_of_the_sources() -> None:
    rows = answers("Yes.")
    rows[0]["messages"][0]["content"] = "Is that a slut?"
    assert found(Slurs(), piece(rows)).failed == 1


def test_long_texts_are_shown_around_the_words_at_fault() -> None:
    text = "A field. " * 2000 + "The bounding box is red. " + "A field. " * 2000
    (detail,) = details(found(Coordinates(), piece(answers(text))))
    assert "bounding box is red" in detail
    assert len(detail) < 300
