"""Pascal-Part's names of objects and parts in English: `lfpa` of a cat is its left front paw.

The names are abbreviations without blanks: a side (l, r), a place (f, b), a height (u, l), the part, a running number.
The list: part2ind.m of the annotations (github.com/twuilliam/pascal-part-py, part2ind.py).
"""

import re

from pipelines.sources.names import category_text
from pipelines.sources.parts import named_part
from schemas.records import Category

_OBJECTS = {
    "tvmonitor": "TV monitor", "pottedplant": "potted plant", "table": "dining table", "diningtable": "dining table",
}  # fmt: skip

_SIDES = {"l": "left", "r": "right"}
_PLACES = {"f": "front", "b": "back"}
_HEIGHTS = {"u": "upper", "l": "lower"}
_JOINED = {
    "eye": "eye", "ear": "ear", "ebrow": "eyebrow", "horn": "horn", "arm": "arm", "hand": "hand", "leg": "leg",
    "foot": "foot", "pa": "paw", "ho": "hoof", "wing": "wing", "wheel": "wheel", "liplate": "licence plate",
}  # fmt: skip
"""Parts that the letters for side, place and height may come before."""

_ALONE = {
    "head": "head", "hair": "hair", "nose": "nose", "mouth": "mouth", "muzzle": "muzzle", "beak": "beak",
    "neck": "neck", "torso": "torso", "tail": "tail", "body": "body", "stern": "stern", "engine": "engine",
    "door": "door", "window": "window", "headlight": "headlight", "mirror": "mirror", "leftmirror": "left mirror",
    "rightmirror": "right mirror", "saddle": "saddle", "handlebar": "handlebar", "chainwheel": "chain wheel",
    "coach": "coach", "cap": "cap", "pot": "pot", "plant": "plant", "screen": "screen", "frame": "frame",
    "license plate": "licence plate",
}  # fmt: skip

_FACES = {
    "frontside": "front side", "backside": "back side", "leftside": "left side", "rightside": "right side",
    "roofside": "roof",
}  # fmt: skip
_OF_TRAINS = {"": "", "h": " of the head", "c": " of a coach"}

_NUMBER = re.compile(r"_\d+$")
_JOINED_NAME = re.compile(rf"([lr]?)([fb]?)([ul]?)({'|'.join(_JOINED)})")
_FACE_NAME = re.compile(rf"([hc]?)({'|'.join(_FACES)})")


def object_words(name: str) -> str:
    """`tvmonitor` is a TV monitor; most names are words as they are."""
    return _OBJECTS.get(name) or category_text(name)


def part_words(name: str) -> str | None:
    """The part's name in words, its running number left out; None where it follows none of the known forms."""
    plain = _NUMBER.sub("", name)
    if plain in _ALONE:
        return _ALONE[plain]
    if face := _FACE_NAME.fullmatch(plain):
        return _FACES[face[2]] + _OF_TRAINS[face[1]]
    if joined := _JOINED_NAME.fullmatch(plain):
        side, place, height, part = joined.groups()
        words = (_SIDES.get(side), _PLACES.get(place), _HEIGHTS.get(height), _JOINED[part])
        return " ".join(word for word in words if word)
    return None


def part_category(category: Category) -> Category:
    """A category named `object:part` as that of a part; where the part's name is words already, it stays."""
    whole, _, part = category.name.partition(":")
    return named_part(category, part_words(part) or category_text(part), object_words(whole)) if part else category
