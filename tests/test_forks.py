"""A process of a test begins in milliseconds and with the test's environment, whichever test began the first one."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import forks

ROOT = Path(__file__).parents[1]


def _tell(told: Any) -> None:
    told.put((sorted(set(forks.PRELOADED) - sys.modules.keys()), dict(os.environ)))


def _look(**environment: str) -> tuple[list[str], dict[str, str]]:
    told = forks.queue()
    process = forks.started(_tell, told, **environment)
    missing, variables = told.get(timeout=120)
    process.join()
    return missing, variables


def test_a_process_has_everything_imported() -> None:
    missing, _ = _look()
    assert missing == []


def test_a_process_has_the_environment_of_the_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OF_ANOTHER_TEST", "old")
    _look()
    monkeypatch.delenv("OF_ANOTHER_TEST")
    monkeypatch.setenv("OF_THIS_TEST", "new")
    _, variables = _look(GIVEN="too")
    assert variables == {**os.environ, "GIVEN": "too"}


def test_nothing_else_begins_such_a_server() -> None:
    """A second list of what to import would be the only one that counts, or would not count at all."""
    command = ["grep", "-rl", "forkserver", "--include=*.py", "tests", "pipelines", "osprey_train"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert set(found) == {"tests/forks.py", "tests/test_forks.py"}
