"""The join of the sources on the image."""

import random
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
import pytest

from pipelines.regions.join import IMAGES, Joined, Policy, SourceRows, join
from schemas import ledger
from schemas.records import Expression, Image, ImageText, Region, Scene
from tests.factories import box_mask, image, reasons, region, says, text

OPEN = Policy()


def ids(number: int) -> dict[str, str]:
    """Records of another image."""
    return {"image_id": f"coco/{number:012d}"}


def rows(
    name: str, images: Iterable[Image] = (), texts: Iterable[ImageText] = (), regions: Iterable[Region] = ()
) -> SourceRows:
    return SourceRows(name, list(images), list(texts), list(regions))


def anywhere(paths: Sequence[str]) -> str | None:
    return paths[0]


def nowhere(paths: Sequence[str]) -> str | None:
    return None


def joined(*sources: SourceRows, policy: Policy = OPEN, find: Any = anywhere) -> Joined:
    """Joins, and holds every count against the ledger."""
    made = join(sources, policy, find)
    for line in ledger.lines("join", made.read, made.rejects):
        line.check()
    assert made.read.get((IMAGES, "images"), 0) == len(made.scenes) + sum(r.unit == "images" for r in made.rejects)
    return made


def outcome(made: Joined) -> dict[str, int]:
    return {"kept": sum(made.read.values()) - len(made.rejects), **reasons(made.rejects)}


def test_the_same_object_in_two_sources_is_one_region() -> None:
    """Also where a source knows the picture by its name of 2014."""
    ours = region(5, "dog")
    theirs = region(5, "dog", (5, 6, 10, 8), source="refcoco", expressions=says("left dog", "the dog"))
    plus = region(5, "dog", source="refcoco+", expressions=says("dog lying", source="refcoco+"))
    old = image("refcoco", paths=("coco/train2014/COCO_train2014_000000000009.jpg", "coco/train2017/000000000009.jpg"))
    (scene,) = joined(
        rows("coco", [image()], [text("A dog.")], [ours]),
        rows("refcoco", [old], [], [theirs]),
        rows("refcoco+", [image("refcoco+")], [], [plus]),
    ).scenes
    (found,) = scene.regions
    assert found == msgspec.structs.replace(ours, expressions=theirs.expressions + plus.expressions)
    assert [said.text for said in found.expressions] == ["left dog", "the dog", "dog lying"]
    assert [known.source for known in scene.images] == ["coco", "refcoco", "refcoco+"]


def test_a_scene_has_what_every_source_says() -> None:
    lvis = region(1, "puppy", (40, 6, 10, 8), source="lvis")
    (scene,) = joined(
        rows("coco", [image(width=80)], [text("A dog.")], [region(5)]),
        rows("llava", [], [text("A long account.", "detail")]),
        rows("lvis", [image("lvis")], [], [lvis]),
    ).scenes
    assert [(one.source, one.role) for one in scene.texts] == [("coco", "caption"), ("llava", "detail")]
    assert [one.region_id for one in scene.regions] == ["coco/5", "lvis/1"]
    assert (scene.width, scene.height, scene.split) == (80, 60, "train")
    assert scene.path == "coco/train2017/000000000009.jpg"


def test_the_picture_is_looked_for_wherever_a_source_says_it_is() -> None:
    asked: list[Sequence[str]] = []

    def find(paths: Sequence[str]) -> str:
        asked.append(list(paths))
        return paths[-1]

    places = [image(paths=("a.jpg", "b.jpg")), image("lvis", paths=("b.jpg", "c.jpg"))]
    (scene,) = joined(rows("coco", places, [], [region(1)]), find=find).scenes
    assert asked == [["a.jpg", "b.jpg", "c.jpg"]]
    assert scene.path == "c.jpg"


def test_every_outcome_is_counted() -> None:
    """Seven images, of which one is kept with two of its five regions."""
    kept = [
        region(1, expressions=says("a dog", source="refcoco")),
        region(2, at=(30, 5, 4, 4)),
        region(3),
        region(4, mask=box_mask(1, 1, 3, 3, (80, 60))),
        region(5, expressions=says("a dog", "two")),
    ]
    made = joined(
        rows(
            "coco",
            [
                image(),
                image(**ids(1), split="coco_val2017"),
                image(**ids(2)),
                image(**ids(3)),
                image(**ids(4), paths=("gone.jpg",)),
                image(**ids(6)),
            ],
            [text("A dog."), text("Nobody knows this image.", **ids(5)), text("A cat.", **ids(3))],
            [
                *kept,
                region(11, **ids(1)),
                region(31, **ids(3)),
                region(41, **ids(4)),
                region(51, **ids(5)),
                region(61, **ids(6), mask=box_mask(1, 1, 3, 3, (80, 60))),
            ],
        ),
        policy=Policy(
            exclude_evaluation=frozenset({"coco_val2017"}),
            limit_to=frozenset(one["image_id"] for one in (ids(9), ids(4), ids(6))),
        ),
        find=lambda paths: None if paths == ["gone.jpg"] else paths[0],
    )
    assert outcome(made) == {
        "kept": 5,  # the image, its caption, region 2, the expression of region 1, and one of region 5
        "duplicate_region": 2,  # region 3, and one expression of region 5
        "size_mismatch": 2,  # region 4, and region 61, which is the only one of its image
        "evaluation_split": 2,
        "no_regions": 2,  # image 2, and image 6 without its region
        "over_limit": 3,
        "image_missing": 2,
        "unknown_image": 3,
    }
    (scene,) = made.scenes
    assert [one.region_id for one in scene.regions] == ["coco/1", "coco/2"]
    assert [said.text for said in scene.regions[0].expressions] == ["a dog", "two"]
    details = {reject.key: reject.detail for reject in made.rejects if reject.detail}
    assert details["coco/3"] == "the mask of coco/1"
    assert details["coco/61"] == "mask (80, 60), image (60, 80)"


@pytest.mark.parametrize("marked", ["image", "region"])
def test_evaluation_images_stay_out_whatever_source_knows_it(marked: str) -> None:
    """RefCOCO says that it tests on this image; COCO has it in train2017."""
    test_image = image("refcoco", split="refcoco_testA") if marked == "image" else image("refcoco")
    tested = region(7, source="refcoco", split="refcoco_testA", expressions=says("her"), at=(30, 5, 4, 4))
    sources = (
        rows("coco", [image()], [text("Two dogs.")], [region(1)]),
        rows("refcoco", [test_image], [], [tested] if marked == "region" else []),
    )
    shut = joined(*sources, policy=Policy(exclude_evaluation=frozenset({"refcoco_testA"})))
    assert shut.scenes == []
    assert set(reasons(shut.rejects)) == {"evaluation_split"}
    assert len(shut.rejects) == sum(shut.read.values())
    admitted = joined(*sources, policy=Policy(exclude_evaluation=frozenset({"refcoco_testB"})))
    assert len(admitted.scenes) == 1


def test_the_same_pixels_under_another_name_are_two_regions() -> None:
    """A data set may well see a puppy where another sees a dog: only the same name makes it the same object."""
    twice = [region(1, "dog"), region(9, "puppy", source="lvis")]
    (scene,) = joined(rows("coco", [image()], [], twice)).scenes
    assert [one.category for one in scene.regions] == ["dog", "puppy"]


def test_missing_pictures() -> None:
    made = joined(rows("coco", [image()], [text("A dog.")], [region(1), region(2)]), find=nowhere)
    assert (made.scenes, reasons(made.rejects)) == ([], {"image_missing": 4})


def test_splits_are_by_image_and_seed() -> None:
    images = [image(**ids(number)) for number in range(400)]
    regions = [region(number, **ids(number)) for number in range(400)]
    scenes = {
        seed: joined(rows("coco", images, [], regions), policy=Policy(seed=seed, val_fraction=0.25)).scenes
        for seed in (0, 1)
    }
    splits = {seed: {scene.image_id: scene.split for scene in found} for seed, found in scenes.items()}
    assert 70 < list(splits[0].values()).count("val") < 130
    assert splits[0] != splits[1]
    alone = joined(rows("coco", images[7:8], [], regions[7:8]), policy=Policy(val_fraction=0.25)).scenes[0]
    assert alone.split == splits[0][alone.image_id], "what else is in the build must not matter"
    assert {scene.split for scene in joined(rows("coco", images, [], regions)).scenes} == {"train"}


def canonical(scenes: Iterable[Scene]) -> list[Scene]:
    """Without what follows the order of rows."""
    return [
        msgspec.structs.replace(
            scene,
            regions=tuple(sorted(scene.regions, key=lambda one: one.region_id)),
            texts=tuple(sorted(scene.texts, key=lambda one: one.ordinal)),
        )
        for scene in scenes
    ]


def test_shuffled_rows_give_the_same_scenes() -> None:
    """But for the order of regions and texts, which is that of the rows; scenes come ordered by image."""
    images = [image(**ids(number)) for number in range(12)]
    regions = [region(100 * n + i, at=(8 * i, 3, 5, 5), **ids(n)) for n in range(12) for i in range(4)]
    texts = [text(f"Caption {i}.", ordinal=i, **ids(n)) for n in range(12) for i in range(3)]
    expected = joined(rows("coco", images, texts, regions))
    for seed in range(5):
        mixed = [random.Random(seed).sample(items, len(items)) for items in (images, texts, regions)]
        found = joined(rows("coco", *mixed))
        assert [scene.image_id for scene in found.scenes] == sorted(one.image_id for one in images)
        assert canonical(found.scenes) == canonical(expected.scenes)
        assert found.read == expected.read


def test_regions_and_expressions_keep_the_order_of_their_rows() -> None:
    regions = [region(number, at=(8 * number, 3, 5, 5)) for number in (3, 1, 2)]
    said = [
        region(number, source="refcoco", expressions=(Expression(source="refcoco", text=str(number), ordinal=number),))
        for number in (2, 3)
    ]
    (scene,) = joined(rows("coco", [image()], [], regions), rows("refcoco", [], [], said)).scenes
    assert [(one.region_id, [e.text for e in one.expressions]) for one in scene.regions] == [
        ("coco/3", ["3"]),
        ("coco/1", []),
        ("coco/2", ["2"]),
    ]


def test_nothing_to_join() -> None:
    assert joined() == Joined([], [], {(IMAGES, "images"): 0}, [])


class WrongTexts(NamedTuple):
    """Calls these texts of RefCOCO wrong, whichever region they are for."""

    texts: tuple[str, ...]

    def names(self, source: str, region_id: str, text: str) -> bool:
        return source == "refcoco" and text in self.texts


def test_label_noise_takes_expressions_and_regions_that_have_no_other() -> None:
    """The mask stays where another source has it; what is wrong is counted once, whatever else the image lacks."""
    given = (
        rows("coco", [image()], [text("A dog.")], [region(5, at=(4, 6, 10, 8))]),
        rows(
            "refcoco",
            [image("refcoco")],
            [],
            [
                region(5, source="refcoco", expressions=says("left dog", "a cat")),
                region(6, source="refcoco", at=(30, 6, 10, 8), expressions=says("a cat", first=2)),
            ],
        ),
        rows("refcoco+", [], [], [region(5, source="refcoco+", expressions=says("a cat", source="refcoco+"))]),
    )
    made = joined(*given, policy=Policy(noise=WrongTexts(("a cat",))))
    assert outcome(made) == {"kept": 5, "label_noise": 2}
    (scene,) = made.scenes
    assert [[(e.source, e.text) for e in one.expressions] for one in scene.regions] == [
        [("refcoco", "left dog"), ("refcoco+", "a cat")]
    ]
    assert {one.key for one in made.rejects} == {"coco/5#refcoco:1", "coco/6#refcoco:2"}
