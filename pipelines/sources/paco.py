"""PACO-LVIS v1: parts and attributes of common objects on COCO's pictures (Ramanathan et al., CVPR 2023).

Objects are those of LVIS under new ids; a part is an annotation whose `obj_ann_id` is another one's id. Format:
https://github.com/facebookresearch/paco, docs/PACO_DATASET.md.
"""

import msgspec

from pipelines.sources.attributes import (
    TABLES,
    UNIT,
    DetailReader,
    PartAnnotation,
    attribute_lists,
    attribute_table,
)
from pipelines.sources.checks import annotations, check, link, with_present
from pipelines.sources.coco_json import image_rows, read_instances
from pipelines.sources.evaluation import add_evaluation_images, read_held_out
from pipelines.sources.federated import FederatedImage, federated
from pipelines.sources.names import image_id
from pipelines.sources.parts import part_category, part_of, with_categories, with_objects
from pipelines.sources.spec import FileSpec, Reading, Source, SourceSpec
from schemas.errors import SourceError

_WHERE = "https://github.com/facebookresearch/paco#dataset-setup (paco_lvis_v1.zip, no registration)"

_TRAIN = FileSpec(role="train", path="paco/paco_lvis_v1_train.json", where=_WHERE)
_VAL, _TEST = (
    FileSpec(
        role=name, path=f"paco/paco_lvis_v1_{name}.json", where=_WHERE, required=False,
        lacking=f"which pictures are in PACO {name} is not known, so that other sources may train on them",
    )
    for name in ("val", "test")
)  # fmt: skip
_VAL_ALONE, _TEST_ALONE = (
    msgspec.structs.replace(
        file, required=True,
        note="without paco_lvis_v1_train.json nothing is built from PACO; the images of its val and test sets are kept "
        "out all the same",
    )
    for file in (_VAL, _TEST)
)  # fmt: skip

SPEC = SourceSpec(
    name="paco",
    title="PACO-LVIS v1",
    homepage="https://github.com/facebookresearch/paco",
    license="LicenseRef-unstated",
    license_note="The authors state a licence for their code, none for the annotations, which extend those of LVIS "
    "(CC-BY-4.0). The pictures are COCO's, each under its own Flickr terms.",
    citation="""@inproceedings{ramanathan2023paco,
  title={{PACO}: Parts and Attributes of Common Objects},
  author={Ramanathan, Vignesh and Kalia, Anmol and Petrovic, Vladan and Wen, Yi and Zheng, Baixue and Guo, Baishan
          and Wang, Rui and Marquez, Aaron and Kovvuri, Rama and Kadian, Abhishek and Mousavi, Amir and Song, Yiwen
          and Dubey, Abhimanyu and Mahajan, Dhruv},
  booktitle={CVPR}, year={2023}
}""",
    layouts=((_TRAIN, _VAL, _TEST), (_VAL_ALONE, _TEST), (_TEST_ALONE,)),
    counts={"images": 45_790, "annotations": 612_188, "objects": 217_117, "parts": 395_071, "categories": 531},
    evaluation=("paco_val", "paco_test"),
    split_note="paco_lvis_v1_train is read. Of val and test only the lists of images are read, to keep them out of "
    "training. Train and val are parts of LVIS train, test is a part of LVIS val; all lie in COCO 2017, and a test "
    "image may lie in train2017.",
)


def read(files: dict[str, str]) -> Reading:
    """Objects, parts and attributes of the training file, and the images of the others; or these alone."""
    held_out = [
        (files[role], split) for role, split in zip(("val", "test"), SPEC.evaluation, strict=True) if role in files
    ]
    if "train" not in files:
        return read_held_out(SPEC.name, held_out, "train2017")
    values = dict.fromkeys(TABLES, b"")
    reader = DetailReader()
    file = read_instances(files["train"], FederatedImage, PartAnnotation, extra=reader.add, values=values)
    _require_tables(files["train"], values)
    file = with_categories(file, part_category)
    details = reader.details()
    images = image_rows(file.images, file.image_index, SPEC.name, "train2017", exhaustive=False)
    links = link(file, images)
    checked = check(file, links)
    kept, objects, no_object = with_objects(file, checked, details.objects, orphans=False)
    attributes, no_attribute = attribute_lists(file, kept, details, attribute_table(files["train"], values))
    findings = [*file.findings, *images.findings, *checked.findings, *no_object, *no_attribute]
    entries = {image_id(entry.id): entry for entry in reversed(file.images)}
    rows = {
        row.image_id: federated(row, entries[row.image_id], file.categories)
        for row in with_present(file, images, links)
    }
    counts = file.read | {UNIT: len(details.ids)}
    for path, split in held_out:
        count, faults = add_evaluation_images(rows, path, SPEC.name, "train2017", split, exhaustive=False)
        findings += faults
        counts["images"] += count
    columns = {"part_of": part_of(objects, SPEC.name), "attributes": attributes}
    return Reading(
        images=list(rows.values()),
        categories=list(file.categories.values()),
        texts=[],
        rejects=[finding.reject(SPEC.name) for finding in findings],
        read=counts,
        annotations=annotations(file, images, kept, SPEC.name, SPEC.name, **columns),
    )


def _require_tables(path: str, values: dict[str, bytes]) -> None:
    missing = [f"`{name}`" for name in TABLES if not values[name]]
    if missing:
        raise SourceError(
            f"{path}: has no {', '.join(missing)}", hint=f"This is no file of PACO-LVIS v1. Take one from {_WHERE}."
        )


SOURCE = Source(SPEC, read)
