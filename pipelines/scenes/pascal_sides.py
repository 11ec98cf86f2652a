"""Parts of scenes in Pascal-Part's grammar: sides, front and back, upper and lower.

Left and right are the object's own. People face the viewer, so their left is on the right of the picture. Dogs, cars
and buses are seen from the side: of one that faces right, the right side is seen.
"""

from pipelines.scenes.truth import ObjectTruth, PartTruth, Polygon

NAMES = {
    "person": {
        "head": "head", "hair": "hair", "eye": "{side}eye", "mouth": "mouth", "torso": "torso", "hand": "{side}hand",
        "foot": "{side}foot", "arm": "{side}{half}arm", "leg": "{side}{half}leg",
    },
    "dog": {
        "head": "head", "ear": "{side}ear", "eye": "{side}eye", "nose": "nose", "body": "torso", "tail": "tail",
        "leg": "{side}{end}leg",
    },
    "car": {"body": "{long}side", "wheel": "wheel_", "window": "window_", "headlight": "headlight_"},
    "bus": {
        "body": "{long}side", "wheel": "wheel_", "window": "window_", "headlight": "headlight_", "door": "door_",
    },
    "bottle": {"body": "body", "cap": "cap"},
    "potted plant": {"plant": "plant", "pot": "pot"},
}  # fmt: skip
"""Part of the truth -> its name; a name that ends in `_` takes a running number."""

LONG = {"l": "left", "r": "right"}
FRONT = {"dog": "head", "car": "headlight", "bus": "headlight"}
"""The part that is at the front of what is seen from the side."""

BENDS = {"arm": 0.57, "leg": 0.48}
"""Where elbow and knee are, as a fraction of the part's height from its upper end."""

EVERYTHING = slice(0, 1 << 20)
"""All rows of a picture."""


def pieces(one: ObjectTruth, part: PartTruth) -> list[tuple[str, slice]]:
    """The names of a part, each with the rows of the picture that belong to it; none where the data set has no name."""
    name = NAMES.get(one.category, {}).get(part.name)
    if name is None:
        return []
    side = _side(one, part)
    written = name.replace("{side}", side).replace("{long}", LONG[side])
    if "{half}" in written:
        top, bottom = min(part.shape[1::2]), max(part.shape[1::2])
        bend = round(top + (bottom - top) * BENDS[part.name])
        return [
            (written.replace("{half}", "u"), slice(0, bend)),
            (written.replace("{half}", "l"), slice(bend, 1 << 20)),
        ]
    return [(written.replace("{end}", "f" if _is_in_front(one, part) else "b"), EVERYTHING)]


def _side(one: ObjectTruth, part: PartTruth) -> str:
    """`l` or `r`: the side of the object that the part is on."""
    if one.category == "person":
        return "l" if _middle(part.shape) > _middle(one.shape[0]) else "r"
    return "r" if faces_right(one) else "l"


def faces_right(one: ObjectTruth) -> bool:
    """Whether something seen from the side looks towards the right of the picture."""
    front = next((part for part in one.parts if part.name == FRONT.get(one.category)), None)
    return front is not None and _middle(front.shape) > _middle(one.shape[0])


def _is_in_front(one: ObjectTruth, part: PartTruth) -> bool:
    """Whether a leg is one of the front legs."""
    return (_middle(part.shape) > _middle(one.shape[0])) == faces_right(one)


def _middle(polygon: Polygon) -> float:
    """Half way between the left and the right end."""
    return (min(polygon[0::2]) + max(polygon[0::2])) / 2
