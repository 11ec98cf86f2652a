"""The small language model, for the tests that are marked `llm` (`make test-llm`)."""

import os
from collections.abc import Iterator

import pytest

from tests.llm import server

ASKED_FOR = "OSPREY_TEST_LLM"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests of a real model take minutes: they run only when asked for, with `-m llm` or OSPREY_TEST_LLM=1."""
    if os.environ.get(ASKED_FOR) == "1" or "llm" in config.getoption("markexpr"):
        return
    skip = pytest.mark.skip(reason="runs with `make test-llm`")
    for item in items:
        if item.get_closest_marker("llm"):
            item.add_marker(skip)


@pytest.fixture(scope="session")
def smollm2_server(monkeypatch_session: pytest.MonkeyPatch) -> Iterator[server.ModelServer]:
    """The model's server, with the environment set for it. Fails where the package is missing: it was asked for."""
    with server.serving() as running:
        monkeypatch_session.setenv("OPENAI_BASE_URL", running.base_url)
        monkeypatch_session.setenv("OPENAI_API_KEY", "unused")
        yield running


@pytest.fixture(scope="session")
def monkeypatch_session() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch
