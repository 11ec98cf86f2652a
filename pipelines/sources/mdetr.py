"""RefCOCO, RefCOCO+ and RefCOCOg in the layout of Osprey's files: MDETR's (Kamath et al., ICCV 2021) with masks.

One "image" and one annotation a sentence; `original_id` is the COCO image's or annotation's id. Layout:
github.com/ashkamath/mdetr scripts/fine-tuning/refexp_coco_format.py.
"""

import numpy as np

from pipelines.sources.checks import Checked, check, first_of_each, link, lookup
from pipelines.sources.coco_json import (
    AnnotationEntry,
    Id,
    ImageEntry,
    Images,
    InstanceFile,
    image_row,
    is_safe_entry,
    read_instances,
)
from pipelines.sources.coco_synsets import with_synsets
from pipelines.sources.evaluation import held_out, read_listed
from pipelines.sources.expressions import UNIT, Gathered
from pipelines.sources.json_window import record_key
from pipelines.sources.names import image_id
from pipelines.sources.spec import Finding, Reading
from schemas.records import TRAIN, Image


class SentenceImage(ImageEntry, kw_only=True, gc=False):
    """The image of one sentence."""

    original_id: Id
    caption: str


class SentenceAnnotation(AnnotationEntry, kw_only=True, gc=False):
    """The annotation of one sentence."""

    original_id: Id


def read(name: str, path: str, evaluation_path: str | None = None) -> Reading:
    """A record is a sentence; those of one annotation become one row. Everything in `path` is for training."""
    file = read_instances(path, SentenceImage, SentenceAnnotation, unit=UNIT)
    images, findings = _images(file.images, file.image_index, name)
    checked = check(file, link(file, images))
    gathered, duplicates = _gather(name, file, images, checked)
    rows = {row.image_id: row for row in images.rows}
    findings += [*file.findings, *checked.findings, *duplicates]
    if evaluation_path:
        listed, faults = read_listed(evaluation_path, "original_id")
        others = (held_out(each, name, "train2017", f"{name}_val") for each in listed)
        rows |= {row.image_id: row for row in others}
        findings += faults
    faulty = sum(finding.key.startswith("images[") for finding in findings)
    return Reading(
        images=list(rows.values()),
        categories=with_synsets(file.categories.values()),
        texts=[],
        rejects=[finding.reject(name) for finding in findings],
        read={"images": len(rows) + faulty, UNIT: file.read[UNIT]},
        annotations=gathered.annotations(file, images, checked),
    )


def _images(entries: list[SentenceImage], index: list[int], name: str) -> tuple[Images, list[Finding]]:
    """The row of each sentence's image; sentences about one picture share its row."""
    rows: dict[int, Image] = {}
    known: dict[str, Image] = {}
    findings: list[Finding] = []
    for entry, position in zip(entries, index, strict=True):
        reason = "duplicate_id" if entry.id in rows else "" if is_safe_entry(entry) else "unsafe_path"
        if reason:
            findings.append(Finding(record_key("images", position, entry.id), reason, entry.file_name or ""))
            continue
        key = image_id(entry.original_id)
        if key not in known:
            known[key] = image_row(entry, entry.original_id, name, "train2017", exhaustive=False)
        rows[entry.id] = known[key]
    return Images(list(rows.values()), np.fromiter(rows, np.int64, len(rows)), []), findings


def _gather(name: str, file: InstanceFile, images: Images, checked: Checked) -> tuple[Gathered, list[Finding]]:
    """Captions of the checked annotations by object; the first annotation of an object gives the geometry."""
    columns = checked.columns
    captions = {entry.id: entry.caption for entry in file.images}
    names = {number: row.image_id for number, row in zip(images.numbers.tolist(), images.rows, strict=True)}
    firsts = np.flatnonzero(first_of_each(columns.objects))
    rows = firsts[lookup(columns.objects, columns.objects[firsts])].tolist()
    gathered, findings = Gathered(name), []
    for row, position, image, own_id in zip(
        rows, columns.position.tolist(), columns.images.tolist(), columns.ids.tolist(), strict=True
    ):
        caption = captions[image]
        if reason := gathered.add(row, TRAIN, caption, position):
            findings.append(Finding(record_key(UNIT, position, own_id), reason, caption, names[image]))
    return gathered, findings
