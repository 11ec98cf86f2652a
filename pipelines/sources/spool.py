"""Annotations collected record by record, on disk: for sources that are not one COCO-style JSON file.

Visual Genome has 5.4 million regions and Pascal-Part 10,103 files. What is collected goes to two temporary files, the
columns and the segmentations, so that memory holds one batch.
"""

import os
import tempfile
from array import array
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.ipc

from pipelines.sources.spec import Annotations
from schemas.columns import ANNOTATION
from schemas.records import TRAIN, Attribute, Box, Category, Expression, Image

BATCH = 4096
"""Annotations in memory."""

_FRAME = pa.schema([field for field in ANNOTATION if field.name not in ("segmentation", "image_id")])
_NO_CATEGORY = Category(name="", text="")


class Spool:
    """Collects the checked annotations of one source; `annotations` ends the collecting."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._folder = tempfile.TemporaryDirectory()
        self._rows: list[tuple[Any, ...]] = []
        """Values in the order of `_FRAME`."""
        self._lengths = array("q")
        self._images: dict[str, int] = {}
        self._image_rows = array("i")
        """Of each annotation its image, as a position in `_images`: ids would be most of the memory."""
        self._image: Image | None = None
        self._slot = self._image_row = 0
        self._frame_path = os.path.join(self._folder.name, "frame.arrow")
        self._path = os.path.join(self._folder.name, "segmentations")
        self._segmentations = open(self._path, "wb")  # noqa: SIM115 - closed by `annotations`
        self._frame = pyarrow.ipc.new_file(self._frame_path, _FRAME)

    def __len__(self) -> int:
        return len(self._lengths)

    def add(
        self,
        region_id: str,
        image: Image,
        category: Category | None,
        segmentation: bytes,
        box: Box,
        *,
        part_of: str = "",
        attributes: tuple[Attribute, ...] = (),
        expressions: tuple[Expression, ...] = (),
        split: str = TRAIN,
    ) -> None:
        """Add an annotation; `segmentation` is the JSON of polygons or RLE, `box` [x, y, width, height] in pixels.

        A region that has a text only has no category. Its ordinal is its place in the order of adding.
        """
        named = category or _NO_CATEGORY
        if image is not self._image:
            self._image, self._slot = image, image.slot
            self._image_row = self._images.setdefault(image.image_id, len(self._images))
        self._rows.append((
            self._slot, region_id, self._source, len(self._lengths), named.text, named.name,
            box, split, part_of, named.part, named.whole,
            attributes and tuple((one.type, one.name) for one in attributes),
            expressions and tuple((one.source, one.text, one.ordinal) for one in expressions),
            image.width, image.height,
        ))  # fmt: skip
        self._image_rows.append(self._image_row)
        self._segmentations.write(segmentation)
        self._lengths.append(len(segmentation))
        if len(self._rows) == BATCH:
            self._flush()

    def annotations(self) -> Annotations:
        """All that was added; the temporary files go when this does."""
        self._flush()
        self._frame.close()
        self._segmentations.close()
        frame = pyarrow.ipc.open_file(pa.memory_map(self._frame_path)).read_all()
        rows = pa.array(np.asarray(self._image_rows, np.int32))
        images = pa.DictionaryArray.from_arrays(rows, pa.array(self._images, pa.string()))
        frame = frame.append_column("image_id", images)
        lengths = np.asarray(self._lengths, np.int64)
        return Annotations(frame, self._path, np.cumsum(lengths) - lengths, lengths, keep=self._folder)

    def _flush(self) -> None:
        values: Iterable[Sequence[Any]] = zip(*self._rows, strict=True) if self._rows else [()] * len(_FRAME)
        columns = [pa.array(each, field.type) for each, field in zip(values, _FRAME, strict=True)]
        self._frame.write(pa.record_batch(columns, schema=_FRAME))
        self._rows.clear()


def rectangle(box: Box) -> bytes:
    """The segmentation of a box [x, y, width, height]: one polygon."""
    x, y, w, h = box
    return msgspec.json.encode([[x, y, x + w, y, x + w, y + h, x, y + h]])
