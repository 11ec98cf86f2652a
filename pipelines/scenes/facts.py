"""What can be said of an object, and of which objects of a scene it is true.

Every referring expression is made from a `Claim`, and used only where `fits` finds exactly the object that was meant.
"""

from collections.abc import Sequence
from typing import NamedTuple

from pipelines.scenes.catalogue import TEMPLATES
from pipelines.scenes.truth import ObjectTruth, PartTruth, SceneTruth
from pipelines.scenes.words import SECOND_PART

MARGIN = 0.06
"""How much further left (or nearer) something must be to be called so, as a fraction of the picture's side."""

LARGER = 1.6
"""How many times the area of the next something must have to be called the big one."""


class Claim(NamedTuple):
    """A description; empty fields say nothing."""

    category: str
    colour: str = ""
    pattern: str = ""
    second: str = ""
    """Colour of the part that `words.SECOND_PART` names (for a person, the trousers)."""
    place: str = ""
    """Among those that fit so far: `left`, `right`, `middle`, `front` or `back`."""
    size: str = ""
    """Among those that fit so far: `big` or `small`."""
    relation: str = ""
    """`left of`, `right of`, `in front of` or `behind`; then `other` is the object's number."""
    other: int = -1


def fits(scene: SceneTruth, claim: Claim, among: Sequence[ObjectTruth] | None = None) -> list[ObjectTruth]:
    """The objects of which the claim is true; `among` may be given as those of its category."""
    if claim.category == "person" and scene.crowd:
        return []
    found = [one for one in (scene.objects if among is None else among) if _has(one, claim)]
    if claim.relation:
        found = [one for one in found if related(one, scene.objects[claim.other], claim.relation, scene)]
    if claim.size:
        found = _extreme(found, {one.number: one.area for one in found}, claim.size == "big", ratio=LARGER)
    return _placed(scene, found, claim.place) if claim.place else found


def _has(one: ObjectTruth, claim: Claim) -> bool:
    if one.category != claim.category or claim.colour not in ("", one.colour) or claim.pattern not in ("", one.pattern):
        return False
    return not claim.second or claim.second == second_seen(one)


def largest_part(one: ObjectTruth) -> PartTruth | None:
    """The part that takes up most of the object, where that is not in the object's own colour."""
    name = TEMPLATES[one.category].largest
    return next((part for part in one.parts if part.name == name), None)


def second_seen(one: ObjectTruth) -> str:
    """The second colour, if the part that shows it is visible; otherwise nothing."""
    name = "leg" if one.category == "person" else SECOND_PART.get(one.category, "")
    return one.second if any(part.name == name and part.visible for part in one.parts) else ""


def related(one: ObjectTruth, other: ObjectTruth, relation: str, scene: SceneTruth) -> bool:
    """Whether one is beside, before or behind the other. Before and behind need overlapping columns."""
    apart = centre(one) - centre(other)
    if relation in ("left of", "right of"):
        return (apart if relation == "right of" else -apart) > 2 * MARGIN * scene.width
    if one.seat != "ground" or other.seat != "ground" or not _same_column(one, other):
        return False
    nearer = one.base - other.base
    return (nearer if relation == "in front of" else -nearer) > MARGIN * scene.height


def _same_column(one: ObjectTruth, other: ObjectTruth) -> bool:
    common = min(one.box[0] + one.box[2], other.box[0] + other.box[2]) - max(one.box[0], other.box[0])
    return common > 0.3 * min(one.box[2], other.box[2])


def centre(one: ObjectTruth) -> float:
    """Of the visible box, in x."""
    return one.box[0] + one.box[2] / 2


def _placed(scene: SceneTruth, found: list[ObjectTruth], place: str) -> list[ObjectTruth]:
    """The one at that end of the row, if it is also in that part of the picture."""
    if place in ("front", "back"):
        standing = [one for one in found if one.seat == "ground"]
        best = _extreme(standing, {one.number: one.base for one in standing}, place == "front", MARGIN * scene.height)
        share = (best[0].base - scene.horizon) / (scene.height - scene.horizon) if best else 0.5
        return best if (share < 0.45 if place == "back" else share > 0.55) else []
    across = {one.number: centre(one) for one in found}
    if place == "middle":
        return _middle(found, across, MARGIN * scene.width)
    best = _extreme(found, across, place == "right", MARGIN * scene.width)
    share = centre(best[0]) / scene.width if best else 0.5
    return best if (share < 0.4 if place == "left" else share > 0.6) else []


def _extreme(
    found: list[ObjectTruth], value: dict[int, float], high: bool, margin: float = 0.0, ratio: float = 1.0
) -> list[ObjectTruth]:
    """The one with the highest (or lowest) value, if the next differs by the margin and by the ratio."""
    if len(found) < 2:
        return found if margin and found else []
    order = sorted(found, key=lambda one: value[one.number], reverse=high)
    first, second = sorted((value[order[0].number], value[order[1].number]))
    return order[:1] if second - first > margin and second >= ratio * first else []


def _middle(found: list[ObjectTruth], across: dict[int, float], margin: float) -> list[ObjectTruth]:
    if len(found) != 3:
        return []
    left, middle, right = sorted(found, key=lambda one: across[one.number])
    gaps = across[middle.number] - across[left.number], across[right.number] - across[middle.number]
    return [middle] if min(gaps) > margin else []
