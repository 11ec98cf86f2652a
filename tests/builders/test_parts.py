"""`part_category` and `part_attribute`: what is told, what is asked, and answers that are exactly true."""

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import prompts
from pipelines.builders import BUILDERS, MODEL_KINDS, parts
from pipelines.builders.context import OPENAI
from pipelines.builders.naming import listing
from pipelines.builders.replies import question_answer_text
from schemas import ledger
from schemas.records import Built, Region, Sample, Scene
from tests.builders import rules
from tests.builders.both_forms import composed
from tests.builders.kitchen import SOURCES, kitchen, kitchens
from tests.factories import context, looks, pairs, part, reasons, region, says, scene
from tests.properties import quick

KINDS = ("part_category", "part_attribute")
C, A = KINDS


def built(kind: str, one: Scene, **options: object) -> Built:
    made = BUILDERS[kind](one, context(kind, options.pop("sources", SOURCES), **options))  # type: ignore[arg-type]
    for line in ledger.lines(f"build:{kind}", made.read, made.rejects):
        line.check()
    assert rules.broken(made.samples) == []
    return made


def asked_type(question: str, number: int) -> str:
    """The type of attribute that a question of the template is about."""
    (found,) = [
        name
        for name in parts.TYPES
        for form in prompts.questions(A, f"{name}_questions")
        if form.format(region=f"<region{number}>") == question
    ]
    return found


def numbered(sample: Sample) -> list[tuple[int, Region, str, str]]:
    """(number, region, question, answer) of every pair."""
    return [
        (number, one, question, answer)
        for question, answer in pairs(sample)
        for number, one in enumerate(sample.regions, start=1)
        if f"<region{number}>" in question
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_the_whole_prompt(kind: str, golden: Callable[[str, str], None]) -> None:
    (request,) = built(kind, kitchen(), generator=OPENAI).requests
    messages = request.payload["messages"]
    text = "\n\n".join(f"[{message['role']}]\n{message['content']}" for message in messages)
    golden(f"{kind}-prompt", f"{text}\n")
    assert "other" not in messages[-1]["content"]
    assert "*" not in text


@pytest.mark.parametrize("kind", KINDS)
def test_the_template_answers_in_the_form_that_is_asked(kind: str, golden: Callable[[str, str], None]) -> None:
    (sample,) = built(kind, kitchen()).samples
    golden(f"{kind}-template", composed(kind, kitchen(), sample.regions) + "\n")


def test_which_regions_are_asked_about() -> None:
    by_kind = {kind: built(kind, kitchen()) for kind in KINDS}
    shown = {kind: [one.region_id for one in made.samples[0].regions] for kind, made in by_kind.items()}
    assert shown == {C: [f"paco/{n}" for n in range(1, 6)], A: ["paco/1", "paco/2", "paco/3"]}
    assert by_kind[C].read == by_kind[A].read == {("paco", "regions"): 5}
    assert reasons(by_kind[A].rejects) == {"no_attributes": 2}, "nothing, or nothing but other"


def test_one_question_a_region_about_object_part_or_whole() -> None:
    """The paper has 99 thousand turns of this kind, which three regions of 33,000 images make."""
    wanted = [("object", "mug"), ("part", "handle of the mug"), ("part", "rim of the mug"), ("object", "knife")]
    wholes = {"handle of the mug": "mug", "rim of the mug": "mug", "blade of the knife": "knife"}
    seen = set()
    for seed in range(20):
        (sample,) = built(C, kitchen(), seed=seed).samples
        answers = [answer for _, answer in pairs(sample)]
        assert len(answers) == len(sample.regions) == 5
        for one, (question, answer) in zip(sample.regions, pairs(sample), strict=True):
            what = "object" if not one.part else "part" if answer == one.category else "whole"
            assert answer == (wholes[one.category] if what == "whole" else one.category)
            number = sample.regions.index(one) + 1
            forms = prompts.questions(C, f"{what}_questions")
            assert question in {form.format(region=f"<region{number}>") for form in forms}
            seen.add((what, answer))
    assert seen == {*wanted, ("part", "blade of the knife"), ("whole", "mug"), ("whole", "knife")}


def test_a_source_that_marks_no_parts_here() -> None:
    """COCO has no parts at all; PACO has none on this image."""
    one = scene([region(1, "dog"), region(2, "mug", source="paco")])
    made = built(C, one, sources=("coco", "paco"))
    assert (made.samples, reasons(made.rejects)) == ([], {"not_a_part": 2})
    with_part = scene([region(1, "dog"), region(2, "mug", source="paco"), part(3, "handle", "cup", 9)])
    made = built(C, with_part, sources=("coco", "paco"))
    assert [one.region_id for one in made.samples[0].regions] == ["paco/2", "paco/3"]


@pytest.mark.parametrize("name", ["other", "Others", "unknown object", "none"])
def test_a_category_that_tells_nothing_is_no_answer(name: str) -> None:
    """Such names stand in data of one's own; the rest of the picture is asked about all the same."""
    one = scene([region(1, name, source="paco"), part(2, "handle", "mug", 9), part(3, name, "mug", 9)])
    made = built(C, one)
    assert [found.region_id for found in made.samples[0].regions] == ["paco/2"]
    assert reasons(made.rejects) == {"no_category": 2}


def test_an_attribute_needs_no_part() -> None:
    made = built(A, scene([region(1, "dog", source="own", attributes=looks(color="brown"))]), sources=("own",))
    assert [answer for _, answer in pairs(made.samples[0])] == ["brown"]


def test_several_values_are_listed_and_incomplete_ones_not_asked() -> None:
    one = region(1, "mug", source="paco", attributes=looks(color=("red", "dark blue", "white"), material="wood"))
    (sample,) = built(A, scene([one])).samples
    assert sorted(answer for _, answer in pairs(sample)) == ["red, dark blue and white", "wood"]
    unsure = region(1, "mug", source="paco", attributes=looks(color=("red", "other"), material="wood"))
    (sample,) = built(A, scene([unsure])).samples
    assert [answer for _, answer in pairs(sample)] == ["wood"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_cap_and_what_people_say_of_a_region(kind: str) -> None:
    """Expressions of other data sets, as a region may have after the join, are no business of these kinds."""
    said = msgspec.structs.replace(kitchen().regions[0], expressions=says("my mug"))
    made = built(kind, scene([said, *kitchen().regions[1:3]]), caps={"paco": 2})
    assert reasons(made.rejects) == {"region_cap": 1}
    (sample,) = made.samples
    assert (len(sample.regions), sample.sources) == (2, ("paco",))
    assert all(one.expressions == () for one in sample.regions)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_here(kind: str) -> None:
    assert built(kind, scene([region(1)])) == Built([], [], [], {})


# what is composed


@quick
@given(kitchens(), st.integers(0, 3))
def test_every_attribute_answer_is_all_that_is_known(one: Scene, seed: int) -> None:
    made = built(A, one, seed=seed)
    for number, about, question, answer in (entry for sample in made.samples for entry in numbered(sample)):
        values = [found.name for found in about.attributes if found.type == asked_type(question, number)]
        assert not any(value.startswith("other") for value in values)
        assert answer == listing(list(dict.fromkeys(values)))
    unknown = [r for r in one.regions if not parts.known(r)]
    assert reasons(made.rejects) == ({"no_attributes": len(unknown)} if unknown else {})


@quick
@given(kitchens(), st.integers(0, 3))
def test_every_category_answer_is_the_name(one: Scene, seed: int) -> None:
    for sample in built(C, one, seed=seed).samples:
        for _, about, _, answer in numbered(sample):
            assert answer == about.category or (about.part and answer == about.whole)
        assert {about.region_id for _, about, _, _ in numbered(sample)} == {r.region_id for r in sample.regions}


@pytest.mark.parametrize("kind", KINDS)
@quick
@given(kitchens(), st.integers(0, 3))
def test_what_is_composed_is_read_as_the_same_pairs(kind: str, one: Scene, seed: int) -> None:
    for sample in built(kind, one, seed=seed).samples:
        text = composed(kind, one, sample.regions, seed)
        waiting = msgspec.structs.replace(sample, messages=())
        assert question_answer_text(pairs(sample)) == text
        assert MODEL_KINDS[kind].parse(text, waiting) == sample.messages
        per_region = [number for number, _, _, _ in numbered(sample)]
        assert set(per_region) == set(range(1, len(sample.regions) + 1))
        assert max(map(per_region.count, per_region)) <= parts.MOST_QUESTIONS


@pytest.mark.parametrize("kind", KINDS)
@quick
@given(kitchens())
def test_the_model_is_told_all_that_is_known_and_nothing_else(kind: str, one: Scene) -> None:
    for request in built(kind, one, generator=OPENAI).requests:
        told = request.payload["messages"][-1]["content"]
        for number, about in enumerate(request.sample.regions, start=1):
            lines = told.split(f"<region{number}> is ", 1)[1].split("\n\n", 1)[0].splitlines()
            unsure = {found.type for found in about.attributes if found.name.startswith("other")}
            known = {found.name for found in about.attributes if found.type not in unsure}
            assert lines[0] == (f"{about.whole}:{about.part}" if about.part else about.category)
            assert {word for line in lines[1:] for word in line.split(": ", 1)[1].split(", ")} == known
