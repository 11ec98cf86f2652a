"""Phrases and captions that stand in the records of a user's own files, under any of the names that are in use."""

from typing import NamedTuple

import numpy as np
import pyarrow as pa

from pipelines.sources.checks import EXPRESSIONS, Checked
from pipelines.sources.coco_json import InstanceFile
from pipelines.sources.expressions import UNIT
from pipelines.sources.json_window import record_key
from pipelines.sources.spec import Finding
from pipelines.sources.text import clean_line

Said = str | list[str] | None


class Expressions(NamedTuple):
    """A list for every checked annotation, why other phrases were not kept, and how many were read."""

    lists: pa.Array
    findings: list[Finding]
    read: int


def together(*said: Said) -> tuple[str, ...]:
    """All of the texts, in order, as they are written."""
    return tuple(text for each in said for text in ([each] if isinstance(each, str) else each or ()))


def says_something(texts: tuple[str, ...]) -> bool:
    """Whether a word is left once blanks are cleaned away."""
    return any(clean_line(text) for text in texts)


def expressions_of(source: str, file: InstanceFile, checked: Checked, phrases: list[tuple[str, ...]]) -> Expressions:
    """The phrases of the checked annotations; `phrases` has those of every annotation that could be decoded."""
    places = dict(zip(checked.rows.tolist(), range(len(checked.rows)), strict=True))
    lists: list[list[dict[str, object]]] = [[] for _ in places]
    findings: list[Finding] = []
    ordinal = 0
    for row in np.flatnonzero([bool(texts) for texts in phrases]).tolist():
        place, seen = places.get(row), set[str]()
        for given in phrases[row]:
            text = clean_line(given)
            reason = _fault(text, seen, annotated=place is not None)
            if reason or place is None:
                key = record_key(UNIT, ordinal, int(file.annotations.ids[row]))
                findings.append(Finding(key, reason, given))
            else:
                lists[place].append({"source": source, "text": text, "ordinal": ordinal})
            seen.add(text)
            ordinal += 1
    return Expressions(pa.array(lists, EXPRESSIONS), findings, ordinal)


def _fault(text: str, seen: set[str], *, annotated: bool) -> str:
    if not annotated:
        return "unknown_annotation"
    if not text:
        return "empty_text"
    return "duplicate_text" if text in seen else ""
