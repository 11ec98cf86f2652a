"""English for objects: nouns, articles, numbers, lists."""

from collections.abc import Sequence

from pipelines.scenes.template import CHECKED, DOTTED, PLAIN, STRIPED
from pipelines.scenes.truth import ObjectTruth, Place

NOUNS = {"sports ball": "ball"}
PLURALS = {"person": "people", "bus": "buses", "bench": "benches"}
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
SECOND_PART = {
    "bottle": "cap", "cup": "handle", "bowl": "rim", "vase": "mouth", "bucket": "rim", "lamp": "base", "chair": "leg",
    "laptop": "screen", "book": "spine", "car": "bumper", "bus": "door", "bench": "leg", "kite": "tail",
}  # fmt: skip
"""The part that shows an object's second colour best."""

PATTERN_WORDS = {
    PLAIN: ("plain", "solid"), STRIPED: ("striped",), DOTTED: ("dotted", "spotted"), CHECKED: ("checked", "checkered"),
}  # fmt: skip
MARKS = {STRIPED: "stripes", DOTTED: "dots", CHECKED: "checks"}
PLACES: dict[Place, tuple[str, ...]] = {
    "room": ("in a bright room", "in a quiet room", "indoors", "in a room with a bare wall"),
    "park": ("in a green park", "outdoors under the sky", "in a park with green hills", "in the open"),
    "street": ("in a city street", "in a town", "in front of a row of houses", "on a street with pale houses"),
}
"""True of everything in such a scene."""

GROUNDS: dict[Place, str] = {"room": "on the floor", "park": "on the grass", "street": "by the road"}
"""True of what stands on the ground."""


def noun(category: str) -> str:
    """One of them: `sports ball` is a `ball`."""
    return NOUNS.get(category, category)


def nouns(category: str) -> str:
    """Several of them."""
    return PLURALS.get(category, noun(category) + "s")


def article(text: str) -> str:
    """The text with `a` or `an` before it."""
    return f"{'an' if text[0] in 'aeiou' else 'a'} {text}"


def number(count: int) -> str:
    """The count in words, up to twelve."""
    return NUMBERS[count] if count < len(NUMBERS) else str(count)


def listed(items: Sequence[str]) -> str:
    """`a, b and c`."""
    return " and ".join([*([", ".join(items[:-1])] if len(items) > 1 else []), items[-1]])


def sentence(text: str) -> str:
    """With a capital and a full stop."""
    return f"{text[0].upper()}{text[1:]}."


def looks(one: ObjectTruth, *, pattern: bool = True) -> str:
    """`red striped cup`, `person in a red striped shirt`."""
    words = one.colour + (f" {one.pattern}" if pattern and one.pattern != PLAIN else "")
    return f"person in {article(words)} shirt" if one.category == "person" else f"{words} {noun(one.category)}"
