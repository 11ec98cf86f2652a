"""Seeing mode end to end: what a server is shown, when it is asked again, and what stops a run."""

import pathlib
from contextlib import closing

import msgspec
import PIL.Image
import pytest

import prompts.seeing
from pipelines.generation.settings import Settings
from pipelines.generation.store import ReplyStore
from pipelines.phases import generate
from pipelines.phases.generate import asks
from pipelines.phases.layout import Layout
from pipelines.phases.plan import Plan
from pipelines.phases.records import sample_of
from schemas.recipe import VisionSettings
from tests.phases import outputs
from tests.phases.conftest import Run
from tests.phases.shown import ASK, FIRST, KINDS, Recorder, opened, planned, recipe, urls
from tests.servers.openai_server import OpenAIServer, Payload, answer


def test_a_build_shows_pictures_and_asks_once(
    data: str, tmp_path: pathlib.Path, osprey_data: Run, server: OpenAIServer
) -> None:
    seen = Recorder(server)
    command = (
        "build",
        "--data",
        data,
        "--out",
        tmp_path / "out",
        "--recipe",
        recipe(tmp_path),
        *ASK[:-1],
        "description",
    )
    ran = osprey_data(*command)
    assert ran.code == 0, ran.said
    assert len(seen.payloads) == 5
    for payload in seen.payloads:
        assert len(urls(payload)) >= 2
        for url in urls(payload):
            assert max(opened(url).size) <= 1024
    before = outputs.fingerprint(str(tmp_path / "out"))
    assert osprey_data(*command).code == 0
    assert len(seen.payloads) == 5, "a second run asks nothing"
    assert outputs.fingerprint(str(tmp_path / "out")) == before
    row = outputs.rows(str(tmp_path / "out"), "description")[0]
    assert row["generator"]["prompt"] == "seeing/description"
    assert row["generator"]["prompt_sha256"] == prompts.seeing.sha256(prompts.sha256("description"))
    other = recipe(tmp_path, "{crop_px: 300}", "smaller")
    ran = osprey_data("build", "--data", data, "--out", tmp_path / "out", "--recipe", other, *ASK[:-1], "description")
    assert ran.code == 0, ran.said
    assert len(seen.payloads) == 10, "another crop size asks anew"


def test_neither_plan_nor_store_holds_pixels(
    data: str, tmp_path: pathlib.Path, osprey_data: Run, server: OpenAIServer
) -> None:
    ran = osprey_data("build", "--data", data, "--out", tmp_path / "out", "--recipe", recipe(tmp_path), *ASK)
    assert ran.code == 0, ran.said
    files = [path for path in (tmp_path / "out" / "work").rglob("*") if path.is_file()]
    assert [path for path in files if b";base64," in path.read_bytes()] == []
    store = next(path for path in files if path.name == "replies.sqlite")
    assert b"sha256:" in b"".join(path.read_bytes() for path in files if path.name.startswith(store.name))
    assert server.calls == 15


def test_a_picture_that_has_changed_stops_the_run(
    data: str, tmp_path: pathlib.Path, osprey_data: Run, server: OpenAIServer
) -> None:
    made = recipe(tmp_path)
    out = tmp_path / "out"
    steps = ("--data", data, "--out", out, "--recipe", made)
    assert osprey_data("plan", *steps, "--generator", "openai", *ASK[2:6], "--limit", 5, *ASK[-2:]).code == 0
    path = pathlib.Path(data) / sample_of(next(iter(asks(_plan(out), Layout(str(out))))).row).path
    picture = PIL.Image.open(path).convert("RGB")
    picture.putpixel((0, 0), (1, 2, 3))
    picture.save(path)
    ran = osprey_data("generate", "--out", out, "--price", "1/1", "--budget-usd", 90)
    assert ran.code == 1
    says = f"{path.name}: the picture, or the way in which it is shown, has changed since the plan was made"
    assert "".join(says.split()) in "".join(ran.err.split())
    assert "Plan again" in ran.err
    assert "Traceback" not in ran.said
    calls = server.calls
    ran = osprey_data("build", *steps, *ASK)
    assert ran.code == 0, ran.said
    assert max(server.answered.values()) == 1
    assert server.calls >= max(15, calls)


def _plan(out: pathlib.Path) -> Plan:
    return msgspec.json.decode((out / "work" / "plan.json").read_bytes(), type=Plan)


@pytest.mark.parametrize(
    "value", ["{image_px: 20}", "{quality: 100}", "{crops: -1}", "{context: .nan}", "{most_bytes: 5}"]
)
def test_settings_out_of_range(value: str, data: str, tmp_path: pathlib.Path, osprey_data: Run) -> None:
    ran = osprey_data("plan", "--data", data, "--out", tmp_path / "out", "--recipe", recipe(tmp_path, value), *ASK[:4])
    assert ran.code == 1
    assert "is out of range" in ran.err


def test_the_option_turns_it_on_in_both_forms_and_repairs_see_too(
    data: str, tmp_path: pathlib.Path, osprey_data: Run, server: OpenAIServer
) -> None:
    """One in three first replies is bad; what mends it is shown the same pictures."""
    seen = Recorder(server)
    server.json_schema = True
    bad = iter(range(1000))

    def reply(payload: Payload) -> Payload:
        good = seen.reply(payload)
        first = len(payload["messages"]) == FIRST
        return answer("I see a nice picture.") if first and next(bad) % 3 == 0 else good

    server.reply = reply
    command = ("build", "--data", data, "--out", tmp_path / "out", "--recipe", "object-level", *ASK, "--vision")
    ran = osprey_data(*command, "--reply-format", "json", "--repair", 1)
    assert ran.code == 0, ran.said
    repairs = [payload for payload in seen.payloads if len(payload["messages"]) > FIRST]
    assert len(repairs) == 5
    firsts = {urls(payload)[0] for payload in seen.payloads if len(payload["messages"]) == FIRST}
    for payload in repairs:
        assert payload["response_format"]["type"] == "json_schema"
        assert {url for url in urls(payload) if opened(url)} & firsts
    rows = [row for kind in KINDS for row in outputs.rows(str(tmp_path / "out"), kind)]
    assert len(rows) == 15
    assert {row["generator"]["prompt"] for row in rows} == {f"seeing/{kind}/json" for kind in KINDS}


def test_batches_carry_pictures(data: str, tmp_path: pathlib.Path, server: OpenAIServer) -> None:
    seen = Recorder(server)
    plan, requests = planned(VisionSettings(), data, tmp_path / "out")
    settings = Settings(mode="batch", base_url=server.base_url, budget_usd=90, price=(1, 1), batch_poll_s=0.02)
    with closing(ReplyStore(f"sqlite:///{tmp_path}/replies.sqlite")) as store:
        outcome = generate.answer(plan, Layout(str(tmp_path / "out")), store, settings, lambda progress: None)
        assert store.missing([ask.key for ask in requests]) == []
    assert outcome.stopped == ""
    assert len(seen.payloads) == 15
    assert all(opened(url) for payload in seen.payloads for url in urls(payload))
