"""What every region id and every image id of the sample scenes shows."""

from collections.abc import Iterator
from typing import NamedTuple

from pipelines.scenes import (
    SceneTruth,
    coco,
    draw_scene,
    llava_pretrain,
    lvis,
    own,
    paco,
    part_imagenet,
    pascal_part,
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
    for scene in (draw_scene(seed, index) for index in range(count)):
        truth.images.update(dict.fromkeys(_image_ids(scene), scene))
        truth.regions.update(_regions(scene))
    return truth


def _image_ids(scene: SceneTruth) -> Iterator[str]:
    yield f"coco/{scene.image_id:012d}"
    yield f"llava_pretrain/{llava_pretrain.name_of(scene)}"
    yield f"pascal_part/{pascal_part.image_name(scene)}"
    yield f"vg/{vg.number_of(scene)}"
    yield f"vcr/{vcr.image_name(scene)}"
    yield f"own/{own.number_of(scene)}"
    if part_imagenet.category_of(scene):
        yield f"part_imagenet/{part_imagenet.file_name(scene).partition('.')[0]}"


def _regions(scene: SceneTruth) -> Iterator[tuple[str, Known]]:
    for one in scene.objects:
        if one.category not in LVIS_ONLY:
            yield f"coco/{coco.annotation_id(scene, one)}", _known(scene, Shown(one))
        yield f"lvis/{lvis.annotation_id(scene, one)}", _known(scene, Shown(one))
    for number, what in paco.shown(scene):
        yield f"paco/{number}", _known(scene, what)
    for number, what in own.shown(scene):
        yield f"own/{number}", _known(scene, what)
    for number, what, part in part_imagenet.shown(scene):
        yield f"part_imagenet/{number}", Known(scene, what, part.visible)
    for key, what, written in pascal_part.shown(scene):
        yield f"pascal_part/{key}", _known(scene, what)._replace(written=written)
    for region in vg.regions(scene) if vg.is_member(scene) else ():
        yield f"vg/{region.region_id}", Known(scene, region.what, region.polygons)
    for at, one in enumerate(vcr.objects(scene)):
        yield f"vcr/{vcr.image_name(scene)}#{at}", _known(scene, Shown(one))


def _known(scene: SceneTruth, what: Shown) -> Known:
    parts = tuple(polygon for part in what.parts for polygon in part.visible)
    return Known(scene, what, parts if what.part else what.one.visible)
