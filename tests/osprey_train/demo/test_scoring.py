"""How answers are compared, and which questions are asked with which masks."""

import pytest

from osprey_train import asking, scoring
from osprey_train.data.order import Place
from schemas.errors import ShardError
from tests.factories import box_mask


def answered(topic: str, answer: str, said: str, shuffled: str | None = "") -> scoring.Answered:
    return scoring.Answered(
        sample_id="", image_id=answer, topic=topic, question="", answer=answer, said=said, said_shuffled=shuffled
    )


def question(topic: str, number: int, picture: str = "") -> asking.Question:
    mask = box_mask(number, 0, 1, 1, (8, 64))
    return asking.Question(Place("mask_text", 0, number), "", picture or str(number), topic, "What?", "dog", mask)


@pytest.mark.parametrize(
    ("said", "label", "same"),
    [
        ("A dog.", "dog", True),
        ("The  Sports Ball", "sports ball", True),
        ("hot dog", "dog", False),
        ("another", "other", False),
        ("", "dog", False),
    ],
)
def test_an_answer_is_compared_without_case_article_and_full_stop(said: str, label: str, same: bool) -> None:
    assert (scoring.normalised(said) == scoring.normalised(label)) is same


def test_word_iou_counts_words_in_either() -> None:
    assert scoring.word_iou("the left leg of a dog", "leg of a cat") == pytest.approx(3 / 6)
    assert scoring.word_iou("", "dog") == 0.0


def test_interval_is_wilsons() -> None:
    """Figures of the textbook case of 8 in 10."""
    low, high = scoring.interval(0.8, 10)
    assert (low, high) == (pytest.approx(0.4902, abs=1e-3), pytest.approx(0.9433, abs=1e-3))


def test_results_tell_chance_and_both_kinds_of_masks() -> None:
    found = scoring.results(
        [
            answered("colour", "red", "Red.", "blue"),
            answered("colour", "red", "blue", "red"),
            answered("colour", "blue", "blue", "red"),
            answered("colour", "green", "green", "grey"),
            answered("category", "dog", "cat", None),
        ]
    )
    colour, category = found["colour"], found["category"]
    assert colour.shuffled is not None
    assert (colour.questions, colour.pictures, colour.labels, colour.most_frequent) == (4, 3, 3, "red")
    assert (colour.chance, colour.uniform) == (0.5, pytest.approx(1 / 3))
    assert (colour.right.exact, colour.shuffled.exact) == (0.75, 0.25)
    assert (colour.right.balanced, colour.shuffled.balanced) == (pytest.approx(2.5 / 3), pytest.approx(0.5 / 3))
    assert colour.right.s_iou == 0.75
    assert 0.75 < colour.right.ss < 1.0
    assert category.shuffled is None
    assert category.right.exact == 0.0
    assert 0.2 < category.right.ss < 0.9


def test_shuffled_masks_stay_in_their_topic_and_belong_to_other_pictures() -> None:
    found = [question(topic, number) for number, topic in enumerate("abababab" + "bbb")]
    masks = asking.shuffled(found)
    assert masks == asking.shuffled(found)
    for topic in "ab":
        own = [one.mask for one in found if one.topic == topic]
        given = [mask for one, mask in zip(found, masks, strict=True) if one.topic == topic]
        assert sorted(mask.counts for mask in own) == sorted(mask.counts for mask in given)
        assert all(mine != other for mine, other in zip(own, given, strict=True))


def test_a_region_asked_about_twice_is_not_given_its_own_mask() -> None:
    """As where two kinds ask for the same names: the second half of a topic has the pictures of the first."""
    found = [question("a", number % 20, str(number % 20)) for number in range(40)]
    masks = asking.shuffled(found)
    assert sorted(mask.counts for mask in masks) == sorted(one.mask.counts for one in found)
    assert all(one.mask != mask for one, mask in zip(found, masks, strict=True))
    assert asking.shuffled(found[:1]) == [found[0].mask]


def test_a_sample_of_each_topic_is_the_same_every_time() -> None:
    found = [question("ab"[number % 3 == 0], number) for number in range(30)]
    few = asking.sample(found, 5)
    assert [one.topic for one in few].count("a") == [one.topic for one in few].count("b") == 5
    assert few == asking.sample(list(found), 5)
    assert asking.sample(found, 0) == found


@pytest.mark.parametrize(
    ("kind", "text", "sources", "topic"),
    [
        ("part_attribute", "How is <region1> coloured?", ["paco"], "colour"),
        ("part_attribute", "Of what does <region1> consist?", ["paco"], "attribute"),
        ("part_category", "What is <region1> a part of?", ["paco"], "part"),
        ("mask_text", "What is <region1>?", ["coco"], "category"),
        ("mask_text", "What is <region1>?", ["coco", "refcoco+"], "phrase"),
        ("short_form", "Where in the picture is <region1>?", ["coco", "refcoco"], "place"),
        ("short_form", "Name <region1>.", ["coco", "refcoco"], "category"),
        ("positive_negative", "Is <region1> a cat?", ["coco"], "yes or no"),
        ("commonsense", "What is in front of <region1>?", ["vcr"], "commonsense"),
    ],
)
def test_topics(kind: str, text: str, sources: list[str], topic: str) -> None:
    assert asking.topic(kind, text, sources) == topic


def test_a_region_that_the_row_does_not_have_is_named() -> None:
    row = {
        "sample_id": "mask_text-7", "image_id": "", "regions": [], "sources": [],
        "messages": [{"role": "user", "content": "<region2>?"}, {"role": "assistant", "content": "dog"}],
    }  # fmt: skip
    with pytest.raises(ShardError, match=r"mask_text-7.*<region2>"):
        list(asking._asked(row, Place("mask_text", 0, 0)))


def test_batches_hold_every_index_once_and_similar_lengths() -> None:
    lengths = [(number * 7) % 50 for number in range(100)]
    found = list(asking.batches(lengths, 8, window=5))
    assert sorted(index for batch in found for index in batch) == list(range(100))
    assert max(max(lengths[index] for index in batch) - min(lengths[index] for index in batch) for batch in found) < 20
