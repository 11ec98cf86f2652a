"""Options of all tests."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--renew-readme", action="store_true", help="write the generated blocks of README.md anew")
