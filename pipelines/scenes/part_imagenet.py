"""PartImageNet (format document, section 6): parts only, in `train.json` and in VLPart's `train_format.json`.

About 14 % of the training images, as 16,540 are of 118,287. Each is filed under one ImageNet class, and the parts of
the objects of that class are annotated. A bottle's `Mouth` is its closed end: the cap. `Tier` is PartImageNet's
spelling of tyre.
"""

from collections.abc import Iterator
from typing import Any

from pipelines.scenes.draw import folder_of
from pipelines.scenes.entry import PICTURE, Entry
from pipelines.scenes.masks import drawn
from pipelines.scenes.truth import PartTruth, SceneTruth, Shown
from schemas.keys import stable_choice, stable_fraction

PATHS = RAW, FORMATTED = ("part_imagenet/train.json", "part_imagenet/train_format.json")
SHARE = 0.262
"""Of the training images; nearly half of those show neither bottle nor car nor dog."""

PER_IMAGE = 256
"""Annotation ids are set aside for so many parts of an image."""

STRAY = 0.02
"""How often a stray point or line follows the polygons of a part."""

_NAMES = (
    "Quadruped: Head, Body, Foot, Tail", "Biped: Head, Body, Hand, Foot, Tail", "Fish: Head, Body, Fin, Tail",
    "Bird: Head, Body, Wing, Foot, Tail", "Snake: Head, Body", "Reptile: Head, Body, Foot, Tail",
    "Car: Body, Tier, Side Mirror", "Bicycle: Body, Head, Seat, Tier", "Boat: Body, Sail",
    "Aeroplane: Head, Body, Engine, Wing, Tail", "Bottle: Mouth, Body",
)  # fmt: skip
CATEGORIES: list[dict[str, Any]] = [
    {"id": number, "name": f"{whole} {part}", "supercategory": whole}
    for number, (whole, part) in enumerate(
        (line.partition(": ")[0], part) for line in _NAMES for part in line.partition(": ")[2].split(", ")
    )
]
"""All 40, ids from 0. Facts of PartImageNet's `categories`."""

SYNSETS = {
    "bottle": ("n02823428", "n03983396", "n04557648"), "car": ("n02814533", "n03770679", "n04285008"),
    "dog": ("n02092339", "n02101006", "n02108915"),
}  # fmt: skip
PARTS = {
    "bottle": {"body": "Bottle Body", "cap": "Bottle Mouth"}, "car": {"body": "Car Body", "wheel": "Car Tier"},
    "dog": {"head": "Quadruped Head", "body": "Quadruped Body", "tail": "Quadruped Tail"},
}  # fmt: skip
"""Category of scenes -> its parts under their names here."""

_IDS = {row["name"]: int(row["id"]) for row in CATEGORIES}


def chosen(seed: int, index: int) -> bool:
    """Whether the scene of this number may be part of the data set."""
    return stable_fraction("part imagenet", seed, index) < SHARE and folder_of(index) == "train2017"


def category_of(scene: SceneTruth) -> str:
    """The category under which the picture is filed; empty where it is not part of the data set."""
    present = sorted({one.category for one in scene.objects} & set(PARTS))
    if not (present and chosen(scene.seed, scene.index)):
        return ""
    return stable_choice(present, "part imagenet class", scene.seed, scene.index)


def file_name(scene: SceneTruth) -> str:
    """`n02814533_123.JPEG`; the folder has the name of the class."""
    return f"{stable_choice(SYNSETS[category_of(scene)], 'synset', scene.seed, scene.index)}_{scene.index}.JPEG"


def shown(scene: SceneTruth) -> Iterator[tuple[int, Shown, PartTruth]]:
    """Every annotation id, what it shows, and the one part whose mask it is."""
    category, at = category_of(scene), 1 + scene.index * PER_IMAGE
    for one in scene.objects:
        for part in one.parts if one.category == category else ():
            if part.name in PARTS[category] and drawn(scene, part.visible):
                yield at, Shown(one, part.name), part
                at += 1


def entries(scene: SceneTruth) -> Iterator[Entry]:
    """The records of both files, and the picture."""
    found = list(shown(scene))
    if not found:
        return
    name = file_name(scene)
    folder = name.partition("_")[0]
    yield f"part_imagenet/train/{folder}/{name}", PICTURE, (scene.width, scene.height)
    image = {"id": scene.index, "width": scene.width, "height": scene.height}
    yield RAW, "images", {**image, "file_name": name}
    yield FORMATTED, "images", {**image, "file_name": f"{folder}/{name}"}
    for number, what, part in found:
        record = _record(scene, number, what, part)
        yield RAW, "annotations", record
        closed = [polygon for each in record["segmentation"] for polygon in _closed(each)]
        yield FORMATTED, "annotations", {**record, "segmentation": closed}


def _record(scene: SceneTruth, number: int, what: Shown, part: PartTruth) -> dict[str, Any]:
    mask = drawn(scene, part.visible)
    assert mask is not None
    polygons = [*(list(polygon) for polygon in part.visible), *_stray(scene, number, part)]
    return {
        "id": number, "image_id": scene.index, "category_id": _IDS[PARTS[what.one.category][part.name]],
        "segmentation": polygons, "area": float(mask.area), "bbox": mask.box, "iscrowd": 0,
    }  # fmt: skip


def _stray(scene: SceneTruth, number: int, part: PartTruth) -> list[list[float]]:
    """A point or a line at the end of a few segmentations, as upstream has them."""
    chance = stable_fraction("stray", scene.seed, number)
    return [list(part.visible[0][: 2 if chance < STRAY / 2 else 4])] if chance < STRAY else []


def _closed(polygon: list[float]) -> list[list[float]]:
    """What VLPart's tool makes of a polygon: lines are closed, and points stand there again as they were."""
    if len(polygon) == 4:
        return [[*polygon, *polygon[:2]]]
    return [[*polygon, 0.0, 0.0, *polygon], polygon] if len(polygon) == 2 else [polygon]
