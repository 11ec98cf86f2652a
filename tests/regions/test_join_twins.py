"""One picture under two names, one mask under two ids, pictures of unknown size and without regions."""

from pipelines.regions.join import Policy, join
from tests.factories import IMAGE_ID, box_mask, image, reasons, region, says, text
from tests.regions.test_join import joined, rows


def test_the_same_mask_in_two_sources_stays() -> None:
    """PACO's objects are LVIS's, and only PACO knows their colours."""
    regions = [region(1, source="lvis"), region(1, source="paco", region_id="paco/1")]
    made = joined(rows("lvis", [image("lvis")], regions=regions))
    assert [one.region_id for one in made.scenes[0].regions] == ["lvis/1", "paco/1"]


def test_a_picture_under_two_names_is_kept_out_and_split_as_one() -> None:
    other = {"image_id": "vg/7"}
    twin = image("vg", **other, same_as=IMAGE_ID, width=40, height=30)
    mask = box_mask(1, 1, 3, 3, (30, 40))
    sources = [
        rows("coco", [image(split="coco_val2017")], regions=[region(1)]),
        rows("vg", [twin], regions=[region(2, source="vg", region_id="vg/2", mask=mask, **other)]),
    ]
    barred = join(sources, Policy(exclude_evaluation=frozenset({"coco_val2017"})), lambda paths: paths[0])
    assert barred.scenes == []
    assert reasons(barred.rejects) == {"evaluation_split": 4}
    both = join(sources, Policy(seed=3, val_fraction=0.5), lambda paths: paths[0]).scenes
    assert [(scene.image_id, scene.width, scene.same_as) for scene in both] == [
        (IMAGE_ID, 80, ""), ("vg/7", 40, IMAGE_ID),
    ]  # fmt: skip
    assert len({scene.split for scene in both}) == 1


def test_a_picture_of_unknown_size_is_measured() -> None:
    unknown = image(width=0, height=0)
    words = text("", "image_text", turns=("What is it?", "A dog."))
    made = join([rows("llava_pretrain", [unknown], [words])], Policy(), lambda paths: paths[0], lambda *_: (64, 48))
    assert [(scene.width, scene.height, scene.regions) for scene in made.scenes] == [(64, 48, ())]
    lost = join([rows("llava_pretrain", [unknown], [words])], Policy(), lambda paths: paths[0])
    assert reasons(lost.rejects) == {"image_unreadable": 2}


def test_captions_that_are_wanted_for_themselves_need_no_region() -> None:
    sources = [rows("own", [image("own")], [text("A dog.", source="own")]), rows("coco", [], [text("A cat.")])]
    assert joined(*sources).scenes == []
    wanting = Policy(captions=frozenset({"own"}))
    assert [len(scene.texts) for scene in joined(*sources, policy=wanting).scenes] == [2]


def test_phrases_of_one_mask_become_those_of_one_region() -> None:
    said = [("a cup", 1), ("the handle of it", 2), ("a cup", 3)]
    regions = [
        region(n, "", source="vg", region_id=f"vg/{n}", expressions=says(phrase, source="vg")) for phrase, n in said
    ]
    made = joined(rows("vg", [image("vg")], regions=regions))
    (found,) = made.scenes[0].regions
    assert (found.region_id, [said.text for said in found.expressions]) == ("vg/1", ["a cup", "the handle of it"])
    assert reasons(made.rejects) == {"duplicate_region": 1}
