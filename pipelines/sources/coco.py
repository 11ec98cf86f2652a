"""COCO 2017: instance masks of 80 categories and captions (Lin et al., ECCV 2014; https://cocodataset.org)."""

import msgspec

from pipelines.sources.captions import read_captions
from pipelines.sources.checks import annotations, check, link, with_present
from pipelines.sources.coco_json import image_rows, read_instances
from pipelines.sources.coco_synsets import with_synsets
from pipelines.sources.evaluation import add_evaluation_images, read_held_out
from pipelines.sources.spec import FileSpec, Reading, Source, SourceSpec

_WHERE = "https://cocodataset.org/#download (annotations_trainval2017.zip, no registration)"
_FOLDER = "coco/annotations"
_VAL = FileSpec(
    role="val_instances", path=f"{_FOLDER}/instances_val2017.json", where=_WHERE,
    note="without instances_train2017.json nothing is built from COCO; the images of val2017 are kept out all the same",
)  # fmt: skip

SPEC = SourceSpec(
    name="coco",
    title="COCO 2017 instances and captions",
    homepage="https://cocodataset.org",
    license="CC-BY-4.0",
    license_note="Of the annotations. Each picture names its own Flickr terms, some of them non-commercial.",
    citation="""@inproceedings{lin2014coco,
  title={Microsoft {COCO}: Common Objects in Context},
  author={Lin, Tsung-Yi and Maire, Michael and Belongie, Serge and Hays, James and Perona, Pietro and Ramanan, Deva
          and Doll{\\'a}r, Piotr and Zitnick, C. Lawrence},
  booktitle={ECCV}, year={2014}
}""",
    layouts=(
        (
            FileSpec(role="instances", path=f"{_FOLDER}/instances_train2017.json", where=_WHERE),
            FileSpec(role="captions", path=f"{_FOLDER}/captions_train2017.json", where=_WHERE, required=False),
            msgspec.structs.replace(_VAL, required=False, note=""),
        ),
        (_VAL,),
    ),
    counts={"images": 118_287, "annotations": 860_001, "captions": 591_753},
    evaluation=("coco_val2017",),
    split_note="train2017 is read. Of val2017 only the list of images is read, to keep them out of training. Images "
    "and ids are those of COCO 2014, parted anew; the evaluation sets of RefCOCO, LVIS and PACO lie within train2017.",
)


def read(files: dict[str, str]) -> Reading:
    """Instances and captions of train2017, and the images of val2017; or these alone."""
    if "instances" not in files:
        return read_held_out(SPEC.name, [(files["val_instances"], SPEC.evaluation[0])], "val2017")
    file = read_instances(files["instances"])
    images = image_rows(file.images, file.image_index, SPEC.name, "train2017", exhaustive=True)
    links = link(file, images)
    checked = check(file, links)
    findings = [*file.findings, *images.findings, *checked.findings]
    read_counts = dict(file.read)
    rows = {row.image_id: row for row in with_present(file, images, links)}
    texts = []
    if "captions" in files:
        captions = read_captions(files["captions"], SPEC.name, "train2017", rows)
        texts = captions.texts
        findings += captions.findings
        read_counts |= {"captions": captions.read, "images": read_counts["images"] + captions.new_images}
    if "val_instances" in files:
        count, faults = add_evaluation_images(
            rows, files["val_instances"], SPEC.name, "val2017", SPEC.evaluation[0], exhaustive=True
        )
        findings += faults
        read_counts["images"] += count
    return Reading(
        images=list(rows.values()),
        categories=with_synsets(file.categories.values()),
        texts=texts,
        rejects=[finding.reject(SPEC.name) for finding in findings],
        read=read_counts,
        annotations=annotations(file, images, checked, SPEC.name, "coco"),
    )


SOURCE = Source(SPEC, read)
