"""A plan with some hundred requests of two kinds, made once, and settings to ask them: fixtures."""

import json
import pathlib
import shutil
from collections.abc import Callable
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines import cli
from pipelines.generation.settings import Settings
from pipelines.phases.layout import Layout
from pipelines.phases.plan import read_plan, requests_of
from schemas.columns import REQUEST
from schemas.keys import request_key
from tests.servers.openai_server import OpenAIServer

WHAT = ("--generator", "openai", "--model", "loopback-1", "--reply-format", "text", "--recipe", "object-level",
        "--kinds", "description,short_form", "--price", "1/1")  # fmt: skip
COPIES = 4


@pytest.fixture(scope="module")
def planned(scenes: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """OUT with the plan."""
    out = str(tmp_path_factory.mktemp("planned"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["osprey-data", "plan", "--data", scenes, "--out", out, *WHAT])
        with pytest.raises(SystemExit) as ended:
            cli.main()
    assert not ended.value.code
    _multiply(Layout(out))
    return out


def _multiply(layout: Layout) -> None:
    """Make each request into several, which differ in a field that the server takes no notice of."""
    plan = read_plan(layout)
    for path in (path for kind in plan.recipe.kinds for path in requests_of(plan, layout, kind)):
        rows = [_copy(row, number) for row in pq.read_table(path).to_pylist() for number in range(COPIES)]
        pq.write_table(pa.Table.from_pylist(rows, schema=REQUEST), path)
    more = msgspec.structs.replace(plan, requests=plan.requests * COPIES)
    pathlib.Path(layout.plan).write_bytes(msgspec.json.encode(more))


def _copy(row: dict[str, Any], number: int) -> dict[str, Any]:
    payload = {**json.loads(row["payload"]), "user": f"copy {number}"}
    return {**row, "key": request_key(payload), "payload": json.dumps(payload)}


@pytest.fixture
def layout(planned: str, tmp_path: pathlib.Path) -> Layout:
    """A copy of the plan, to be asked."""
    shutil.copytree(planned, tmp_path / "out")
    return Layout(str(tmp_path / "out"))


@pytest.fixture
def settings(server: OpenAIServer) -> Callable[..., Settings]:
    """A token costs a millionth of a dollar."""

    def made(**chosen: Any) -> Settings:
        usual = {"budget_usd": 5.0, "price": (1.0, 1.0), "concurrency": 4, "backoff_s": 0.01}
        return Settings(**{**usual, "base_url": server.base_url, **chosen})

    return made
