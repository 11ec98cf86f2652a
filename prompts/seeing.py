"""What a model that sees the picture is told beside the notes (`seeing.j2`)."""

import hashlib
from collections.abc import Sequence
from functools import cache
from typing import Any

import jinja2

from prompts import FOLDER

NAME = "seeing"
_TEMPLATE = FOLDER / f"{NAME}.j2"


def before(regions: Sequence[int | None]) -> str:
    """What comes before the pictures: what is drawn into them. For each picture the region that it shows closer."""
    return str(_macros().before(sum(region is not None for region in regions))).strip()


def label(number: int, region: int | None) -> str:
    """What comes before picture `number`, counted from 1: the region that it shows closer, or the whole for None."""
    return str(_macros().label(number, region)).strip()


def after() -> str:
    """What comes between the pictures and the notes."""
    return str(_macros().after()).strip()


def name(prompt: str) -> str:
    """What a row calls the prompt that it was asked with, in seeing mode."""
    return f"{NAME}/{prompt}"


def sha256(prompt_sha256: str) -> str:
    """Of a kind's wording together with this one."""
    return hashlib.sha256(prompt_sha256.encode() + b"\0" + _TEMPLATE.read_bytes()).hexdigest()


@cache
def _macros() -> Any:
    text = _TEMPLATE.read_text(encoding="utf-8")
    made = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False)
    return made.from_string(text).module
