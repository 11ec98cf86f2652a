"""SA-1B (format document, section 11): masks of anything, one JSON file an image; about 1 % of the training images."""

from collections.abc import Iterator
from random import Random
from typing import Any

import msgspec

from pipelines.scenes.draw import folder_of
from pipelines.scenes.entry import FILE, PICTURE, Entry
from pipelines.scenes.masks import Drawn, drawn
from pipelines.scenes.truth import SceneTruth, Shown
from schemas.keys import stable_fraction, stable_int

FOLDER = "sa1b"
SHARE = 0.01
PER_IMAGE = 256
SMALLEST = 30
"""Pixels of the smallest mask."""


def number_of(scene: SceneTruth) -> int:
    """The image's id: its files are `sa_<number>.jpg` and `.json`."""
    return 223_750 + scene.index


def chosen(seed: int, index: int) -> bool:
    """Whether the data set has the picture; image 2 is always one, so that small samples have some."""
    drawn_lot = index == 2 or stable_fraction("sa1b", seed, index) < SHARE
    return drawn_lot and folder_of(index) == "train2017"


def shown(scene: SceneTruth) -> Iterator[tuple[int, Shown, Drawn]]:
    """Every annotation id, what it shows, and its mask: objects, and each of their parts."""
    first = 100_000 + scene.index * PER_IMAGE
    pairs = [(Shown(one, part.name), part.visible) for one in scene.objects for part in one.parts]
    for at, (what, polygons) in enumerate([*((Shown(one), one.visible) for one in scene.objects), *pairs]):
        mask = drawn(scene, polygons)
        if mask and mask.area >= SMALLEST:
            yield first + at, what, mask


def entries(scene: SceneTruth) -> Iterator[Entry]:
    """The file of an image, and its picture."""
    if not chosen(scene.seed, scene.index):
        return
    name = f"sa_{number_of(scene)}"
    image = {
        "image_id": number_of(scene), "width": scene.width, "height": scene.height, "file_name": f"{name}.jpg",
    }  # fmt: skip
    found = {"image": image, "annotations": [_record(scene, number, mask) for number, _, mask in shown(scene)]}
    yield f"{FOLDER}/{name}.json", FILE, msgspec.json.encode(found)
    yield f"{FOLDER}/{name}.jpg", PICTURE, (scene.width, scene.height)


def _record(scene: SceneTruth, number: int, mask: Drawn) -> dict[str, Any]:
    """The box is one pixel short, as in the real files."""
    random = Random(stable_int("sa1b", scene.seed, number))
    x, y, width, height = mask.box
    point = [round(x + width * random.uniform(0.3, 0.7), 4), round(y + height * random.uniform(0.3, 0.7), 4)]
    return {
        "bbox": [x, y, width - 1, height - 1], "area": mask.area, "segmentation": mask.rle,
        "predicted_iou": round(random.uniform(0.88, 1.0), 6), "point_coords": [point],
        "crop_box": [0.0, 0.0, float(scene.width), float(scene.height)], "id": number,
        "stability_score": round(random.uniform(0.95, 1.0), 6),
    }  # fmt: skip
