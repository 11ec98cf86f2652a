"""Data of one's own: COCO-style objects, parts, phrases, attributes and captions; about 3 % of the images."""

from collections.abc import Iterator
from random import Random
from typing import Any

from pipelines.scenes.captions import captions
from pipelines.scenes.catalogue import TEMPLATES
from pipelines.scenes.draw import folder_of
from pipelines.scenes.entry import PICTURE, Entry
from pipelines.scenes.expressions import expressions
from pipelines.scenes.masks import drawn
from pipelines.scenes.paco import attribute_ids, look
from pipelines.scenes.paco_tables import ATTRIBUTE_TYPES, ATTRIBUTES
from pipelines.scenes.truth import ObjectTruth, SceneTruth, Shown
from schemas.keys import stable_fraction, stable_int

ANNOTATIONS, CAPTIONS = "own/annotations.json", "own/captions.json"
SHARE = 0.03
PER_IMAGE = 512
PER_OBJECT = 16
PHRASED, CAPTIONED, ATTRIBUTED = 0.4, 0.7, 0.5
"""How many objects have phrases, how many images captions, how many objects and parts attributes (but skin, of which
the table has no colour)."""

_PART_NAMES = {
    category: tuple(dict.fromkeys(part.name for part in template.parts)) for category, template in TEMPLATES.items()
}
_NAMES = [*TEMPLATES, *(f"{whole}:{part}" for whole, parts in _PART_NAMES.items() for part in parts)]
_IDS = {name: number for number, name in enumerate(_NAMES, 1)}
CATEGORIES: list[dict[str, Any]] = [{"id": number, "name": name} for name, number in _IDS.items()]
"""Objects, then their parts as `object:part`."""


def tables() -> dict[str, Any]:
    """What follows images and annotations: categories, and the attributes in PACO's form."""
    attributes = [{"id": number, "name": name} for number, name in enumerate(ATTRIBUTES)]
    return {"categories": CATEGORIES, "attributes": attributes, "attr_type_to_attr_idxs": ATTRIBUTE_TYPES}


def number_of(scene: SceneTruth) -> int:
    """The image's id."""
    return 1 + scene.index


def chosen(seed: int, index: int) -> bool:
    """Whether the picture is one's own; image 3 is always one, so that small samples have some."""
    drawn_lot = index == 3 or stable_fraction("own", seed, index) < SHARE
    return drawn_lot and folder_of(index) == "train2017"


def annotation_id(scene: SceneTruth, one: ObjectTruth, part: str = "") -> int:
    """The id of an object's annotation, or of the one annotation of all its parts of this name."""
    at = 1 + _PART_NAMES[one.category].index(part) if part else 0
    return 1 + scene.index * PER_IMAGE + one.number * PER_OBJECT + at


def shown(scene: SceneTruth) -> Iterator[tuple[int, Shown]]:
    """Every annotation id that a scene may have, and what it shows."""
    for one in scene.objects:
        for part in ("", *_PART_NAMES[one.category]):
            yield annotation_id(scene, one, part), Shown(one, part)


def entries(scene: SceneTruth) -> Iterator[Entry]:
    """The records of both files, and the picture."""
    if not chosen(scene.seed, scene.index):
        return
    name = f"{number_of(scene):06d}.jpg"
    image = {"id": number_of(scene), "file_name": name, "width": scene.width, "height": scene.height}
    yield f"own/images/{name}", PICTURE, (scene.width, scene.height)
    yield ANNOTATIONS, "images", image
    yield CAPTIONS, "images", image
    for number, what in shown(scene):
        record = _annotation(scene, number, what)
        if record:
            yield ANNOTATIONS, "annotations", record
    if stable_fraction("own captions", scene.seed, scene.index) < CAPTIONED:
        texts = captions(scene, Random(stable_int("own captions", scene.seed, scene.index)))
        for at, text in enumerate(texts[:2]):
            number = 1 + scene.index * 2 + at
            yield CAPTIONS, "annotations", {"id": number, "image_id": number_of(scene), "caption": text}


def _annotation(scene: SceneTruth, number: int, what: Shown) -> dict[str, Any] | None:
    """Objects are polygons, with phrases on some; parts are run lengths, and name their object."""
    name = f"{what.one.category}:{what.part}" if what.part else what.one.category
    record: dict[str, Any] = {"id": number, "image_id": number_of(scene), "category_id": _IDS[name], "iscrowd": 0}
    if stable_fraction("own attributes", scene.seed, number) < ATTRIBUTED and "tan" not in look(what).colours:
        record["attribute_ids"] = sorted(each for found in attribute_ids(what).values() for each in found)
    if not what.part:
        texts = _phrases(scene, number, what.one)
        shape = {"segmentation": what.one.visible, "bbox": what.one.box, "area": what.one.area}
        return {**record, **shape, **({"phrases": texts} if texts else {})}
    mask = drawn(scene, [polygon for part in what.parts for polygon in part.visible])
    if mask is None:
        return None
    shape = {"segmentation": mask.rle, "bbox": mask.box, "area": float(mask.area)}
    return {**record, **shape, "obj_ann_id": annotation_id(scene, what.one)}


def _phrases(scene: SceneTruth, number: int, one: ObjectTruth) -> list[str]:
    """What is true of this object and no other, for some."""
    if stable_fraction("own phrases", scene.seed, number) >= PHRASED:
        return []
    return expressions(scene, one, "refcoco", Random(stable_int("own phrases", scene.seed, number)))
