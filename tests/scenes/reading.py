"""Referring expressions read back word by word, by other code than wrote them: which objects fit."""

import re

from pipelines.scenes import ObjectTruth, SceneTruth
from pipelines.scenes.catalogue import COLOURS, TEMPLATES
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


def fits_long(scene: SceneTruth, one: ObjectTruth, text: str) -> bool:
    """Whether a whole phrase, which may place the object by another one, is true of it, and alone of no other."""
    head, *rest = re.split(RELATIONS, text)
    found = like(scene, head)
    if not rest:
        return [match.number for match in found] == [one.number]
    others = like(scene, rest[2])
    return one.number in [match.number for match in found] and len(others) == 1 and stands(one, others[0], rest)


def stands(one: ObjectTruth, other: ObjectTruth, rest: list[str]) -> bool:
    """Whether one is before, behind, left or right of the other, as the split phrase says."""
    near = {"in front of": one.base > other.base, "behind": one.base < other.base}
    sides = {"left of": centre(one) < centre(other), "right of": centre(one) > centre(other)}
    return (near | sides)[rest[0] or rest[1]]
