"""What the model made of the boxes, as the COCO-style JSON file that Osprey trains on (`vg_train_with_mask.json`).

Every box is a row of `PREDICTION`; which of them are kept is judged when the file is written, one piece at a time.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines import storage
from pipelines.segmentation.judge import Fit, Limits, judge
from schemas.columns import REJECT
from schemas.errors import BuildError
from schemas.records import Mask, Record
from schemas.rle import box as tight_box

STAGE = "masks"
UNIT = "expressions"
"""As the source counts: every box has one phrase."""
CATEGORY = {"id": 1, "name": "object"}
"""Phrases have no category, yet pycocotools wants one. GRiT's file of Visual Genome, the root of Osprey's, has it."""

PREDICTION = pa.schema([
    ("image_id", pa.string()), ("same_as", pa.string()), ("file_name", pa.string()),
    ("width", pa.int32()), ("height", pa.int32()),
    ("region_id", pa.string()), ("caption", pa.string()), ("counts", pa.string()), ("area", pa.int32()),
    ("fill", pa.float64()), ("outside", pa.float64()), ("score", pa.float64()),
    ("reason", pa.string()), ("detail", pa.string()),
])  # fmt: skip
"""A box and its mask (`judge.Fit`); with a reason where none could be made. `same_as` is the image's."""


class Account(Record, frozen=True, kw_only=True):
    """What became of the boxes: read = kept + rejected."""

    images: int
    read: int
    kept: int
    rejected: dict[str, int]


class _Judged(NamedTuple):
    kept: list[dict[str, Any]]
    rejects: list[dict[str, Any]]


def write(
    path: str, rejects_path: str, source: str, pieces: Sequence[str], limits: Limits, info: dict[str, Any],
    progress: Callable[[int, int], None],
) -> Account:  # fmt: skip
    """Write the file and its rejects from the Parquet files of all pieces: first the images, then the annotations.

    BuildError where not one mask is kept; nothing is written then.
    """
    steps = 2 * len(pieces)
    reasons: Counter[str] = Counter()
    images = read = 0
    with storage.writing(path) as stream, _reject_writer(rejects_path) as rejects:
        stream.write(b'{"info": ' + msgspec.json.encode(info, order="deterministic"))
        stream.write(b',\n"categories": ' + msgspec.json.encode([CATEGORY]) + b',\n"images": [')
        for number, judged in enumerate(_judged(pieces, source, limits)):
            progress(number, steps)
            images += _write_list(stream, _images(judged.kept), images)
        stream.write(b'],\n"annotations": [')
        kept = 0
        for number, judged in enumerate(_judged(pieces, source, limits), len(pieces)):
            progress(number, steps)
            kept += _write_list(stream, map(_annotation, judged.kept), kept)
            read += len(judged.kept) + len(judged.rejects)
            reasons.update(reject["reason"] for reject in judged.rejects)
            rejects.write_table(pa.Table.from_pylist(judged.rejects, schema=REJECT))
        stream.write(b"]}\n")
        account = Account(images=images, read=read, kept=kept, rejected=dict(sorted(reasons.items())))
        _require_masks(account)
    progress(steps, steps)
    return account


def _require_masks(account: Account) -> None:
    """A file without masks would stand in for the boxes in every build."""
    if not account.kept:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in account.rejected.items())
        raise BuildError(
            f"none of {account.read:,} boxes has a mask that is good enough, so no file is written: {reasons}",
            hint="Other limits need no model again: --min-fill, --max-outside, --min-score. Pictures are looked for "
            "where the annotations say (`osprey-data doctor`).",
        )


def _judged(pieces: Iterable[str], source: str, limits: Limits) -> Iterator[_Judged]:
    for piece in pieces:
        kept: list[dict[str, Any]] = []
        rejects: list[dict[str, Any]] = []
        for row in storage.read_table(piece).to_pylist():
            reason, detail = row["reason"], row["detail"]
            if not reason:
                reason, detail = judge(Fit(row["area"], row["fill"], row["outside"]), row["score"], limits)
            if reason:
                rejects.append(_reject(source, row["region_id"], reason, detail))
            else:
                kept.append(row)
        yield _Judged(kept, rejects)


def _reject(source: str, key: str, reason: str, detail: str) -> dict[str, Any]:
    return {"stage": STAGE, "source": source, "unit": UNIT, "key": key, "reason": reason, "detail": detail}


@contextmanager
def _reject_writer(path: str) -> Iterator[pq.ParquetWriter]:
    """A Parquet file of rejects, there only when all went well."""
    with storage.writing(path) as stream, pq.ParquetWriter(stream, REJECT, compression="zstd") as writer:
        yield writer


def _write_list(stream: Any, records: Iterable[dict[str, Any]], before: int) -> int:
    """Write records of a JSON list of which `before` are written; returns how many."""
    count = 0
    for count, record in enumerate(records, 1):
        stream.write((b",\n" if before + count > 1 else b"\n") + msgspec.json.encode(record))
    return count


def _images(rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Each picture once; its rows follow one another. `coco_id` says which are COCO's, as in image_data.json."""
    last = ""
    for row in rows:
        if row["image_id"] != last:
            last = row["image_id"]
            yield {
                "id": number(last), "file_name": row["file_name"], "height": row["height"], "width": row["width"],
                "coco_id": number(row["same_as"]) if row["same_as"] else None,
            }  # fmt: skip


def _annotation(row: dict[str, Any]) -> dict[str, Any]:
    mask = Mask(size=(row["height"], row["width"]), counts=row["counts"])
    return {
        "id": number(row["region_id"]), "image_id": number(row["image_id"]), "category_id": CATEGORY["id"],
        "caption": row["caption"], "bbox": tight_box(mask), "area": row["area"], "iscrowd": 0,
        "segmentation": {"size": mask.size, "counts": mask.counts}, "score": round(row["score"], 4),
    }  # fmt: skip


def number(name: str) -> int:
    """The number in an id such as `vg/2370463`."""
    return int(name.rpartition("/")[2])
