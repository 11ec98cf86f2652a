"""Requests of a model that sees: what they hold, what they are filled with, and which pictures are refused."""

import pathlib
import pickle
import re
import shutil
from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
import PIL.Image
import pytest

from pipelines.generation import image_tokens, prices
from pipelines.generation.ask import Ask, Hooks
from pipelines.phases import seeing
from pipelines.phases.layout import Layout
from pipelines.phases.plan import Job, make_plan
from pipelines.phases.records import sample_of
from pipelines.views.colours import rgb
from pipelines.views.masks import Bools, grown, resized
from pipelines.views.outlines import line_width
from schemas import rle
from schemas.errors import GenerationError, SourceError
from schemas.recipe import VisionSettings
from schemas.records import Sample
from tests.phases.shown import content, opened, planned, seeing_recipe, urls


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
