"""What every region id and every image id of the sample scenes shows."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from pipelines.scenes import (
    SceneTruth,
    coco,
    llava_pretrain,
    lvis,
    own,
    paco,
    part_imagenet,
    pascal_part,
    scene_of,
    vcr,
)
from pipelines.scenes import visual_genome as vg
from pipelines.scenes.catalogue import LVIS_ONLY
from pipelines.scenes.truth import Polygon, Shown


class Known(NamedTuple):
    """The truth behind a region."""

    scene: SceneTruth
    what: Shown
    polygons: tuple[Polygon, ...]
    """Its outline, in pixels of the scene."""
    written: str = ""
    """Of a part of Pascal-Part: the name as written, such as `lfleg`."""


class Truth(NamedTuple):
    """The scenes of a sample."""

    regions: dict[str, Known]
    images: dict[str, SceneTruth]


def truth_of(seed: int, count: int) -> Truth:
    """Of the first scenes of a seed."""
    truth = Truth({}, {})
    for name, (image_of, regions_of) in FORMATS.items():
        for scene in (scene_of(name, seed, index) for index in range(count)):
            truth.images.update((image, scene) for image in image_of(scene))
            truth.regions.update(regions_of(scene))
    return truth


Regions = Iterator[tuple[str, Known]]


def _part_imagenet_image(scene: SceneTruth) -> list[str]:
    filed = part_imagenet.category_of(scene)
    return [f"part_imagenet/{part_imagenet.file_name(scene).partition('.')[0]}"] if filed else []


def _coco_regions(scene: SceneTruth) -> Regions:
    for one in scene.objects:
        if one.category not in LVIS_ONLY:
            yield f"coco/{coco.annotation_id(scene, one)}", _known(scene, Shown(one))
        yield f"lvis/{lvis.annotation_id(scene, one)}", _known(scene, Shown(one))
    for number, what in paco.shown(scene):
        yield f"paco/{number}", _known(scene, what)


def _own_regions(scene: SceneTruth) -> Regions:
    for number, what in own.shown(scene):
        yield f"own/{number}", _known(scene, what)


def _part_imagenet_regions(scene: SceneTruth) -> Regions:
    for number, what, part in part_imagenet.shown(scene):
        yield f"part_imagenet/{number}", Known(scene, what, part.visible)


def _pascal_part_regions(scene: SceneTruth) -> Regions:
    for key, what, written in pascal_part.shown(scene):
        yield f"pascal_part/{key}", _known(scene, what)._replace(written=written)


def _vg_regions(scene: SceneTruth) -> Regions:
    for region in vg.regions(scene) if vg.is_member(scene) else ():
        yield f"vg/{region.region_id}", Known(scene, region.what, region.polygons)


def _vcr_regions(scene: SceneTruth) -> Regions:
    for at, one in enumerate(vcr.objects(scene)):
        yield f"vcr/{vcr.image_name(scene)}#{at}", _known(scene, Shown(one))


FORMATS: dict[str, tuple[Callable[[SceneTruth], list[str]], Callable[[SceneTruth], Iterable[tuple[str, Known]]]]] = {
    "coco": (lambda scene: [f"coco/{scene.image_id:012d}"], _coco_regions),
    "llava_pretrain": (lambda scene: [f"llava_pretrain/{llava_pretrain.name_of(scene)}"], lambda _: ()),
    "pascal_part": (lambda scene: [f"pascal_part/{pascal_part.image_name(scene)}"], _pascal_part_regions),
    "visual_genome": (lambda scene: [f"vg/{vg.number_of(scene)}"], _vg_regions),
    "vcr": (lambda scene: [f"vcr/{vcr.image_name(scene)}"], _vcr_regions),
    "own": (lambda scene: [f"own/{own.number_of(scene)}"], _own_regions),
    "part_imagenet": (_part_imagenet_image, _part_imagenet_regions),
}
"""Format -> image ids and regions of one of its scenes. COCO's are those of LVIS and PACO too."""


def _known(scene: SceneTruth, what: Shown) -> Known:
    parts = tuple(polygon for part in what.parts for polygon in part.visible)
    return Known(scene, what, parts if what.part else what.one.visible)
