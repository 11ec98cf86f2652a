"""Write sample scenes as a raw data tree: every file in its official format, ids consistent across data sets."""

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context
from typing import NamedTuple

import msgspec

from pipelines import storage
from pipelines.scenes import lvis
from pipelines.scenes.draw import VAL_EVERY
from pipelines.scenes.entry import FILE, PICTURE, Entry
from pipelines.scenes.marker import write_markers
from pipelines.scenes.picture import encoded, paint
from pipelines.scenes.series import told
from pipelines.scenes.tree import Counts, open_files
from pipelines.scenes.truth import SceneTruth

CHUNK = 64
"""Scenes made in one go; also the step of the progress reports."""

Progress = Callable[[int, int], None]
FEW = 16
"""Fewer chunks than this are made in one process, unless a number is asked for: starting others takes longer."""

SEPARATORS = {"p": b"", "jsonl": b"\n"}
"""What stands between two records, by the file's ending; a comma otherwise."""

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
    """Write `images` training images, and one validation image for every 24, with their annotations and texts,
    in every raw format; in each folder of annotations stands a file that says that they are drawn. Data sets that share
    COCO's pictures do so here; every other one shows scenes of its own.

    The same seed gives the same bytes, whatever the number of processes; the scenes of a smaller sample are the first
    of a larger one. `progress` is told (images done, images in all). `workers` is the number of processes, 0 for one
    a core; small samples use one.
    """
    total = scene_count(images)
    work = [Work(folder, seed, start, min(start + CHUNK, total), pictures) for start in range(0, total, CHUNK)]
    counts: Counts = Counter()
    files = open_files(folder, counts)
    write_markers(folder, files, images, seed)
    with ExitStack() as stack:
        for file in files.values():
            stack.callback(file.discard)
        for one, made in zip(work, _made(work, workers), strict=True):
            counts.update(made.counts)
            for (path, array), records in made.records.items():
                files[path].add(array, records)
            if progress:
                progress(one.stop, total)
        for file in files.values():
            file.close()


def _made(work: list[Work], workers: int) -> Iterator[Made]:
    """What becomes of each piece of work, in order."""
    wanted = workers or (os.cpu_count() or 1 if len(work) >= FEW else 1)
    if wanted == 1:
        yield from map(make, work)
        return
    with ProcessPoolExecutor(wanted, get_context("spawn")) as pool:
        yield from pool.map(make, work)


def make(work: Work) -> Made:
    """Draw a range of scenes: write their pictures and small files, and return their records."""
    found: dict[tuple[str, str], list[bytes]] = defaultdict(list)
    counts: Counts = Counter()
    for scene, entries in (one for index in range(work.start, work.stop) for one in told(work.seed, index)):
        counts.update(lvis.count(entries))
        for path, array, record in entries:
            if array == FILE:
                storage.write_bytes(storage.join(work.folder, path), record)
            elif array != PICTURE:
                found[path, array].append(record if isinstance(record, bytes) else _encoder.encode(record))
        if work.pictures:
            _write_pictures(work.folder, scene, entries)
    joined = {key: SEPARATORS.get(key[0].rsplit(".")[-1], b",").join(records) for key, records in found.items()}
    return Made(joined, counts)


def _write_pictures(folder: str, scene: SceneTruth, entries: list[Entry]) -> None:
    """The scene's picture under each of its names, painted once, if it has any."""
    names = [(path, size) for path, array, size in entries if array == PICTURE]
    if not names:
        return
    picture = paint(scene)
    made = {size: encoded(picture, size) for size in {size: None for _, size in names}}
    for path, size in names:
        storage.write_bytes(storage.join(folder, path), made[size])
