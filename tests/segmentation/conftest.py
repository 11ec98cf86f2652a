"""Small models, made once."""

import pathlib

import pytest

from tests.command_line import osprey_data  # noqa: F401 - a fixture
from tests.segmentation import models


@pytest.fixture(scope="session")
def sam_hq(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return models.save(tmp_path_factory.mktemp("sam_hq"))


@pytest.fixture(scope="session")
def sam(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return models.save(tmp_path_factory.mktemp("sam"), "sam")
