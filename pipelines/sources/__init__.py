"""The public data sets that regions and texts come from: what each offers, and how it is read.

To add one, write a module with a `SourceSpec` and a reader, name it here, and give it a folder under tests/fixtures.
"""

from pipelines.sources import (
    coco,
    llava,
    llava_pretrain,
    lvis,
    own,
    paco,
    part_imagenet,
    pascal_part,
    refcoco,
    sa1b,
    vcr,
    vg,
)
from pipelines.sources.spec import Source

SOURCES: dict[str, Source] = {
    "coco": coco.SOURCE,
    "refcoco": refcoco.REFCOCO,
    "refcoco+": refcoco.REFCOCO_PLUS,
    "refcocog": refcoco.REFCOCOG,
    "llava": llava.SOURCE,
    "lvis": lvis.SOURCE,
    "paco": paco.SOURCE,
    "part_imagenet": part_imagenet.SOURCE,
    "pascal_part": pascal_part.SOURCE,
    "vg": vg.SOURCE,
    "vcr": vcr.SOURCE,
    "llava_pretrain": llava_pretrain.SOURCE,
    "sa1b": sa1b.SOURCE,
    "own": own.SOURCE,
}

EVALUATION_SETS = (
    "coco_val2017", "lvis_val",
    "refcoco_val", "refcoco_testA", "refcoco_testB", "refcoco_test",
    "refcoco+_val", "refcoco+_testA", "refcoco+_testB",
    "refcocog_val", "refcocog_test",
    "paco_val", "paco_test",
)  # fmt: skip
"""The `split` of records and images that belong to an evaluation set; a recipe says which are kept out."""
