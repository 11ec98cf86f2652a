"""Every large file of the tree: its arrays, what stands before them and what after."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from pipelines import storage
from pipelines.scenes import llava, llava_pretrain, lvis, own, paco, part_imagenet, pascal_part, refer, vcr
from pipelines.scenes import visual_genome as vg
from pipelines.scenes.files import JsonFile, JsonLinesFile, PickleFile
from pipelines.scenes.vocabulary import COCO_CATEGORIES

Counts = Counter[tuple[str, str, int]]
"""`lvis.count`."""

Members = Callable[[], dict[str, Any]]
"""What follows a file's arrays; asked for when they are complete."""

BOTH = ("images", "annotations")

INFO = {
    "description": "Sample scenes in the format of COCO 2017", "url": "", "version": "1.0", "year": 2017,
    "contributor": "Osprey-Data", "date_created": "2017/09/01",
}  # fmt: skip
HEAD: dict[str, Any] = {
    "info": INFO,
    "licenses": [{"url": "", "id": number, "name": f"Sample licence {number}"} for number in range(1, 9)],
}


def open_files(folder: str, counts: Counts) -> dict[str, JsonFile]:
    """Every large file, open, by its path in the tree. `counts` will be complete when the files are closed."""
    found: dict[str, JsonFile] = {}

    def declare(path: str, arrays: tuple[str, ...], tail: Members = dict, head: dict[str, Any] = HEAD) -> None:
        found[path] = JsonFile(storage.join(folder, path), head, arrays, tail)

    for split in ("train2017", "val2017"):
        declare(f"coco/annotations/instances_{split}.json", BOTH, _fixed(COCO_CATEGORIES))
        declare(f"coco/annotations/captions_{split}.json", BOTH)
    for dataset, refs in refer.REFS.items():
        declare(f"refer/{dataset}/instances.json", BOTH, _fixed(COCO_CATEGORIES))
        found[f"refer/{dataset}/{refs}"] = PickleFile(storage.join(folder, "refer", dataset, refs))
    for path in (llava.DETAIL, llava.ALL, llava_pretrain.PATH, vg.REGIONS, vg.IMAGES):
        declare(path, ("",))
    for path in (lvis.TRAIN, lvis.VAL):
        declare(path, BOTH, lambda path=path: {"categories": lvis.categories(path, counts)})  # type: ignore[misc]
    for path in paco.PATHS:
        declare(path, BOTH, lambda path=path: paco.tables(path, counts), {})  # type: ignore[misc]
    declare(pascal_part.PATH, BOTH, head={"categories": pascal_part.CATEGORIES})
    for path in part_imagenet.PATHS:
        declare(path, BOTH, _fixed(part_imagenet.CATEGORIES), {})
    declare(vg.MASKS, BOTH, _fixed(vg.CATEGORIES), {})
    found[vcr.PATH] = JsonLinesFile(storage.join(folder, vcr.PATH))
    declare(own.ANNOTATIONS, BOTH, own.tables, {})
    declare(own.CAPTIONS, BOTH, head={})
    return found


def _fixed(categories: list[dict[str, Any]]) -> Members:
    return lambda: {"categories": categories}
