"""Visual Genome (format document, section 8): region descriptions, and Osprey's file with masks for the regions.

For N = 118,287 training images there are about 108,000, as in Visual Genome, with about 50 regions each; 51,000 have
a `coco_id`, all that show a validation image among them. A third of those have another size than COCO's picture; images
without one show scenes that COCO has not.
"""

from collections.abc import Iterator
from random import Random
from typing import Any, NamedTuple

from pipelines.scenes import phrases
from pipelines.scenes.draw import folder_of
from pipelines.scenes.entry import PICTURE, Entry
from pipelines.scenes.truth import Polygon, SceneTruth, Shown
from schemas.keys import stable_fraction, stable_int
from schemas.records import Box

REGIONS, IMAGES = "visual_genome/region_descriptions.json", "visual_genome/image_data.json"
MASKS = "visual_genome/vg_train_with_mask.json"
CATEGORIES: list[dict[str, Any]] = [{"id": 1, "name": "object"}]

SHARE = 0.874
COCO_SHARE = 0.45
"""Of the images of train2017; those of val2017 all have a `coco_id`."""

RESIZED = 0.33
SCALES = (0.8, 1.25, 1.5)

FIRST_ID = 2_315_353
PER_IMAGE = 64
"""Region ids are set aside for so many regions of an image, which is also the most that one has."""

OF_OBJECT, OF_PARTS = 3, 26
"""Phrases for an object, and for all parts of a picture."""

REPEATED, BEYOND = 0.06, 0.02
"""How often a region is told twice, and how often a box goes beyond the picture."""

MOST_MASKS = 24
"""Regions of an image in the file with masks."""

LEAST = 5
"""Smaller parts, in pixels of their box, are not told."""


class Region(NamedTuple):
    """A box with a phrase."""

    region_id: int
    what: Shown
    phrase: str
    """As typed."""
    box: tuple[int, int, int, int]
    """x, y, width, height in whole pixels of the picture as it is here."""
    polygons: tuple[Polygon, ...]
    """What the region shows, in pixels of the COCO picture."""


def chosen(seed: int, index: int) -> bool:
    """Whether the picture of this number may be one of Visual Genome's."""
    return stable_fraction("vg", seed, index) < SHARE


def is_linked(seed: int, index: int) -> bool:
    """Whether the picture of this number is COCO's, and known to be."""
    return folder_of(index) == "val2017" or stable_fraction("vg coco", seed, index) < COCO_SHARE


def is_member(scene: SceneTruth) -> bool:
    """Whether the picture is one of Visual Genome's."""
    return bool(scene.objects) and chosen(scene.seed, scene.index)


def number_of(scene: SceneTruth) -> int:
    """The image's own id."""
    return FIRST_ID + scene.index


def coco_id(scene: SceneTruth) -> int | None:
    """The COCO id of the picture, where Visual Genome knows it."""
    return scene.image_id if is_linked(scene.seed, scene.index) else None


def scale(scene: SceneTruth) -> float:
    """How many times larger the picture is than COCO's."""
    chance = stable_fraction("vg size", scene.seed, scene.index)
    return SCALES[int(chance / RESIZED * len(SCALES))] if coco_id(scene) is not None and chance < RESIZED else 1.0


def size(scene: SceneTruth) -> tuple[int, int]:
    """Width and height of the picture."""
    return round(scene.width * scale(scene)), round(scene.height * scale(scene))


def folder(scene: SceneTruth) -> str:
    """One of the two folders of pictures."""
    return "VG_100K" if scene.index % 5 < 3 else "VG_100K_2"


def entries(scene: SceneTruth) -> Iterator[Entry]:
    """The records of all three files, and the picture."""
    if not is_member(scene):
        return
    number, (width, height) = number_of(scene), size(scene)
    name, found = f"{number}.jpg", regions(scene)
    yield f"visual_genome/{folder(scene)}/{name}", PICTURE, (width, height)
    url = f"https://cs.stanford.edu/people/rak248/{folder(scene)}/{name}"
    flickr = stable_int("flickr", scene.index) % 10**10 if coco_id(scene) is not None else None
    yield IMAGES, "", {
        "width": width, "url": url, "height": height, "image_id": number, "coco_id": coco_id(scene),
        "flickr_id": flickr,
    }  # fmt: skip
    yield REGIONS, "", {"id": number, "regions": [_described(number, region) for region in found]}
    yield MASKS, "images", {"id": number, "file_name": name, "height": height, "width": width}
    for region in found[:MOST_MASKS]:
        yield MASKS, "annotations", _masked(scene, region)


def regions(scene: SceneTruth) -> list[Region]:
    """All regions of an image: its objects, some of its parts, and some of them again."""
    random = Random(stable_int("vg regions", scene.seed, scene.index))
    told = [*_objects_told(scene, random), *_parts_told(scene, random)]
    random.shuffle(told)
    scaled, sizes = scale(scene), size(scene)
    told += random.sample(told, round(len(told) * REPEATED))
    first = 1 + scene.index * PER_IMAGE
    return [
        Region(first + at, what, phrases.typed(text, random), _placed(polygons, scaled, sizes, random), polygons)
        for at, (what, text, polygons) in enumerate(told[:PER_IMAGE])
    ]


Told = tuple[Shown, str, tuple[Polygon, ...]]


def _objects_told(scene: SceneTruth, random: Random) -> Iterator[Told]:
    for one in scene.objects:
        texts = list(phrases.of_object(scene, one))
        for text in random.sample(texts, min(OF_OBJECT, len(texts))):
            yield Shown(one), text, one.visible


def _parts_told(scene: SceneTruth, random: Random) -> Iterator[Told]:
    pairs = [(one, part) for one in scene.objects for part in one.parts if _is_seen(part.visible)]
    for one, part in random.sample(pairs, min(OF_PARTS, len(pairs))):
        yield Shown(one, part.name), random.choice(list(phrases.of_part(one, part))), part.visible


def _is_seen(polygons: tuple[Polygon, ...]) -> bool:
    if not polygons:
        return False
    _, _, width, height = _box(polygons)
    return min(width, height) >= LEAST


def _box(polygons: tuple[Polygon, ...]) -> Box:
    xs, ys = [x for each in polygons for x in each[0::2]], [y for each in polygons for y in each[1::2]]
    return min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)


def _placed(
    polygons: tuple[Polygon, ...], scaled: float, sizes: tuple[int, int], random: Random
) -> tuple[int, int, int, int]:
    """The box as drawn by hand, up to two pixels off; some go beyond the right or the lower edge."""
    x, y, width, height = (value * scaled for value in _box(polygons))
    left, top = max(0, int(x) - random.randrange(3)), max(0, int(y) - random.randrange(3))
    wide, tall = int(x + width) + random.randrange(1, 4) - left, int(y + height) + random.randrange(1, 4) - top
    across, down = sizes
    if random.random() < BEYOND:
        return left, top, max(wide, across - left + 1 + random.randrange(9)), tall
    return left, top, min(wide, across - left), min(tall, down - top)


def _described(number: int, region: Region) -> dict[str, Any]:
    x, y, width, height = region.box
    return {
        "region_id": region.region_id, "width": width, "height": height, "image_id": number, "phrase": region.phrase,
        "y": y, "x": x,
    }  # fmt: skip


def _masked(scene: SceneTruth, region: Region) -> dict[str, Any]:
    """The truth takes the place of what HQ-SAM finds in the box."""
    scaled = scale(scene)
    polygons = [[round(value * scaled, 1) for value in polygon] for polygon in region.polygons]
    return {
        "id": region.region_id, "image_id": number_of(scene), "category_id": 1, "caption": region.phrase,
        "segmentation": polygons, "bbox": region.box,
    }  # fmt: skip
