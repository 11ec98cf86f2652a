"""PACO-LVIS v1 (format document, section 5): objects, their parts, and what a quarter of them look like.

For N = 118,287 training images there are about 45,800 images in train, 2,400 in val and 9,400 in test, as in PACO.
Objects and parts that PACO does not know are left out.
"""

from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import Any, Literal, NamedTuple

from pipelines.scenes import lvis
from pipelines.scenes.catalogue import LVIS_NAMES, TEMPLATES
from pipelines.scenes.entry import Entry
from pipelines.scenes.facts import largest_part, second_seen
from pipelines.scenes.masks import drawn
from pipelines.scenes.paco_tables import ATTRIBUTE_IDS, OBJECTS, PARTS, category_rows, fixed_tables
from pipelines.scenes.template import CHECKED, OTHER, PLAIN
from pipelines.scenes.truth import ObjectTruth, SceneTruth, Shown
from pipelines.scenes.vocabulary import LVIS_CATEGORIES
from schemas.keys import stable_fraction, stable_int
from schemas.records import Box

Split = Literal["train", "val", "test", ""]
PATHS = tuple(f"paco/paco_lvis_v1_{split}.json" for split in ("train", "val", "test"))

TRAIN_SHARE, VAL_SHARE, TEST_SHARE = 0.56, 0.033, 0.52
"""Of the images of LVIS train (the first two) and of LVIS val."""

PER_OBJECT, PER_IMAGE = 16, 512
"""Annotation ids are set aside for so many annotations of an object with its parts, and of an image."""

PARTED, ATTRIBUTED, PARTS_ATTRIBUTED = 0.47, 0.27, 0.24
"""Which fraction of the objects have parts, have attributes, and have parts with attributes."""

UNSURE = 0.08
"""How often, of those, nobody could tell the colour, the pattern, the material or the transparency."""

NO_MASK = 0.004
"""How often the segmentation is an empty list."""

NEGATIVES = 8

PARTS_OF = {
    category: tuple(dict.fromkeys(part.name for part in template.parts if part.name in PARTS.get(lvis_name, ())))
    for category, template in TEMPLATES.items()
    if (lvis_name := LVIS_NAMES[category]) in OBJECTS
}
"""The categories of scenes that PACO has, and of each the part names that it has."""

PATTERNS = {CHECKED: "checkered"}


class Look(NamedTuple):
    """What an object or part looks like."""

    colours: tuple[str, ...]
    """The first one is dominant."""
    pattern: str
    material: str
    transparency: str


def split_of(scene: SceneTruth) -> Split:
    """Test images are of LVIS val, the others of LVIS train; every image shows something that PACO knows."""
    if not any(one.category in PARTS_OF for one in scene.objects):
        return ""
    chance = stable_fraction("paco", scene.seed, scene.index)
    if lvis.split_of(scene) != "train":
        return "test" if lvis.split_of(scene) == "val" and chance < TEST_SHARE else ""
    return "train" if chance < TRAIN_SHARE else "val" if chance < TRAIN_SHARE + VAL_SHARE else ""


def annotation_id(scene: SceneTruth, one: ObjectTruth, part: str = "") -> int:
    """The id of an object's annotation, or of the one annotation of all its parts of this name."""
    at = 1 + PARTS_OF[one.category].index(part) if part else 0
    return 1 + scene.index * PER_IMAGE + one.number * PER_OBJECT + at


def shown(scene: SceneTruth) -> Iterator[tuple[int, Shown]]:
    """Every annotation id that a scene may have, and what it shows."""
    for one in scene.objects:
        for part in ("", *PARTS_OF[one.category]) if one.category in PARTS_OF else ():
            yield annotation_id(scene, one, part), Shown(one, part)


def entries(scene: SceneTruth) -> Iterator[Entry]:
    """All records of a scene in the PACO files."""
    split = split_of(scene)
    if split:
        path = f"paco/paco_lvis_v1_{split}.json"
        yield path, "images", _image(scene)
        for number, what in shown(scene):
            record = None if what.part and _lot(scene, what.one) >= PARTED else _annotation(scene, number, what)
            if record:
                yield path, "annotations", record


def tables(path: str, counts: Counter[tuple[str, str, int]]) -> dict[str, Any]:
    """What follows images and annotations in this file."""
    categories = [
        {
            **row, "image_count": counts[path, "image_count", row["id"]],
            "instance_count": counts[path, "instance_count", row["id"]],
        }
        for row in category_rows()
    ]  # fmt: skip
    return {"categories": categories, **fixed_tables(), **({"queries": []} if "test" in path else {})}


def look(what: Shown) -> Look:
    """What is true of an object or part, in PACO's words."""
    one = what.one
    if what.part:
        part = what.parts[0]
        mark = (one.marking,) if part.pattern != PLAIN else ()
        return Look((part.colour, *mark), part.pattern, part.material, part.transparency)
    largest = largest_part(one)
    found = (largest.colour if largest else "", one.colour, one.marking, second_seen(one))
    return Look(tuple(dict.fromkeys(filter(None, found))), one.pattern, one.material, "opaque")


def _lot(scene: SceneTruth, one: ObjectTruth) -> float:
    """A number in [0, 1) that decides how much is annotated of an object."""
    return stable_fraction("paco object", scene.seed, scene.index, one.number)


def _image(scene: SceneTruth) -> dict[str, Any]:
    """Negatives hold for the object and all its parts; where an object's parts are left out, they are not exhaustive.

    The same holds for the attributes.
    """
    present = {LVIS_NAMES[one.category] for one in scene.objects}
    present.update(name for one in scene.objects for name in lvis.ALIKE.get(one.category, ()))
    absent = [name for name in OBJECTS if name not in present]
    chosen = Random(stable_int("paco absent", scene.seed, scene.index)).sample(absent, NEGATIVES)
    ids = sorted(number for name in chosen for number in (LVIS_CATEGORIES[name].id, *PARTS.get(name, {}).values()))
    bare = {one.category for one in scene.objects if one.category in PARTS_OF and _lot(scene, one) >= PARTED}
    partly = sorted(PARTS[LVIS_NAMES[category]][part] for category in bare for part in PARTS_OF[category])
    return {
        "id": scene.image_id, "file_name": f"{scene.folder}/{scene.file_name}", "width": scene.width,
        "height": scene.height, "neg_category_ids": ids, "not_exhaustive_category_ids": partly,
        "neg_category_ids_attrs": ids, "not_exhaustive_category_ids_attrs": partly, "license": 1 + scene.index % 8,
        "coco_url": f"http://images.cocodataset.org/{scene.folder}/{scene.file_name}",
    }  # fmt: skip


def _annotation(scene: SceneTruth, number: int, what: Shown) -> dict[str, Any] | None:
    """Objects carry polygons, parts run lengths; none where nothing is seen of the part."""
    placed = _part_mask(scene, what) if what.part else (what.one.visible, what.one.area, what.one.box)
    if placed is None:
        return None
    segmentation, area, box = placed
    name = LVIS_NAMES[what.one.category]
    return {
        "id": number, "bbox": box, "area": area,
        "category_id": PARTS[name][what.part] if what.part else LVIS_CATEGORIES[name].id, "image_id": scene.image_id,
        "segmentation": [] if stable_fraction("paco mask", scene.seed, number) < NO_MASK else segmentation,
        **_attributes(scene, number, what), "obj_ann_id": annotation_id(scene, what.one),
    }  # fmt: skip


def _part_mask(scene: SceneTruth, what: Shown) -> tuple[dict[str, Any], float, Box] | None:
    mask = drawn(scene, [polygon for part in what.parts for polygon in part.visible])
    return (mask.rle, float(mask.area), mask.box) if mask else None


def _attributes(scene: SceneTruth, number: int, what: Shown) -> dict[str, Any]:
    """Of most nothing; of the others all that is true, or for one respect the flag that nobody could tell."""
    share = PARTS_ATTRIBUTED if what.part else ATTRIBUTED
    ids = attribute_ids(what) if _lot(scene, what.one) < share else {}
    unsure = [kind for kind in ids if stable_fraction("paco unsure", scene.seed, number, kind) < UNSURE]
    return {
        "attribute_ids": sorted(each for kind, found in ids.items() if kind not in unsure for each in found),
        "dom_color_ids": ids["color"][:1] if ids and "color" not in unsure else [],
        **{f"unknown_{kind}": int(kind in unsure) for kind in UNKNOWN},
    }


UNKNOWN = ("color", "pattern_marking", "material", "transparency")


def attribute_ids(what: Shown) -> dict[str, list[int]]:
    """Attribute ids by type of all that is true of an object or part, the dominant colour first."""
    seen = look(what)
    pattern, material = PATTERNS.get(seen.pattern, seen.pattern), seen.material
    names = {
        "color": [colour.replace(" ", "_") for colour in seen.colours], "pattern_marking": [pattern],
        "material": ["other(material)" if material == OTHER else material], "transparency": [seen.transparency],
    }  # fmt: skip
    return {kind: [ATTRIBUTE_IDS[name] for name in found] for kind, found in names.items()}
