"""Read a source once and keep it in its normal form, keyed by content."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import fsspec
import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines import storage
from pipelines.sources.cache import DONE, SourceCache
from pipelines.sources.json_stream import AGAIN
from pipelines.sources.locate import Located, cache_key, readable
from pipelines.sources.spec import Annotations, Reading, Source, vocabulary_bytes
from schemas.columns import IMAGE, REJECT, TEXT
from schemas.errors import SourceError
from schemas.keys import SLOTS, slot
from schemas.records import Image, ImageText

PART_ROWS = 8192
"""Annotations that a part holds at most, on average."""

ROW_GROUP = 1024
"""Rows of images and texts that are read at least when a slot range is asked for."""


def ingest(source: Source, located: Located, work: str) -> SourceCache:
    """The source in its normal form under `work`/sources, read only if files of this content were not read before.

    Files appear whole, `_done.json` last; what a killed run left behind is removed.

    Raises:
        SourceError: where a file is broken or cannot be read.
    """
    key = cache_key(located.name, located.files, work)
    folder = storage.join(work, "sources", f"{located.name}-{key}")
    done = storage.join(folder, DONE)
    if not storage.exists(done):
        storage.remove_tree(folder)
        with local_files(located.files) as files:
            with readable(*located.files.values()):
                reading = _read(source, files, located)
            parts = write(reading, folder)
        storage.write_json(done, {"source": located.name, "key": key, "parts": parts})
    parts = storage.read_json(done)["parts"]
    cache = SourceCache(name=located.name, key=key, folder=folder, parts=parts, notes=located.notes)
    return (
        cache if any(cache.read().values()) else msgspec.structs.replace(cache, notes=(*cache.notes, _empty(located)))
    )


def _read(source: Source, files: dict[str, str], located: Located) -> Reading:
    """Raises SourceError where a text is nested so deeply that no decoder gets to its end."""
    try:
        return source.read(files)
    except RecursionError as error:
        raise SourceError(
            f"{', '.join(located.files.values())}: lists or objects lie in one another too deeply to be read",
            hint=AGAIN,
        ) from error


def _empty(located: Located) -> str:
    return f"{located.name}: no records in {', '.join(located.files.values())}: nothing can be built from it"


@contextmanager
def local_files(files: dict[str, str]) -> Iterator[dict[str, str]]:
    """The files as local paths; those elsewhere are copied for the time of reading."""
    with tempfile.TemporaryDirectory() as folder:
        local = dict(files)
        for role, path in files.items():
            if not storage.is_local(path):
                local[role] = os.path.join(folder, role)
                with readable(path):
                    fs, name = fsspec.url_to_fs(path)
                    fs.get(name, local[role], recursive=bool(fs.isdir(name)))
            local[role] = local[role].removeprefix("file://")
        yield local


def write(reading: Reading, folder: str) -> int:
    """Write a reading's files, all but the last; returns the number of annotation parts."""
    storage.write_table(storage.join(folder, "images.parquet"), image_table(reading), row_group=ROW_GROUP)
    storage.write_table(storage.join(folder, "texts.parquet"), text_table(reading), row_group=ROW_GROUP)
    rejects = pa.Table.from_pylist([msgspec.to_builtins(reject) for reject in reading.rejects], schema=REJECT)
    storage.write_table(storage.join(folder, "rejects.parquet"), rejects)
    storage.write_bytes(storage.join(folder, "vocabulary.json"), vocabulary_bytes(reading.categories))
    storage.write_json(storage.join(folder, "reading.json"), reading.read)
    return write_annotations(reading.annotations, storage.join(folder, "annotations"))


def write_annotations(annotations: Annotations | None, folder: str) -> int:
    """One file for each of a power of two of slot ranges; returns how many."""
    if annotations is None:
        return 0
    parts = part_count(len(annotations))
    order = annotation_order(annotations)
    edges = np.searchsorted(annotations.slots[order], np.arange(parts + 1) * (SLOTS // parts))
    for part in range(parts):
        rows = order[edges[part] : edges[part + 1]]
        storage.write_table(storage.join(folder, storage.part_name(part, parts)), annotations.table(rows))
    return parts


def part_count(rows: int) -> int:
    """The least power of two of parts that hold `PART_ROWS` or fewer on average; at most one part a slot."""
    parts = 1
    while parts < SLOTS and rows > parts * PART_ROWS:
        parts *= 2
    return parts


def annotation_order(annotations: Annotations) -> npt.NDArray[np.int64]:
    """Rows by slot, then image, then position in the file."""
    images = annotations.frame["image_id"]
    if not pa.types.is_dictionary(images.type):
        images = images.dictionary_encode()
    images = images.unify_dictionaries().combine_chunks()
    names = images.dictionary.to_numpy(zero_copy_only=False)
    rank = np.empty(len(names), np.int64)
    rank[np.argsort(names.astype(str), kind="stable")] = np.arange(len(names))
    ordinals = annotations.frame["ordinal"].to_numpy()
    return np.lexsort((ordinals, rank[images.indices.to_numpy()], annotations.slots))


def image_table(reading: Reading) -> pa.Table:
    """Images by slot, then id."""
    slots = {image.image_id: image.slot for image in reading.images}
    ordered = sorted(reading.images, key=lambda image: (slots[image.image_id], image.image_id))
    return _table(ordered, slots, IMAGE)


def text_table(reading: Reading) -> pa.Table:
    """Texts by slot, then image, then position in the file. LLaVA's are about images that another source lists."""
    slots = {image.image_id: image.slot for image in reading.images}
    slots |= {text.image_id: slot(text.image_id) for text in reading.texts if text.image_id not in slots}
    ordered = sorted(reading.texts, key=lambda text: (slots[text.image_id], text.image_id, text.ordinal))
    return _table(ordered, slots, TEXT)


def _table(records: Sequence[Image | ImageText], slots: dict[str, int], schema: pa.Schema) -> pa.Table:
    """One column after the other, since a dict for every record would take several times the memory."""
    columns = [
        pa.array((_field(record, field.name, slots) for record in records), field.type, size=len(records))
        for field in schema
    ]
    return pa.table(columns, schema=schema)


def _field(record: Image | ImageText, name: str, slots: dict[str, int]) -> Any:
    return slots[record.image_id] if name == "slot" else getattr(record, name)
