"""Visual Genome: phrases of regions, as boxes or with masks made from them (Krishna et al., IJCV 2017).

Layouts: Osprey's `vg_train_with_mask.json`, whose masks were made from the boxes, and the official
`region_descriptions.json` (https://homes.cs.washington.edu/~ranjay/visualgenome), where the box stands for the mask.
"""

import msgspec

from pipelines.sources import vg_regions
from pipelines.sources.json_stream import read_list, read_lists
from pipelines.sources.spec import FileSpec, Reading, Source, SourceSpec
from pipelines.sources.vg_images import NONE, read_image_data, read_images
from pipelines.sources.vg_regions import UNIT, Regions

_WHERE = "https://homes.cs.washington.edu/~ranjay/visualgenome/api.html (no registration)"
_OSPREY = "https://huggingface.co/datasets/AntGroup-MI/Osprey-724K (or make it with `osprey-data masks`)"
_FOLDER = "visual_genome"

_MASKS = FileSpec(role="masks", path=f"{_FOLDER}/vg_train_with_mask.json", where=_OSPREY)
_REGIONS = FileSpec(
    role="regions", path=f"{_FOLDER}/region_descriptions.json", where=_WHERE,
    note="Visual Genome has boxes only: each box stands for a mask. `osprey-data masks` makes masks from them.",
)  # fmt: skip
_IMAGES = FileSpec(
    role="image_data", path=f"{_FOLDER}/image_data.json", where=_WHERE,
    lacking="unless the file with the masks says so (`coco_id`), which pictures are COCO's is not known, so that "
    "pictures of evaluation sets may be among them",
)  # fmt: skip

SPEC = SourceSpec(
    name="vg",
    title="Visual Genome region descriptions",
    homepage="https://homes.cs.washington.edu/~ranjay/visualgenome",
    license="CC-BY-4.0",
    license_note="Of the annotations. The pictures are from Flickr (YFCC100M and COCO), each with terms of its own.",
    citation="""@article{krishna2017visual,
  title={Visual Genome: Connecting Language and Vision Using Crowdsourced Dense Image Annotations},
  author={Krishna, Ranjay and Zhu, Yuke and Groth, Oliver and Johnson, Justin and Hata, Kenji and Kravitz, Joshua and
          Chen, Stephanie and Kalantidis, Yannis and Li, Li-Jia and Shamma, David A. and Bernstein, Michael S. and
          Fei-Fei, Li},
  journal={International Journal of Computer Vision}, volume={123}, number={1}, year={2017}
}""",
    layouts=((_MASKS, msgspec.structs.replace(_IMAGES, required=False)), (_REGIONS, _IMAGES)),
    counts={"images": 108_077, "expressions": 5_408_689},
    evaluation=(),
    split_note="All for training: no split is official. About half of the pictures are COCO's, of train and val alike "
    "(`coco_id` in image_data.json): they are kept out where COCO's picture is in an evaluation set.",
)


def read(files: dict[str, str]) -> Reading:
    """The regions with masks where there are some, else with boxes."""
    images = read_image_data(files["image_data"]) if "image_data" in files else NONE
    if "masks" in files:
        images = read_images(files["masks"], images)
    regions = Regions(images.rows)
    if "masks" in files:
        for window in read_lists(files["masks"], {"annotations": vg_regions.masks_decoder}):
            regions.add_masks(window)
    else:
        for window in read_list(files["regions"], vg_regions.groups_decoder):
            regions.add_groups(window)
    return Reading(
        images=list(images.rows.values()),
        categories=[],
        texts=[],
        rejects=[finding.reject(SPEC.name) for finding in (*images.findings, *regions.findings)],
        read={"images": images.read, UNIT: regions.read},
        annotations=regions.annotations(),
    )


SOURCE = Source(SPEC, read)
