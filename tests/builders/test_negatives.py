"""Negative categories: near in place or in meaning, and never what the object is."""

import collections

import numpy as np
import pytest

from pipelines.builders import positive_negative, vocabulary
from pipelines.builders.positive_negative import Negatives
from pipelines.builders.same_object import SAME_OBJECT, objects
from schemas import rle
from schemas.records import Category, Image, Region
from tests.builders.words import COCO, FAR, NEAREST, WORDS, lvis
from tests.factories import SIZE, image, region, scene


def negatives(*regions: Region, images: tuple[Image, ...] = (image(),), seed: int = 0) -> Negatives:
    return Negatives(scene(regions, images=images), WORDS, seed)


# spatial-aware


def test_the_nearest_object_by_masks_not_by_boxes() -> None:
    """A frame around the whole picture has a box that holds everything, and pixels that are far away."""
    frame = np.ones(SIZE, bool)
    frame[2:-2, 2:-2] = False
    dog = region(1, "dog", (30, 25, 8, 8))
    car = region(2, "car", mask=rle.encode(frame))
    cat = region(3, "cat", (44, 25, 6, 6))
    assert negatives(dog, car, cat).spatial(dog) == "cat"
    assert negatives(dog, car).spatial(dog) == "car"


def test_of_the_same_distance_the_lower_id_counts() -> None:
    dog = region(5, "dog", (30, 25, 8, 8))
    left, right = region(3, "cat", (20, 25, 5, 8)), region(2, "car", (43, 25, 5, 8))
    assert negatives(dog, left, right).spatial(dog) == negatives(dog, right, left).spatial(dog) == "car"


def test_another_of_the_same_kind_is_passed_over() -> None:
    dog = region(1, "dog")
    assert negatives(dog, region(2, "dog", NEAREST), region(3, "car", FAR)).spatial(dog) == "car"
    assert negatives(dog, region(2, "dog", NEAREST)).spatial(dog) is None


@pytest.mark.parametrize(("own", "near"), [("car", "sports car"), ("sports car", "car"), ("dog", "dogs"), ("tv", "TV")])
def test_wider_and_narrower_words_are_passed_over(own: str, near: str) -> None:
    one = region(1, own)
    assert negatives(one, region(2, near, NEAREST), region(3, "cat", FAR)).spatial(one) == "cat"


def test_synonyms_are_passed_over() -> None:
    mug = region(1, "mug", source="lvis")
    near, far = region(2, "cup", NEAREST, source="lvis"), region(3, "wolf", FAR, source="lvis")
    assert negatives(mug, near, far, images=(lvis(),)).spatial(mug) == "wolf"


@pytest.mark.parametrize(("name", "expected"), [("cat", "car"), ("puppy", "cat")])
def test_the_same_pixels_under_another_name_are_the_same_object(name: str, expected: str) -> None:
    """LVIS calls a cat what COCO calls a dog: who is right does not matter, "cat" may be no No."""
    dog = region(1, "dog")
    again = region(2, name, (4, 6, 10, 7), source="lvis")
    found = negatives(dog, again, region(3, "cat", NEAREST), region(4, "car", FAR))
    assert found.spatial(dog) == expected


def test_also_another_word_for_that_name() -> None:
    """LVIS sees a television set where COCO sees a laptop; COCO's tv beside it is the same thing."""
    laptop = region(1, "laptop")
    again = region(2, "television set", (4, 6, 10, 7), source="lvis")
    assert negatives(laptop, again, region(3, "tv", NEAREST), region(4, "car", FAR)).spatial(laptop) == "car"


@pytest.mark.parametrize(("height", "same"), [(8, True), (4, True), (3, False)])
def test_how_much_overlap_makes_the_same_object(height: int, same: bool) -> None:
    """Of 8 rows: 4 are an intersection over union of 0.5."""
    dog = region(1, "dog", (4, 6, 10, 8))
    part = region(2, "cat", (4, 6, 10, height))
    assert (rle.ious(dog.mask, [part.mask])[0] >= SAME_OBJECT) is same
    assert negatives(dog, part).spatial(dog) == (None if same else "cat")


def test_a_category_that_is_labelled_in_part_is_passed_over() -> None:
    """The region's object may be one of those that nobody labelled."""
    dog = region(1, "dog", source="lvis")
    near, far = region(2, "puppy", NEAREST, source="lvis"), region(3, "wolf", FAR, source="lvis")
    assert negatives(dog, near, far, images=(lvis(),)).spatial(dog) == "puppy"
    assert negatives(dog, near, far, images=(lvis(not_exhaustive=("puppy",)),)).spatial(dog) == "wolf"


def test_objects_of_other_data_sets_are_no_neighbors() -> None:
    """Two data sets may draw one object differently, under names that we do not know to be the same."""
    dog = region(1, "dog")
    assert negatives(dog, region(2, "wolf", NEAREST, source="lvis")).spatial(dog) is None


def test_what_any_region_of_the_object_is_called_is_no_negative() -> None:
    """LVIS outlines the dog more narrowly, and a third one calls the narrow outline a cat."""
    dog, narrow = region(1, "dog", (4, 6, 10, 10)), region(2, "dog", (4, 6, 10, 5), source="lvis")
    cat = region(3, "cat", (4, 6, 10, 4), source="lvis")
    near, far = region(4, "cat", NEAREST), region(5, "car", FAR)
    one = scene([dog, narrow, cat, near, far])
    assert Negatives(one, WORDS, 0).spatial(dog) == "cat"
    assert Negatives(one, WORDS, 0, objects([dog, narrow], WORDS)).spatial(dog) == "car"


# class-aware


def choices(one: Region, *others: Region, images: tuple[Image, ...] = (image(),)) -> set[str | None]:
    """What any seed may choose."""
    return {negatives(one, *others, images=images, seed=seed).class_aware(one) for seed in range(40)}


def test_any_near_category_that_is_not_there() -> None:
    assert choices(region(1, "dog")) == {"cat", "truck"}


def test_not_what_is_present() -> None:
    dog = region(1, "dog")
    assert choices(dog, region(2, "cat", FAR)) == {"truck"}
    assert choices(dog, images=(image(present=("cat", "dog")),)) == {"truck"}, "a crowd of cats has no region"
    assert choices(dog, images=(image(present=("cat", "truck")),)) == {None}


def test_in_a_federated_source_only_what_is_said_to_be_absent() -> None:
    dog = region(1, "dog", source="lvis")
    assert choices(dog, images=(lvis(),)) == {None}
    assert choices(dog, images=(lvis(absent=("wolf",)),)) == {"wolf"}
    assert choices(dog, images=(lvis(absent=("wolf", "unheard_of")),)) == {"wolf"}
    assert choices(dog, images=(lvis(absent=("wolf",), not_exhaustive=("wolf",)),)) == {None}


def test_a_whole_list_counts_for_its_own_regions_only() -> None:
    """COCO has no cat and no dog here, but may have missed what LVIS calls a puppy: "dog" would be no No."""
    puppy = region(1, "puppy", source="lvis")
    assert choices(puppy, images=(image(), lvis())) == {None}
    assert choices(puppy, images=(image(), lvis(absent=("wolf",)))) == {"wolf"}
    assert choices(region(1, "dog"), images=(image(), lvis(absent=("wolf",)))) == {"cat", "truck", "wolf"}


def test_sources_together_know_more() -> None:
    """COCO's list is whole, LVIS adds what it was asked to look for; what either sees is there."""
    dog = region(1, "dog")
    assert choices(dog, images=(image(), lvis(absent=("wolf", "puppy")))) == {"cat", "truck", "wolf", "puppy"}
    wolf = region(2, "wolf", FAR, source="lvis")
    assert choices(dog, wolf, images=(image(), lvis(absent=("wolf", "puppy")))) == {"cat", "truck", "puppy"}


def test_not_what_another_source_sees_under_a_synonym() -> None:
    """LVIS sees a mug, which is a cup: "cup" is not absent, though COCO has none."""
    truck, mug = region(1, "saucer"), region(2, "mug", FAR, source="lvis")
    near = WORDS._replace(neighbors={"coco": {"saucer": ("cup", "dog")}})
    made = {Negatives(scene([truck, mug]), near, seed).class_aware(truck) for seed in range(20)}
    assert made == {"dog"}
    seen = lvis(present=("mug",))
    made = {Negatives(scene([truck], images=(image(), seen)), near, seed).class_aware(truck) for seed in range(20)}
    assert made == {"dog"}


def test_a_name_in_capitals_has_its_synonyms_too() -> None:
    tree = Category(name="Christmas_tree", text="Christmas tree", synonyms=("fir",))
    table = vocabulary.build({"coco": [Category(name="fir", text="fir")], "lvis": [tree]})
    with_tree = scene([region(1, "dog"), region(2, "Christmas tree", FAR, source="lvis")])
    assert positive_negative.known_absent(with_tree, table, "coco") == {}


def test_not_a_word_for_the_same_pixels() -> None:
    """LVIS says sports car of the pixels that COCO calls a truck: COCO's car is absent, and still no No."""
    truck, again = region(1, "truck"), region(2, "sports car", (4, 6, 10, 7), source="lvis")
    assert choices(truck) == {"car"}
    assert choices(truck, again) == {None}


# both


def test_each_way_steps_in_for_the_other() -> None:
    dog = region(1, "dog")
    by_place = negatives(dog, region(2, "tv", FAR), images=(lvis(),))
    assert (by_place.class_aware(dog), by_place.of(dog)) == (None, "tv")
    by_meaning = negatives(dog)
    assert by_meaning.spatial(dog) is None
    assert by_meaning.of(dog) in {"cat", "truck"}


def test_both_ways_are_gone() -> None:
    """Beside the dog is a tv; by meaning a cat or a truck is near."""
    ways = collections.Counter()
    for number in range(200):
        dog = region(number, "dog")
        ways[negatives(dog, region(999, "tv", FAR)).of(dog) == "tv"] += 1
    assert 70 < ways[True] < 130


def test_other_images_and_the_order_of_regions_do_not_matter_to_a_negative() -> None:
    regions = [region(n, name, (10 * n, 5, 6, 6)) for n, name in enumerate(COCO)]
    forward, backward = negatives(*regions), negatives(*regions[::-1])
    assert [forward.of(one) for one in regions] == [backward.of(one) for one in regions]
