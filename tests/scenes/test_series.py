"""Which formats share their scenes, and that every other one shows pictures of its own."""

import json
from collections import defaultdict
from pathlib import Path

import pytest

from pipelines.scenes import SceneTruth, draw_scene, scene_of, write_scenes
from pipelines.scenes import visual_genome as vg
from pipelines.scenes.entry import PICTURE
from pipelines.scenes.series import OF_COCO, OTHERS, told
from tests.scenes.conftest import Written

SEED, SCENES = 4, 60


def same(one: SceneTruth, other: SceneTruth) -> bool:
    """Whether two scenes show the same."""
    return one.objects == other.objects and (one.place, one.horizon) == (other.place, other.horizon)


@pytest.mark.parametrize("name", OF_COCO)
def test_kin_of_coco_shows_its_scenes(name: str) -> None:
    assert [scene_of(name, SEED, index) for index in range(5)] == [draw_scene(SEED, index) for index in range(5)]


@pytest.mark.parametrize("name", sorted(OTHERS.keys() - {"visual_genome"}))
def test_every_other_format_has_scenes_of_its_own(name: str) -> None:
    for index in range(30):
        scene, shared = scene_of(name, SEED, index), draw_scene(SEED, index)
        assert not same(scene, shared)
        assert (scene.image_id, scene.folder) == (shared.image_id, shared.folder)


def test_visual_genome_shares_what_has_a_coco_id() -> None:
    linked = set()
    for index in range(SCENES):
        scene = scene_of("visual_genome", SEED, index)
        assert same(scene, draw_scene(SEED, index)) == (vg.coco_id(scene) is not None)
        linked.add(vg.coco_id(scene) is not None)
    assert linked == {True, False}


def test_a_scene_is_told_by_the_formats_that_show_it() -> None:
    """No scene comes twice, and COCO's is always there."""
    for index in range(SCENES):
        scenes = [scene for scene, _ in told(SEED, index)]
        assert scenes[0] == draw_scene(SEED, index)
        assert not any(same(one, other) for at, one in enumerate(scenes) for other in scenes[:at])


def test_only_visual_genome_has_names_for_pictures_of_coco() -> None:
    folders = defaultdict(set)
    for index in range(SCENES):
        for scene, entries in told(SEED, index):
            folders[scene.series].update(path.split("/")[0] for path, array, _ in entries if array == PICTURE)
    assert folders.pop("") == {"coco", "visual_genome"}
    assert {series: len(found) for series, found in folders.items()} == dict.fromkeys(OTHERS, 1)


def test_pictures_differ_between_data_sets(tmp_path: Path) -> None:
    write_scenes(str(tmp_path), 24, SEED, workers=1)
    names = defaultdict(set)
    for path in tmp_path.rglob("*"):
        if path.suffix in (".jpg", ".JPEG"):
            names[path.read_bytes()].add(path.relative_to(tmp_path).parts[0])
    assert len(names) > 60
    shared = [folders for folders in names.values() if len(folders) > 1]
    assert shared
    assert all(folders == {"coco", "visual_genome"} for folders in shared)


def test_a_smaller_sample_is_the_start_of_a_larger_one(tmp_path: Path, written: Written) -> None:
    write_scenes(str(tmp_path), 24, SEED, pictures=False, workers=1)
    for path in ("part_imagenet/train.json", "pascal_part/train.json", "own/annotations.json", vg.MASKS):
        small, large = json.loads((tmp_path / path).read_text()), written.read(path)
        for array in ("images", "annotations"):
            assert small[array]
            assert large[array][: len(small[array])] == small[array]
