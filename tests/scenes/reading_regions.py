"""Phrases, captions and statements about a scene, read back by other code than wrote them: are they true?"""

import re
from collections.abc import Mapping

from pipelines.scenes import ObjectTruth, SceneTruth
from pipelines.scenes.catalogue import COLOURS
from pipelines.scenes.truth import Shown
from pipelines.scenes.words import PLACES, noun, nouns
from tests.scenes.reading import PATTERNS, centre

SEATS = {
    "on the wall": "wall",
    "in the air": "sky",
    "on the floor": "room",
    "on the grass": "park",
    "by the road": "street",
}
MARKS = {"stripes": "striped", "dots": "dotted", "checks": "checked"}


def tidy(text: str) -> str:
    """Lower case, single blanks, no full stop."""
    return " ".join(text.lower().split()).rstrip(".")


def looks_like(one: ObjectTruth, text: str) -> bool:
    """`a red striped cup`, `the cup`, `person in a red shirt`."""
    words = re.sub(r"^(an?|the) ", "", text)
    if one.category == "person":
        found = re.fullmatch(r"person(?: in an? (.+) shirt)?", words)
    else:
        found = re.fullmatch(rf"(?:(.+) )?{noun(one.category)}", words)
    return found is not None and all(_has(one, word) for word in (found[1] or "").split())


def _has(one: ObjectTruth, word: str) -> bool:
    return PATTERNS[word] == one.pattern if word in PATTERNS else word == one.colour


def true_of(scene: SceneTruth, what: Shown, text: str) -> bool:
    """Whether a phrase of Visual Genome, or of one's own data, is true of the region."""
    said = tidy(text)
    return _part_said(what, said) if what.part else _object_said(scene, what.one, said)


def _part_said(what: Shown, said: str) -> bool:
    name = what.part.replace("_", " ")
    if found := re.fullmatch(r"the (.+) of the (.+) is (.+)", said):
        return found[1] == name and found[2] == noun(what.one.category) and _coloured(what, found[3])
    if found := re.fullmatch(r"the (.+) has an? (.+)", said):
        return found[1] == noun(what.one.category) and found[2] == name
    head, _, whole = said.partition(" of ")
    if not looks_like(what.one, whole) or not head.endswith(name):
        return False
    rest = head.removesuffix(name).strip()
    pattern = rest.split(" ")[-1] if rest.split(" ")[-1] in PATTERNS else ""
    colour = rest.removesuffix(pattern).strip()
    return (not colour or _coloured(what, colour)) and (not pattern or pattern in {p.pattern for p in what.parts})


def _coloured(what: Shown, colour: str) -> bool:
    return colour in {part.colour for part in what.parts}


def _object_said(scene: SceneTruth, one: ObjectTruth, said: str) -> bool:
    thing = noun(one.category)
    if found := re.fullmatch(r"(.+?) (in front of|to the left of) (.+)", said):
        others = [other for other in scene.objects if other is not one and looks_like(other, found[3])]
        return found[1] == thing and any(_stands(one, other, found[2]) for other in others)
    if found := re.fullmatch(rf"({thing}) ({'|'.join(SEATS)})", said):
        return SEATS[found[2]] == (scene.place if one.seat == "ground" else one.seat)
    if found := re.fullmatch(rf"({thing}) has (?:a )?(\w+ )?(\w+?)s?", said):
        parts = [part for part in one.parts if part.visible and part.name == found[3]]
        return bool(parts) and (not found[2] or found[2].strip() in {part.colour for part in parts})
    thing = "shirt of the person" if one.category == "person" else thing
    if found := re.fullmatch(rf"the {thing} is (\w+)", said):
        return found[1] == one.colour
    if found := re.fullmatch(rf"{thing} with (\w+) (stripes|dots|checks)", said):
        return found[1] == one.marking and MARKS[found[2]] == one.pattern
    return looks_like(one, said)


def _stands(one: ObjectTruth, other: ObjectTruth, relation: str) -> bool:
    if relation == "to the left of":
        return centre(one) < centre(other)
    return one.seat == other.seat == "ground" and one.base > other.base and _overlap(one, other)


def _overlap(one: ObjectTruth, other: ObjectTruth) -> bool:
    """Whether there is a column of the picture that shows both."""
    return one.box[0] < other.box[0] + other.box[2] and other.box[0] < one.box[0] + one.box[2]


def true_caption(scene: SceneTruth, text: str) -> bool:
    """Whether a short caption, one or two objects and a place, is true."""
    said = tidy(text)
    place = next((place for place in sorted(PLACES[scene.place], key=len) if said.endswith(f" {place}")), "")
    things = re.split(r" and (?=an? )", said.removesuffix(f" {place}"))
    return bool(place) and all(any(looks_like(one, thing) for one in scene.objects) for thing in things)


def true_statement(scene: SceneTruth, text: str, named: Mapping[str, ObjectTruth]) -> bool:
    """Whether an answer or a rationale of VCR is true; `named` says which object `<region1>` is."""
    mentioned = [named[name] for name in re.findall(r"<region\d+>", text)]
    said = tidy(re.sub(r"<region\d+>", "_", text)).replace(" ,", ",").removesuffix(" ").rstrip(" .")
    if re.search(r"\bthan\b|on the (left|right) of|straight|just as far|in front of", said):
        return _compared(mentioned[0], mentioned[1], said)
    if found := re.fullmatch(r"(?:the shirt of )?_ is (.+)", said):
        return found[1] in (mentioned[0].colour, mentioned[0].pattern)
    if found := re.fullmatch(r"(one can see|there is no) (\w+) on (?:the shirt of )?_", said):
        if found[2] == "mark":
            return mentioned[0].pattern == "plain"
        return (found[2] in _colours(mentioned[0])) == (found[1] == "one can see")
    if found := re.fullmatch(r"there are (\w+) on _", said):
        return MARKS[found[1]] == mentioned[0].pattern
    return _counted(scene, mentioned, said)


def _colours(one: ObjectTruth) -> set[str]:
    return {one.colour, one.marking, *(part.colour for part in one.parts)} - {""}


def _compared(one: ObjectTruth, other: ObjectTruth, said: str) -> bool:
    left = centre(one) < centre(other)
    truths = {
        "_ is on the left of _": left, "_ is on the right of _": not left, "_ is just as far to the left as _": False,
        "_ is straight below _": abs(centre(one) - centre(other)) < 10,
        "_ is straight above _": abs(centre(one) - centre(other)) < 10,
        "_ is nearer to the left edge of the picture than _": left, "_ is nearer to the right edge than _": not left,
        "_ is farther to the right than _": not left, "_ is in front of _": _stands(one, other, "in front of"),
        "_ is lower in the picture than _, so it is nearer": one.base > other.base,
    }  # fmt: skip
    return truths[said]


def _counted(scene: SceneTruth, mentioned: list[ObjectTruth], said: str) -> bool:
    categories = {form: one.category for one in scene.objects for form in (noun(one.category), nouns(one.category))}
    longest_first = sorted(categories, key=len, reverse=True)
    word = next((word for word in longest_first if re.search(rf"\b{word}\b", said)), "")
    if not word:
        return said.startswith("there is no")
    these = [one.number for one in scene.objects if one.category == categories[word]]
    numbers = sorted(one.number for one in mentioned)
    if found := re.fullmatch(rf"there are (\d+) {word}", said):
        return int(found[1]) == len(these)
    if said.startswith("only") or said.endswith("nothing else is"):
        return numbers == these
    return these == [] if said.startswith("there is no") else not set(numbers) & set(these)


def colours_told(text: str) -> set[str]:
    """Every colour that a text names."""
    return {colour for colour in COLOURS if re.search(rf"\b{colour}\b", text)}
