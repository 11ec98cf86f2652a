"""Which words name which kinds of parts, and what an answer such as "the front wheel of a car" says of a part."""

import re
from functools import lru_cache
from typing import NamedTuple

from pipelines.builders.vocabulary import plain
from pipelines.qa.checks.objects import STOP, category, contradict, head, singulars

OF = " of the "
"""Between a part and its object in the annotated name, such as `handle of the mug`."""
_GROUPS = (
    "head hair face eye ear nose mouth muzzle beak eyebrow horn neck jaw", "leg foot paw hoof arm hand wing", "tail",
    "wheel tyre tire", "handle handlebar strap loop grip arm", "window windscreen windshield windowpane mirror screen",
    "headlight headlamp taillight light bulb", "lid cap cover mouth neck spout", "seat saddle", "blade head", "pedal",
    "page cover", "drawer", "keyboard touchpad", "bumper", "antenna", "licence-plate license-plate number-plate",
)  # fmt: skip
"""Words that may be used for one another, for what touches, or for different things of one name, such as the neck of a
bottle. Words that stand all over things (body, side, rim, base, back) are in none."""
_KINDS = {
    word.replace("-", " "): frozenset(place for place, group in enumerate(_GROUPS) if word in group.split())
    for word in " ".join(_GROUPS).split()
}
_ARTICLE = r"(?:(?:an?|the|one|his|her|its|their|this|that) )?"
_PART_OF = re.compile(rf"\s*{_ARTICLE}([a-z][a-z -]{{0,40}}?) of {_ARTICLE}(?=[a-z])", re.IGNORECASE)
_BARE = re.compile(rf"\s*{_ARTICLE}([a-z][a-z '\u2019-]{{0,50}}?)\s*(?:[.,;]|$)", re.IGNORECASE)
_NO_PART = frozenset(
    """left right pair piece kind type sort part picture photo image view group bunch reflection shadow one two three
    most some all both each many none drawing statue""".split()  # noqa: SIM905
)
"""What comes before "of the dog" and makes it neither a part of the dog nor the dog."""
_REMEMBERED = 50_000


class Said(NamedTuple):
    """A part and its object, in words; either is empty where it is not said, or in words that are not known."""

    part: str
    whole: str

    def known(self, other: "Said") -> bool:
        """Whether both say of what kind the part is, or both which of COCO's categories the object is."""
        return bool(_kinds(self.part) and _kinds(other.part)) or bool(category(self.whole) and category(other.whole))

    def contradicts(self, other: "Said") -> bool:
        """Whether the two are plainly different parts, or parts of plainly different objects.

        A "spoon bowl" is no bowl: what may be the part itself is not taken for the object.
        """
        one, another = _kinds(self.part), _kinds(other.part)
        if one and another and not one & another:
            return True
        return other.whole != self.part and contradict(category(self.whole), category(other.whole))


def annotated(name: str) -> Said:
    """`handle of the mug` as annotated; without a part for what is none."""
    part, _, whole = name.rpartition(OF)
    return Said(plain(part), plain(whole))


@lru_cache(maxsize=_REMEMBERED)
def said_of(text: str) -> Said:
    """What the start of a text says: "the wheel of a red car", "car wheel", "the car's wheel", "a wheel", "a car"."""
    found = _PART_OF.match(text)
    if found and STOP.isdisjoint(part := plain(found[1]).split()):
        return Said(" ".join(part), head(text[found.end() :])[0]) if part[-1] not in _NO_PART else Said("", "")
    bare = _BARE.match(text)
    words = re.sub(r"['\u2019]s?(?= )", "", plain(bare[1])).split() if bare else []
    if not STOP.isdisjoint(words):
        return Said("", "")
    for length in (2, 1):
        if _kind_of(" ".join(words[-length:])):
            return Said(" ".join(words[-length:]), head(" ".join(words[:-length]))[0])
    return Said("", head(" ".join(words))[0])


def _kinds(part: str) -> frozenset[int]:
    """The groups that a part's name is in: that of its last words, so that a door handle is a handle."""
    words = part.split()
    return next(filter(None, (_kind_of(" ".join(words[-length:])) for length in (2, 1))), frozenset())


@lru_cache(maxsize=_REMEMBERED)
def _kind_of(words: str) -> frozenset[int]:
    return next((_KINDS[one] for one in singulars(words) if one in _KINDS), frozenset())
