"""RefCOCO, RefCOCO+ and RefCOCOg in REFER's layout: references in a pickle, their geometry in instances.json."""

from typing import Any

import msgspec

from pipelines.sources import refer_pickle
from pipelines.sources.checks import check, link
from pipelines.sources.coco_json import Columns, image_rows, read_instances
from pipelines.sources.coco_synsets import with_synsets
from pipelines.sources.evaluation import Listed, held_out, is_number
from pipelines.sources.expressions import UNIT, Gathered
from pipelines.sources.json_window import record_key
from pipelines.sources.names import image_id
from pipelines.sources.refer_pickle import Ref, Sentence
from pipelines.sources.spec import Finding, Reading
from schemas.records import TRAIN

SPLITS = ("train", "val", "test", "testA", "testB")


def read(name: str, refs: str, instances: str) -> Reading:
    """A record is a sentence. Annotations and images that no reference points to are not records.

    Images of evaluation sets are all there, also those of which no sentence is kept or which `instances` lacks.
    """
    file = read_instances(instances)
    images = image_rows(file.images, file.image_index, name, "train2017", exhaustive=False)
    checked = check(file, link(file, images))
    dropped = {finding.key.rpartition(" ")[2]: finding for finding in [*file.findings, *checked.findings]}
    sentences = _Sentences(name, dict(zip(checked.columns.objects.tolist(), range(len(checked.images)), strict=True)))
    references = refer_pickle.load(refs)
    for index, ref in enumerate(references):
        sentences.add(index, ref, checked.columns.images, dropped)
    splits = image_splits(name, references, file.annotations)
    known = dict(zip(images.numbers.tolist(), images.rows, strict=True))
    rows = [msgspec.structs.replace(row, split=splits[number]) for number, row in known.items() if number in splits]
    rows += [
        held_out(Listed("", number), name, "train2017", split)
        for number, split in splits.items()
        if number not in known and split != TRAIN
    ]
    faulty = [each for each in [*file.findings, *images.findings] if each.key.startswith("images[")]
    return Reading(
        images=rows,
        categories=with_synsets(file.categories.values()),
        texts=[],
        rejects=[finding.reject(name) for finding in [*faulty, *sentences.findings]],
        read={"images": len(rows) + len(faulty), UNIT: sentences.count},
        annotations=sentences.gathered.annotations(file, images, checked),
    )


def image_splits(name: str, references: list[Any], annotations: Columns) -> dict[int, str]:
    """The split of every image (by number) that a reference names, itself or by its annotation.

    No reference is too broken to count. An evaluation set wins over train, the first one over others; what is neither
    train nor a known split is taken for validation, so that it is not trained on.
    """
    images = dict(zip(annotations.objects.tolist(), annotations.images.tolist(), strict=True))
    splits: dict[int, str] = {}
    for given in references:
        fields = given if isinstance(given, dict) else {}
        for number in (fields.get("image_id"), _at(images, fields.get("ann_id"))):
            if is_number(number) and splits.get(number, TRAIN) == TRAIN:
                splits[number] = _split(name, fields.get("split"))
    return splits


def _at(images: dict[int, int], annotation: Any) -> int | None:
    return images.get(annotation) if is_number(annotation) else None


def _split(name: str, given: Any) -> str:
    if given == TRAIN:
        return TRAIN
    return f"{name}_{given}" if isinstance(given, str) and given in SPLITS else f"{name}_val"


class _Sentences:
    """Sentences counted and gathered reference by reference; `rows` is the checked row of each annotation id."""

    def __init__(self, name: str, rows: dict[int, int]) -> None:
        self.name = name
        self.gathered = Gathered(name)
        self.findings: list[Finding] = []
        self.count = 0
        self._rows = rows
        self._seen: set[int] = set()

    def add(self, index: int, given: Any, images: Any, dropped: dict[str, Finding]) -> None:
        """Add the sentences of one element of the pickle; those of a faulty one are rejected one by one."""
        try:
            ref = msgspec.convert(given, Ref)
        except msgspec.ValidationError as error:
            sentences = given.get("sentences") if isinstance(given, dict) else None
            count = max(1, len(sentences)) if isinstance(sentences, list) else 1
            return self._reject(count, "malformed_record", f"reference {index}: {error}")
        reason, detail = self._fault(ref, images, dropped)
        self._seen.add(ref.ref_id)
        if reason:
            return self._reject(len(ref.sentences), reason, detail)
        for sentence in ref.sentences:
            self._add_sentence(ref, _split(self.name, ref.split), sentence)
        return None

    def _fault(self, ref: Ref, images: Any, dropped: dict[str, Finding]) -> tuple[str, str]:
        row = self._rows.get(ref.ann_id)
        if ref.ref_id in self._seen:
            return "duplicate_id", f"ref_id {ref.ref_id}"
        if ref.split not in SPLITS:
            return "malformed_record", f"ref_id {ref.ref_id}: split {ref.split!r}"
        if row is None:
            why = dropped.get(str(ref.ann_id))
            return "unknown_annotation", f"ann_id {ref.ann_id}" + (
                f": {why.reason} {why.detail}".rstrip() if why else ""
            )
        if images[row] != ref.image_id:
            return (
                "malformed_record",
                f"ref_id {ref.ref_id}: image_id {ref.image_id}, its annotation's is {images[row]}",
            )
        return "", ""

    def _add_sentence(self, ref: Ref, split: str, given: Any) -> None:
        try:
            sentence = msgspec.convert(given, Sentence)
        except msgspec.ValidationError as error:
            return self._reject(1, "malformed_record", f"ref_id {ref.ref_id}: {error}")
        reason = self.gathered.add(self._rows[ref.ann_id], split, sentence.sent, self.count)
        if reason:
            return self._reject(1, reason, sentence.sent, sentence.sent_id, image_id(ref.image_id))
        self.count += 1
        return None

    def _reject(self, count: int, reason: str, detail: str, sent_id: object = "", image: str = "") -> None:
        for _ in range(count):
            self.findings.append(Finding(record_key(UNIT, self.count, sent_id), reason, detail, image))
            self.count += 1
