"""Referring expressions, read back word by word by other code than wrote them: each fits its object and no other."""

import re
from collections.abc import Iterator
from random import Random

import pytest

from pipelines.scenes import ObjectTruth, SceneTruth, draw_scene
from pipelines.scenes.catalogue import COLOURS, TEMPLATES
from pipelines.scenes.expressions import expressions
from pipelines.scenes.words import noun

NOUNS = {noun(category): category for category in TEMPLATES}
PATTERNS = {
    "plain": "plain", "solid": "plain", "striped": "striped", "stripes": "striped", "dotted": "dotted",
    "spotted": "dotted", "dots": "dotted", "checked": "checked", "checkered": "checked", "checks": "checked",
}  # fmt: skip
SIDES = {
    "left": r"\bleft\b", "right": r"\bright\b", "middle": r"\b(middle|center)\b",
    "front": r"\b(front|closest)\b", "back": r"\b(back|farthest)\b",
}  # fmt: skip
RELATIONS = r" (?:(?:standing )?(in front of|behind)|(?:to the )?(left of|right of)) the "


def texts(dataset: str) -> Iterator[tuple[SceneTruth, ObjectTruth, str]]:
    for index in range(150):
        scene = draw_scene(11, index)
        for one in scene.objects:
            for text in expressions(scene, one, dataset, Random(index)):
                yield scene, one, text


def colours_of(one: ObjectTruth) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for part in one.parts:
        if part.visible:
            found.setdefault(part.name, set()).add(part.colour)
    return found


def like(scene: SceneTruth, text: str) -> list[ObjectTruth]:
    """The objects with the noun, colour, pattern and part colour of a phrase."""
    body, _, tail = text.partition(" with ")
    category = next(NOUNS[name] for name in sorted(NOUNS, key=len, reverse=True) if re.search(rf"\b{name}\b", body))
    found = [one for one in scene.objects if one.category == category]
    pants = re.search(r"(\w+) pants", text)
    part = (
        re.search(r"(\w+) (\w+?)s?$", tail.split(" and ")[-1])
        if tail and not tail.endswith(("stripes", "dots", "checks"))
        else None
    )
    words = re.sub(r"\w+ pants", "", text if category == "person" else body).split()
    for colour in set(words) & set(COLOURS):
        found = [one for one in found if one.colour == colour]
    for pattern in {PATTERNS[word] for word in text.replace(",", "").split() if word in PATTERNS}:
        found = [one for one in found if one.pattern == pattern]
    if pants:
        found = [one for one in found if pants[1] in colours_of(one).get("leg", ())]
    if part:
        found = [one for one in found if part[1] in colours_of(one).get(part[2], ())]
    return found


def centre(one: ObjectTruth) -> float:
    return one.box[0] + one.box[2] / 2


def chosen(found: list[ObjectTruth], text: str) -> list[ObjectTruth]:
    """The one that a size or place word picks among them."""
    if re.search(r"\b(big|biggest|larger)\b", text):
        return [max(found, key=lambda one: one.area)]
    if re.search(r"\b(small|smallest|smaller)\b", text):
        return [min(found, key=lambda one: one.area)]
    side = next((side for side, pattern in SIDES.items() if re.search(pattern, text)), "")
    if side in ("left", "middle", "right"):
        row = sorted(found, key=centre)
        return [row[{"left": 0, "middle": len(row) // 2, "right": -1}[side]]]
    if side:
        row = sorted((one for one in found if one.seat == "ground"), key=lambda one: one.base)
        return [row[0 if side == "back" else -1]]
    return found


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
        head, *rest = re.split(RELATIONS, text)
        found = like(scene, head)
        if rest:
            relation, (other,) = rest[0] or rest[1], like(scene, rest[2])
            near = {"in front of": one.base > other.base, "behind": one.base < other.base}
            sides = {"left of": centre(one) < centre(other), "right of": centre(one) > centre(other)}
            assert (near | sides)[relation], (scene.index, text)
            related += 1
        else:
            assert [match.number for match in found] == [one.number], (scene.index, text)
        assert one.number in [match.number for match in found]
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
