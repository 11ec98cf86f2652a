"""Scenes: pure, varied, and true about what hides what."""

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from pipelines.scenes import ObjectTruth, SceneTruth, draw_scene
from pipelines.scenes.catalogue import LVIS_ONLY, TEMPLATES
from pipelines.scenes.draw import image_id_of
from pipelines.scenes.truth import Polygon

SCENES = [draw_scene(5, index) for index in range(300)]


def pixels(polygons: tuple[Polygon, ...], scene: SceneTruth) -> np.ndarray:
    if not polygons:
        return np.zeros((scene.height, scene.width), dtype=bool)
    rles = coco_mask.frPyObjects([list(polygon) for polygon in polygons], scene.height, scene.width)
    return coco_mask.decode(coco_mask.merge(rles)).astype(bool)


def test_same_number_same_scene() -> None:
    assert [draw_scene(5, index) for index in (7, 3, 7)] == [SCENES[7], SCENES[3], SCENES[7]]


def test_seeds_and_numbers_differ() -> None:
    assert draw_scene(6, 7).objects != SCENES[7].objects
    assert SCENES[7].objects != SCENES[8].objects


def test_image_ids_rise_with_gaps_from_above_zero() -> None:
    ids = [image_id_of(index) for index in range(2_000)]
    assert ids[0] > 0
    assert ids == sorted(set(ids))
    assert ids[-1] - ids[0] > 2 * len(ids)


def test_as_many_annotations_as_in_coco() -> None:
    counts = [sum(one.category not in LVIS_ONLY for one in s.objects) + (s.crowd is not None) for s in SCENES]
    assert np.mean(counts) == pytest.approx(7.27, abs=0.4)
    assert 0 in counts
    assert max(counts) >= 10


def test_every_category_and_pattern_appears() -> None:
    objects = [one for scene in SCENES for one in scene.objects]
    assert {one.category for one in objects} == set(TEMPLATES)
    assert {one.pattern for one in objects} == {"plain", "striped", "dotted", "checked"}
    assert any(len(one.visible) > len(one.shape) for one in objects), "no object is split by another"


def test_everything_lies_in_the_picture() -> None:
    for scene in SCENES:
        for one in scene.objects:
            x, y, width, height = one.box
            assert min(x, y) >= 0
            assert x + width <= scene.width
            assert y + height <= scene.height


def test_visible_outlines_are_what_a_painter_leaves_visible() -> None:
    """Paint whole outlines from back to front, as pixels: what is left of each is its visible outline."""
    worst = 1.0
    for scene in SCENES[:120]:
        owner = np.full((scene.height, scene.width), -1)
        for one in scene.objects:
            owner[pixels(one.shape, scene)] = one.number
        for one in scene.objects:
            seen, expected = pixels(one.visible, scene), owner == one.number
            if expected.sum() > 600:
                worst = min(worst, (seen & expected).sum() / (seen | expected).sum())
    assert worst > 0.85


def test_hidden_objects_are_told() -> None:
    hidden = [one for scene in SCENES for one in scene.objects if one.hidden > 0.2]
    assert hidden
    for one in hidden:
        assert one.visible != one.shape
        assert one.hidden <= 0.6


@pytest.mark.parametrize("category", sorted(TEMPLATES))
def test_parts_lie_within_their_object(category: str) -> None:
    scene, one = _largest(category)
    whole = pixels(one.shape, scene)
    for part in one.parts:
        area = pixels((part.shape,), scene)
        assert (area & ~whole).sum() <= 0.1 * area.sum() + 12, part.name


@pytest.mark.parametrize("category", sorted(TEMPLATES))
def test_main_parts_carry_the_objects_colour_and_pattern(category: str) -> None:
    _, one = _largest(category)
    assert one.colour in [part.colour for part in one.parts]
    if one.pattern != "plain":
        assert [part for part in one.parts if part.pattern == one.pattern and part.colour == one.colour]


def _largest(category: str) -> tuple[SceneTruth, ObjectTruth]:
    found = [(scene, one) for scene in SCENES for one in scene.objects if one.category == category]
    return max(found, key=lambda pair: pair[1].area * (pair[1].hidden == 0))
