"""`image_text` (stage 1), `region_caption` and `commonsense` (stage 3): rows that no model writes."""

import collections
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import prompts
from pipelines.builders import BUILDERS
from pipelines.builders.naming import region_name, region_names
from schemas import ledger
from schemas.records import Built, ImageText, Region, Scene
from tests.builders import rules
from tests.builders.beach import CAPTIONS, DETAIL, beach
from tests.factories import context, pairs, reasons, region, says, scene, text
from tests.properties import quick


def built(kind: str, one: Scene, sources: tuple[str, ...], **options: Any) -> Built:
    made = BUILDERS[kind](one, context(kind, sources, **options))
    for line in ledger.lines(f"build:{kind}", made.read, made.rejects):
        line.check()
    assert rules.broken(made.samples) == []
    return made


# image_text


def pretrain(*turns: str, **changes: Any) -> ImageText:
    return text("", "image_text", source="llava_pretrain", turns=turns, **changes)


def test_captions_are_asked_for_one_by_one() -> None:
    made = built("image_text", beach(), ("coco",))
    assert made.read == {("coco", "captions"): 2}
    assert [pairs(row)[0][1] for row in made.samples] == [caption.text for caption in CAPTIONS]
    assert {pairs(row)[0][0] for row in made.samples} <= set(prompts.questions("image_text"))
    assert [(row.regions, row.sources, row.license) for row in made.samples] == 2 * [((), ("coco",), "CC-BY-4.0")]


def test_llava_brings_its_questions() -> None:
    own = pretrain("What is this?", "A dog.")
    without = pretrain("", "Two dogs.", ordinal=1)
    made = built("image_text", scene([], [own, without, DETAIL]), ("llava_pretrain", "llava"))
    assert pairs(made.samples[0]) == [("What is this?", "A dog.")]
    assert pairs(made.samples[1])[0][1] == "Two dogs."
    assert pairs(made.samples[1])[0][0] in prompts.questions("image_text")
    assert made.read == {("llava_pretrain", "records"): 2}


def test_several_turns_stay_together() -> None:
    (row,) = built(
        "image_text", scene([], [pretrain("What?", "A dog.", "Where?", "Here.")]), ("llava_pretrain",)
    ).samples
    assert pairs(row) == [("What?", "A dog."), ("Where?", "Here.")]


def test_a_caption_that_names_a_region() -> None:
    made = built("image_text", scene([], [text("A dog left of <region2>."), CAPTIONS[0]]), ("coco",))
    assert (len(made.samples), reasons(made.rejects)) == (1, {"names_region": 1})


@pytest.mark.parametrize("seed", range(3))
def test_the_seed_chooses_the_question(seed: int) -> None:
    texts = [text(f"Picture {number}.", ordinal=number) for number in range(30)]
    asked = [pairs(row)[0][0] for row in built("image_text", scene([], texts), ("coco",), seed=seed).samples]
    assert len(set(asked)) > 5
    other = built("image_text", scene([], texts), ("coco",), seed=seed + 1).samples
    assert asked != [pairs(row)[0][0] for row in other]


# region_caption


def genome(count: int, *phrases: str) -> list[Region]:
    return [
        region(
            n, "", (n, n, 5, 5), source="vg", expressions=says(*(phrases or (f"thing {n}",)), source="vg", first=9 * n)
        )
        for n in range(count)
    ]


def test_three_regions_an_image_each_with_its_phrase() -> None:
    made = built("region_caption", scene(genome(8)), ("vg",), caps={"vg": 3})
    (row,) = made.samples
    assert [answer for _, answer in pairs(row)] == [one.expressions[0].text for one in row.regions]
    assert (len(row.regions), reasons(made.rejects), made.read) == (3, {"region_cap": 5}, {("vg", "expressions"): 8})
    for number, (question, _) in enumerate(pairs(row), start=1):
        assert region_names(question) == {region_name(number)}


def test_several_phrases_follow_in_rows_of_their_own() -> None:
    made = built("region_caption", scene(genome(2, "wet", "brown")), ("vg",))
    assert [[answer for _, answer in pairs(row)] for row in made.samples] == [["wet", "wet"], ["brown", "brown"]]
    assert len({row.sample_id for row in made.samples}) == 2


def test_two_outlines_of_one_object_stand_in_two_rows() -> None:
    """Nobody asked for the second one to be left out: its phrase is another one, and as true."""
    drawn = [((4, 4, 10, 20), ("wet", "brown")), ((4, 4, 10, 20), ("a dog",)), ((4, 4, 10, 19), ("half", "a tail"))]
    regions = [
        region(n, "", at, source="vg", expressions=says(*texts, source="vg", first=9 * n))
        for n, (at, texts) in enumerate(drawn)
    ]
    made = built("region_caption", scene(regions), ("vg",))
    assert [[answer for _, answer in pairs(row)] for row in made.samples] == [
        ["wet", "half"], ["brown", "a tail"], ["a dog"],
    ]  # fmt: skip
    assert (made.rejects, made.read) == ([], {("vg", "expressions"): 5})


def test_regions_without_a_phrase_and_names_in_phrases() -> None:
    one = scene([*genome(1), region(5, "dog", source="own"), region(6, "cat", source="own", expressions=says(
        "beside <region1>", "my cat", source="own"))])  # fmt: skip
    made = built("region_caption", one, ("vg", "own"))
    assert [answer for row in made.samples for _, answer in pairs(row)] == ["thing 0", "my cat"]
    assert reasons(made.rejects) == {"names_region": 1, "no_phrase": 1}


@quick
@given(st.lists(st.integers(1, 3), max_size=6), st.integers(1, 4))
def test_no_phrase_is_lost_without_a_reason(counts: list[int], cap: int) -> None:
    said = [says(*[f"{n}.{k}" for k in range(count)], source="vg") for n, count in enumerate(counts)]
    regions = [region(n, "", (n, n, 5, 5), source="vg", expressions=texts) for n, texts in enumerate(said)]
    made = built("region_caption", scene(regions), ("vg",), caps={"vg": cap})
    used = collections.Counter(answer for row in made.samples for _, answer in pairs(row))
    assert used.total() + len(made.rejects) == sum(counts)
    assert set(used.values()) <= {1}


# commonsense


def record(*turns: str, regions: int = 2, ordinal: int = 0) -> ImageText:
    named = tuple(f"vcr/{number}" for number in range(regions))
    return text("", "question_answer", ordinal=ordinal, source="vcr", turns=turns, regions=named)


PEOPLE = [region(n, "person", (10 * n, 5, 8, 20), source="vcr") for n in range(3)]
ASKED = ("Why does <region1> smile at <region2>?", "<region2> told a joke.")
RATIONALE = ("", "<region2> has an open mouth, and <region1> laughs.")


def test_question_answer_and_reason() -> None:
    made = built("commonsense", scene(PEOPLE, [record(*ASKED, *RATIONALE), record(*ASKED, ordinal=1)]), ("vcr",))
    first, second = made.samples
    assert pairs(second) == [ASKED]
    (question, answer), (why, reason) = pairs(first)
    assert (question, answer, reason) == (*ASKED, RATIONALE[1])
    assert why in prompts.questions("commonsense", "why_questions")
    assert [one.region_id for one in first.regions] == ["vcr/0", "vcr/1"]
    assert (first.sources, made.read) == (("vcr",), {("vcr", "records"): 2})


def test_regions_are_numbered_as_the_text_names_them() -> None:
    """The record's list says which region <region1> is, whatever the order of the image's regions."""
    turned = text("", "question_answer", source="vcr", turns=ASKED, regions=("vcr/2", "vcr/0"))
    (row,) = built("commonsense", scene(PEOPLE, [turned]), ("vcr",)).samples
    assert [one.region_id for one in row.regions] == ["vcr/2", "vcr/0"]


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (record("Is it raining?", "Yes.", regions=0), "no_regions"),
        (record(*ASKED, regions=3), "unknown_region"),
        (record(*ASKED, regions=1), "unknown_region"),
        (text("", "question_answer", source="vcr", turns=ASKED, regions=("vcr/0", "vcr/7")), "unknown_region"),
    ],
)
def test_records_that_cannot_be_shown(one: ImageText, reason: str) -> None:
    made = built("commonsense", scene(PEOPLE, [one]), ("vcr",))
    assert (made.samples, reasons(made.rejects)) == ([], {reason: 1})


@quick
@given(st.permutations(range(3)), st.integers(1, 3), st.integers(0, 3))
def test_whoever_is_named_is_the_region_of_that_number(order: list[int], count: int, seed: int) -> None:
    """Each region's number in the text is its place in the row, by the records' own list."""
    spoken = " and ".join(region_name(number + 1) for number in range(count))
    given_ids = tuple(f"vcr/{place}" for place in order[:count])
    said = (f"Who are {spoken}?", "Friends.", "", "They talk.")
    one = text("", "question_answer", source="vcr", turns=said, regions=given_ids)
    (row,) = built("commonsense", scene(PEOPLE, [one]), ("vcr",), seed=seed).samples
    assert tuple(found.region_id for found in row.regions) == given_ids
    assert len(row.messages) == 4


@pytest.mark.parametrize("kind", ["image_text", "region_caption", "commonsense"])
def test_nothing_here(kind: str) -> None:
    assert built(kind, beach(), ("vg",)) == Built([], [], [], {})


def test_rows_as_one_reads_them(golden: Callable[[str, str], None]) -> None:
    one = scene([*genome(2), *PEOPLE], [*CAPTIONS, record(*ASKED, *RATIONALE)])
    lines = []
    for kind, source in (("image_text", "coco"), ("region_caption", "vg"), ("commonsense", "vcr")):
        for row in built(kind, one, (source,)).samples:
            lines += ["", f"[{kind}]", *(f"{message.role}: {message.content}" for message in row.messages)]
    golden("stages-template", "\n".join(lines).lstrip() + "\n")
