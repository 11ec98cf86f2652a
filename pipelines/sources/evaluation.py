"""Evaluation files: only their images are read, so that the join can keep them out of training."""

import msgspec

from pipelines.sources.coco_json import image_rows, read_images
from pipelines.sources.json_window import record_key
from pipelines.sources.spec import Finding
from schemas.records import Image


def add_evaluation_images(
    rows: dict[str, Image], path: str, source: str, folder: str, split: str, *, exhaustive: bool
) -> tuple[int, list[Finding]]:
    """Add the images of `path` to `rows` (by image id); returns how many were read, and the faulty ones.

    One that is a training image too counts as a repeat, and is for evaluation from then on.
    """
    entries, index, findings = read_images(path)
    count = len(entries) + len(findings)
    images = image_rows(entries, index, source, folder, split=split, exhaustive=exhaustive)
    position = dict(zip((entry.id for entry in entries), index, strict=True))
    for number, row in zip(images.numbers.tolist(), images.rows, strict=True):
        known = rows.get(row.image_id)
        if known:
            key = record_key("images", position[number], number)
            findings.append(Finding(key, "duplicate_id", "a training image too"))
        rows[row.image_id] = msgspec.structs.replace(known, split=split) if known else row
    return count, findings + images.findings
