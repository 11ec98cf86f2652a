"""PartImageNet: parts of 158 classes of ImageNet, in 11 groups (He et al., ECCV 2022).

Format: COCO's with 40 categories of parts, numbered from 0, and no masks of whole objects. VLPart's formatting
(github.com/facebookresearch/VLPart, tools/partimagenet_format_json.py) adds the class's folder to file names and
lengthens polygons of too few numbers; what it leaves broken is dropped when masks are made.
"""

from pipelines.sources.parts import NamedImage, named_part, read_parts
from pipelines.sources.spec import FileSpec, Reading, Source, SourceSpec
from schemas.records import Category, Image

_WHERE = "https://huggingface.co/datasets/turkeyju/PartImageNet (PartImageNet_OOD.zip, no registration)"
_FORMATTED = "https://github.com/facebookresearch/VLPart (datasets/README.md makes it of PartImageNet_OOD.zip)"

SPEC = SourceSpec(
    name="part_imagenet",
    title="PartImageNet",
    homepage="https://github.com/TACJu/PartImageNet",
    license="LicenseRef-unstated",
    license_note="The authors state no licence. The pictures are ImageNet's, whose terms allow research and teaching "
    "only.",
    citation="""@inproceedings{he2022partimagenet,
  title={{PartImageNet}: A Large, High-Quality Dataset of Parts},
  author={He, Ju and Yang, Shuo and Yang, Shaokang and Kortylewski, Adam and Yuan, Xiaoding and Chen, Jie-Neng
          and Liu, Shuai and Yang, Cheng and Yu, Qihang and Yuille, Alan},
  booktitle={ECCV}, year={2022}
}""",
    layouts=(
        (FileSpec(role="train", path="part_imagenet/train.json", where=_WHERE),),
        (FileSpec(role="train_format", path="part_imagenet/train_format.json", where=_FORMATTED),),
    ),
    counts={"images": 16_540, "categories": 40},
    evaluation=(),
    split_note="Train of the split by classes (OOD): 109 classes. Val and test are other images of other classes, and "
    "are not read. ImageNet's pictures are in no other source.",
)

_WORDS = {"tier": "tyre"}
"""What the authors misspell."""


def read(files: dict[str, str]) -> Reading:
    """The parts of either layout's file."""
    return read_parts(next(iter(files.values())), SPEC.name, NamedImage, _image, _category)


def _image(entry: NamedImage) -> Image:
    """`n01440764_10029.JPEG`, with a folder or without, is image `part_imagenet/n01440764_10029`."""
    name, stem = entry.name, entry.stem
    return Image(
        image_id=f"{SPEC.name}/{stem}",
        source=SPEC.name,
        paths=(f"{SPEC.name}/train/{stem.partition('_')[0]}/{name}", f"{SPEC.name}/train/{name}"),
        width=entry.width,
        height=entry.height,
    )


def _category(category: Category) -> Category:
    """`Quadruped Head` is the head of the quadruped, `Bicycle Tier` the tyre of the bicycle."""
    whole, _, part = " ".join(category.name.lower().split()).partition(" ")
    return named_part(category, _WORDS.get(part, part), whole) if part else category


SOURCE = Source(SPEC, read)
