"""Words for regions, boxes and places."""

import re
from collections.abc import Iterable, Sequence

from schemas.records import Box, Region

_TAG = re.compile(r"<\s*+/?region[^>\n]{0,40}>?", re.IGNORECASE)

_VOWEL = re.compile(r"hour|heir|(?!uni(?!n)|u[rkt][aeiou]|eu|one)[aeiou]", re.IGNORECASE)
"""Words that start with the sound of a vowel: an hourglass, an umbrella, but a unicycle and a urinal."""

_NUMBERS = re.compile(r"\[([^|\[\]]*)\|([^|\[\]]*)\]")


def region_name(number: int) -> str:
    """`<region1>` for 1."""
    return f"<region{number}>"


def region_names(text: str) -> set[str]:
    """All that stands in a text as the name of a region, misspelt ones (`<Region 1>`, `<region1`) as they are."""
    return set(_TAG.findall(text))


def listing(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def region_listing(count: int) -> str:
    """`<region1>, <region2> and <region3>` for 3."""
    return listing([region_name(number) for number in range(1, count + 1)])


def box_text(box: Box, width: int, height: int) -> str:
    """`[left,top,right,bottom]` in shares of width and height with three decimals, as the paper's prompts have it."""
    x, y, w, h = box
    return f"[{x / width:.3f},{y / height:.3f},{(x + w) / width:.3f},{(y + h) / height:.3f}]"


def looks_plural(noun: str) -> bool:
    """Whether a noun is written like a plural: `scissors` and `skis` are, `bus`, `wine glass` and `iris` are not."""
    return noun.endswith("s") and (noun.endswith("skis") or not noun.endswith(("ss", "us", "is")))


def with_article(noun: str) -> str:
    """`a dog`, `an apple`; nouns that look like plurals stay bare (`scissors`)."""
    if looks_plural(noun):
        return noun
    return f"an {noun}" if _VOWEL.match(noun) else f"a {noun}"


def agreeing(form: str, noun: str) -> str:
    """A form with `[one|several]` read by the noun's number: "there [is|are]" of a dog, and of scissors."""
    return _NUMBERS.sub(lambda found: found[2 if looks_plural(noun) else 1], form)


def place(region: Region, width: int, height: int) -> str:
    """Where the middle of a region's box lies, in thirds of the image: `upper left`, `middle`, `lower right`, ..."""
    x, y, w, h = region.bbox
    column = ("left", "", "right")[min(2, int(3 * (x + w / 2) / width))]
    row = ("upper", "", "lower")[min(2, int(3 * (y + h / 2) / height))]
    if row and not column:
        return "top" if row == "upper" else "bottom"
    return f"{row} {column}".strip() or "middle"


def sentence(text: str) -> str:
    """With a capital at the start."""
    return text[:1].upper() + text[1:]


def unique(texts: Iterable[str]) -> list[str]:
    """Each text once, in order of first sight."""
    return list(dict.fromkeys(texts))
