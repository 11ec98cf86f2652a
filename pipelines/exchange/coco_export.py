"""The regions of a build as a COCO detection file with masks, with what FiftyOne needs to open it.

    labels.json           COCO: each picture and each region once, masks as compressed RLE `{size, counts}`
    data.json             FiftyOne's list of pictures: name in labels.json -> path relative to the folder
    open_in_fiftyone.py   three lines

An annotation has, beside COCO's fields, `region_id`, `source`, `part_of`, `split`, the ids of the samples that are
about the region, and what they say of it. FiftyOne shows all of these. Pictures stay where they are, unless only the
rows carry them: these are written to `pictures/`.
"""

import os
import shutil
import tempfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, BinaryIO, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa

from pipelines import storage
from pipelines.exchange.names import numbers
from pipelines.qa.masks import measure
from pipelines.qa.page.pictures import stays_below
from pipelines.qa.reading import column_pieces, opened
from pipelines.qa.suite.frame import complete_rows
from pipelines.shards.manifest import Manifest
from schemas.errors import BuildError, RecipeError
from schemas.rle import MAX_SIDE

LABELS, DATA_LIST, SCRIPT, PICTURES = "labels.json", "data.json", "open_in_fiftyone.py", "pictures"
NO_CATEGORY = "(no category)"
MOST_TEXT = 400
"""Characters of what samples say of a region; the samples themselves have all of it."""
_PARTS = 64
"""Files that regions are sorted into by their picture, so that one is in memory at a time."""
_BATCH = 64
"""Rows whose pictures are in memory at a time."""

_COLUMNS = ["sample_id", "split", "image.path", "image_id", "width", "height", "regions", "messages"]
_TOP = list(dict.fromkeys(name.partition(".")[0] for name in _COLUMNS))
_REGION = ("region_id", "source", "category", "part_of", "bbox", "area", "mask")
Progress = Callable[[str, int, int], None]
Row = dict[str, Any]


class Written(NamedTuple):
    """What was written, for telling."""

    images: int
    regions: int
    left_out: Counter[str]
    """Regions and rows by why they are not in the file."""
    lines: str
    """The Python that opens it."""


class _Streams(NamedTuple):
    """The growing files."""

    images: BinaryIO
    annotations: BinaryIO
    pictures: BinaryIO


def write(out: str, to: str, data: str | None, manifest: Manifest, progress: Progress | None = None) -> Written:
    """Write a build's regions below the folder `to`; `data` is the folder of the pictures, where the rows lack them.

    Raises:
        RecipeError: it is not known where the pictures are, or none of them is there.
        BuildError: a shard cannot be read, or `to` cannot be written to.
    """
    if not storage.is_local(to) or (data is not None and not storage.is_local(data)):
        raise RecipeError("FiftyOne opens pictures of local folders only", hint="Copy the pictures, and say --data.")
    storage.make_folder(to)
    shards = [file.path for _, entry in sorted(manifest.kinds.items()) for file in entry.files]
    if data is None:
        _write_pictures(out, to, shards)
        data = storage.join(to, PICTURES)
    with tempfile.TemporaryDirectory(dir=to, prefix=".parts-") as folder:
        left_out: Counter[str] = Counter()
        categories = _sort(out, shards, folder, left_out, progress)
        images, regions = _join(folder, to, data, categories, left_out, progress)
    storage.write_bytes(storage.join(to, SCRIPT), _script("os.path.dirname(os.path.abspath(__file__))").encode())
    return Written(images, regions, +left_out, _script(repr(to)))


def _script(folder: str) -> str:
    modules = "os, fiftyone as fo" if folder.startswith("os.") else "fiftyone as fo"
    return (
        f"import {modules}\n"
        f"dataset = fo.Dataset.from_dir({folder}, fo.types.COCODetectionDataset, "
        f'data_path="{DATA_LIST}", labels_path="{LABELS}", label_types="segmentations", dynamic=True)\n'
        "fo.launch_app(dataset).wait()\n"
    )


def _write_pictures(out: str, to: str, shards: list[str]) -> None:
    """Write the pictures that rows carry."""
    for shard in shards:
        with opened(storage.join(out, shard)) as file:
            for batch in file.iter_batches(_BATCH, columns=["image"]):
                for image in batch.column("image").to_pylist():
                    name, content = image["path"] or "", image["bytes"]
                    path = storage.join(to, PICTURES, name)
                    if content is not None and stays_below(name) and not os.path.exists(path):
                        storage.write_bytes(path, content)


def _sort(
    out: str, shards: list[str], folder: str, left_out: Counter[str], progress: Progress | None
) -> dict[str, int]:
    """Every region of every row into a file by its picture; returns the categories with their numbers."""
    names = set()
    with ExitStack() as stack:
        parts = [
            stack.enter_context(open(os.path.join(folder, str(n)), "wb", buffering=1 << 16)) for n in range(_PARTS)
        ]
        for done, shard in enumerate(shards):
            if progress:
                progress("regions", done, 2 * len(shards))
            for row in _rows(out, shard, left_out):
                part = parts[zlib.crc32(row["image_id"].encode()) % _PARTS]
                for region in _regions(row):
                    names.add(region["category"])
                    part.write(msgspec.json.encode(region) + b"\n")
    return {name: number for number, name in enumerate(sorted(names), 1)}


def _rows(out: str, shard: str, left_out: Counter[str]) -> Iterator[Row]:
    try:
        for piece in column_pieces(storage.join(out, shard), _COLUMNS):
            piece = piece.select(_TOP)  # a column that is not there is a KeyError
            whole = complete_rows(piece)
            left_out["rows in which something is missing"] += int((~whole).sum())
            yield from piece.filter(pa.array(whole)).to_pylist()
    except (OSError, KeyError, ValueError) as error:
        raise BuildError(
            f"{shard} cannot be read: {error}", hint="`osprey-data assemble` with this --out writes it again."
        ) from error


def _regions(row: Row) -> Iterator[Row]:
    """The regions of a row, each with its picture and with what the row says of it."""
    said = _said(row)
    for number, region in enumerate(row["regions"], 1):
        yield {
            **{name: region[name] for name in _REGION}, "category": region["category"] or NO_CATEGORY,
            "path": row["image"]["path"], "split": row["split"], "sample_id": row["sample_id"],
            "size": (row["width"], row["height"]), "image": row["image_id"], "text": "\n".join(said.get(number, ())),
        }  # fmt: skip


def _said(row: Row) -> dict[int, list[str]]:
    """By region, the questions and answers that name it."""
    contents = [message["content"] for message in row["messages"]]
    found: dict[int, list[str]] = {}
    for question, answer in zip(contents[::2], contents[1::2], strict=False):
        for number in dict.fromkeys(numbers(f"{question} {answer}")):
            found.setdefault(number, []).append(f"{question} {answer}"[:MOST_TEXT])
    return found


def _join(
    folder: str, to: str, data: str, categories: dict[str, int], left_out: Counter[str], progress: Progress | None
) -> tuple[int, int]:
    """(pictures, regions); the annotations are written aside and put after the images."""
    images = regions = 0
    listed = [{"id": number, "name": name} for name, number in categories.items()]
    with (
        storage.writing(storage.join(to, LABELS)) as labels,
        storage.writing(storage.join(to, DATA_LIST)) as pictures,
        tempfile.TemporaryFile(dir=folder) as annotations,
    ):
        streams = _Streams(labels, annotations, pictures)
        labels.write(b'{"info": {"description": "regions of osprey-data"}, "categories": ')
        labels.write(msgspec.json.encode(listed) + b',\n"images": [')
        pictures.write(b"{")
        for part in range(_PARTS):
            if progress:
                progress("regions", _PARTS + part, 2 * _PARTS)
            for found in _pictures(os.path.join(folder, str(part))):
                kept = _kept(found, data, left_out)
                if kept:
                    images += 1
                    _write_image(streams, images, kept, to, data)
                    regions += _write_annotations(streams, images, regions, kept, categories)
        if progress:
            progress("regions", 2 * _PARTS, 2 * _PARTS)
        _require_any(images, left_out)
        labels.write(b'],\n"annotations": [')
        annotations.seek(0)
        shutil.copyfileobj(annotations, labels)
        labels.write(b"]}\n")
        pictures.write(b"}\n")
    return images, regions


def _require_any(images: int, left_out: Counter[str]) -> None:
    """Raised while the files are being written, so that none of them stays."""
    if not images:
        why = ", ".join(f"{count:,} {what}" for what, count in (+left_out).items()) or "no row has a region"
        raise RecipeError(f"nothing to show: {why}", hint="Give the folder of the pictures with --data.")


def _pictures(path: str) -> list[list[Row]]:
    """Picture by picture, its distinct regions, each with all its samples and what they say."""
    decoder = msgspec.json.Decoder()
    found: dict[str, dict[str, Row]] = {}
    with open(path, "rb") as stream:
        for line in stream:
            region = decoder.decode(line)
            known = found.setdefault(region["image"], {}).setdefault(region["region_id"], {**region, "sample_ids": []})
            known["sample_ids"].append(region["sample_id"])
            if known["text"] != region["text"] and len(known["text"]) < MOST_TEXT:
                known["text"] = f"{known['text']}\n{region['text']}".strip()
    pictures = [[region for _, region in sorted(regions.items())] for _, regions in sorted(found.items())]
    _judge_masks([region for regions in pictures for region in regions])
    return pictures


def _judge_masks(regions: list[Row]) -> None:
    """Note which masks pycocotools may be given; it reads broken ones beyond their end."""
    sizes = np.array([region["mask"]["size"] for region in regions], np.int64).reshape(-1, 2)
    counts = pa.array([region["mask"]["counts"] for region in regions], pa.string())
    valid = measure(counts, sizes[:, 0], sizes[:, 1]).valid & (sizes > 0).all(axis=1) & (sizes <= MAX_SIDE).all(axis=1)
    for region, good in zip(regions, valid.tolist(), strict=True):
        region["readable"] = good


def _kept(regions: list[Row], data: str, left_out: Counter[str]) -> list[Row]:
    """What of a picture can be shown; FiftyOne opens no file of which a picture is missing."""
    path = regions[0]["path"]
    if not stays_below(path):
        left_out["regions on a picture whose path leaves DATA"] += len(regions)
        return []
    if not os.path.exists(storage.join(data, path)):
        left_out["regions on a picture that is not there"] += len(regions)
        return []
    good = [region for region in regions if region["readable"]]
    if len(good) < len(regions):
        left_out["regions with a mask that cannot be read"] += len(regions) - len(good)
    return good


def _write_image(streams: _Streams, number: int, regions: list[Row], to: str, data: str) -> None:
    one = regions[0]
    between = b"\n" if number == 1 else b",\n"
    width, height = one["size"]
    streams.images.write(between + msgspec.json.encode({
        "id": number, "file_name": one["path"], "width": width, "height": height, "image_id": one["image"],
        "split": one["split"],
    }))  # fmt: skip
    path = os.path.relpath(storage.join(data, one["path"]), to)
    streams.pictures.write(between + msgspec.json.encode(one["path"]) + b": " + msgspec.json.encode(path))


def _write_annotations(
    streams: _Streams, image: int, before: int, regions: list[Row], categories: dict[str, int]
) -> int:
    for number, one in enumerate(regions, before + 1):
        text = one["text"] if len(one["text"]) <= MOST_TEXT else f"{one['text'][:MOST_TEXT]} ..."
        streams.annotations.write((b"\n" if number == 1 else b",\n") + msgspec.json.encode({
            "id": number, "image_id": image, "category_id": categories[one["category"]], "bbox": one["bbox"],
            "area": one["area"], "iscrowd": 0, "segmentation": one["mask"], "region_id": one["region_id"],
            "source": one["source"], "part_of": one["part_of"] or "", "split": one["split"],
            "sample_ids": one["sample_ids"], "text": text,
        }))  # fmt: skip
    return len(regions)
