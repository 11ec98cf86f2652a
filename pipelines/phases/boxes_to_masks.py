"""Boxes to masks: a source that has boxes only -> predictions, piece by piece -> one COCO-style file with masks.

The element is a piece, some dozens of pictures. A piece whose file is there is not made again; which masks are good
enough is judged when the pieces are put together, so other limits need no model.
"""

import posixpath
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

import apache_beam as beam
import fsspec
import msgspec
import PIL.Image
import pyarrow as pa

from pipelines import storage
from pipelines.phases.progress import Progress, files, silent, watching
from pipelines.phases.running import ONE_WORKER, Running, run, spread
from pipelines.segmentation import boxes, coco_file, judge, weights
from pipelines.segmentation.boxes import Boxed, Picture, Piece
from pipelines.segmentation.coco_file import PREDICTION, Account
from pipelines.segmentation.judge import Limits
from pipelines.segmentation.model import BATCH, Predicted, Segmenter, check
from pipelines.segmentation.weights import Weights
from pipelines.sources import vg
from pipelines.sources.cache import SourceCache
from pipelines.sources.ingest import ingest
from pipelines.sources.locate import Missing, locate
from schemas import rle
from schemas.errors import BuildError, SourceError
from schemas.keys import digest
from schemas.ledger import LedgerLine

SOURCE = vg.SPEC.name
ROLE = "regions"
"""The file of the layout that has boxes only."""
FOLDER = "visual_genome"
FILE = "vg_train_with_mask.json"
VERSION = 2
"""Raise it when the same boxes and weights come to give other masks."""


class Job(NamedTuple):
    """All that turning a piece into predictions needs; small enough to travel to every worker."""

    cache: SourceCache
    data: str
    weights: Weights
    folder: str
    """Of the pieces."""
    device: str = "auto"
    batch: int = BATCH


class Made(NamedTuple):
    """What `make_masks` leaves."""

    path: str
    rejects: str
    account: Account
    ledger: list[LedgerLine]
    """Of reading the boxes and of making the masks; also beside the file."""


class MakeMasks(beam.PTransform):
    """Piece -> its number of boxes; its predictions are a file in the job's folder."""

    def __init__(self, job: Job) -> None:
        super().__init__()
        self._masker = Masker(job)

    def expand(self, pieces: beam.PCollection[Piece]) -> beam.PCollection[int]:
        return pieces | "BoxesToMasks" >> beam.ParDo(self._masker)


class Masker(beam.DoFn):
    """Loads the model once a process and writes a file a piece."""

    def __init__(self, job: Job) -> None:
        super().__init__()
        self._job = job

    def setup(self) -> None:
        self._segmenter = Segmenter(self._job.weights, self._job.device, self._job.batch)

    def process(self, piece: Piece) -> Iterable[int]:
        rows = [row for picture in boxes.pictures(self._job.cache, piece) for row in self.rows(picture)]
        path = _path(self._job, piece)
        storage.write_table(path, pa.Table.from_pylist(rows, schema=PREDICTION))
        storage.write_json(f"{path}.json", {"boxes": len(rows)})
        yield len(rows)

    def rows(self, picture: Picture) -> Iterator[dict[str, Any]]:
        """A row of `PREDICTION` for every box of a picture."""
        opened = open_picture(self._job.data, picture)
        if isinstance(opened, tuple):
            yield from (_row(picture, box, reason=opened[0], detail=opened[1]) for box in picture.boxes)
            return
        name = opened.info["found_at"]
        clipped = {box.region_id: judge.clip(box.box, *opened.size) for box in picture.boxes}
        inside = [box for box in clipped.values() if box is not None]
        predicted = self._segmenter.masks(opened, inside) if inside else iter(())
        for boxed in picture.boxes:
            box = clipped[boxed.region_id]
            if box is None:
                yield _row(picture, boxed, reason="outside_image", detail=f"box {list(boxed.box)}")
            else:
                yield _predicted(picture, boxed, name, judge.fit((found := next(predicted)).pixels, box), found)


def open_picture(data: str, picture: Picture) -> PIL.Image.Image | tuple[str, str]:
    """The picture in memory, its path in `info["found_at"]`; or why it cannot be used, as (reason, detail)."""
    image = picture.image
    path = next((path for path in image.paths if storage.exists(storage.join(data, path))), None)
    if path is None:
        return "image_missing", f"looked for {' and '.join(image.paths)}"
    try:
        with fsspec.open(storage.join(data, path), "rb") as stream, PIL.Image.open(stream) as found:
            opened = found.convert("RGB")
    except (OSError, SyntaxError, ValueError, PIL.Image.DecompressionBombError) as error:
        return "image_unreadable", f"{path}: {error}"
    if image.width and opened.size != (image.width, image.height):
        return "image_unreadable", f"{path}: {opened.size} pixels, said to be {(image.width, image.height)}"
    opened.info["found_at"] = posixpath.relpath(path, FOLDER) if path.startswith(f"{FOLDER}/") else path
    return opened


def _row(picture: Picture, boxed: Boxed, **more: Any) -> dict[str, Any]:
    image = picture.image
    return {
        "image_id": image.image_id, "same_as": image.same_as, "file_name": "",
        "width": image.width, "height": image.height, "region_id": boxed.region_id, "caption": boxed.caption,
        "counts": "", "area": 0, "fill": 0.0, "outside": 0.0, "score": 0.0, "reason": "", "detail": "", **more,
    }  # fmt: skip


def _predicted(picture: Picture, boxed: Boxed, name: str, fit: judge.Fit, found: Predicted) -> dict[str, Any]:
    height, width = found.pixels.shape
    return _row(
        picture, boxed, file_name=name, width=width, height=height, counts=rle.encode(found.pixels).counts,
        score=found.score, **fit._asdict(),
    )  # fmt: skip


def make_masks(
    data: str, out: str, model: str, *, limits: Limits, device: str = "auto", batch: int = BATCH,
    limit: int | None = None, running: Running = ONE_WORKER, progress: Progress = silent,
) -> Made:  # fmt: skip
    """Masks for all boxes of Visual Genome.

    With `limit`, a number of pictures, the file has a name of its own (`.first3.json`), by which no build takes it for
    all there is: a recipe names it as `sources.vg.files.masks`.

    Raises:
        SourceError: boxes or model are missing or broken.
        BuildError: not one mask is kept.
    """
    work = storage.join(out, "work")
    found = weights.find(model, work)
    cache = _boxes(data, work, progress)
    job = Job(cache, data, found, storage.join(work, f"masks-{_key(cache, found)}"), device, batch)
    pieces = list(boxes.pieces(cache, limit))
    _predict(job, pieces, running, progress)
    path = storage.join(out, FOLDER, FILE if limit is None else FILE.replace(".json", f".first{limit}.json"))
    rejects = path.replace(".json", ".rejects.parquet")
    paths = [_path(job, piece) for piece in pieces]
    account = coco_file.write(
        path, rejects, SOURCE, paths, limits, _info(found, limits), lambda done, all_: progress("writing", done, all_)
    )
    lines = [*cache.ledger(), _line(account)]
    storage.write_json(path.replace(".json", ".ledger.json"), msgspec.to_builtins(lines))
    return Made(path, rejects, account, lines)


def _boxes(data: str, work: str, progress: Progress) -> SourceCache:
    """The source in its normal form, read from the files that have boxes, whatever else is there."""
    layouts = tuple(layout for layout in vg.SPEC.layouts if ROLE in {file.role for file in layout})
    located = locate(msgspec.structs.replace(vg.SPEC, layouts=layouts), data, {})
    if isinstance(located, Missing):
        raise SourceError(located.message(), hint=f"Give the folder that holds {FOLDER}/ with --data.")
    progress(f"reading sources: {SOURCE}", 0, 1)
    cache = ingest(vg.SOURCE, located, work)
    progress("reading sources", 1, 1)
    return cache


def _key(cache: SourceCache, found: Weights) -> str:
    return digest("masks", VERSION, cache.key, found.key)[:16]


def _path(job: Job, piece: Piece) -> str:
    return storage.join(job.folder, f"{piece.name}.parquet")


def _predict(job: Job, pieces: list[Piece], running: Running, progress: Progress) -> None:
    """Predictions for every piece that has none yet."""
    if not pieces:
        raise BuildError(f"{SOURCE} has no boxes", hint="See the ledger: every record was rejected, or there are none.")
    done = set(storage.list_files(job.folder, ".json"))
    todo = [piece for piece in pieces if f"{piece.name}.parquet.json" not in done]
    if todo:
        check(job.weights, None if running.beam_flags else job.device)
        with watching("boxes to masks", files(job.folder), len(pieces), progress):
            run(partial(_pipeline, job, todo), running.at_most(len(todo)))


def _pipeline(job: Job, pieces: list[Piece], pipeline: beam.Pipeline) -> beam.PCollection[int]:
    return spread(pipeline, pieces) | "MakeMasks" >> MakeMasks(job)


def _info(found: Weights, limits: Limits) -> dict[str, Any]:
    """What the file says of itself."""
    told = f"Masks made from the boxes of Visual Genome's regions by a {found.model_type} model"
    return {"description": told, "weights": found.key, "limits": msgspec.to_builtins(limits)}


def _line(account: Account) -> LedgerLine:
    line = LedgerLine(
        stage=coco_file.STAGE, source=SOURCE, unit=coco_file.UNIT,
        read=account.read, kept=account.kept, rejected=account.rejected,
    )  # fmt: skip
    line.check()
    return line
