"""Rows of every kind as other trainers' files; what a format cannot hold is counted."""

import json
import pathlib
from typing import Any

import pytest

from pipelines.exchange import export, llava_export, osprey_export
from pipelines.exchange.osprey_export import Unfit
from pipelines.sources.osprey_724k import FILES
from schemas.errors import BuildError, RecipeError
from tests.exchange import loaders
from tests.qa import builds
from tests.qa import rows as drawn

Row = dict[str, Any]


def row(kind: str, *texts: str, regions: int = 2, path: str = "") -> Row:
    """A row with these questions and answers in turn."""
    (made,) = drawn.rows(1, kind, regions=regions)
    made["messages"] = [{"role": ("user", "assistant")[n % 2], "content": text} for n, text in enumerate(texts)]
    made["image"]["path"] = path or made["image"]["path"]
    return made


DESCRIBED = ("Describe <region1>.", "A bear.", "And <region2>?", "Beside <region1>,\n\nanother bear.")


def test_descriptions_stand_on_one_line_behind_the_name() -> None:
    made = osprey_export.record(row("description", *DESCRIBED))
    assert made["description"] == ["<region1>: A bear.", "<region2>: Beside <region1>, another bear."]
    assert [each["region_id"] for each in made["annotation"]] == ["coco/100", "coco/101"]
    assert [each["category"] for each in made["annotation"]] == ["teddy bear"] * 2


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        ("description", ("Describe <region1>.", "A bear said >: it.", "And <region2>?", "x")),
        ("description", ("Describe <region1> and <region2>.", "Two bears.")),
        ("description", ("Describe <region2>.", "A bear.", "Describe <region1>.", "A bear.")),
        ("positive_negative", ("Is <region1> a bear?", "Yes, as <region2> is.")),
    ],
)
def test_rows_that_ospreys_loaders_would_misread_are_not_written(kind: str, texts: tuple[str, ...]) -> None:
    with pytest.raises(Unfit):
        osprey_export.record(row(kind, *texts))


def test_positive_negative_repeats_a_region_for_every_question() -> None:
    made = osprey_export.record(
        row("positive_negative", "Is <region2> a?", "Yes", "<region1>?", "No", "<region2>?", "No")
    )
    assert [turn["value"] for turn in made["conversations"][::2]] == ["Is <region1> a?", "<region2>?", "<region3>?"]
    assert [each["region_id"] for each in made["annotation"]] == ["coco/101", "coco/100", "coco/101"]


@pytest.mark.parametrize(
    ("path", "name", "misread"),
    [
        ("coco/train2017/000000000009.jpg", "000000000009.jpg", False),
        ("pascal_part/VOCdevkit/VOC2010/JPEGImages/2008_000002.jpg", None, True),
        ("own/images/cup.jpg", None, False),
    ],
)
def test_names_of_pictures(path: str, name: str | None, misread: bool) -> None:
    made = row("conversation", "<region1>?", "x", "<region2>?", "y", path=path)
    assert osprey_export.record(made)["file_name"] == (name or path)
    assert osprey_export.misread_name(made) is misread


def test_llava_puts_the_mark_first_and_refuses_a_second_one() -> None:
    made = llava_export.record(row("image_text", "What is this?", "A bear.", regions=0))
    assert made["conversations"][0]["value"] == "<image>\nWhat is this?"
    assert "regions" not in made
    with pytest.raises(Unfit):
        llava_export.record(row("conversation", "What is <image>?", "x"))


@pytest.fixture
def build(tmp_path: pathlib.Path) -> pathlib.Path:
    """A finished build with every sort of kind."""
    captions = [
        row("region_caption", "What shows <region2>?", "a bear", "<region1>?", "its twin"),
        row("region_caption", "<region1>?", "another phrase", "<region2>?", "and one more"),
        row("region_caption", "<region1> and <region2>?", "two bears"),
    ]
    for number, each in enumerate(captions):
        each["sample_id"] = f"region_caption/{number}"
    names = [row("mask_text", "<region1>?", "teddy bear", "<region2>?", "teddy bear")]
    parts = [row("part_category", "<region1>?", "ear", "<region2>?", "paw", path="pascal_part/2008_000002.jpg")]
    marked = [row("conversation", "Is <image> <region1>?", "x", "<region2>?", "y")]
    content = {
        ("region_caption", "train"): [captions], ("mask_text", "train"): [names], ("part_category", "train"): [parts],
        ("part_attribute", "val"): [[row("part_attribute", "<region1>?", "red", "<region2>?", "blue")]],
        ("conversation", "train"): [marked], ("commonsense", "train"): [drawn.rows(2, "commonsense")],
        ("image_text", "train"): [[row("image_text", "What is this?", "A bear.", regions=0)]],
    }  # fmt: skip
    builds.write(tmp_path / "build", content)
    return tmp_path / "build"


def test_every_row_is_written_or_told(build: pathlib.Path, tmp_path: pathlib.Path) -> None:
    written = export.write(str(build), str(tmp_path / "to"), export.OSPREY)
    assert dict(written.rows) == {
        "osprey_conversation.json": 1, "osprey_image_text.json": 1, "osprey_mask_text.json": 1,
        "osprey_part_level.json": 1, "vg_train_with_mask.json": 2, "val/osprey_part_level.json": 1,
    }  # fmt: skip
    assert {kind: count for (kind, _), count in written.left_out.items()} == {"region_caption": 1, "commonsense": 2}
    assert dict(written.misread) == {"osprey_part_level.json": 1}
    told = "\n".join(written.told())
    assert "commonsense: 2 rows left out" in told
    assert "osprey_part_level.json: of 1 rows the picture's name holds `_`" in told
    files = {str(path.relative_to(tmp_path / "to")) for path in (tmp_path / "to").rglob("*.json")}
    assert files == set(written.rows)


def test_phrases_are_read_by_ospreys_loader_of_visual_genome(build: pathlib.Path, tmp_path: pathlib.Path) -> None:
    export.write(str(build), str(tmp_path / "to"), export.OSPREY, ["region_caption"])
    found = loaders.phrases(tmp_path / "to" / "vg_train_with_mask.json")
    assert [caption for _, _, caption in found] == ["a bear", "its twin", "another phrase", "and one more"]
    assert [int(mask.argmax(axis=1).max()) for _, mask, _ in found] == [9, 3, 3, 9]
    assert {name for name, _, _ in found} == {"coco/train2017/000000000001.jpg"}


def test_llava_has_a_file_for_every_kind(build: pathlib.Path, tmp_path: pathlib.Path) -> None:
    written = export.write(str(build), str(tmp_path / "to"), export.LLAVA)
    assert sum(written.rows.values()) == 9
    assert {kind for kind, _ in written.left_out} == {"conversation"}
    for path in (tmp_path / "to").rglob("*.json"):
        assert len(loaders.llava(path)) == len(json.loads(path.read_text()))


def test_the_bytes_are_the_same_each_time(build: pathlib.Path, tmp_path: pathlib.Path) -> None:
    for format_ in export.FORMATS:
        for folder in ("one", "two"):
            export.write(str(build), str(tmp_path / folder / format_), format_)
        for path in (tmp_path / "one" / format_).rglob("*.json"):
            twin = tmp_path / "two" / path.relative_to(tmp_path / "one")
            assert path.read_bytes() == twin.read_bytes()


def test_no_build_and_no_rows(build: pathlib.Path, tmp_path: pathlib.Path) -> None:
    with pytest.raises(BuildError):
        export.write(str(tmp_path / "nothing"), str(tmp_path / "to"), export.OSPREY)
    with pytest.raises(RecipeError, match="description"):
        export.write(str(build), str(tmp_path / "to"), export.OSPREY, ["description"])
    assert set(FILES) == {"description", "conversation", "short_form", "part_level", "positive_negative"}
