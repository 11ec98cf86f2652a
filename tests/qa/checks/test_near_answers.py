"""Long answers in almost the same words are found, of models and not of templates; sound ones are not accused."""

import pathlib
import random
from typing import Any

import pytest

from pipelines.qa.checks.base import Finding
from pipelines.qa.checks.near_answers import NearAnswers
from tests.qa import builds
from tests.qa import rows as drawn
from tests.qa.checks.looking import finding, talk

SAID = "the old wooden chair stands on a green rug beside two small lamps near an open window in bright light"
WORDS = SAID.split()


def text(seed: int, words: int = 30) -> str:
    """A text like no other."""
    chosen = random.Random(seed)
    return " ".join(chosen.choice(WORDS) for _ in range(words))


def rows(*answers: str, writer: str = "gpt") -> list[dict[str, Any]]:
    """A row for each answer."""
    return [
        talk(row, "What is <region1>?", answer) | {"generator": row["generator"] | {"name": writer}}
        for row, answer in zip(drawn.rows(len(answers)), answers, strict=True)
    ]


def found(tmp_path: pathlib.Path, *shards: list[dict[str, Any]], observers: int = 1) -> Finding:
    builds.write(tmp_path, {("conversation", "train"): list(shards)})
    return finding(tmp_path, [NearAnswers() for _ in range(observers)])


def test_answers_that_differ_are_not_accused(tmp_path: pathlib.Path) -> None:
    seen = found(tmp_path, rows(*(text(seed) for seed in range(30))))
    assert (seen.judged, seen.failed, seen.evidence, seen.note) == (30, 0, (), "")


def test_an_answer_with_a_word_changed_is_found_in_another_shard(tmp_path: pathlib.Path) -> None:
    first = text(1, 40).split()
    second = " ".join([*first[:20], "yellow", *first[21:]])
    sound = [text(seed) for seed in range(50, 54)]
    left, right = rows(" ".join(first), *sound), rows(text(3), second)
    right = [row | {"sample_id": f"right/{number}"} for number, row in enumerate(right)]
    seen = found(tmp_path, left, right, observers=2)
    assert (seen.judged, seen.failed) == (7, 2)
    assert seen.note == "1 group, the largest of 2 answers"
    [one] = seen.evidence
    both = f"{one.sample_id} {one.detail}"
    assert left[0]["sample_id"] in both
    assert "right/1" in both
    assert "2 answers are alike" in one.detail


def test_the_same_words_again_and_again_are_one_group(tmp_path: pathlib.Path) -> None:
    seen = found(tmp_path, rows(*[text(1)] * 9, text(2), *[text(3)] * 2))
    assert (seen.judged, seen.failed) == (12, 11)
    assert seen.note == "2 groups, the largest of 9 answers"
    assert [one.detail.split(" such")[0] for one in seen.evidence] == ["9 answers are alike,", "2 answers are alike,"]


def test_templates_are_told_and_not_judged(tmp_path: pathlib.Path) -> None:
    seen = found(tmp_path, rows(*[text(1)] * 3, text(2), writer="template"))
    assert (seen.judged, seen.failed) == (0, 0)
    assert seen.note == (
        "no answer of 12 words or more was written by a model or taken over; "
        "of 4 such answers from templates 75.0% are alike, which is by design"
    )


def test_a_model_is_not_accused_of_what_a_template_says(tmp_path: pathlib.Path) -> None:
    seen = found(tmp_path, rows(text(1), text(2)), rows(text(1), text(1), writer="template"))
    assert (seen.judged, seen.failed) == (2, 0)


def test_short_answers_and_those_of_one_row_are_not_judged(tmp_path: pathlib.Path) -> None:
    row = rows(text(1))[0]
    twice = talk(row, "What is <region1>?", text(1), "And <region2>?", text(1), "Is it red?", "Yes, it is red.")
    short = rows("It is a small red box.", "It is a small red box.")
    seen = found(tmp_path, [twice], short)
    assert (seen.judged, seen.failed) == (2, 0)


@pytest.mark.parametrize("answer", ["", "Да. " * 10_000, "<script>alert(1)</script> " * 5, "椅子" * 200])
def test_odd_answers_are_read(tmp_path: pathlib.Path, answer: str) -> None:
    seen = found(tmp_path, rows(answer, text(1)))
    assert seen.failed == 0


def test_the_finding_does_not_depend_on_how_shards_are_shared_out(tmp_path: pathlib.Path) -> None:
    shards = [rows(*(text(seed % 17) for seed in range(start, start + 10))) for start in (0, 10, 20, 30)]
    builds.write(tmp_path, {("conversation", "train"): shards})
    alone, shared = (finding(tmp_path, [NearAnswers() for _ in range(count)]) for count in (1, 3))
    assert alone == shared
    assert alone.failed == 40
    assert len(alone.evidence) == 12
