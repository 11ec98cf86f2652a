"""Referring expressions gathered by annotation: the part that the REFER and the MDETR layout share."""

from typing import NamedTuple

import numpy as np
import pyarrow as pa

from pipelines.sources.checks import EXPRESSIONS, Checked, annotations
from pipelines.sources.coco_json import Images, InstanceFile
from pipelines.sources.spec import Annotations
from pipelines.sources.text import clean_line

UNIT = "expressions"


class _Phrase(NamedTuple):
    source: str
    text: str
    ordinal: int


class Gathered:
    """The expressions of each annotation and split, in order of first sight.

    A split of its own gets a row of its own, because the Google splits part the expressions of one image.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self._phrases: dict[tuple[int, str], dict[str, _Phrase]] = {}

    def add(self, row: int, split: str, text: str, ordinal: int) -> str:
        """Add an expression of the checked annotation at `row`; returns the reason where it is not kept."""
        cleaned = clean_line(text)
        if not cleaned:
            return "empty_text"
        phrases = self._phrases.setdefault((row, split), {})
        if cleaned in phrases:
            return "duplicate_text"
        phrases[cleaned] = _Phrase(self.source, cleaned, ordinal)
        return ""

    def annotations(self, file: InstanceFile, images: Images, checked: Checked) -> Annotations:
        """One row an annotation and split, with its expressions."""
        rows = np.fromiter((row for row, _ in self._phrases), np.int64, len(self._phrases))
        phrases = [[phrase._asdict() for phrase in group.values()] for group in self._phrases.values()]
        return annotations(
            file,
            images,
            checked.take(rows),
            self.source,
            "coco",
            ordinal=pa.array(range(len(rows)), pa.int32()),
            split=pa.array([split for _, split in self._phrases], pa.string()),
            expressions=pa.array(phrases, EXPRESSIONS),
        )
