"""Which scenes each format shows.

COCO and the data sets made from it (refer, LLaVA, LVIS, PACO, and the images of Visual Genome that have a `coco_id`)
share one series of scenes, as they share pictures in truth. Every other data set has pictures that no other has, so it
shows a series of its own. Numbers, ids and lots are the same in all series; what is seen differs.
"""

from collections.abc import Iterator

from pipelines.scenes import coco, llava, llava_pretrain, lvis, own, paco, part_imagenet, pascal_part, refer, sa1b, vcr
from pipelines.scenes import visual_genome as vg
from pipelines.scenes.draw import draw_scene
from pipelines.scenes.entry import Entry
from pipelines.scenes.truth import SceneTruth

OF_COCO = {"coco": coco, "refer": refer, "llava": llava, "lvis": lvis, "paco": paco}
"""Each has `entries(scene)`, which yields what the format says of a scene."""

OTHERS = {
    "pascal_part": pascal_part, "part_imagenet": part_imagenet, "visual_genome": vg, "vcr": vcr,
    "llava_pretrain": llava_pretrain, "sa1b": sa1b, "own": own,
}  # fmt: skip
"""They have `chosen(seed, index)` too, which tells before a scene is drawn whether it can be one of the data set's."""


def series_of(name: str, seed: int, index: int) -> str:
    """The series that a format (a key of the tables above) shows under this number."""
    shared = name in OF_COCO or (name == "visual_genome" and vg.is_linked(seed, index))
    return "" if shared else name


def scene_of(name: str, seed: int, index: int) -> SceneTruth:
    """The scene that a format shows under this number, if it shows any."""
    return draw_scene(seed, index, series_of(name, seed, index))


def told(seed: int, index: int) -> Iterator[tuple[SceneTruth, list[Entry]]]:
    """The scenes of this number, each with all that the formats say of it; COCO's is the first."""
    found = {"": list(OF_COCO.values())}
    for name, source in OTHERS.items():
        if source.chosen(seed, index):
            found.setdefault(series_of(name, seed, index), []).append(source)
    for series, sources in found.items():
        scene = draw_scene(seed, index, series)
        yield scene, [entry for source in sources for entry in source.entries(scene)]
