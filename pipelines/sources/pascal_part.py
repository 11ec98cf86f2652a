"""Pascal-Part: parts of the objects of PASCAL VOC 2010 (Chen et al., CVPR 2014).

Two layouts: the authors' MATLAB files, with every object and part, or VLPart's COCO-style `train.json`
(github.com/facebookresearch/VLPart, tools/pascal_part_mat2json.py), which has the parts of 93 categories only, without
their objects, and without sides.
"""

from pipelines.sources.parts import NamedImage, read_parts
from pipelines.sources.pascal_files import image, read_files
from pipelines.sources.pascal_names import part_category
from pipelines.sources.spec import FileSpec, Reading, Source, SourceSpec
from schemas.records import Image

_WHERE = "https://roozbehm.info/pascal-parts/pascal-parts.html (trainval.tar.gz, no registration)"
_FORMATTED = "https://github.com/facebookresearch/VLPart (datasets/README.md makes it of the MATLAB files)"

SPEC = SourceSpec(
    name="pascal_part",
    title="PASCAL-Part",
    homepage="https://roozbehm.info/pascal-parts/pascal-parts.html",
    license="LicenseRef-unstated",
    license_note="The authors state no licence. The pictures are PASCAL VOC 2010's, from Flickr, under Flickr's terms.",
    citation="""@inproceedings{chen2014detect,
  title={Detect What You Can: Detecting and Representing Objects using Holistic Models and Body Parts},
  author={Chen, Xianjie and Mottaghi, Roozbeh and Liu, Xiaobai and Fidler, Sanja and Urtasun, Raquel
          and Yuille, Alan},
  booktitle={CVPR}, year={2014}
}""",
    layouts=(
        (FileSpec(role="mat", path="pascal_part/Annotations_Part", where=_WHERE, suffix=".mat"),),
        (FileSpec(role="train", path="pascal_part/train.json", where=_FORMATTED),),
    ),
    counts={"images": 10_103, "annotations": 206_741, "objects": 24_971, "parts": 181_770},
    evaluation=(),
    split_note="All of VOC 2010 trainval in the MATLAB files, train in VLPart's. No evaluation set has images of "
    "PASCAL VOC.",
)


def read(files: dict[str, str]) -> Reading:
    """Objects and parts of the MATLAB files, or the parts of VLPart's."""
    if "mat" in files:
        return read_files(files["mat"], SPEC.name)
    return read_parts(files["train"], SPEC.name, NamedImage, _image, part_category)


def _image(entry: NamedImage) -> Image:
    """`2008_000652.jpg` is image `pascal_part/2008_000652`."""
    return image(SPEC.name, entry.stem, entry.width, entry.height)


SOURCE = Source(SPEC, read)
