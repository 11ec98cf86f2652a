"""`part_category` and `part_attribute`: what is told, what is asked, and answers that are exactly true."""

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import prompts
from pipelines.builders import BUILDERS, MODEL_KINDS, part_attribute, part_category, parts
from pipelines.builders.context import OPENAI
from pipelines.builders.naming import listing
from pipelines.builders.replies import BadReply, question_answer_text
from schemas import ledger
from schemas.records import Built, Region, Sample, Scene
from tests.builders import rules
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
    golden(f"{kind}-template", MODEL_KINDS[kind].compose(kitchen(), sample.regions, 0) + "\n")


def test_which_regions_are_asked_about() -> None:
    by_kind = {kind: built(kind, kitchen()) for kind in KINDS}
    shown = {kind: [one.region_id for one in made.samples[0].regions] for kind, made in by_kind.items()}
    assert shown == {C: [f"paco/{n}" for n in range(1, 6)], A: ["paco/1", "paco/2", "paco/3"]}
    assert by_kind[C].read == by_kind[A].read == {("paco", "regions"): 5}
    assert reasons(by_kind[A].rejects) == {"no_attributes": 2}, "nothing, or nothing but other"


def test_categories_of_objects_and_parts() -> None:
    (sample,) = built(C, kitchen()).samples
    assert [answer for _, answer in pairs(sample)] == [
        "mug", "handle of the mug", "mug", "rim of the mug", "mug", "knife", "blade of the knife", "knife",
    ]  # fmt: skip


def test_a_source_that_marks_no_parts_here() -> None:
    """COCO has no parts at all; PACO has none on this image."""
    one = scene([region(1, "dog"), region(2, "mug", source="paco")])
    made = built(C, one, sources=("coco", "paco"))
    assert (made.samples, reasons(made.rejects)) == ([], {"not_a_part": 2})
    with_part = scene([region(1, "dog"), region(2, "mug", source="paco"), part(3, "handle", "cup", 9)])
    made = built(C, with_part, sources=("coco", "paco"))
    assert [one.region_id for one in made.samples[0].regions] == ["paco/2", "paco/3"]


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
        text = MODEL_KINDS[kind].compose(one, sample.regions, seed)
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


def test_the_waiting_row_keeps_what_was_told() -> None:
    """The reply is read from a row that was written to a file in between."""
    (request,) = built(A, kitchen(), generator=OPENAI).requests
    again = msgspec.json.decode(msgspec.json.encode(request.sample), type=Sample)
    text = "\n\n".join(f"Question: What is the colour of <region{n}>?\nAnswer: White" for n in (1, 2))
    text += "\n\nQuestion: What is <region3> made of?\nAnswer: Ceramic."
    assert [message.content for message in part_attribute.parse(text, again)][1::2] == ["White", "White", "Ceramic"]


# what a model answers


def waiting(kind: str) -> Sample:
    """A mug and its handle, as in the scene."""
    (request,) = built(kind, scene(kitchen().regions[:2]), generator=OPENAI).requests
    return request.sample


def reply(first: tuple[str, str], *more: tuple[str, str]) -> str:
    """Pairs; a second region is asked about where `more` does not."""
    second = more or (("What is <region2>?", "White"),)
    return question_answer_text([first, *second])


@pytest.mark.parametrize(
    "answer",
    ["Mug", "mug.", "A mug", "Ceramic mug", "Handle of the mug", "Left door handle", "**Mug**", "Drinking vessel"],
)
def test_category_answers(answer: str) -> None:
    assert part_category.parse(reply(("What is <region1>?", answer)), waiting(C))[1].content == answer.strip("*.")


@pytest.mark.parametrize(
    "answer",
    ["White", "dark blue and white", "Dark blue, white.", "Striped", "Stripes", "Striped pattern", "Ceramic", "Opaque",
     "Yes", "No", "Yes, striped", "Blue", "White/dark blue"],
)  # fmt: skip
def test_attribute_answers(answer: str) -> None:
    assert part_attribute.parse(reply(("How is <region1>?", answer)), waiting(A))[1].content == answer.strip(".")


@pytest.mark.parametrize(
    ("told", "answer", "founded"),
    [
        ("wood", "wooden", True), ("wood", "wool", False), ("wool", "woolen", True), ("metal", "metallic", True),
        ("light grey", "Light gray", True), ("light grey", "Grey", True), ("light grey", "Dark grey", False),
        ("dotted", "dots", True), ("checkered", "checked", True), ("glass", "glass", True), ("glass", "glossy", False),
        ("red", "Red", True), ("red", "Re", False), ("red", "Read", False), ("text", "Text", True), ("red", "", False),
        ("red", "the", False), ("red", "coloured", False), ("red", "Not red", False), ("red", "Red and blue", False),
    ],
)  # fmt: skip
def test_forms_of_a_told_word(told: str, answer: str, founded: bool) -> None:
    one = region(1, attributes=looks(color=told))
    assert part_attribute.is_founded(answer, one) is founded


def test_words_of_two_colours_make_no_third() -> None:
    one = region(1, attributes=looks(color=("dark blue", "light grey")))
    assert not part_attribute.is_founded("light blue", one)
    assert part_attribute.is_founded("light grey and dark blue", one)


Q1, Q2 = ("What colour is <region1>?", "White"), ("What colour is <region2>?", "White")
BAD = [
    ("A white mug and its handle.", "reply_no_question"),
    (reply(Q1, ("And its handle?", "White")), "reply_missing_region"),
    (reply(Q1, Q2, ("What is <region3>?", "White")), "reply_unknown_region"),
    (reply(Q1, ("What belongs to it?", "<region2>")), "reply_format"),
    (reply(Q1, ("What colour have <region1> and <region2>?", "White")), "reply_format"),
    (reply(Q1, Q2, ("Is it striped?", "Yes")), "reply_format"),
    (reply(Q1, Q2, Q1, Q1), "reply_too_many_questions"),
    (reply(Q1, Q2, Q2, ("How is <region2>?", "White")), "reply_too_many_questions"),
    (reply((Q1[0], "White\nand blue"), Q2), "reply_format"),
    (reply((Q1[0], ""), Q2), "reply_format"),
    (reply((Q1[0], "..."), Q2), "reply_format"),
    (reply((Q1[0], "Other"), Q2), "reply_no_answer"),
    (reply((Q1[0], "other."), Q2), "reply_no_answer"),
    (reply((Q1[0], "Unknown"), Q2), "reply_no_answer"),
    (reply((Q1[0], "Unknown colour"), Q2), "reply_no_answer"),
    (reply((Q1[0], "Not known"), Q2), "reply_no_answer"),
    (reply((Q1[0], "I cannot tell"), Q2), "reply_no_answer"),
    (reply((Q1[0], "It is white with dark blue stripes"), Q2), "reply_long_answer"),
    (reply((Q1[0], "As annotated, white"), Q2), "reply_mentions_source"),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("text", "reason"), BAD)
def test_faults_have_their_reason(kind: str, text: str, reason: str) -> None:
    with pytest.raises(BadReply) as raised:
        MODEL_KINDS[kind].parse(text, waiting(kind))
    assert raised.value.reason == reason
    assert raised.value.detail


@pytest.mark.parametrize("answer", ["Green", "Light blue", "Not white", "White and red", "Mug", "Plastic"])
def test_an_attribute_that_was_not_told(answer: str) -> None:
    with pytest.raises(BadReply, match="reply_unfounded"):
        part_attribute.parse(reply((Q1[0], answer), Q2), waiting(A))


def test_a_long_name_that_is_annotated() -> None:
    """Longer than asked for, and still the right answer."""
    long = region(1, "very large old fashioned coffee mug", source="paco")
    (sample,) = built(C, scene([long, part(2, "handle", long.category, 1)])).samples
    assert pairs(sample)[0][1] == long.category
    with pytest.raises(BadReply, match="reply_long_answer"):
        part_category.parse(reply(("What is <region1>?", "A large old coffee mug"), Q2), sample)


FUZZ = [
    "Question:",
    "Answer:",
    "<region1>",
    "<region2>",
    "White",
    "other",
    "\n",
    "\n\n",
    " ",
    "mug",
    "?",
    "<region",
    "yes",
]


@pytest.mark.parametrize("kind", KINDS)
@quick
@given(st.lists(st.sampled_from(FUZZ), max_size=24).map("".join))
def test_whatever_comes_in_is_a_good_row_or_a_reason(kind: str, text: str) -> None:
    assert verdict(kind, text) in {"good", *ledger.REASONS}


def verdict(kind: str, text: str) -> str:
    """`good`, the reason of a reject, or the rules of a shard that the row breaks."""
    row = waiting(kind)
    try:
        messages = MODEL_KINDS[kind].parse(text, row)
    except BadReply as bad:
        return bad.reason
    return " ".join(rules.broken([msgspec.structs.replace(row, messages=messages)])) or "good"
