"""Names of regions in texts."""

import re
from collections.abc import Iterable

from pipelines.builders.naming import region_name, region_names

_NAME = re.compile(r"<\s*region\s*(\d{1,4})\s*>", re.IGNORECASE)
"""As the contract has it, and as hasty writers do: `<Region 1>`."""


def numbers(text: str) -> list[int]:
    """The numbers of the regions that a text names, in order, with repeats."""
    return [int(number) for number in _NAME.findall(text)]


def renamed(text: str, new: Iterable[int]) -> str:
    """The text with other numbers, one for each name in order, all names well written."""
    following = iter(new)
    return _NAME.sub(lambda _: region_name(next(following)), text)


def odd_name(text: str) -> str:
    """Something that looks like a region's name and is none, such as `<region>`; nothing where there is none."""
    return min(region_names(_NAME.sub("", text)), default="")
