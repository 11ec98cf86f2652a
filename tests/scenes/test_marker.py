"""Sample scenes say of themselves that they are drawn, folder by folder."""

import pathlib

import pytest

from pipelines.scenes import write_scenes
from pipelines.sources import SOURCES
from pipelines.sources.drawn import any_drawn, drawn_sources
from pipelines.sources.locate import Located, locate
from schemas.scenes import MARKER


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("scenes")
    write_scenes(str(folder), 6, 3, pictures=False)
    return folder


def located(data: pathlib.Path, **overrides: str) -> list[Located]:
    found = (locate(source.spec, str(data), overrides if name == "own" else {}) for name, source in SOURCES.items())
    return [one for one in found if isinstance(one, Located)]


def test_every_source_of_the_scenes_is_known_as_drawn(scenes: pathlib.Path) -> None:
    names = {one.name for one in located(scenes)}
    assert set(drawn_sources(located(scenes))) == names
    assert names >= set(SOURCES) - {"osprey_724k"}


def test_the_file_says_what_it_means(scenes: pathlib.Path) -> None:
    text = (scenes / "coco/annotations" / MARKER).read_text()
    assert "no\nphotographs" in text
    assert "(6 images, seed 3)" in text


def test_data_without_the_file_are_not_guessed_at(scenes: pathlib.Path, tmp_path: pathlib.Path) -> None:
    (tmp_path / "lvis").mkdir()
    (tmp_path / "lvis/lvis_v1_train.json").write_bytes((scenes / "lvis/lvis_v1_train.json").read_bytes())
    assert [one.name for one in located(tmp_path)] == ["lvis"]
    assert drawn_sources(located(tmp_path)) == ()


def test_own_data_beside_scenes(scenes: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """In a folder of their own they are known for what they are; among drawn files they pass for drawn."""
    mixed, own = tmp_path / "mixed", tmp_path / "mine"
    mixed.mkdir()
    own.mkdir()
    (own / "annotations.json").write_text("{}")
    for name in ("coco", "lvis"):
        (mixed / name).symlink_to(scenes / name)
    (mixed / "own").symlink_to(own)
    assert set(drawn_sources(located(mixed))) == {"coco", "lvis"}
    alone = str(own / "annotations.json")
    elsewhere = {one.name for one in located(scenes)} - {"own"}
    assert set(drawn_sources(located(scenes, annotations=alone))) == elsewhere | {"own"}, "captions of scenes"
    assert set(drawn_sources(located(scenes, annotations=alone, captions=alone))) == elsewhere
    (mixed / "own").unlink()
    (mixed / "own").mkdir()
    (mixed / "own/annotations.json").symlink_to(scenes / "own/annotations.json")
    assert set(drawn_sources(located(mixed))) == {"coco", "lvis", "own"}, "a link to a file of scenes"


def test_a_file_that_is_not_there_is_not_drawn(tmp_path: pathlib.Path) -> None:
    assert not any_drawn([str(tmp_path / "none/file.json"), "memory://none/file.json"])
