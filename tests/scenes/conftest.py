"""One tree of sample scenes, without pictures, that the tests of all formats look at."""

import json
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from pipelines.scenes import SceneTruth, scene_of, write_scenes
from pipelines.scenes.write import scene_count

IMAGES, SEED = 240, 4


class Written(NamedTuple):
    """A tree and the scenes in it."""

    folder: Path

    def read(self, path: str) -> Any:
        """A JSON file of the tree."""
        return json.loads((self.folder / path).read_text())

    def scenes(self, name: str) -> list[SceneTruth]:
        """Those that a format shows, or may show, by number."""
        return _scenes(name)


@cache
def _scenes(name: str) -> list[SceneTruth]:
    return [scene_of(name, SEED, index) for index in range(scene_count(IMAGES))]


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Without pictures."""
    folder = tmp_path_factory.mktemp("formats")
    write_scenes(str(folder), IMAGES, SEED, pictures=False, workers=1)
    return Written(folder)
