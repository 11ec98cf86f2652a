"""Questions, answers and rationales for VCR, true of a scene, with wrong choices that are false.

A text is a list of tokens, of which a list of ints tags objects by their 0-based places in the image's list.
"""

from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import NamedTuple

from pipelines.scenes.facts import centre, largest_part, related
from pipelines.scenes.template import HUES, PLAIN
from pipelines.scenes.truth import ObjectTruth, SceneTruth
from pipelines.scenes.words import MARKS, noun, nouns

Token = str | list[int]
Text = list[Token]


class Question(NamedTuple):
    """Four answers and four rationales, the true one first."""

    question: Text
    answers: list[Text]
    rationales: list[Text]


def text(template: str, *tags: int | Sequence[int]) -> Text:
    """Tokens of a sentence; each `_` stands for the next tags."""
    found, given = list[Token](), iter(tags)
    for word in template.split(" "):
        tag = next(given) if word == "_" else None
        found.append(word if tag is None else [tag] if isinstance(tag, int) else list(tag))
    return found


def questions(scene: SceneTruth, objects: Sequence[ObjectTruth], random: Random) -> list[Question]:
    """All questions that can be asked of these objects, shuffled; of each sort one at most."""
    sorts = (_colour, _pattern, _side, _front, _count)
    found = [question for sort in sorts if (question := _one(sort, scene, objects, random))]
    random.shuffle(found)
    return found


Sort = Callable[[SceneTruth, Sequence[ObjectTruth], Random], Iterator[Question]]


def _one(sort: Sort, scene: SceneTruth, objects: Sequence[ObjectTruth], random: Random) -> Question | None:
    found = list(sort(scene, objects, random))
    return random.choice(found) if found else None


def _colour(scene: SceneTruth, objects: Sequence[ObjectTruth], random: Random) -> Iterator[Question]:
    del scene
    for at, one in enumerate(objects):
        if largest_part(one):
            continue
        shirt = "the shirt of " if one.category == "person" else ""
        shown = {one.colour, one.second, one.marking, *(part.colour for part in one.parts)}
        wrong = [*random.sample([hue for hue in HUES if hue not in shown], 2), "striped and dotted"]
        answers = [text(f"{shirt.capitalize()}_ is {word} .", at) for word in (one.colour, *wrong)]
        reasons = [f"One can see {word} on {shirt}_ ." for word in (one.colour, *wrong[:2])]
        rationales = [text(each, at) for each in (*reasons, f"There is no {one.colour} on {shirt}_ .")]
        yield Question(text(f"What color is {shirt}_ ?", at), answers, rationales)


def _pattern(scene: SceneTruth, objects: Sequence[ObjectTruth], random: Random) -> Iterator[Question]:
    """Of people the shirt carries the pattern."""
    del scene
    marks = list(MARKS)
    for at, one in enumerate(objects):
        shirt = "the shirt of " if one.category == "person" else ""
        wrong = random.sample([each for each in (PLAIN, *marks) if each != one.pattern], 3)
        answers = [text(f"{shirt.capitalize()}_ is {word} .", at) for word in (one.pattern, *wrong)]
        kinds = [one.pattern, *wrong]
        reasons = [f"There are {MARKS[each]} on _ ." if each != PLAIN else "There is no mark on _ ." for each in kinds]
        yield Question(text(f"Does {shirt}_ have a pattern ?", at), answers, [text(each, at) for each in reasons])


def _side(scene: SceneTruth, objects: Sequence[ObjectTruth], random: Random) -> Iterator[Question]:
    del random
    for at, one in enumerate(objects):
        for to, other in enumerate(objects):
            if one is not other and related(one, other, "left of", scene):
                answers = [
                    "_ is on the left of _ .",
                    "_ is on the right of _ .",
                    "_ is right below _ .",
                    "_ is inside _ .",
                ]
                reasons = [
                    "_ is nearer to the left edge of the picture than _ .", "_ is nearer to the right edge than _ .",
                    "_ is in the same place as _ .", "_ is behind the right end of _ .",
                ]  # fmt: skip
                yield Question(
                    text("On which side of _ is _ ?", to, at), [text(each, at, to) for each in answers],
                    [text(each, at, to) for each in reasons],
                )  # fmt: skip


def _front(scene: SceneTruth, objects: Sequence[ObjectTruth], random: Random) -> Iterator[Question]:
    """What stands in front of something; the others that are offered do not."""
    for to, other in enumerate(objects):
        near = [at for at, one in enumerate(objects) if one is not other and related(one, other, "in front of", scene)]
        others = [at for at, one in enumerate(objects) if one is not other and one.base < other.base]
        if near and len(others) > 2:
            at, wrong = near[0], random.sample(others, 3)
            answers = [text("_ is in front of _ .", each, to) for each in (at, *wrong)]
            rationales = [
                text("_ is lower in the picture than _ , so it is nearer .", each, to) for each in (at, *wrong)
            ]
            yield Question(text("What is in front of _ ?", to), answers, rationales)


def _count(scene: SceneTruth, objects: Sequence[ObjectTruth], random: Random) -> Iterator[Question]:
    """How many there are of a category: the digits are no tags."""
    for category in dict.fromkeys(one.category for one in objects):
        places = [at for at, one in enumerate(objects) if one.category == category]
        if len(places) < 2 or (scene.crowd and category == "person"):
            continue
        n, names = len(places), nouns(category)
        numbers = [n, *random.sample([each for each in range(6) if each not in (n, 1)], 3)]
        answers = [text(f"There are {number} {names} .") for number in numbers]
        reasons = [
            text(f"_ are {names} , and nothing else is .", places), text(f"Only _ is a {noun(category)} .", places[:1]),
            text(f"There is no {noun(category)} ."), text(f"Everything but _ is a {noun(category)} .", places),
        ]  # fmt: skip
        yield Question(text(f"How many {names} are there ?"), answers, reasons)


def order(objects: Sequence[ObjectTruth]) -> list[ObjectTruth]:
    """As VCR lists them: people first, each group from left to right."""
    return sorted(objects, key=lambda one: (one.category != "person", centre(one), one.number))
