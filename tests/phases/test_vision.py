"""Seeing mode end to end: what a server is shown, when it is asked again, and what stops a run."""

import base64
import io
import pathlib
import pickle
import re
import shutil
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import msgspec
import numpy as np
import PIL.Image
import pytest

import prompts.seeing
from pipelines.generation import image_tokens, prices
from pipelines.generation.ask import Ask, Hooks
from pipelines.generation.settings import Settings
from pipelines.generation.store import ReplyStore
from pipelines.phases import generate, seeing
from pipelines.phases.generate import asks
from pipelines.phases.layout import Layout
from pipelines.phases.plan import Job, Plan, make_plan
from pipelines.phases.records import sample_of
from pipelines.recipes import FOLDER, only
from pipelines.views.colours import rgb
from pipelines.views.masks import Bools, grown, resized
from pipelines.views.outlines import line_width
from schemas import rle
from schemas.errors import GenerationError, SourceError
from schemas.recipe import Recipe, VisionSettings
from schemas.records import Sample
from tests.phases import outputs
from tests.phases.conftest import Run, good_text
from tests.recipes import load
from tests.servers.openai_server import OpenAIServer, Payload, answer

ASK = (
    "--generator",
    "openai",
    "--model",
    "loopback-1",
    "--price",
    "1/1",
    "--budget-usd",
    "90",
    "--limit",
    "5",
    "--kinds",
    "description,conversation,short_form",
)
KINDS = ("description", "conversation", "short_form")
FIRST = 4
"""Messages of a request that is no repair."""


def recipe(tmp_path: pathlib.Path, vision: str = "{}", name: str = "seeing") -> pathlib.Path:
    """The recipe of objects, with pictures."""
    text = (FOLDER / "object-level.yaml").read_text().replace("  seed: null", f"  seed: null\n  vision: {vision}")
    path = tmp_path / f"{name}.yaml"
    path.write_text(text)
    return path


def seeing_recipe(vision: VisionSettings | None, *kinds: str) -> Recipe:
    whole = only(load("object-level"), kinds or KINDS)
    return msgspec.structs.replace(whole, generation=msgspec.structs.replace(whole.generation, vision=vision))


def planned(vision: VisionSettings | None, data: str, out: pathlib.Path) -> tuple[Plan, list[Ask]]:
    layout = Layout(str(out))
    plan = make_plan(Job(seeing_recipe(vision), data, layout, generator="openai", limit=5))
    return plan, list(asks(plan, layout))


@pytest.fixture
def data(scenes: str, tmp_path: pathlib.Path) -> str:
    """Sample scenes of one's own, to change."""
    shutil.copytree(scenes, tmp_path / "data")
    return str(tmp_path / "data")


def content(payload: Payload) -> list[dict[str, Any]]:
    """Of the question, whatever was said after it."""
    return payload["messages"][FIRST - 1]["content"]


def urls(payload: Payload) -> list[str]:
    return [part["image_url"]["url"] for part in content(payload) if part["type"] == "image_url"]


def opened(url: str) -> PIL.Image.Image:
    kind, _, encoded = url.partition(",")
    assert kind == "data:image/jpeg;base64"
    picture = PIL.Image.open(io.BytesIO(base64.b64decode(encoded, validate=True)))
    picture.load()
    assert picture.format == "JPEG"
    return picture


class Recorder:
    """A model that keeps what it was sent, and answers well."""

    def __init__(self, server: OpenAIServer) -> None:
        self.payloads: list[Payload] = []
        server.reply = self.reply

    def reply(self, payload: Payload) -> Payload:
        self.payloads.append(payload)
        return answer(good_text(payload))


def test_a_build_shows_pictures_and_asks_once(
    data: str, tmp_path: pathlib.Path, osprey_data: Run, server: OpenAIServer
) -> None:
    seen = Recorder(server)
    command = ("build", "--data", data, "--out", tmp_path / "out", "--recipe", recipe(tmp_path), *ASK)
    ran = osprey_data(*command)
    assert ran.code == 0, ran.said
    assert len(seen.payloads) == 15
    for payload in seen.payloads:
        assert len(urls(payload)) >= 2
        for url in urls(payload):
            assert max(opened(url).size) <= 1024
    before = outputs.fingerprint(str(tmp_path / "out"))
    assert osprey_data(*command).code == 0
    assert len(seen.payloads) == 15, "a second run asks nothing"
    assert outputs.fingerprint(str(tmp_path / "out")) == before
    row = outputs.rows(str(tmp_path / "out"), "description")[0]
    assert row["generator"]["prompt"] == "seeing/description"
    assert row["generator"]["prompt_sha256"] == prompts.seeing.sha256(prompts.sha256("description"))
    other = recipe(tmp_path, "{crop_px: 300}", "smaller")
    ran = osprey_data("build", "--data", data, "--out", tmp_path / "out", "--recipe", other, *ASK)
    assert ran.code == 0, ran.said
    assert len(seen.payloads) == 30, "another crop size asks anew"


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


def outlined(row: Sample, size: tuple[int, int]) -> Iterator[tuple[int, Bools]]:
    """Number of a region -> where its line must be, where no other region or line may have covered it."""
    masks = [resized(rle.decode(region.mask), size) for region in row.regions]
    line = line_width(size)
    for number, mask in enumerate(masks, start=1):
        others = [grown(other, line + 2) for place, other in enumerate(masks, start=1) if place != number]
        yield number, grown(mask, line) & ~mask & ~np.logical_or.reduce([np.zeros_like(mask), *others])


def test_the_line_is_at_the_masks_border_and_nowhere_else(data: str, tmp_path: pathlib.Path) -> None:
    plan, requests = planned(VisionSettings(quality=95), data, tmp_path)
    looked_at = 0
    for ask in requests[:6]:
        row = sample_of(ask.row)
        payload = seeing.Seeing(plan.data, VisionSettings(quality=95)).fill(ask)
        picture = opened(urls(payload)[0])
        plain = (
            PIL.Image.open(pathlib.Path(data) / row.path)
            .convert("RGB")
            .resize(picture.size, PIL.Image.Resampling.LANCZOS)
        )
        drawn, ground = np.asarray(picture).astype(int), np.asarray(plain).astype(int)
        for number, border in outlined(row, picture.size):
            if border.sum() < 40:
                continue
            off = np.abs(drawn - rgb(number)).max(axis=2)
            assert (off[border] < 90).mean() > 0.85, f"{row.path}: the line of region {number}"
            assert (np.abs(ground - rgb(number)).max(axis=2)[border] < 90).mean() < 0.6, (
                "it is the line, not the ground"
            )
            looked_at += 1
        far = ~np.logical_or.reduce([grown(resized(rle.decode(r.mask), picture.size), 70) for r in row.regions])
        assert np.abs(drawn - ground)[far].mean() < 3 if far.any() else True
    assert looked_at > 6


def test_the_message_tells_which_picture_shows_what(data: str, tmp_path: pathlib.Path) -> None:
    text = {sample_of(ask.row).sample_id: ask for ask in planned(None, data, tmp_path / "text")[1]}
    for ask in planned(VisionSettings(crops=2), data, tmp_path / "seeing")[1][:3]:
        parts = content(ask.payload)
        kinds = [part["type"] for part in parts]
        pictures = kinds.count("image_url")
        assert kinds == ["text", *["text", "image_url"] * pictures, "text", "text"]
        assert parts[1]["text"] == "Picture 1: the whole picture with all marked regions."
        assert all(
            re.fullmatch(r"Picture [23]: <region\d+> closer\.", part["text"]) for part in parts[3 : 2 * pictures : 2]
        )
        same = text[sample_of(ask.row).sample_id]
        assert parts[-1]["text"] == same.payload["messages"][-1]["content"], "the notes are all there"
        assert ask.payload["messages"][:-1] == same.payload["messages"][:-1]
        assert {**ask.payload, "messages": []} == {**same.payload, "messages": []}


def test_text_only_requests_keep_their_keys(data: str, tmp_path: pathlib.Path) -> None:
    """Whatever is changed about pictures, nobody who shows none pays again."""
    plain = {ask.key for ask in planned(None, data, tmp_path / "a")[1]}
    shown = {ask.key for ask in planned(VisionSettings(), data, tmp_path / "b")[1]}
    assert len(plain) == len(shown) == 15
    assert not plain & shown
    payload = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "hello"}]}
    ask = Ask("k", "description", payload)
    assert seeing.Seeing(data, VisionSettings()).fill(ask) is payload
    assert seeing.filler(data, None) is Hooks().fill


def test_equal_digests_give_equal_pictures_wherever_they_are_drawn(data: str, tmp_path: pathlib.Path) -> None:
    plan, requests = planned(VisionSettings(), data, tmp_path / "one")
    again = planned(VisionSettings(), data, tmp_path / "two")[1]
    assert [ask.key for ask in requests] == [ask.key for ask in again]
    here = seeing.Seeing(plan.data, VisionSettings())
    there = pickle.loads(pickle.dumps(here.fill))
    for ask, other in zip(requests[:4], again[:4], strict=True):
        assert here.fill(ask) == there(other)
        assert ask.payload == other.payload, "filling leaves the request as it is"
        assert all(image_tokens.is_name(url) for url in urls(ask.payload))


def test_the_names_tell_the_sizes_and_the_bound_holds_them(data: str, tmp_path: pathlib.Path) -> None:
    plan, requests = planned(VisionSettings(), data, tmp_path)
    for ask in requests[:4]:
        filled = seeing.Seeing(plan.data, VisionSettings()).fill(ask)
        for name, url in zip(urls(ask.payload), urls(filled), strict=True):
            assert name.endswith("#{}x{}".format(*opened(url).size))
        bound = prices.bound(ask.payload).prompt
        assert bound > sum(2833 + 5667 for _ in urls(ask.payload)), "an unknown model counts as the dearest"
        assert prices.bound(ask.payload, 100).prompt < bound


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
    ("damage", "says"),
    [
        (lambda path: path.unlink(), "cannot be read any more"),
        (lambda path: path.write_bytes(b"no picture"), "has changed since the plan was made"),
    ],
)
def test_pictures_that_went_away_or_broke(data: str, tmp_path: pathlib.Path, damage: Any, says: str) -> None:
    plan, requests = planned(VisionSettings(), data, tmp_path / "out")
    path = pathlib.Path(data) / sample_of(requests[0].row).path
    damage(path)
    with pytest.raises(GenerationError, match=says) as caught:
        seeing.Seeing(plan.data, VisionSettings()).fill(requests[0])
    assert path.name in caught.value.message
    assert "Plan again" in caught.value.hint


def test_a_picture_that_was_broken_from_the_beginning(data: str, tmp_path: pathlib.Path) -> None:
    """Its header is right, which is all that a plan reads: the run stops, naming it."""
    for path in pathlib.Path(data, "coco").rglob("*.jpg"):
        path.write_bytes(path.read_bytes()[:1500])
    plan, requests = planned(VisionSettings(), data, tmp_path / "out")
    with pytest.raises(GenerationError, match="the picture cannot be decoded") as caught:
        seeing.Seeing(plan.data, VisionSettings()).fill(requests[0])
    assert "Put a good one in its place" in caught.value.hint


def test_rows_that_are_not_known_or_lead_out_of_data(data: str, tmp_path: pathlib.Path) -> None:
    plan, requests = planned(VisionSettings(), data, tmp_path / "out")
    show = seeing.Seeing(plan.data, VisionSettings())
    with pytest.raises(GenerationError, match="the row whose picture is to be shown is not known"):
        show.fill(requests[0]._replace(row=""))
    away = msgspec.json.encode(msgspec.structs.replace(sample_of(requests[0].row), path="../../etc/passwd")).decode()
    with pytest.raises(GenerationError, match="leaves DATA"):
        show.fill(requests[0]._replace(row=away))


def test_pictures_are_looked_for_even_where_the_recipe_does_not_check_them(data: str, tmp_path: pathlib.Path) -> None:
    made = seeing_recipe(VisionSettings())
    made = msgspec.structs.replace(made, images=msgspec.structs.replace(made.images, check=False))
    shutil.rmtree(pathlib.Path(data, "coco", "train2017"))
    plan = make_plan(Job(made, data, Layout(str(tmp_path / "out")), generator="openai", limit=5))
    assert plan.requests == 0
    assert any("image_missing" in line.rejected for line in plan.ledger if line.stage == "join"), plan.ledger


def test_a_file_is_hashed_once_for_all_kinds(
    data: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []
    real = seeing._file_sha256
    monkeypatch.setattr(seeing, "_file_sha256", lambda data, path: hashed.append(path) or real(data, path))
    _, requests = planned(VisionSettings(), data, tmp_path)
    paths = {sample_of(ask.row).path for ask in requests}
    assert sorted(hashed) == sorted(paths)
    assert len(requests) == 3 * len(paths)
    with pytest.raises(SourceError, match="cannot be read"):
        real(data, "coco/nowhere.jpg")


def test_pictures_in_a_remote_file_system(data: str, tmp_path: pathlib.Path) -> None:
    """Any of fsspec's; here the one in memory."""
    import fsspec

    plan, requests = planned(VisionSettings(), data, tmp_path)
    memory = fsspec.filesystem("memory")
    for ask in requests[:2]:
        path = sample_of(ask.row).path
        memory.pipe(f"/bucket/{path}", pathlib.Path(data, path).read_bytes())
        assert seeing.Seeing("memory://bucket", VisionSettings()).fill(ask) == seeing.Seeing(
            plan.data, VisionSettings()
        ).fill(ask)


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
