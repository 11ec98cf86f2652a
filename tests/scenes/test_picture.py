"""Pictures: the same bytes each time, and the colours that the truth names."""

import io

import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask

from pipelines.scenes import PartTruth, SceneTruth, draw_scene
from pipelines.scenes.catalogue import COLOURS
from pipelines.scenes.picture import jpeg, paint


def test_same_scene_same_bytes() -> None:
    assert jpeg(draw_scene(1, 4)) == jpeg(draw_scene(1, 4))
    assert jpeg(draw_scene(1, 4)) != jpeg(draw_scene(2, 4))


def test_jpeg_has_the_size_of_the_scene() -> None:
    scene = draw_scene(1, 4)
    with Image.open(io.BytesIO(jpeg(scene))) as picture:
        assert (picture.format, picture.mode, picture.size) == ("JPEG", "RGB", (scene.width, scene.height))


def _colour_under(part: PartTruth, scene: SceneTruth, picture: np.ndarray) -> np.ndarray | None:
    """Median colour where the part is visible; none where it is small."""
    if not part.visible:
        return None
    rles = coco_mask.frPyObjects([list(polygon) for polygon in part.visible], scene.height, scene.width)
    seen = coco_mask.decode(coco_mask.merge(rles)).astype(bool)
    return np.median(picture[seen], axis=0) if seen.sum() > 400 else None


def test_plain_parts_show_their_colour() -> None:
    """Main bodies, on which few other parts lie."""
    checked = 0
    for index in range(60):
        scene = draw_scene(3, index)
        picture = np.asarray(paint(scene))
        for one in scene.objects:
            for part in one.parts:
                if one.pattern != "plain" or part.name not in (
                    "body",
                    "torso",
                    "canopy",
                    "shade",
                    "plant",
                    "pot",
                    "seat",
                ):
                    continue
                colour = _colour_under(part, scene, picture)
                if colour is not None:
                    checked += 1
                    assert np.abs(colour - COLOURS[part.colour]).max() < 45, (index, one.category, part.name)
    assert checked > 50


def test_patterns_show_both_colours() -> None:
    shown = 0
    for index in range(120):
        scene = draw_scene(3, index)
        objects = [one for one in scene.objects if one.category in ("sports ball", "vase", "book", "bowl")]
        wanted = [one for one in objects if one.pattern != "plain" and not one.hidden and one.area > 1500]
        picture = np.asarray(paint(scene)).astype(int) if wanted else np.zeros(0)
        for one in wanted:
            x, y, width, height = (round(value) for value in one.box)
            crop = picture[y : y + height, x : x + width]
            for colour in (one.colour, one.marking):
                assert (np.abs(crop - COLOURS[colour]).max(-1) < 30).mean() > 0.015, (index, one.category, colour)
            shown += 1
    assert shown > 10
