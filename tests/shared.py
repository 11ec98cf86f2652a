"""The folder of real samples beside the project, where there is one."""

import pathlib

import pytest

SHARED = pathlib.Path(__file__).parents[2] / "shared" / "data"

needs_shared = pytest.mark.skipif(
    not SHARED.exists(), reason="the real samples (../shared/data) are not on this machine"
)
