"""Golden files: whole prompts and template replies, as a person would read them.

After a wanted change of a prompt run `pytest tests/builders --renew-goldens` and read the difference in git.
"""

import pathlib
from collections.abc import Callable

import pytest

GOLDEN = pathlib.Path(__file__).parent / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--renew-goldens", action="store_true", help="write tests/builders/golden/*.txt anew")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compares a text with the golden file of that name."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / f"{name}.txt"
        if request.config.getoption("--renew-goldens", default=False):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.exists(), f"{path.name} is missing: pytest tests/builders --renew-goldens"
        assert text == path.read_text(encoding="utf-8")

    return compare
