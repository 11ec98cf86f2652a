"""A loopback server, a store and settings that wait milliseconds where real ones wait seconds."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.generation.ask import Ask
from pipelines.generation.settings import Settings
from pipelines.generation.store import ReplyStore
from schemas.keys import request_key
from tests.servers.batch_api import BatchApi
from tests.servers.openai_server import OpenAIServer, running

KEY = "sk-loopback-secret"


@pytest.fixture(scope="session")
def _server() -> Iterator[OpenAIServer]:
    with running(OpenAIServer()) as started:
        yield started


@pytest.fixture
def server(_server: OpenAIServer, monkeypatch: pytest.MonkeyPatch) -> OpenAIServer:
    """The server, as new."""
    base_url = _server.base_url
    _server.__init__()  # type: ignore[misc]
    _server.base_url = base_url
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", base_url)
    return _server


@pytest.fixture
def store(tmp_path: Path) -> ReplyStore:
    return ReplyStore(f"sqlite:///{tmp_path}/work/replies.sqlite")


@pytest.fixture(params=["sqlite", "postgresql"])
def any_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, once of each sort."""
    return (
        request.getfixturevalue("postgres_url") if request.param == "postgresql" else f"sqlite:///{tmp_path}/r.sqlite"
    )


@pytest.fixture
def any_store(any_url: str) -> Iterator[ReplyStore]:
    """A store on SQLite, then one on PostgreSQL."""
    store = ReplyStore(any_url)
    yield store
    store.close()


@pytest.fixture
def quick(server: OpenAIServer) -> Callable[..., Settings]:
    """Settings for the server; a token costs a millionth of a dollar."""

    def made(**chosen: Any) -> Settings:
        usual = {"budget_usd": 1.0, "price": (1.0, 1.0), "concurrency": 8, "timeout_s": 5.0, "max_attempts": 4}
        return Settings(**{"base_url": server.base_url, "backoff_s": 0.002, "grace_s": 5.0, **usual, **chosen})

    return made


@pytest.fixture
def ask() -> Callable[..., Ask]:
    """A request with this question."""

    def made(text: str, max_tokens: int = 16, kind: str = "description") -> Ask:
        payload = {
            "model": "loopback", "messages": [{"role": "user", "content": text}], "max_tokens": max_tokens,
        }  # fmt: skip
        return Ask(request_key(payload), kind, payload)

    return made


@pytest.fixture
def asks(ask: Callable[..., Ask]) -> Callable[[int], list[Ask]]:
    """So many requests of two kinds."""
    return lambda count: [ask(f"question {index}", kind="ab"[index % 2]) for index in range(count)]


@pytest.fixture
def api(server: OpenAIServer) -> BatchApi:
    """The server's files and batches."""
    return server.batches


@pytest.fixture
def batched(quick: Callable[..., Settings]) -> Callable[..., Settings]:
    """Settings for batches of ten that are looked at every few milliseconds."""

    def made(**chosen: Any) -> Settings:
        return quick(**{"mode": "batch", "batch_requests": 10, "batch_poll_s": 0.005, **chosen})

    return made
