"""Sample scenes: procedural pictures whose truth is known, written as a raw data tree in the sources' official formats.

draw_scene(seed, index) -> SceneTruth         what is in a scene that COCO and its kin show; a pure function
scene_of(format, seed, index) -> SceneTruth   what is in the scene that a format shows under this number
write_scenes(folder, images, seed)            the tree: pictures and every annotation file
"""

from pipelines.scenes.draw import draw_scene
from pipelines.scenes.series import scene_of
from pipelines.scenes.truth import CrowdTruth, ObjectTruth, PartTruth, SceneTruth
from pipelines.scenes.write import write_scenes

__all__ = ["CrowdTruth", "ObjectTruth", "PartTruth", "SceneTruth", "draw_scene", "scene_of", "write_scenes"]
