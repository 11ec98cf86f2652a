"""What answers say of regions against what the rows know of them: lies are found, and no truth is called one."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.qa.checks.base import Finding
from pipelines.qa.checks.categories import Categories
from pipelines.qa.checks.claims import ClaimCheck
from pipelines.qa.checks.counts import Counts
from pipelines.qa.checks.objects import category, contradict, head, overlap
from pipelines.qa.checks.sides import Sides
from pipelines.qa.checks.yes_no import FEW, Balance, YesNo
from tests.qa.checks.planted import answers, details, found, piece, row

DOG, CAT, PERSON = ("dog", (0, 0, 8, 8)), ("cat", (20, 14, 8, 8)), ("person", (12, 8, 6, 12))
SCENE = (DOG, CAT, PERSON)
Thing = tuple[str, tuple[int, int, int, int]]
Turn = tuple[str, str]


def seen(things: Sequence[Thing], *turns: Turn, kind: str = "conversation", number: int = 0) -> dict[str, Any]:
    """A row (of 32 by 24 pixels) whose regions are these things: <region1> is a dog at the upper left, and so on."""
    made = row(number, *turns, kind=kind)
    (first, *_) = made["regions"]
    regions = [
        first | {"category": name, "bbox": [float(side) for side in box], "region_id": f"coco/{place}"}
        for place, (name, box) in enumerate(things)
    ]
    return made | {"regions": regions}


def judged(check: ClaimCheck, *turns: Turn, things: Sequence[Thing] = SCENE, kind: str = "conversation") -> Finding:
    """What the check says of rows with one turn each."""
    return found(check, piece([seen(things, turn, kind=kind, number=n) for n, turn in enumerate(turns)]))


TRUE: Mapping[type[ClaimCheck], list[Turn]] = {
    Categories: [
        ("What is <region1>?", "A dog"), ("What is <region1>?", "puppy"), ("Name <region3>.", "Young woman with a cat"),
        ("Which is bigger?", "<region1> is a small brown dog near a cat, and <region2> is a cat."),
        ("And <region3>?", "<region3> is a man riding a horse. The hat of <region3> is a cat."),
        ("Which?", "<region1> is a cat lover's dog."), ("Which?", "<region1> shows the dog of the person."),
    ],
    Sides: [
        ("Where are they?", "<region1> is to the left of <region2>."), ("Where?", "<region2> is below <region1>."),
        ("Is <region1> to the left of <region2>?", "Yes, it is."), ("Is <region1> to the right of <region2>?", "No"),
        ("Where?", "The cat next to <region2> is to the left of <region1>."),
        ("Where in the picture is <region1>?", "Upper left"), ("Where in the picture is <region3>?", "Left"),
        ("Where?", "<region1> is a dog at the upper left of the picture."),
        ("Where?", "<region3> is left of <region2>'s tail and to the left of <region2>."),
    ],
    Counts: [
        ("How many dogs are there?", "1"), ("How many cats are there?", "There are two cats."),
        ("How many people are wearing a hat?", "0"), ("How many horses are there?", "None, 0"),
        ("And?", "There is one dog. There are two dogs on the left."), ("How many dogs are there?", "One or two"),
    ],
    YesNo: [
        ("Is <region1> a dog?", "Yes"), ("Is <region1> a cat?", "No"), ("Does <region3> show a man?", "Yes"),
        ("Is the dog in <region1> asleep?", "No"), ("Is <region1> a guide dog?", "Yes"),
    ],
}  # fmt: skip
FALSE: Mapping[type[ClaimCheck], dict[Turn, str]] = {
    Categories: {
        ("What is <region1>?", "A giraffe"): "<region1> is annotated as dog: 'giraffe'",
        ("Name the object in <region2>.", "pizza"): "'pizza'",
        ("Which?", "<region3> is a person, and <region1> is a small red car near a dog."): "'small red car'",
        ("And <region2>?", "They play. <region2> is a dog on a sofa."): "<region2> is annotated as cat",
    },
    Sides: {
        ("Where are they?", "<region1> is standing to the right of <region2>."): "not right of that of <region2>",
        ("Where are they?", "It rains, and <region2> is directly above <region1>."): "not above",
        ("Is <region1> to the right of <region2>?", "Yes"): "the masks say otherwise",
        ("Is <region1> left of <region2>?", "No, it is not."): "the masks say otherwise",
        ("Where in the picture is <region1>?", "Lower right"): "lies at 12% of the width and 17% of the height",
        ("Where?", "<region2> is a cat at the top left of the image."): "'top left'",
    },
    Counts: {
        ("How many people are there?", "0"): "1 regions are annotated as people",
    },
    YesNo: {
        ("Is <region1> a dog?", "No"): "<region1> is annotated as dog",
        ("Is it a bus that one sees in <region2>?", "Yes"): "<region2> is annotated as cat",
    },
}
KIND = {Categories: "conversation", Sides: "conversation", Counts: "conversation", YesNo: "positive_negative"}


@pytest.mark.parametrize("check", TRUE, ids=lambda check: check.spec.name)
def test_no_truth_is_called_a_lie(check: type[ClaimCheck]) -> None:
    finding = judged(check(), *TRUE[check], kind=KIND[check])
    assert finding.judged > 0
    assert details(finding) == []


@pytest.mark.parametrize(
    ("check", "turn", "told"),
    [(check, turn, told) for check, lies in FALSE.items() for turn, told in lies.items()],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_lies_are_found(check: type[ClaimCheck], turn: Turn, told: str) -> None:
    finding = judged(check(), turn, kind=KIND[check])
    assert finding.failed == 1
    assert told in details(finding)[0]


def test_counts_see_each_thing_once_though_two_sources_annotate_it() -> None:
    dogs = [DOG, ("dog", (1, 0, 8, 8)), ("dog", (20, 0, 8, 8))]
    turn = ("How many dogs are there?", "There are two dogs in the picture.")
    assert judged(Counts(), turn, things=dogs).failed == 0
    assert judged(Counts(), turn, things=[*dogs, CAT, ("dog", (10, 14, 8, 8))]).failed == 1


def test_counts_know_plurals() -> None:
    things = [(name, (10 * place, 0, 8, 8)) for name in ("bus", "knife", "sheep", "person") for place in range(3)]
    for word in ("buses", "knives", "sheep", "people"):
        assert judged(Counts(), ("Well?", f"There are two {word}."), things=things).failed == 1


def test_a_region_may_be_called_by_what_lies_at_its_place() -> None:
    rider = ("person", (20, 13, 8, 9))
    turn = ("What is <region1>?", "A cat")
    assert judged(Categories(), turn, things=[rider, CAT]).failed == 0
    assert judged(Categories(), turn, things=[rider, DOG]).failed == 1


def test_a_description_is_about_the_region_of_its_question() -> None:
    asked = "Describe <region1>."
    sound = [(asked, "A brown dog lies on a chair."), (asked, "The view is wide. A cat sits there.")]
    assert judged(Categories(), *sound, kind="description").failed == 0
    finding = judged(Categories(), (asked, "A truck stands there."), kind="description")
    assert finding.failed == 1
    tie = [("tie", (0, 0, 8, 8))]
    assert judged(Categories(), (asked, "A man in a suit."), things=tie, kind="description").failed == 0


def test_nothing_to_judge_is_said() -> None:
    for check in TRUE:
        finding = judged(check(), ("Hello?", "Hello."), kind=KIND[check])
        assert finding.judged == 0
        assert finding.note


@pytest.mark.parametrize(("text", "known"), [
    ("dog", "dog"), ("small black cat with a hat", "cat"), ("car door", ""), ("dog's tail", ""), ("cup of tea", "cup"),
    ("photo of a dog", ""), ("man riding a horse", "person"), ("hot dog", "hot dog"), ("buses", "bus"), ("", ""),
    ("teddy bear.", "teddy bear"), ("tv and a cat", "tv"), ("very long row of words that has no end dog", ""),
])  # fmt: skip
def test_the_head_of_a_phrase_says_what_it_is(text: str, known: str) -> None:
    assert head(text)[0] == known


@given(st.text(max_size=200))
def test_any_text_has_a_head_or_none(text: str) -> None:
    named, _ = head(text)
    assert named == "" or category(named) == named


@given(st.sampled_from(["dog", "cat", "car", "cup", ""]), st.sampled_from(["dog", "cat", "truck", "bowl", ""]))
def test_contradiction_goes_both_ways(one: str, other: str) -> None:
    assert contradict(one, other) == contradict(other, one)
    assert not contradict(one, one)


@given(st.lists(st.integers(1, 50), min_size=4, max_size=4), st.lists(st.integers(1, 50), min_size=4, max_size=4))
def test_overlap_is_a_share(one: list[int], other: list[int]) -> None:
    first, second = np.array(one, float), np.array([other], float)
    assert 0 <= overlap(first, second)[0] <= 1
    assert overlap(first, first[None])[0] == pytest.approx(1)


@pytest.mark.parametrize(("yes", "no", "outcome"), [(50, 50, True), (55, 45, True), (60, 40, False), (30, 70, False)])
def test_balance_of_yes_and_no(yes: int, no: int, outcome: bool) -> None:
    rows = answers(*["Yes"] * yes, *["No"] * no, kind="positive_negative")
    finding = found(Balance(), piece(rows))
    assert finding.judged == 100
    assert (finding.failed <= Balance.spec.threshold * finding.judged) == outcome
    assert finding.note == f"yes: {yes:.1f}%"


def test_balance_of_few_answers_is_not_judged() -> None:
    finding = found(Balance(), piece(answers("Yes", "Yes", kind="positive_negative")), piece(answers("Yes")))
    assert finding.judged == 0
    assert str(FEW) in finding.note
