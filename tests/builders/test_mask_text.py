"""`mask_text`: caps, rows by rounds of expressions, and nothing lost."""

import collections

import pytest
from hypothesis import given

import prompts
from pipelines.builders import mask_text
from pipelines.builders.context import Context
from schemas import ledger
from schemas.records import Built, Sample, Scene
from tests.builders import rules
from tests.builders.beach import beach, scenes
from tests.factories import context, pairs, part, reasons, region, says, scene
from tests.properties import quick

CAPS = {"coco": 20, "refcoco": 15, "refcoco+": 15}
"""Paper, section 3."""
PAPER = context("mask_text", tuple(CAPS), CAPS)


def built(one: Scene, context: Context = PAPER) -> Built:
    made = mask_text.build(one, context)
    for line in ledger.lines("build:mask_text", made.read, made.rejects):
        line.check()
    assert rules.broken(made.samples) == []
    return made


def answers(sample: Sample) -> list[tuple[str, str]]:
    """(region id, answer), with the question checked to be about that region and no other."""
    found = []
    for number, (one, (question, answer)) in enumerate(zip(sample.regions, pairs(sample), strict=True), start=1):
        assert question.count("<region") == question.count(f"<region{number}>") == 1
        found.append((one.region_id, answer))
    return found


def test_a_category_that_tells_nothing_is_no_answer() -> None:
    made = built(scene([region(1, "other"), region(2, "unknown animal"), region(3, "dog")]))
    assert [answers(sample) for sample in made.samples] == [[("coco/3", "dog")]]
    assert reasons(made.rejects) == {"no_category": 2}


def many(count: int) -> Scene:
    """Regions with one to three expressions of RefCOCO each."""
    return scene(
        region(n, f"thing {n}", (n, n, 3, 3), expressions=says(*"abc"[: n % 3 + 1], first=10 * (count - n)))
        for n in range(count)
    )


def test_caps_of_the_paper() -> None:
    made = built(many(25))
    assert {source: count for (source, _), count in made.read.items()} == {"coco": 25, "refcoco": 49}
    (category_row,) = (row for row in made.samples if len(row.regions) == 20)
    asked = {one.region_id for row in made.samples if row is not category_row for one in row.regions}
    assert len(asked) == 15
    assert reasons(made.rejects) == {"region_cap": len(made.rejects)}
    assert collections.Counter(r.source for r in made.rejects)["coco"] == 5
    left_out = {r.key.partition("#")[0] for r in made.rejects if r.source == "refcoco"}
    assert left_out == {f"coco/{n}" for n in range(25)} - asked
    assert all(r.key.count("#refcoco:") == 1 for r in made.rejects if r.source == "refcoco")


def test_a_cap_is_not_reached() -> None:
    assert built(many(15)).rejects == []
    assert [len(row.regions) for row in built(many(15)).samples] == [15, 15, 10, 5]


def test_which_regions_stay_is_the_seeds_choice_and_their_order_the_files() -> None:
    rows = [built(many(25), context("mask_text", ["coco"], CAPS, seed=seed)).samples[0] for seed in (0, 0, 1)]
    ids = [[int(one.region_id.split("/")[1]) for one in row.regions] for row in rows]
    assert ids[0] == ids[1] != ids[2]
    assert all(found == sorted(found) for found in ids)


def test_categories() -> None:
    (row,) = built(beach(), context("mask_text", ["coco"])).samples
    assert answers(row) == [("coco/11", "dog"), ("coco/12", "dog"), ("coco/13", "kite"), ("coco/14", "surfboard")]
    assert row.sources == ("coco",)


def test_rows_are_rounds_of_expressions_by_first_sight() -> None:
    made = built(beach(), context("mask_text", ["refcoco", "refcoco+", "refcocog"]))
    assert [answers(row) for row in made.samples] == [
        [("coco/12", "white dog"), ("coco/11", "brown dog")],
        [("coco/12", "right dog"), ("coco/11", "dog on left")],
        [("coco/12", "white dog")],
        [("coco/12", "wet one")],
        [("coco/11", "the brown dog"), ("coco/14", "surfboard that lies in the sand")],
    ]
    assert [row.sources for row in made.samples] == [
        ("coco", "refcoco"),
        ("coco", "refcoco"),
        ("coco", "refcoco+"),
        ("coco", "refcoco+"),
        ("coco", "refcocog"),
    ]


@quick
@given(scenes())
def test_every_expression_and_category_is_used_once(one: Scene) -> None:
    sources = ("coco", "refcoco", "refcoco+", "refcocog")
    made = built(one, context("mask_text", sources))
    used = collections.Counter(pair for row in made.samples for pair in answers(row))
    given_texts = [(r.region_id, text.text) for r in one.regions for text in r.expressions]
    assert used == collections.Counter([*given_texts, *((r.region_id, r.category) for r in one.regions)])
    assert sum(made.read.values()) == used.total()


def test_questions_vary() -> None:
    (row,) = built(many(20), context("mask_text", ["coco"])).samples
    forms = {question.replace(f"<region{n}>", "") for n, (question, _) in enumerate(pairs(row), start=1)}
    assert len(forms) > 3


def test_text_that_would_be_read_as_a_name_is_a_reject() -> None:
    said = says("left of <region9>", "< Region 1>", "a < region", "region two", "1 < 2")
    made = built(scene([region(1, expressions=said)]), context("mask_text", ["refcoco"]))
    assert [answers(row) for row in made.samples] == [[("coco/1", "region two")], [("coco/1", "1 < 2")]]
    assert reasons(made.rejects) == {"names_region": 3}
    alone = built(scene([region(1, expressions=said[:1])]), context("mask_text", ["refcoco"]))
    assert (alone.samples, reasons(alone.rejects)) == ([], {"names_region": 1})


def test_parts_are_named_with_their_objects() -> None:
    one = scene([
        region(1, "cat", source="pascal_part"),
        part(2, "left front paw", "cat", 1, source="pascal_part"),
        part(3, "tyre", "car", 9, source="part_imagenet", part_of=""),
    ])  # fmt: skip
    made = built(one, context("mask_text", ["pascal_part", "part_imagenet"]))
    assert [answers(row) for row in made.samples] == [
        [("pascal_part/1", "cat"), ("pascal_part/2", "left front paw of the cat")],
        [("part_imagenet/3", "tyre of the car")],
    ]
    assert [row.sources for row in made.samples] == [("pascal_part",), ("part_imagenet",)]
    for row in made.samples:
        for number, (one_region, (question, _)) in enumerate(zip(row.regions, pairs(row), strict=True), start=1):
            forms = prompts.questions("mask_text", "part_questions" if one_region.part else "category_questions")
            assert question in [form.format(region=f"<region{number}>") for form in forms]


def test_data_of_ones_own_gives_categories_and_phrases() -> None:
    one = scene([
        region(1, "dog", source="own", expressions=says("wet dog", "the left one", source="own")),
        region(2, "kite", source="own"),
        region(3, "", (30, 6, 9, 9), source="own", expressions=says("a thing", source="own")),
        region(4, "", source="own"),
        region(5, "<region2>", source="own"),
    ])  # fmt: skip
    made = built(one, context("mask_text", ["own"], {"own": 2}))
    assert [answers(row) for row in made.samples] == [
        [("own/1", "dog"), ("own/2", "kite")], [("own/1", "wet dog"), ("own/3", "a thing")], [("own/1", "the left one")]
    ]  # fmt: skip
    assert made.read == {("own", "regions"): 4, ("own", "expressions"): 3}
    assert reasons(made.rejects) == {"no_category": 1, "names_region": 1}


def test_masks_without_a_name() -> None:
    made = built(scene([region(n, "", (n, 2, 5, 5), source="sa1b") for n in range(3)]), context("mask_text", ["sa1b"]))
    assert (made.samples, reasons(made.rejects)) == ([], {"no_category": 3})


def test_refcoco_without_coco_gives_its_expressions_alone() -> None:
    one = scene([region(1, "dog", source="refcoco", expressions=says("wet dog"))])
    assert [answers(row) for row in built(one, context("mask_text", ["refcoco"])).samples] == [[("coco/1", "wet dog")]]


@pytest.mark.parametrize("sources", [["lvis"], ["refcoco"]])
def test_a_source_with_nothing_here(sources: list[str]) -> None:
    assert built(scene([region(1)]), context("mask_text", sources)) == Built([], [], [], {})
