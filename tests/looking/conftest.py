"""The command line, and a small build with its pictures."""

import pathlib

import PIL.Image
import pytest

from tests.command_line import osprey_data  # noqa: F401 - a fixture
from tests.qa import builds
from tests.qa import rows as drawn


@pytest.fixture
def out(tmp_path: pathlib.Path) -> pathlib.Path:
    """A finished build: conversations and categories, on eight pictures."""
    builds.write(tmp_path / "out")
    return tmp_path / "out"


@pytest.fixture
def data(tmp_path: pathlib.Path) -> pathlib.Path:
    """The pictures of that build."""
    folder = tmp_path / "data/coco/train2017"
    folder.mkdir(parents=True)
    for number in range(1, 9):
        PIL.Image.new("RGB", (drawn.WIDTH, drawn.HEIGHT), (20, 25 * number, 90)).save(folder / f"{number:012d}.jpg")
    return tmp_path / "data"
