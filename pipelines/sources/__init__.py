"""The public data sets that regions and texts come from: what each offers, and how it is read.

To add one, write a module with a `SourceSpec` and a reader, name it here, and give it a folder under tests/fixtures.
"""

from pipelines.sources import coco, llava, lvis, refcoco
from pipelines.sources.spec import Source

SOURCES: dict[str, Source] = {
    "coco": coco.SOURCE,
    "refcoco": refcoco.REFCOCO,
    "refcoco+": refcoco.REFCOCO_PLUS,
    "refcocog": refcoco.REFCOCOG,
    "llava": llava.SOURCE,
    "lvis": lvis.SOURCE,
}
