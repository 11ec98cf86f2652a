"""LVIS v1 (format document, section 4): the objects of COCO and a few more, with what is known to be absent."""

from collections import Counter
from collections.abc import Iterable, Iterator
from random import Random
from typing import Any

from pipelines.scenes.catalogue import LVIS_NAMES
from pipelines.scenes.coco import image_record
from pipelines.scenes.entry import Entry
from pipelines.scenes.truth import ObjectTruth, SceneTruth
from pipelines.scenes.vocabulary import LVIS_CATEGORIES, LvisCategory
from schemas.keys import stable_fraction, stable_int

TRAIN, VAL = "lvis/lvis_v1_train.json", "lvis/lvis_v1_val.json"

SHARE = 0.85
"""Which fraction of the other train2017 images is in LVIS train."""

NEGATIVES = 12
"""Categories an image that are said to be absent."""

PARTLY = 0.12
"""Fraction of images with a category of which one object is left unlabelled."""

PER_IMAGE = 32

ALIKE = {
    "cup": ("mug", "glass_(drink_container)"), "vase": ("urn", "jar", "pitcher_(vessel_for_liquid)"),
    "bottle": ("jar", "pitcher_(vessel_for_liquid)"), "bowl": ("plate",), "bucket": ("barrel", "basket", "trash_can"),
    "lamp": ("lantern",), "streetlight": ("lamp", "lantern"), "chair": ("armchair", "stool"),
    "bench": ("sofa", "chair"),
    "laptop": ("computer_keyboard", "television_set", "notebook"), "book": ("notebook", "magazine", "newspaper"),
    "car": ("cab_(taxi)", "minivan", "truck"), "bus": ("school_bus", "minivan"), "umbrella": ("parasol",),
    "clock": ("alarm_clock", "watch"), "apple": ("peach", "tomato"),
    "sports ball": ("balloon", "orange_(fruit)"), "balloon": ("ball",),
    "kite": ("flag",),
}  # fmt: skip
"""What someone could call an object of the category besides its name: never said to be absent where it is present."""


def annotation_id(scene: SceneTruth, one: ObjectTruth) -> int:
    """The LVIS annotation id of an object."""
    return 1 + scene.index * PER_IMAGE + one.number


def split_of(scene: SceneTruth) -> str:
    """`val`, `train`, or an empty string. LVIS val holds all of val2017 and a part of train2017."""
    if scene.folder == "val2017" or scene.index % 8 == 5:
        return "val"
    return "train" if stable_fraction("lvis", scene.seed, scene.index) < SHARE else ""


def entries(scene: SceneTruth) -> Iterator[Entry]:
    """All records of a scene in the LVIS files."""
    split = split_of(scene)
    if split:
        path = f"lvis/lvis_v1_{split}.json"
        unlabelled = _unlabelled(scene)
        yield path, "images", _image(scene, unlabelled)
        for one in scene.objects:
            if one is not unlabelled:
                yield path, "annotations", _annotation(scene, one)


def count(records: Iterable[Entry]) -> Counter[tuple[str, str, int]]:
    """How many images and annotations each category of LVIS and PACO has: keys are (path, what, category id)."""
    found: Counter[tuple[str, str, int]] = Counter()
    seen = set()
    for path, array, record in records:
        if path.startswith(("lvis/", "paco/")) and array == "annotations":
            found[path, "instance_count", record["category_id"]] += 1
            seen.add((path, "image_count", record["category_id"]))
    found.update(seen)
    return found


def categories(path: str, counts: Counter[tuple[str, str, int]]) -> list[dict[str, Any]]:
    """The `categories` entry with the counts of this file."""
    return [
        {
            "name": category.name, "instance_count": counts[path, "instance_count", category.id], "def": "",
            "synonyms": category.synonyms, "image_count": counts[path, "image_count", category.id], "id": category.id,
            "frequency": category.frequency, "synset": category.synset,
        }
        for category in LVIS_CATEGORIES.values()
    ]  # fmt: skip


def lvis_category(category: str) -> LvisCategory:
    """The LVIS category of a template's name."""
    return LVIS_CATEGORIES[LVIS_NAMES[category]]


def _unlabelled(scene: SceneTruth) -> ObjectTruth | None:
    """In some images, one of several objects of a category, which the annotators are said to have left out."""
    if stable_fraction("unlabelled", scene.seed, scene.index) >= PARTLY:
        return None
    counts = Counter(one.category for one in scene.objects)
    return next((one for one in scene.objects if counts[one.category] > 1), None)


def _image(scene: SceneTruth, unlabelled: ObjectTruth | None) -> dict[str, Any]:
    partly = {lvis_category(one.category).id for one in (unlabelled,) if one}
    if scene.crowd:
        partly.add(LVIS_CATEGORIES["person"].id)
    record = {key: value for key, value in image_record(scene).items() if key != "file_name"}
    return {**record, "neg_category_ids": _absent(scene), "not_exhaustive_category_ids": sorted(partly)}


def _absent(scene: SceneTruth) -> list[int]:
    """Some categories of which there is surely nothing in the picture, nor anything that could be taken for it."""
    present = {one.category for one in scene.objects} | ({"person"} if scene.crowd else set())
    excluded = {LVIS_NAMES[category] for category in present}
    excluded.update(name for category in present for name in ALIKE.get(category, ()))
    absent = [category.id for name, category in LVIS_CATEGORIES.items() if name not in excluded]
    return sorted(Random(stable_int("absent", scene.seed, scene.index)).sample(absent, NEGATIVES))


def _annotation(scene: SceneTruth, one: ObjectTruth) -> dict[str, Any]:
    return {
        "area": one.area, "id": annotation_id(scene, one), "segmentation": one.visible,
        "image_id": scene.image_id, "bbox": one.box, "category_id": lvis_category(one.category).id,
    }  # fmt: skip
