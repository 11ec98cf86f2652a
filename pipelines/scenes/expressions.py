"""Referring expressions: short ones with places (RefCOCO), without (RefCOCO+), and whole phrases (RefCOCOg)."""

from collections.abc import Iterator
from itertools import product
from random import Random

from pipelines.scenes.facts import Claim, fits, related, second_seen
from pipelines.scenes.template import PLAIN
from pipelines.scenes.truth import ObjectTruth, SceneTruth
from pipelines.scenes.words import MARKS, PATTERN_WORDS, SECOND_PART, article, noun

PLACES = ("left", "right", "middle", "front", "back")
RELATIONS = ("left of", "right of", "in front of", "behind")
RELATION_WORDS = {
    "left of": ("to the left of", "left of"), "right of": ("to the right of", "right of"),
    "in front of": ("in front of", "standing in front of"), "behind": ("behind", "standing behind"),
}  # fmt: skip
PLACE_WORDS = {
    "left": ("on left", "on the left", "left", "left side"),
    "right": ("on right", "on the right", "right", "far right"),
    "middle": ("in the middle", "in middle", "center"), "front": ("in front", "closest to us", "front"),
    "back": ("in back", "farthest away", "in the back"),
}  # fmt: skip
SIZE_WORDS = {"big": ("big", "biggest", "larger"), "small": ("small", "smallest", "smaller")}


def expressions(scene: SceneTruth, one: ObjectTruth, dataset: str, random: Random) -> list[str]:
    """Up to four expressions that are true of this object and no other in the scene; none if nothing tells it apart."""
    rivals = [other for other in scene.objects if other.category == one.category]
    claims = [claim for claim in _claims(scene, one, dataset) if fits(scene, claim, rivals) == [one]]
    random.shuffle(claims)
    claims.sort(key=lambda claim: sum(map(bool, claim[1:-1])))
    spread = claims[: 1 if dataset == "refcocog" else 4] + claims[len(claims) // 2 :][:2]
    wanted = random.choice((1, 2, 2, 3) if dataset == "refcocog" else (2, 3, 3, 4))
    chosen = random.sample(spread, min(wanted, len(spread)))
    write = _long if dataset == "refcocog" else _short
    return [write(scene, claim, random) for claim in chosen]


def _claims(scene: SceneTruth, one: ObjectTruth, dataset: str) -> Iterator[Claim]:
    """What this data set may say of the object: no place words in RefCOCO+, relations only in RefCOCOg."""
    colours, patterns, seconds = ("", one.colour), ("", one.pattern), {"", second_seen(one)}
    if dataset == "refcoco":
        words = product(colours, patterns, ("", *PLACES))
        yield from (Claim(one.category, colour, pattern, place=place) for colour, pattern, place in words)
    elif dataset == "refcoco+":
        for colour, pattern, second, size in product(colours, patterns, sorted(seconds), ("", "big", "small")):
            yield Claim(one.category, colour, pattern, second, size=size)
    else:
        looks = product(patterns, sorted(seconds))
        yield from (Claim(one.category, one.colour, pattern, second) for pattern, second in looks)
        yield from _relations(scene, one)


def _relations(scene: SceneTruth, one: ObjectTruth) -> Iterator[Claim]:
    """How it stands to others that can be named without doubt."""
    for other in scene.objects:
        true = [relation for relation in RELATIONS if other is not one and related(one, other, relation, scene)]
        if true and _known(scene, other):
            base = Claim(one.category, one.colour, one.pattern, other=other.number)
            yield from (base._replace(relation=relation) for relation in true)


def _known(scene: SceneTruth, other: ObjectTruth) -> bool:
    """Whether colour, pattern and noun alone tell it apart, so that others can be placed by it."""
    return len(fits(scene, Claim(other.category, other.colour, other.pattern))) == 1


def _short(scene: SceneTruth, claim: Claim, random: Random) -> str:
    """Telegraphic, as people typed them in a game against time."""
    del scene
    words = _clothes(claim, random) if claim.category == "person" else _thing(claim, random)
    if claim.size:
        words = f"{random.choice(SIZE_WORDS[claim.size])} {words}"
    if claim.place in ("left", "right", "middle") and random.random() < 0.4:
        words = f"{claim.place} {words}"
    elif claim.place:
        words = f"{words} {random.choice(PLACE_WORDS[claim.place])}"
    return f"the {words}" if random.random() < 0.2 else words


def _thing(claim: Claim, random: Random) -> str:
    pattern = random.choice(PATTERN_WORDS[claim.pattern]) if claim.pattern else ""
    looks = [pattern, claim.colour] if random.random() < 0.3 else [claim.colour, pattern]
    words = " ".join([*filter(None, looks), noun(claim.category)])
    return words + (f" with {claim.second} {_part(claim)}" if claim.second else "")


def _clothes(claim: Claim, random: Random) -> str:
    pattern = random.choice(PATTERN_WORDS[claim.pattern]) if claim.pattern else ""
    shirt = " ".join(filter(None, [claim.colour, pattern]))
    words = f"person in {shirt} shirt" if shirt else "person"
    if claim.colour and not claim.pattern and random.random() < 0.4:
        words = f"person in {claim.colour}" if not claim.second else words
    return words + (f" {'and' if shirt else 'in'} {claim.second} pants" if claim.second else "")


def _long(scene: SceneTruth, claim: Claim, random: Random) -> str:
    """A whole noun phrase."""
    words = _phrase(claim, random)
    if claim.relation:
        other = scene.objects[claim.other]
        known = Claim(other.category, other.colour, other.pattern)
        words += f" {random.choice(RELATION_WORDS[claim.relation])} the {_phrase(known, random).split(' ', 1)[1]}"
    return words


def _phrase(claim: Claim, random: Random) -> str:
    if claim.category == "person":
        pattern = random.choice(PATTERN_WORDS[claim.pattern]) if claim.pattern else ""
        looks = (pattern, claim.colour) if claim.pattern == PLAIN else (claim.colour, pattern)
        shirt = " ".join(filter(None, looks))
        words = f"a person {random.choice(('wearing', 'in'))} {article(shirt)} shirt"
        return words + (f" and {claim.second} pants" if claim.second else "")
    if claim.pattern in MARKS and random.random() < 0.5:
        words = f"{article(claim.colour)} {noun(claim.category)} with {MARKS[claim.pattern]}"
        return words + (f" and {claim.second} {_part(claim)}" if claim.second else "")
    pattern = random.choice(PATTERN_WORDS[claim.pattern]) + " " if claim.pattern else ""
    words = article(f"{pattern}{claim.colour} {noun(claim.category)}")
    return words + (f" with {claim.second} {_part(claim)}" if claim.second else "")


def _part(claim: Claim) -> str:
    name = SECOND_PART[claim.category]
    return name + "s" if name == "leg" else name
