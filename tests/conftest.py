"""Options and servers of all tests."""

import os
from collections.abc import Iterator

import pytest

from tests.servers import postgres

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported: the tests run side by side
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--renew-readme", action="store_true", help="write the generated blocks of README.md anew")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.PostgresServer]:
    """A PostgreSQL server for the whole session; whoever stops it starts it again."""
    with postgres.running() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: postgres.PostgresServer) -> str:
    """The URL of an empty PostgreSQL database."""
    return postgres_server.new_database()
