"""Captions: five short sentences about a whole scene, each true."""

from collections import Counter
from collections.abc import Sequence
from random import Random

from pipelines.scenes.facts import related
from pipelines.scenes.truth import ObjectTruth, SceneTruth
from pipelines.scenes.words import GROUNDS, PLACES, article, listed, looks, noun, nouns, number, sentence

EMPTY = {
    "room": (
        "an empty room with a wooden floor", "a bare wall and a floor", "a room with nothing in it",
        "there is nothing on the floor", "a quiet room without furniture",
    ),
    "park": (
        "an empty meadow under the sky", "green grass and hills", "a park with nobody in it",
        "a path leads over the grass", "clouds above green hills",
    ),
    "street": (
        "an empty street with houses", "a road in front of pale houses", "a city street without traffic",
        "a quiet road and a pavement", "houses along a road",
    ),
}  # fmt: skip


def captions(scene: SceneTruth, random: Random) -> list[str]:
    """Five captions, written down as carelessly as real ones.

    One in seven has stray blanks, a few have a line break, and one in four lacks its full stop.
    """
    writers = (_counted, _with_looks, _main, _beside, _counted)
    found = [write(scene, random) for write in writers] if scene.objects else EMPTY[scene.place]
    return [_as_typed(text, random) for text in found]


def _as_typed(text: str, random: Random) -> str:
    typed = sentence(text) if random.random() < 0.75 else text[0].upper() + text[1:]
    chance = random.random()
    if chance < 0.14:
        return typed + random.choice((" ", "  ", " ")) if chance < 0.12 else " " + typed
    return typed + "\n" if chance < 0.145 else typed


def _counts(objects: tuple[ObjectTruth, ...], most: int, random: Random) -> str:
    counts = list(Counter(one.category for one in objects).items())
    random.shuffle(counts)
    return listed([number(n) + " " + nouns(name) if n > 1 else article(noun(name)) for name, n in counts[:most]])


def _counted(scene: SceneTruth, random: Random) -> str:
    """Some categories with all their objects counted; people are not, where there is a crowd."""
    objects = tuple(one for one in scene.objects if scene.crowd is None or one.category != "person")
    words = _counts(objects, random.choice((2, 3, 3, 4)), random) if objects else "some people"
    start = random.choice(("", "", "there is a view of ", "a picture of "))
    far = " with a crowd of people far away" if scene.crowd and random.random() < 0.7 else ""
    return f"{start}{words} {_where(scene, objects, random)}{far}"


def _with_looks(scene: SceneTruth, random: Random) -> str:
    some = random.sample(scene.objects, min(len(scene.objects), random.choice((2, 2, 3))))
    return f"{listed([article(looks(one)) for one in some])} {_where(scene, some, random)}"


def _where(scene: SceneTruth, objects: Sequence[ObjectTruth], random: Random) -> str:
    """Words for the place that are true of all these objects."""
    grounds = [GROUNDS[scene.place]] if all(one.seat == "ground" for one in objects) else []
    return random.choice([*PLACES[scene.place], *grounds])


def _main(scene: SceneTruth, random: Random) -> str:
    """The largest object first."""
    largest = max(scene.objects, key=lambda one: one.area)
    verb = "is" if largest.seat != "ground" else random.choice(("stands", "is"))
    return f"{article(looks(largest))} {verb} {_where(scene, [largest], random)}"


def _beside(scene: SceneTruth, random: Random) -> str:
    """Two objects and how they stand to each other."""
    pairs = [(one, other) for one in scene.objects for other in scene.objects if one.number != other.number]
    random.shuffle(pairs)
    for one, other in pairs[:12]:
        if related(one, other, "in front of", scene):
            return f"{article(looks(one))} in front of {article(looks(other))}"
        if related(one, other, "left of", scene):
            return f"{article(looks(one))} to the left of {article(looks(other))}"
    return _with_looks(scene, random)
