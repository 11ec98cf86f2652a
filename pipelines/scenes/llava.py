"""LLaVA-Instruct (format document, section 3): half of the training images described, questions about some."""

from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import Any

from pipelines.scenes.entry import Entry
from pipelines.scenes.facts import Claim, centre, fits, related, second_seen
from pipelines.scenes.truth import ObjectTruth, SceneTruth
from pipelines.scenes.words import SECOND_PART, article, listed, looks, noun, nouns, number, sentence
from schemas.keys import stable_fraction, stable_int

SHARE = 0.5
DETAIL, ALL = "llava/detail_23k.json", "llava/llava_instruct_150k.json"

ASKS = (
    "Please describe this picture in detail.", "What can be seen in this picture?",
    "Give a thorough account of the scene.", "Describe everything you see here.",
    "Can you tell me in detail what is shown?",
)  # fmt: skip
SETTINGS = {
    "room": ("The picture shows a room with a bare wall and a floor.", "We look into a plain, bright room."),
    "park": ("The picture shows a park with green hills under the sky.", "The scene is a meadow with hills behind it."),
    "street": ("The picture shows a street with pale houses behind it.", "The scene is a road with houses along it."),
}  # fmt: skip
VERBS = {
    "ground": ("stands", "is", "can be seen"), "wall": ("hangs on the wall", "is on the wall"),
    "sky": ("floats in the air", "is up in the air"),
}  # fmt: skip


def entries(scene: SceneTruth) -> Iterator[Entry]:
    """All records of a scene in the LLaVA files; every detail is in both."""
    if scene.folder != "train2017" or stable_fraction("llava", scene.seed, scene.index) >= SHARE:
        return
    random = Random(stable_int("llava", scene.seed, scene.index))
    described = _record(scene, [(random.choice(ASKS), detail(scene, random))], random)
    yield DETAIL, "", described
    yield ALL, "", described
    if scene.objects and random.random() < 0.6:
        yield ALL, "", _record(scene, list(_questions(scene, random)), random)
    if len(scene.objects) > 2 and random.random() < 0.6:
        yield ALL, "", _record(scene, [_reasoning(scene)], random)


def _record(scene: SceneTruth, turns: list[tuple[str, str]], random: Random) -> dict[str, Any]:
    """A conversation; `<image>` stands at the start or at the end of the first question."""
    first = f"<image>\n{turns[0][0]}" if random.random() < 0.5 else f"{turns[0][0]}\n<image>"
    asked = [first, *(question for question, _ in turns[1:])]
    conversations = []
    for question, (_, answer) in zip(asked, turns, strict=True):
        conversations += [{"from": "human", "value": question}, {"from": "gpt", "value": answer}]
    return {"id": f"{scene.image_id:012d}", "image": scene.file_name, "conversations": conversations}


def detail(scene: SceneTruth, random: Random) -> str:
    """One or two paragraphs: the setting, then every object, the largest first."""
    opening = [random.choice(SETTINGS[scene.place])]
    if scene.crowd:
        opening.append("Far away there is a crowd of small figures.")
    if not scene.objects:
        return " ".join([*opening, "Nothing else is there."])
    opening.append(_summary(scene))
    objects = sorted(scene.objects, key=lambda one: -one.area)
    told = [sentence(_told(scene, one, random)) for one in objects]
    return " ".join(opening) + random.choice(("\n\n", " ")) + " ".join(told)


def _summary(scene: SceneTruth) -> str:
    counts = Counter(one.category for one in scene.objects)
    near = " nearby" if scene.crowd else ""
    words = listed([f"{number(n)} {nouns(name)}" if n > 1 else article(noun(name)) for name, n in counts.items()])
    return f"There {'is' if next(iter(counts.values())) == 1 else 'are'} {words}{near}."


def _told(scene: SceneTruth, one: ObjectTruth, random: Random) -> str:
    """A clause about one object: its looks, a part, where it is, and perhaps what is behind it."""
    words = f"{article(looks(one))}{_accent(one)} {random.choice(VERBS[one.seat])} {_where(scene, one)}"
    behind = next((other for other in scene.objects if related(one, other, "in front of", scene)), None)
    return words + (f", in front of {article(looks(behind))}" if behind and random.random() < 0.7 else "")


def _accent(one: ObjectTruth) -> str:
    """` with a white cap`, where that part is visible."""
    colour = second_seen(one)
    if not colour:
        return ""
    if one.category == "person":
        return f" and {colour} pants"
    part = SECOND_PART[one.category]
    return f" with {colour} {part}s" if part == "leg" else f" with {article(f'{colour} {part}')}"


def _where(scene: SceneTruth, one: ObjectTruth) -> str:
    share = centre(one) / scene.width
    side = "on the left" if share < 1 / 3 else "on the right" if share > 2 / 3 else "in the middle"
    depth = (one.base - scene.horizon) / (scene.height - scene.horizon)
    if one.seat != "ground" or 0.4 < depth < 0.7:
        return side
    return f"{side} {'in the foreground' if depth >= 0.7 else 'in the background'}"


def _questions(scene: SceneTruth, random: Random) -> Iterator[tuple[str, str]]:
    """Short questions with one answer each."""
    counts = Counter(one.category for one in scene.objects if not (scene.crowd and one.category == "person"))
    for category, n in list(counts.items())[:2]:
        answer = f"There are {number(n)} {nouns(category)}." if n > 1 else f"There is one {noun(category)}."
        yield f"How many {nouns(category)} are there?", answer
    single = [one for one in scene.objects if len(fits(scene, Claim(one.category))) == 1]
    for one in random.sample(single, min(2, len(single))):
        thing = "shirt of the person" if one.category == "person" else noun(one.category)
        yield f"What colour is the {thing}?", f"The {thing} is {one.colour}."
    places = {"room": "In a room.", "park": "In a park.", "street": "On a street."}
    yield "Where was this picture taken?", places[scene.place]


def _reasoning(scene: SceneTruth) -> tuple[str, str]:
    """A question whose answer takes a comparison."""
    standing = [one for one in scene.objects if one.seat == "ground"] or list(scene.objects)
    nearest, largest = max(standing, key=lambda one: one.base), max(scene.objects, key=lambda one: one.area)
    answer = f"The lowest object in the picture is {article(looks(nearest))}, so it is likely to be the closest."
    if nearest.number == largest.number:
        answer += " It also takes up the most room of all objects, which fits with its being near."
    else:
        answer += f" {sentence(article(looks(largest)))[:-1]} takes up more room, but that may be its real size."
    return "Which object is probably the closest to the viewer, and how can one tell?", answer
