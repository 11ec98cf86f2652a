"""`osprey-data show`: the row is found, drawn and told."""

import hashlib
import io
import pathlib
import re
from typing import Any

import numpy as np
import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.qa.show import lines
from pipelines.qa.show.drawing import INDENT, LEFT, MARGIN, MOST_REGIONS, RIGHT, TALLEST, _entry, draw
from pipelines.qa.show.finding import find, row_at
from pipelines.qa.show.lines import Style
from pipelines.shards.manifest import read_manifest
from schemas.errors import BuildError, RecipeError
from tests.command_line import Run
from tests.properties import quick
from tests.qa import builds
from tests.qa import rows as drawn

SCALE = LEFT / drawn.WIDTH


def picture(path: pathlib.Path) -> np.ndarray:
    return np.asarray(PIL.Image.open(path).convert("RGB"))


def at(x: int, y: int) -> tuple[int, int]:
    """Where a pixel of the picture is on the sheet: (row, column)."""
    return MARGIN + round((y + 0.5) * SCALE), MARGIN + round((x + 0.5) * SCALE)


def test_a_sample_is_drawn_and_told(out: pathlib.Path, data: pathlib.Path, osprey_data: Run) -> None:
    ran = osprey_data("show", out, "conversation/5", "--data", data, "--to", out.parent / "five.png")
    assert ran.code == 0
    for words in ("conversation/5", "teddy bear", "coco/500", "<region2>", "Two bears.", "five.png", "row 1"):
        assert words in ran.out
    sheet = picture(out.parent / "five.png")
    assert sheet.shape[1] == LEFT + RIGHT + 3 * MARGIN
    beside, inside = sheet[at(25, 20)], sheet[at(3, 6)]
    assert np.abs(beside.astype(int) - (20, 125, 90)).max() < 8, "the picture itself"
    assert np.abs(inside.astype(int) - beside).max() > 20, "a region is tinted"


def test_without_pictures_the_regions_stand_on_grey(out: pathlib.Path, osprey_data: Run) -> None:
    ran = osprey_data("show", out, "conversation/5", "--to", out.parent / "grey.png")
    assert "no DATA was given: masks on grey" in ran.out
    assert picture(out.parent / "grey.png")[at(25, 20)].tolist() == [0xC9, 0xCC, 0xD1]


def test_pictures_that_the_rows_carry_need_no_folder(tmp_path: pathlib.Path, osprey_data: Run) -> None:
    stream = io.BytesIO()
    PIL.Image.new("RGB", (drawn.WIDTH, drawn.HEIGHT), (10, 200, 30)).save(stream, "PNG")
    content = builds.shards()
    content["mask_text", "train"][0][0]["image"]["bytes"] = stream.getvalue()
    builds.write(tmp_path, content)
    assert osprey_data("show", tmp_path, "mask_text/1", "--to", tmp_path / "own.png").code == 0
    assert picture(tmp_path / "own.png")[at(25, 20)].tolist() == [10, 200, 30]


def test_the_picture_is_named_after_the_sample(
    out: pathlib.Path, osprey_data: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(out.parent)
    osprey_data("show", out, "mask_text/2")
    assert (out.parent / "mask_text_2.png").exists()
    (out.parent / "folder").mkdir()
    osprey_data("show", out, "mask_text/2", "--to", "folder")
    assert (out.parent / "folder/mask_text_2.png").exists()


def test_an_id_that_is_a_path_writes_no_file_elsewhere(
    tmp_path: pathlib.Path, osprey_data: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = {("mask_text", "train"): [drawn.rows(1, "mask_text", regions=1)]}
    content["mask_text", "train"][0][0]["sample_id"] = "../../evil\x1b[2J"
    builds.write(tmp_path / "out", content)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    ran = osprey_data("show", tmp_path / "out", "evil")
    assert ran.code == 0
    assert "\x1b" not in ran.out
    assert len(list((tmp_path / "here").iterdir())) == 1
    assert not list(tmp_path.glob("*evil*"))


@pytest.mark.parametrize("to", ["picture.jpg", "nowhere/"])
def test_what_is_no_png(out: pathlib.Path, osprey_data: Run, to: str) -> None:
    ran = osprey_data("show", out, "mask_text/2", "--to", to)
    assert ran.code == 1
    assert "Say --to FILE.png." in ran.err


def test_an_unknown_id_tells_the_nearest(out: pathlib.Path, osprey_data: Run) -> None:
    ran = osprey_data("show", out, "mask_txt/2")
    assert ran.code == 1
    assert "no sample 'mask_txt/2'" in ran.err
    assert "Is one of these meant? mask_text/2, mask_text/1" in ran.err


def test_ids_that_only_share_their_kind_are_not_taken_for_near(tmp_path: pathlib.Path) -> None:
    ids = [f"mask_text-{hashlib.sha256(bytes([n])).hexdigest()[:20]}" for n in range(100)]
    rows = [row | {"sample_id": name} for row, name in zip(drawn.rows(100, "mask_text", regions=1), ids, strict=True)]
    manifest = builds.write(tmp_path, {("mask_text", "train"): [rows]})
    mistyped = ids[70][:15] + ("1" if ids[70][15] == "0" else "0") + ids[70][16:]
    for wanted, hint in (
        (mistyped, f"Is one of these meant? {ids[70]}"),
        (
            "mask_text-000000000000000000zz",
            f"No id is like it. Ids look like {ids[0]}; the report shows some of each kind.",
        ),
        ("x" * 100_000, f"No id is like it. Ids look like {ids[0]}; the report shows some of each kind."),
    ):
        with pytest.raises(RecipeError) as unknown:
            find(str(tmp_path), manifest, wanted)
        assert unknown.value.hint == hint


def test_a_part_of_an_id(out: pathlib.Path, osprey_data: Run) -> None:
    manifest = read_manifest(str(out))
    assert find(str(out), manifest, " text/2 ").sample_id == "mask_text/2"
    with pytest.raises(RecipeError, match="8 samples have 'conversation' in their id") as several:
        find(str(out), manifest, "conversation")
    assert "and 2 more" in several.value.hint
    for nothing in ("", "  "):
        with pytest.raises(RecipeError, match="no sample id"):
            find(str(out), manifest, nothing)


def test_a_whole_id_is_taken_though_others_begin_with_it(tmp_path: pathlib.Path) -> None:
    manifest = builds.write(tmp_path, {("conversation", "train"): [drawn.rows(12)]})
    found = find(str(tmp_path), manifest, "conversation/1")
    assert (found.sample_id, found.row) == ("conversation/1", 0)


def test_rows_of_later_row_groups(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.shards.writing.GROUP_ROWS", 10)
    manifest = builds.write(tmp_path, {("conversation", "train"): [drawn.rows(35)]})
    for number in (1, 10, 11, 35):
        place = find(str(tmp_path), manifest, f"conversation/{number}")
        assert place.row == number - 1
        assert row_at(str(tmp_path), place)["sample_id"] == f"conversation/{number}"


def test_what_may_lie_in_a_shard_that_cannot_be_read(out: pathlib.Path) -> None:
    manifest = read_manifest(str(out))
    (out / "data/conversation/train-00000-of-00002.parquet").write_bytes(b"PAR1")
    assert find(str(out), manifest, "mask_text/2")
    assert find(str(out), manifest, "conversation/6")
    with pytest.raises(BuildError, match="cannot: "):
        find(str(out), manifest, "conversation/2")


def test_a_part_of_several_ids_is_told_as_such_though_a_shard_is_missing(out: pathlib.Path) -> None:
    (out / "data/mask_text/train-00000-of-00001.parquet").unlink()
    with pytest.raises(RecipeError, match="8 samples have 'conversation' in their id"):
        find(str(out), read_manifest(str(out)), "conversation")


def test_no_rows(tmp_path: pathlib.Path) -> None:
    manifest = builds.write(tmp_path, {("mask_text", "train"): [[]]})
    with pytest.raises(RecipeError, match="no sample 'x'") as none:
        find(str(tmp_path), manifest, "x")
    assert none.value.hint == "It has no rows."


def test_a_broken_row_is_shown_as_far_as_it_goes(tmp_path: pathlib.Path, osprey_data: Run) -> None:
    [row] = drawn.rows(1, "mask_text", regions=2)
    row |= {"license": None, "sources": None, "generator": None, "width": 0, "image": None}
    row["regions"][0] |= {"mask": {"size": [24, 32], "counts": None}, "category": None}
    row["regions"][1]["mask"]["counts"] = "oops"
    row["messages"] = [{"role": None, "content": None}, None]
    builds.write(tmp_path, {("mask_text", "train"): [[row]]})
    ran = osprey_data("show", tmp_path, "mask_text/1", "--to", tmp_path / "one.png")
    assert ran.code == 0, ran.err
    assert "a mask cannot be read" in ran.out


def test_a_long_answer_is_cut_with_a_count() -> None:
    [row] = drawn.rows(1, text="word " * 10_000)
    made = draw(row, None)
    assert made.image.height <= TALLEST + 4 * MARGIN
    cut = made.notes[-1]
    assert re.fullmatch("no room in the picture for the end of this message and 2 more messages: 9,\\d{3} words", cut)


def test_what_is_cut_between_messages_is_told_without_an_empty_heading() -> None:
    [row] = drawn.rows(1)
    row["messages"] = [{"role": "user", "content": f"word{number}"} for number in range(100)]
    cut = draw(row, None).notes[-1]
    left = re.fullmatch(r"no room in the picture for (\d+) more messages: (\d+) words", cut)
    assert left is not None
    assert left[1] == left[2], "no message is begun without a word of it"


def listed(region: dict[str, Any], known: dict[str, int]) -> list[str]:
    entry = _entry(region, known, 1000, LEFT - INDENT)
    return [" ".join("".join(run.text for run in word) for word in line.words) for line in entry]


def test_a_region_is_listed_whole_however_long_its_id() -> None:
    region = {"category": "wheel", "part_of": "paco/1", "area": 20, "region_id": "vcr/" + "long_name" * 15}
    first, *more = listed(region, {"paco/1": 3})
    assert first == "wheel · part of 3 · 2 % of the picture"
    assert "".join(more) == region["region_id"]
    assert listed({**region, "region_id": "a/1", "category": ""}, {}) == [
        "(no category) · part of paco/1 · 2 % of the picture · a/1"
    ]


def test_many_regions_are_listed_with_a_count() -> None:
    [few] = drawn.rows(1)
    many = {**few, "regions": few["regions"] * 40}
    assert len(many["regions"]) > MOST_REGIONS
    assert draw(many, None).image.height < 2 * TALLEST


def test_characters_without_a_font_are_told() -> None:
    [row] = drawn.rows(1, text="\U0001f9ff \U00012345")
    assert "no font here has some of its characters: they stand as boxes" in draw(row, None).notes
    assert len(draw(drawn.rows(1)[0], None).notes) == 1


def words_of(found: list[lines.Line]) -> list[str]:
    return ["".join(run.text for run in word) for line in found for word in line.words]


@quick
@given(st.text(max_size=300), st.integers(20, 400))
def test_lines_hold_all_of_a_text_in_order_and_fit(text: str, width: int) -> None:
    style = Style(14)
    found = list(lines.lines(text, width, style))
    assert "".join(words_of(found)) == "".join(lines.clean(part).replace(" ", "") for part in text.split("\n"))
    assert sum(line.begun for line in found) == sum(len(lines.clean(part).split(" ")) for part in text.split("\n")
                                                    if lines.clean(part))  # fmt: skip
    for line in found:
        runs = [run for word in line.words for run in word]
        assert sum(run.width for run in runs) <= width or len(runs) == 1


def test_names_of_regions_have_their_colours() -> None:
    [line] = lines.lines("Is <region2>, or <region13>?", 800, Style(14))
    inks = {run.text: run.ink for word in line.words for run in word}
    assert len({inks["<region2>"], inks["<region13>"], inks["Is"]}) == 3
    assert inks[","] == inks["Is"]


@pytest.mark.parametrize(
    ("text", "leftward", "both"),
    [("A bear", False, False), ("זהו דוב", True, True), ("<region1> זהו דוב", True, True), ("A דוב", False, True),
     ("123 هذا", True, True), ("123", False, False)],
)  # fmt: skip
def test_the_first_letter_decides_which_way_a_paragraph_runs(text: str, leftward: bool, both: bool) -> None:
    [line] = lines.lines(text, 800, Style(14))
    assert (line.leftward, line.both_ways) == (leftward, both)


def test_a_text_that_runs_leftward_stands_at_the_right() -> None:
    """Half of the sheet's breadth is free on the side where its lines end."""
    [row] = drawn.rows(1, text="זהו דוב")
    plain = np.asarray(draw(drawn.rows(1, text="\u200b")[0], None).image, int)
    made = np.asarray(draw(row, None).image, int)
    changed = np.abs(made[: len(plain)] - plain[: len(made)]).sum(axis=2).any(axis=0).nonzero()[0]
    assert changed.min() > LEFT + 2 * MARGIN + RIGHT / 2
