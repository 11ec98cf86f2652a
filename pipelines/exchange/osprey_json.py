"""The five released files of Osprey-724K (Yuan et al., CVPR 2024).

Which file is which, what a record is, and what Osprey's own loaders make of it. They are lists of records; format
document, sections 0 and 12. Each file is a *form*; the part-level file holds two kinds.
"""

import posixpath
import re
from collections.abc import Sequence
from typing import Any

import msgspec

from pipelines.sources.coco_json import Pixels
from pipelines.sources.osprey_724k import FILES, SPEC
from schemas.errors import SourceError
from schemas.records import Box
from schemas.rle import MAX_PIXELS

SOURCE = SPEC.name
DESCRIPTION, PART_LEVEL, POSITIVE_NEGATIVE = "description", "part_level", "positive_negative"
PART_KINDS = ("part_category", "part_attribute")
FORMS = tuple(FILES)

_SIGNS = (
    (POSITIVE_NEGATIVE, re.compile("positive|negative|pos_?neg")),
    (DESCRIPTION, re.compile("descri|detail")),
    ("short_form", re.compile("short")),
    (PART_LEVEL, re.compile("part")),
    ("conversation", re.compile("conversation")),
)
"""In file names: upstream's pages spell them in more than one way, and copies have names of their own."""

_ASKS_FOR_LOOKS = re.compile(
    r"\bcolou?r|\bpattern|\bmarking|\bmarked\b|\bmaterial|\bmade (?:of|from|out)\b|\bconsist|\breflect|\btransparen"
    r"|\btranslucen|\bopaque|\btexture|\blight through\b",
    re.IGNORECASE,
)


class Annotation(msgspec.Struct, gc=False):
    """A region. Category and id are ours: Osprey's files have none."""

    segmentation: msgspec.Raw
    bbox: Box | None = None
    category: str = ""
    region_id: str = ""


class Turn(msgspec.Struct, rename={"speaker": "from"}, gc=False):
    """One turn; the speaker is `human` or `gpt`."""

    speaker: str
    value: str


class Entry(msgspec.Struct, kw_only=True, gc=False):
    """What all forms have; `id` may stand twice, or not at all."""

    file_name: str
    height: Pixels
    width: Pixels
    annotation: list[Annotation]
    id: int | str | None = None

    def __post_init__(self) -> None:
        if self.width * self.height > MAX_PIXELS:
            raise ValueError(f"width {self.width}, height {self.height}: more than {MAX_PIXELS} pixels")


class Talk(Entry, kw_only=True, gc=False):
    """Regions and a conversation about them, in which they are called `<region1>`, ..."""

    conversations: list[Turn]


class Described(Entry, kw_only=True, gc=False):
    """Regions and a description of each, in the same order: `<region1>: ...`."""

    description: list[str]


def decoder(form: str) -> msgspec.json.Decoder[Any]:
    """Decodes a list of records of a form."""
    return msgspec.json.Decoder(list[Described] if form == DESCRIPTION else list[Talk])


def form_in(name: str) -> str:
    """The form that a file name tells; nothing where it tells none."""
    return next((form for form, sign in _SIGNS if sign.search(name.lower())), "")


def form_of(path: str) -> str:
    """The form of a file, by its name. Raises SourceError where the name does not tell."""
    found = form_in(posixpath.basename(path))
    if not found:
        raise SourceError(
            f"{path}: its name does not tell which of Osprey's files it is",
            hint=f"Say so with --kind, one of: {', '.join(FORMS)}. The released names are {', '.join(FILES.values())}.",
        )
    return found


def part_kind(questions: Sequence[str]) -> str:
    """The kind of a record of the part-level file, which holds categories and attributes and does not say which is
    which: where any question is about colour, pattern, material or reflectance, the record is one of attributes.
    """
    return "part_attribute" if any(map(_ASKS_FOR_LOOKS.search, questions)) else "part_category"


def told_by_loader(description: str) -> str | None:
    """What Osprey's loader takes from a description: what follows the last `>: ` of the first line that has one.

    None where it would raise IndexError.
    """
    for line in description.split("\n"):
        start = line.find("<")
        mark = line.rfind(">: ")
        if 0 <= start < mark:
            return line[mark + 3 :]
    return None
