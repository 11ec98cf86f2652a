"""Phrases for regions, as people write them for Visual Genome: short, careless, and true."""

from collections.abc import Iterator
from random import Random

from pipelines.scenes.facts import largest_part, related, second_seen
from pipelines.scenes.template import PLAIN
from pipelines.scenes.truth import ObjectTruth, PartTruth, SceneTruth
from pipelines.scenes.words import GROUNDS, MARKS, SECOND_PART, article, looks, noun

SPOTS = {"wall": "on the wall", "sky": "in the air"}
CLOTHED = ("arm", "leg", "torso")
"""Parts of people that are seen as clothes: nothing is said of their colour."""


def of_object(scene: SceneTruth, one: ObjectTruth) -> Iterator[str]:
    """What can be said of an object, from the plainest on."""
    yield article(looks(one))
    yield f"{noun(one.category)} {SPOTS.get(one.seat) or GROUNDS[scene.place]}"
    thing = "shirt of the person" if one.category == "person" else noun(one.category)
    if not largest_part(one):
        yield f"the {thing} is {one.colour}"
    if one.pattern in MARKS:
        yield f"{thing} with {one.marking} {MARKS[one.pattern]}"
    second = second_seen(one)
    if second and one.category != "person":
        part = SECOND_PART[one.category]
        yield f"{noun(one.category)} has {second} {part}s" if part == "leg" else f"{noun(one.category)} has a {part}"
    for other in scene.objects:
        relation = next((each for each in ("in front of", "left of") if related(one, other, each, scene)), "")
        if relation and other is not one:
            words = "to the left of" if relation == "left of" else relation
            yield f"{noun(one.category)} {words} {article(looks(other))}"


def of_part(one: ObjectTruth, part: PartTruth) -> Iterator[str]:
    """What can be said of a part."""
    name, whole = part.name.replace("_", " "), noun(one.category)
    yield f"{name} of the {whole}"
    yield f"{name} of {article(looks(one))}"
    if not (one.category == "person" and part.name in CLOTHED):
        pattern = f" {part.pattern}" if part.pattern != PLAIN else ""
        yield f"{part.colour}{pattern} {name} of the {whole}"
        yield f"the {name} of the {whole} is {part.colour}"
    yield f"the {whole} has {article(name)}"


def typed(text: str, random: Random) -> str:
    """As carelessly as the real ones: 7 % with stray blanks, 23 % with a capital, 5 % with a full stop, few broken."""
    written = text[0].upper() + text[1:] if random.random() < 0.23 else text
    written += "." if random.random() < 0.05 else ""
    chance = random.random()
    if chance < 0.07:
        return written + " " if chance < 0.05 else written.replace(" ", "  ", 1) if chance < 0.06 else " " + written
    return written.replace(" ", "\n", 1) if chance < 0.076 else written
