"""`positive_negative`: as many Yes as No, and never a No that is wrong."""

import collections
import json
import pathlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import prompts
from pipelines.builders import positive_negative, vocabulary
from pipelines.builders.naming import with_article
from pipelines.builders.vocabulary import Vocabulary, same_thing
from pipelines.sources import SOURCES
from schemas import ledger, rle
from schemas.records import Built, Category, Region, Scene
from tests.builders import rules
from tests.builders.words import COCO, FAR, NEAREST, WORDS, lvis
from tests.factories import context, image, pairs, part, reasons, region, scene
from tests.properties import quick
from tests.shared import SHARED, needs_shared


def built(one: Scene, caps: dict[str, int] | None = None, seed: int = 0) -> Built:
    made = positive_negative.build(
        one, context("positive_negative", ["coco", "lvis"], caps, seed=seed, vocabulary=WORDS)
    )
    for line in ledger.lines("build:positive_negative", made.read, made.rejects):
        line.check()
    assert rules.broken(made.samples) == []
    return made


def asked(made: Built) -> list[tuple[str, str, str]]:
    """(region id, category asked for, answer) of every question."""
    names = sorted({*COCO, *(text for text in WORDS.texts["lvis"].values())}, key=len, reverse=True)
    found = []
    for sample in made.samples:
        for question, answer in pairs(sample):
            number = next(n for n in range(1, len(sample.regions) + 1) if f"<region{n}>" in question)
            spoken = [
                name
                for name in names
                for form in prompts.questions("positive_negative")
                if form.format(region=f"<region{number}>", a_category=with_article(name)).lower() == question.lower()
            ]
            assert len(spoken) == 1, question
            found.append((sample.regions[number - 1].region_id, spoken[0], answer))
    return found


def test_a_category_that_tells_nothing_is_not_asked_about() -> None:
    """Neither for itself nor as the nearest other object."""
    one = scene([region(1, "dog", (4, 6, 10, 8)), region(2, "other", (16, 6, 4, 4)), region(3, "cat", (60, 6, 9, 9))])
    made = built(one)
    assert {name for _, name, answer in asked(made) if answer == "Yes"} == {"dog", "cat"}
    assert reasons(made.rejects) == {"no_category": 1}


def test_yes_and_no_in_balance() -> None:
    one = scene([region(n, name, (10 * n, 5, 6, 6)) for n, name in enumerate(COCO)])
    made = built(one)
    found = asked(made)
    answers = collections.Counter(answer for _, _, answer in found)
    assert answers == {"Yes": 6, "No": 6}
    for number, name in enumerate(COCO):
        mine = [(category, answer) for region_id, category, answer in found if region_id == f"coco/{number}"]
        assert sorted(answer for _, answer in mine) == ["No", "Yes"]
        assert (name, "Yes") in mine
        assert (name, "No") not in mine


def test_yes_does_not_always_come_first() -> None:
    one = scene([region(n, name, (10 * n, 5, 6, 6)) for n, name in enumerate(COCO)])
    first = collections.Counter(asked(built(one, seed=seed))[0][2] for seed in range(20))
    assert set(first) == {"Yes", "No"}


def test_regions_are_numbered_as_they_are_asked_about() -> None:
    (sample,) = built(scene([region(n, name, (10 * n, 5, 6, 6)) for n, name in enumerate(COCO)])).samples
    sight = list(dict.fromkeys(region_id for region_id, _, _ in asked(Built([sample], [], [], {}))))
    assert [one.region_id for one in sample.regions] == sight


def test_caps_and_images_without_a_negative() -> None:
    made = built(scene([region(n, "dog", (10 * n, 5, 6, 6)) for n in range(6)], images=(image("lvis"),)), {"coco": 4})
    assert (made.samples, reasons(made.rejects)) == ([], {"region_cap": 2, "no_negative": 4})
    assert made.read == {("coco", "regions"): 6}
    capped = built(scene([region(n, name, (10 * n, 5, 6, 6)) for n, name in enumerate(COCO)]), {"coco": 4})
    assert reasons(capped.rejects) == {"region_cap": 2}
    assert len(capped.samples[0].regions) == 4


def test_the_same_scene_gives_the_same_row() -> None:
    one = scene([region(n, name, (10 * n, 5, 6, 6)) for n, name in enumerate(COCO)])
    assert built(one) == built(one)
    assert str(built(one, seed=1).samples) != str(built(one).samples)


@st.composite
def crowded(draw: st.DrawFn) -> Scene:
    """Overlapping rectangles of both data sets, with what each knows."""
    regions = []
    for number in range(draw(st.integers(1, 7))):
        source = draw(st.sampled_from(["coco", "lvis"]))
        name = draw(st.sampled_from(COCO if source == "coco" else tuple(WORDS.texts["lvis"].values())))
        x, y = draw(st.sampled_from([0, 2, 30, 60])), draw(st.sampled_from([0, 3, 40]))
        place = (x, y, draw(st.integers(5, 20)), draw(st.integers(5, 20)))
        again = draw(st.sampled_from([None, *regions]))
        regions.append(region(number, name, place, source=source, mask=again and again.mask))
    some = st.lists(st.sampled_from(list(WORDS.texts["lvis"])), max_size=4, unique=True).map(tuple)
    known = (image(present=tuple(draw(st.sets(st.sampled_from(COCO), max_size=2)))),)
    return scene(regions, images=(*known, lvis(absent=draw(some), present=draw(some), not_exhaustive=draw(some))))


def again(one: Scene, of: Region) -> list[Region]:
    """The region, and those that cover the same pixels."""
    shared = rle.ious(of.mask, [other.mask for other in one.regions])
    return [other for other, overlap in zip(one.regions, shared, strict=True) if other is of or overlap > 0.95]


def truth(one: Scene, of: Region) -> set[str]:
    """What the region's object is called by anybody."""
    shared = rle.ious(of.mask, [other.mask for other in one.regions])
    return {other.category for other, overlap in zip(one.regions, shared, strict=True) if overlap >= 0.5}


@quick
@given(crowded(), st.integers(0, 5))
def test_a_no_is_never_wrong(one: Scene, seed: int) -> None:
    made = built(one, seed=seed)
    by_id = {each.region_id: each for each in one.regions}
    answers: collections.Counter[str] = collections.Counter()
    coco, federated = one.images
    for region_id, category, answer in asked(made):
        here = by_id[region_id]
        answers[answer] += 1
        if answer == "Yes":
            assert category == here.category
            continue
        assert not any(same_thing(WORDS, name, category) for name in truth(one, here))
        says = {other.source for other in again(one, here)}
        beside = {other.category for other in one.regions if other.source in says}
        seen = {*(r.category for r in one.regions), *coco.present, *(WORDS.texts["lvis"][n] for n in federated.present)}
        listed = {WORDS.texts["lvis"][name] for name in federated.absent} | ({*COCO} if "coco" in says else set())
        assert category in beside or (category in listed and category not in seen)
        if says == {"lvis"} and category in beside:
            partly = {WORDS.texts["lvis"][name] for name in federated.not_exhaustive}
            assert category not in partly
    assert answers["Yes"] == answers["No"]


@quick
@given(crowded())
def test_no_object_is_asked_about_twice(one: Scene) -> None:
    """Whatever is left out is counted, and says what stands for it."""
    made = built(one)
    for sample in made.samples:
        for number, region_ in enumerate(sample.regions):
            assert not any(
                overlap > 0.95 for overlap in rle.ious(region_.mask, [r.mask for r in sample.regions[:number]])
            )
    rejected = {reject.key: reject for reject in made.rejects}
    asked_about = {region_id for region_id, _, _ in asked(made)}
    assert asked_about | set(rejected) == {each.region_id for each in one.regions}
    standing = [reject.detail for reject in rejected.values() if reject.reason == "same_object"]
    assert not {rejected[key].reason for key in standing if key in rejected} & {"same_object"}


def test_an_object_of_two_data_sets_is_one() -> None:
    """LVIS draws COCO's dog anew, and finds a mug that COCO does not have."""
    dog, cat = region(1, "dog", (4, 6, 10, 8)), region(2, "cat", FAR)
    again, mug = region(7, "dog", (4, 6, 10, 6), source="lvis"), region(8, "mug", NEAREST, source="lvis")
    made = built(scene([dog, cat, again, mug], images=(image(), lvis(absent=("saucer",)))))
    assert {region_id for region_id, _, _ in asked(made)} == {"coco/1", "coco/2", "lvis/8"}
    assert [(reject.key, reject.reason, reject.detail) for reject in made.rejects] == [
        ("lvis/7", "same_object", "coco/1")
    ]
    assert made.read == {("coco", "regions"): 2, ("lvis", "regions"): 2}


def test_the_source_that_is_named_first_stands_for_the_object() -> None:
    """Whatever the order of the scene; the cap is on objects, not on what shows them again."""
    dog, puppy = region(1, "dog"), region(1, "dog", source="lvis")
    one = scene([dog, puppy, region(2, "mug", FAR, source="lvis")], images=(image(), lvis(absent=("wolf", "saucer"))))
    for sources, expected in ((["coco", "lvis"], {"coco/1", "lvis/2"}), (["lvis", "coco"], {"lvis/1", "lvis/2"})):
        made = positive_negative.build(
            one, context("positive_negative", sources, {"lvis": 2, "coco": 1}, vocabulary=WORDS)
        )
        assert {each.region_id for sample in made.samples for each in sample.regions} == expected
        assert reasons(made.rejects) == {"same_object": 1}


def test_what_the_other_data_set_knows_still_makes_a_negative() -> None:
    """Data of one's own that lists nothing as absent, on a picture that COCO annotated as well."""
    mine, theirs = region(1, "dog", source="own"), region(2, "dog")
    alone = scene([mine], images=(image("own", exhaustive=False),))
    both = scene([mine, theirs], images=(image("own", exhaustive=False), image()))
    for one, outcome in ((alone, {"no_negative": 1}), (both, {"same_object": 1})):
        made = positive_negative.build(one, context("positive_negative", ["own", "coco"], vocabulary=WORDS))
        assert reasons(made.rejects) == outcome
    assert sorted(answer for _, _, answer in asked(made)) == ["No", "Yes"]


def test_without_regions_there_is_no_row() -> None:
    assert built(scene([])) == Built([], [], [], {})
    only_lvis = msgspec.structs.replace(scene([region(1, source="refcoco")]))
    assert built(only_lvis) == Built([], [], [], {})


def test_regions_without_a_name_are_neither_asked_about_nor_an_answer() -> None:
    """Masks of SA-1B, phrases of Visual Genome and data of one's own may have none."""
    bare = region(2, "", (16, 6, 5, 5), source="own")
    one = scene([region(1, "dog", source="own"), bare, region(3, "cat", (60, 40, 10, 10), source="own")])
    made = positive_negative.build(one, context("positive_negative", ["own"], vocabulary=WORDS))
    assert reasons(made.rejects) == {"no_category": 1}
    found = asked(made)
    assert sorted(found) == [
        ("own/1", "cat", "No"), ("own/1", "dog", "Yes"), ("own/3", "cat", "Yes"), ("own/3", "dog", "No"),
    ]  # fmt: skip


def test_data_of_ones_own_is_exhaustive_if_its_owner_says_so() -> None:
    words = WORDS._replace(texts={**WORDS.texts, "own": {"dog": "dog", "cat": "cat"}})
    words = words._replace(neighbors={**words.neighbors, "own": {"dog": ("cat",)}})
    for exhaustive, outcome in ((False, {"no_negative": 1}), (True, {})):
        one = scene([region(1, "dog", source="own")], images=(image("own", exhaustive=exhaustive),))
        made = positive_negative.build(one, context("positive_negative", ["own"], vocabulary=words))
        assert reasons(made.rejects) == outcome
        assert [entry[1:] for entry in sorted(asked(made))] == ([("cat", "No"), ("dog", "Yes")] if exhaustive else [])


def test_a_part_is_no_negative_of_its_object() -> None:
    """A wheel of the car may be called a car by some, and the car shows its wheel."""
    car = region(1, "car", source="own")
    wheel = part(2, "wheel", "car", 1, (6, 8, 3, 2), source="own")
    door = part(3, "door", "car", 1, (10, 8, 3, 2), source="own")
    one = scene([car, wheel, door], images=(image("own"),))
    negatives = positive_negative.Negatives(one, WORDS, 0)
    assert negatives.of(car) is None
    assert (negatives.of(wheel), negatives.of(door)) == ("door of the car", "wheel of the car")


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> tuple[Vocabulary, list[tuple[Category, Category]]]:
    """The vocabularies of COCO and LVIS v1 as the readers give them, and the pairs that are one synset."""
    folder = tmp_path_factory.mktemp("vocabularies")
    names = (pathlib.Path(__file__).parent / "coco_names.txt").read_text().splitlines()
    listed = {
        "coco": ("instances", [{"id": number, "name": name} for number, name in enumerate(names)]),
        "lvis": ("train", json.loads((SHARED / "lvis" / "lvis_v1_train_cat_info.json").read_text())),
    }
    found: dict[str, list[Category]] = {}
    for source, (role, categories) in listed.items():
        path = folder / f"{source}.json"
        path.write_text(json.dumps({"images": [], "annotations": [], "categories": categories}))
        found[source] = SOURCES[source].read({role: str(path)}).categories
    pairs = [(one, other) for one in found["coco"] for other in found["lvis"] if one.synset == other.synset]
    assert len(pairs) == 79, "all but hot dog"
    return vocabulary.build(found), pairs


@needs_shared
def test_real_names_of_one_synset_are_one_thing(real: tuple[Vocabulary, list[tuple[Category, Category]]]) -> None:
    words, pairs = real
    assert len(words.texts["coco"]) == 80
    assert len(words.texts["lvis"]) == 1203
    named = {(one.text, other.text) for one, other in pairs}
    assert {("laptop", "laptop computer"), ("cell phone", "cellular telephone"), ("hair drier", "hair dryer")} <= named
    assert [names for names in named if not same_thing(words, *names)] == []
    groups = {frozenset({one.text, *words.words[one.text]}) for one, _ in pairs}
    assert len(groups) == 79, "no two of COCO's categories are joined"


@needs_shared
def test_a_real_pair_is_never_asked_as_a_no(real: tuple[Vocabulary, list[tuple[Category, Category]]]) -> None:
    """Even where nothing else is near, LVIS claims its name to be absent, and COCO has none of its own."""
    words, pairs = real
    for one, other in pairs:
        near = words._replace(neighbors={"coco": {other.text: (one.text,)}, "lvis": {one.text: (other.text,)}})
        said = (image(), lvis(absent=(other.name,)))
        for source, mine, theirs in (("coco", one, other), ("lvis", other, one)):
            asked_of = region(1, mine.text, source=source)
            beside = region(2, theirs.text, (40, 6, 9, 9), source=source)
            negatives = positive_negative.Negatives(scene([asked_of], images=said), near, 0)
            assert negatives.of(asked_of) is None, (mine.text, theirs.text)
            negatives = positive_negative.Negatives(scene([asked_of, beside], images=said), near, 0)
            assert negatives.of(asked_of) is None, (mine.text, theirs.text)


@needs_shared
def test_what_lvis_sees_is_not_absent_from_coco(real: tuple[Vocabulary, list[tuple[Category, Category]]]) -> None:
    words, pairs = real
    for one, other in pairs:
        seen = scene([], images=(image(), lvis(present=(other.name,))))
        absent = positive_negative.known_absent(seen, words, "coco")["coco"]
        assert one.text not in absent
        assert len(absent) == 79
