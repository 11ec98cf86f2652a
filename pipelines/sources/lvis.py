"""LVIS v1: masks of 1,203 categories on COCO's pictures (Gupta et al., CVPR 2019; https://www.lvisdataset.org).

Annotated federatedly: a category is known to be absent only from the images whose `neg_category_ids` name it.
"""

import msgspec

from pipelines.sources.checks import annotations, check, link, with_present
from pipelines.sources.coco_json import image_rows, read_instances
from pipelines.sources.evaluation import add_evaluation_images, read_held_out
from pipelines.sources.federated import FederatedImage, federated
from pipelines.sources.names import image_id
from pipelines.sources.spec import FileSpec, Reading, Source, SourceSpec
from schemas.errors import SourceError
from schemas.records import Category

_WHERE = "https://www.lvisdataset.org/dataset (no registration)"

_TRAIN = FileSpec(role="train", path="lvis/lvis_v1_train.json", where=_WHERE)
_VAL = FileSpec(
    role="val", path="lvis/lvis_v1_val.json", where=_WHERE,
    note="without lvis_v1_train.json nothing is built from LVIS; the images of LVIS val are kept out all the same",
)  # fmt: skip
_OPTIONAL_VAL = msgspec.structs.replace(
    _VAL, required=False, note="",
    lacking="which pictures are in LVIS val is not known, so that other sources may train on them",
)  # fmt: skip

SPEC = SourceSpec(
    name="lvis",
    title="LVIS v1",
    homepage="https://www.lvisdataset.org",
    license="CC-BY-4.0",
    license_note="Of the annotations. The pictures are COCO's, each under its own Flickr terms.",
    citation="""@inproceedings{gupta2019lvis,
  title={{LVIS}: A Dataset for Large Vocabulary Instance Segmentation},
  author={Gupta, Agrim and Doll{\\'a}r, Piotr and Girshick, Ross},
  booktitle={CVPR}, year={2019}
}""",
    layouts=((_TRAIN, _OPTIONAL_VAL), (_VAL,)),
    counts={"images": 100_170, "annotations": 1_270_141, "categories": 1_203},
    evaluation=("lvis_val",),
    split_note="lvis_v1_train is read. Of lvis_v1_val only the list of images is read, to keep them out of training: "
    "most of them lie in COCO's train2017. PACO's test set is a part of LVIS val.",
)


def read(files: dict[str, str]) -> Reading:
    """The training annotations, and the images of the validation set; or these alone."""
    if "train" not in files:
        return read_held_out(SPEC.name, [(files["val"], SPEC.evaluation[0])], "train2017")
    file = read_instances(files["train"], FederatedImage)
    _refuse_v05(files["train"], file.categories)
    images = image_rows(file.images, file.image_index, SPEC.name, "train2017", exhaustive=False)
    links = link(file, images)
    checked = check(file, links)
    entries = {image_id(entry.id): entry for entry in reversed(file.images)}
    rows = {
        row.image_id: federated(row, entries[row.image_id], file.categories)
        for row in with_present(file, images, links)
    }
    findings = [*file.findings, *images.findings, *checked.findings]
    counts = dict(file.read)
    if "val" in files:
        count, faults = add_evaluation_images(
            rows, files["val"], SPEC.name, "train2017", SPEC.evaluation[0], exhaustive=False
        )
        findings += faults
        counts["images"] += count
    return Reading(
        images=list(rows.values()),
        categories=list(file.categories.values()),
        texts=[],
        rejects=[finding.reject(SPEC.name) for finding in findings],
        read=counts,
        annotations=annotations(file, images, checked, SPEC.name, "lvis"),
    )


def _refuse_v05(path: str, categories: dict[int, Category]) -> None:
    """Version 0.5 numbers 1,230 categories otherwise; mixed with version 1, labels would be wrong without a trace."""
    if max(categories, default=0) > SPEC.counts["categories"]:
        raise SourceError(
            f"{path}: category id {max(categories)}: LVIS v1 numbers its categories 1 to 1,203",
            hint=f"This looks like LVIS v0.5. Take lvis_v1_train.json from {_WHERE}.",
        )


SOURCE = Source(SPEC, read)
