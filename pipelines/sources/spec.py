"""What a source is: its files and terms (`SourceSpec`), and what reading it yields (`Reading`)."""

import os
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.columns import ANNOTATION
from schemas.records import Category, Image, ImageText, Record, Reject

STAGE = "ingest"

Ints = npt.NDArray[np.int64]


class FileSpec(Record, frozen=True, kw_only=True):
    """One raw file of a source."""

    role: str
    """What the reader knows the file as; also the key under which a recipe names another path."""
    path: str
    """Relative to DATA."""
    where: str
    """The page that offers it, with a word on registration where there is any."""
    required: bool = True
    spare: bool = False
    """Whoever does without this file, which is not required, lacks nothing that belongs to the data set."""
    suffix: str = ""
    """Not empty where `path` is a folder: its files of this suffix, at any depth, are read."""
    note: str = ""
    """What the user has to know where this file is read."""
    lacking: str = ""
    """What is not known where this file, which is not required, is not there."""
    size: int | None = None
    """Bytes, where known; so are the checksums."""
    sha256: str = ""
    md5: str = ""


class SourceSpec(Record, frozen=True, kw_only=True):
    """One data set: who made it, on what terms, which files, and what its authors counted."""

    name: str
    title: str
    homepage: str
    license: str
    """SPDX identifier of the annotations' licence; `LicenseRef-unstated` where the authors state none."""
    license_note: str
    """What the identifier does not say, above all about the pictures."""
    citation: str
    """BibTeX."""
    layouts: tuple[tuple[FileSpec, ...], ...]
    """Alternatives; the first one of which every required file is there is read."""
    counts: dict[str, int]
    """The authors' counts, by unit."""
    evaluation: tuple[str, ...]
    """Names of the evaluation sets that this source's records may belong to."""
    split_note: str
    """What the splits mean and with which other sources they overlap."""

    def roles(self) -> dict[str, FileSpec]:
        """Every file of every layout by its role."""
        return {file.role: file for layout in self.layouts for file in layout}


class Annotations:
    """Checked annotations without their segmentations, which stay in the raw file until a part is written.

    `frame` has the columns of `schemas.columns.ANNOTATION` except `segmentation`, repeated strings as dictionaries.
    `starts` and `lengths` are the segmentations' places in the local file `path`, in bytes.
    """

    def __init__(self, frame: pa.Table, path: str, starts: Ints, lengths: Ints, keep: object = None) -> None:
        """`keep` is kept as long as this is: what removes `path` when it goes."""
        self.frame = frame
        self.path = path
        self._keep = keep
        self.starts = starts
        self.lengths = lengths
        self.slots: npt.NDArray[np.uint8] = frame["slot"].to_numpy().astype(np.uint8)

    def __len__(self) -> int:
        return int(self.frame.num_rows)

    def table(self, indices: npt.NDArray[Any]) -> pa.Table:
        """The rows at these positions, in this order, as `schemas.columns.ANNOTATION`."""
        rows = self.frame.take(pa.array(indices, pa.int64()))
        columns = [
            self._segmentations(indices) if field.name == "segmentation" else rows[field.name].cast(field.type)
            for field in ANNOTATION
        ]
        return pa.table(columns, schema=ANNOTATION)

    def _segmentations(self, indices: npt.NDArray[Any]) -> pa.Array:
        """Read one by one rather than mapped: mapped pages would count, and stay, as this process's memory."""
        starts, lengths = self.starts[indices].tolist(), self.lengths[indices].tolist()
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            texts = [os.pread(descriptor, length, start) for start, length in zip(starts, lengths, strict=True)]
        finally:
            os.close(descriptor)
        return pa.array(texts, pa.binary()).cast(pa.string())


class Reading(NamedTuple):
    """Everything that one source's files say."""

    images: list[Image]
    categories: list[Category]
    texts: list[ImageText]
    rejects: list[Reject]
    """Their keys say unit, position, id, and image where known: `annotations[17] id 42 of coco/000000000009`."""
    read: dict[str, int]
    """Records read by unit; read = kept + rejects of that unit."""
    annotations: Annotations | None


class Source(NamedTuple):
    """A data set that can be read."""

    spec: SourceSpec
    read: Callable[[dict[str, str]], Reading]
    """From the local path of each role's file (optional roles may lack)."""


class Finding(NamedTuple):
    """Why a record is not kept; becomes a `Reject` once the source's name is known."""

    key: str
    """Unit, position in its list, and id, as `json_stream.record_key` writes them."""
    reason: str
    detail: str = ""
    image_id: str = ""
    """The image that it is about, where the record names one that is known."""

    def reject(self, source: str) -> Reject:
        """The reject of this source; its key ends with the image: `annotations[17] id 42 of coco/000000000009`."""
        unit = self.key.partition("[")[0]
        key = f"{self.key} of {self.image_id}" if len(self.image_id.split()) == 1 else self.key
        return Reject(stage=STAGE, source=source, unit=unit, key=key, reason=self.reason, detail=self.detail)


def vocabulary_bytes(categories: list[Category]) -> bytes:
    """The vocabulary as the JSON that `SourceCache.vocabulary` reads."""
    return msgspec.json.format(msgspec.json.encode(categories), indent=1)
