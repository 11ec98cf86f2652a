"""COCO 2017: instances and captions (format document, section 1)."""

from collections.abc import Iterator
from random import Random
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from pipelines.scenes.captions import captions
from pipelines.scenes.catalogue import LVIS_ONLY
from pipelines.scenes.entry import PICTURE, Entry
from pipelines.scenes.truth import ObjectTruth, SceneTruth
from pipelines.scenes.vocabulary import COCO_IDS
from schemas.keys import stable_int

PER_IMAGE = 32
"""Annotation ids are set aside for so many objects an image."""

CROWD_ID = 900_000_000_000
"""Ids of crowd annotations are as large as this and more, as in COCO."""


def annotation_id(scene: SceneTruth, one: ObjectTruth) -> int:
    """The COCO annotation id of an object: the same in instances and REFER files."""
    return 1_000 + scene.index * PER_IMAGE + stable_int("annotation", scene.index) % 8 + one.number


def entries(scene: SceneTruth) -> Iterator[Entry]:
    """All records of a scene in the COCO files."""
    split = scene.folder
    image = image_record(scene)
    yield f"coco/{split}/{scene.file_name}", PICTURE, (scene.width, scene.height)
    for kind in ("instances", "captions"):
        yield f"coco/annotations/{kind}_{split}.json", "images", image
    for one in scene.objects:
        if one.category not in LVIS_ONLY:
            yield f"coco/annotations/instances_{split}.json", "annotations", object_record(scene, one)
    if scene.crowd:
        yield f"coco/annotations/instances_{split}.json", "annotations", crowd_record(scene)
    texts = captions(scene, Random(stable_int("captions", scene.seed, scene.index)))
    for at, text in enumerate(texts):
        record = {"image_id": scene.image_id, "id": 37 + scene.index * 5 + at, "caption": text}
        yield f"coco/annotations/captions_{split}.json", "annotations", record


def image_record(scene: SceneTruth) -> dict[str, Any]:
    """The `images` entry."""
    return {
        "license": 1 + scene.index % 8, "file_name": scene.file_name,
        "coco_url": f"http://images.cocodataset.org/{scene.folder}/{scene.file_name}",
        "height": scene.height, "width": scene.width, "date_captured": "2013-11-14 11:18:45",
        "flickr_url": f"http://farm0.staticflickr.com/0/{scene.image_id}_z.jpg", "id": scene.image_id,
    }  # fmt: skip


def object_record(scene: SceneTruth, one: ObjectTruth) -> dict[str, Any]:
    """The `annotations` entry of an object: its visible outline."""
    return {
        "segmentation": one.visible, "area": one.area, "iscrowd": 0, "image_id": scene.image_id, "bbox": one.box,
        "category_id": COCO_IDS[one.category], "id": annotation_id(scene, one),
    }  # fmt: skip


def crowd_record(scene: SceneTruth) -> dict[str, Any]:
    """The `annotations` entry of the crowd: one uncompressed RLE of all of it that no object hides."""
    assert scene.crowd is not None
    size = scene.height, scene.width
    pixels = coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects([list(p) for p in scene.crowd.shapes], *size)))
    fronts = [list(p) for one in scene.objects for p in one.visible]
    if fronts:
        pixels &= 1 - coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(fronts, *size)))
    rle = coco_mask.encode(pixels)
    return {
        "segmentation": {"counts": run_lengths(pixels), "size": list(size)}, "area": int(pixels.sum()), "iscrowd": 1,
        "image_id": scene.image_id, "bbox": coco_mask.toBbox(rle).tolist(), "category_id": COCO_IDS["person"],
        "id": CROWD_ID + scene.index,
    }  # fmt: skip


def run_lengths(pixels: Any) -> list[int]:
    """Uncompressed RLE counts of a mask of shape (height, width): column by column, zeros first."""
    flat = np.concatenate([[0], pixels.ravel(order="F"), [2]])
    return np.diff(np.flatnonzero(np.diff(flat)), prepend=0).tolist()
