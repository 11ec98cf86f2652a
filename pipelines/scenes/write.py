"""Write sample scenes as a raw data tree: every file in its official format, ids consistent across data sets."""

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context
from typing import Any, NamedTuple

import msgspec

from pipelines import storage
from pipelines.scenes import coco, llava, lvis, refer
from pipelines.scenes.draw import VAL_EVERY, draw_scene
from pipelines.scenes.files import JsonFile, PickleFile
from pipelines.scenes.picture import jpeg
from pipelines.scenes.vocabulary import COCO_CATEGORIES

CHUNK = 64
"""Scenes made in one go; also the step of the progress reports."""

Progress = Callable[[int, int], None]
Counts = Counter[tuple[str, str, int]]
"""`lvis.count`."""

FEW = 4
"""Fewer chunks than this are made in one process: starting others takes longer."""

_encoder = msgspec.json.Encoder()


class Made(NamedTuple):
    """What became of a range of scenes."""

    records: dict[tuple[str, str], bytes]
    """Encoded and joined, by file and array."""
    counts: Counts


class Work(NamedTuple):
    """A range of scenes to make."""

    folder: str
    seed: int
    start: int
    stop: int
    pictures: bool


def scene_count(images: int) -> int:
    """Scenes needed for so many training images: with every 24 of them comes a validation image, ahead of them."""
    return images + -(-images // (VAL_EVERY - 1))


def write_scenes(
    folder: str, images: int, seed: int, pictures: bool = True, progress: Progress | None = None, workers: int = 0
) -> None:
    """Write `images` training images, and one validation image for every 24, with their annotations and texts.

    The same seed gives the same bytes, whatever the number of processes; the scenes of a smaller sample are the first
    of a larger one. `progress` is told (images done, images in all). `workers` is the number of processes, 0 for one
    a core; small samples use one.
    """
    total = scene_count(images)
    work = [Work(folder, seed, start, min(start + CHUNK, total), pictures) for start in range(0, total, CHUNK)]
    counts: Counts = Counter()
    files = _files(folder, counts)
    with ExitStack() as stack:
        for file in files.values():
            stack.callback(file.discard)
        for one, made in zip(work, _made(work, workers or os.cpu_count() or 1), strict=True):
            counts.update(made.counts)
            for (path, array), records in made.records.items():
                files[path].add(array, records)
            if progress:
                progress(one.stop, total)
        for file in files.values():
            file.close()


def _made(work: list[Work], workers: int) -> Iterator[Made]:
    """What becomes of each piece of work, in order."""
    if workers == 1 or len(work) < FEW:
        yield from map(make, work)
        return
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        yield from pool.map(make, work)


def make(work: Work) -> Made:
    """Draw a range of scenes: write their pictures and return their records."""
    found: dict[tuple[str, str], list[bytes]] = defaultdict(list)
    counts: Counts = Counter()
    for index in range(work.start, work.stop):
        scene = draw_scene(work.seed, index)
        entries = [entry for source in (coco, refer, llava, lvis) for entry in source.entries(scene)]
        counts.update(lvis.count(entries))
        for path, array, record in entries:
            found[path, array].append(record if isinstance(record, bytes) else _encoder.encode(record))
        if work.pictures:
            storage.write_bytes(storage.join(work.folder, "coco", scene.folder, scene.file_name), jpeg(scene))
    joined = {key: (b"" if key[0].endswith(".p") else b",").join(records) for key, records in found.items()}
    return Made(joined, counts)


def _files(folder: str, counts: Counts) -> dict[str, JsonFile]:
    """Every file of the tree, open, by its path in it. `counts` will be complete when the files are closed."""
    found: dict[str, JsonFile] = {}

    def declare(path: str, arrays: tuple[str, ...], tail: Callable[[], dict[str, Any]] = dict) -> None:
        found[path] = JsonFile(storage.join(folder, path), HEAD, arrays, tail)

    both = ("images", "annotations")
    for split in ("train2017", "val2017"):
        declare(f"coco/annotations/instances_{split}.json", both, _coco_tail)
        declare(f"coco/annotations/captions_{split}.json", both)
    for dataset, refs in refer.REFS.items():
        declare(f"refer/{dataset}/instances.json", both, _coco_tail)
        found[f"refer/{dataset}/{refs}"] = PickleFile(storage.join(folder, "refer", dataset, refs))
    for path in (llava.DETAIL, llava.ALL):
        declare(path, ("",))
    for path in ("lvis/lvis_v1_train.json", "lvis/lvis_v1_val.json"):
        declare(path, both, lambda path=path: {"categories": lvis.categories(path, counts)})  # type: ignore[misc]
    return found


def _coco_tail() -> dict[str, Any]:
    return {"categories": COCO_CATEGORIES}


HEAD: dict[str, Any] = {
    "info": {
        "description": "Sample scenes in the format of COCO 2017", "url": "", "version": "1.0", "year": 2017,
        "contributor": "Osprey-Data", "date_created": "2017/09/01",
    },
    "licenses": [{"url": "", "id": number, "name": f"Sample licence {number}"} for number in range(1, 9)],
}  # fmt: skip
