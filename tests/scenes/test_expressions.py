"""Referring expressions, read back word by word by other code than wrote them: each fits its object and no other."""

import re
from collections.abc import Iterator
from random import Random

import pytest

from pipelines.scenes import ObjectTruth, SceneTruth, draw_scene
from pipelines.scenes.expressions import expressions
from tests.scenes.reading import RELATIONS, SIDES, chosen, fits_long, like


def texts(dataset: str) -> Iterator[tuple[SceneTruth, ObjectTruth, str]]:
    for index in range(150):
        scene = draw_scene(11, index)
        for one in scene.objects:
            for text in expressions(scene, one, dataset, Random(index)):
                yield scene, one, text


@pytest.mark.parametrize("dataset", ["refcoco", "refcoco+"])
def test_short_expressions_find_their_object(dataset: str) -> None:
    count = 0
    for scene, one, text in texts(dataset):
        assert [found.number for found in chosen(like(scene, text), text)] == [one.number], (scene.index, text)
        count += 1
    assert count > 800


def test_long_expressions_find_their_object() -> None:
    related = 0
    for scene, one, text in texts("refcocog"):
        assert fits_long(scene, one, text), (scene.index, text)
        related += re.search(RELATIONS, text) is not None
    assert related > 200


def test_refcoco_plus_has_no_place_words() -> None:
    places = re.compile("|".join(SIDES.values()))
    assert not [text for _, _, text in texts("refcoco+") if places.search(text)]


def test_places_are_said_in_refcoco() -> None:
    found = " ".join(text for _, _, text in texts("refcoco"))
    assert all(re.search(pattern, found) for pattern in SIDES.values())


def test_nothing_is_said_of_people_before_a_crowd() -> None:
    crowded = [scene for scene in (draw_scene(0, index) for index in range(400)) if scene.crowd]
    people = [(scene, one) for scene in crowded for one in scene.objects if one.category == "person"]
    assert people
    assert not [text for scene, one in people for text in expressions(scene, one, "refcoco", Random(0))]
