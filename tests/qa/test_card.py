"""The dataset card: the folder loads by kind, and what it says is what is there."""

import pathlib

import pytest
import yaml

from pipelines.qa.audit import audit
from pipelines.qa.card import LONGEST_TEXT, write_card
from tests.qa import builds
from tests.qa import rows as drawn


def parts(out: pathlib.Path) -> tuple[dict, str]:
    """Front matter and text."""
    written = write_card(str(out), audit(str(out)))
    _, front, text = pathlib.Path(written).read_text().split("---\n", 2)
    return yaml.safe_load(front), text


def test_front_matter(tmp_path: pathlib.Path) -> None:
    builds.write(tmp_path)
    front, _ = parts(tmp_path)
    assert front["configs"] == [
        {
            "config_name": "conversation",
            "data_files": [
                {"split": "train", "path": "data/conversation/train-*.parquet"},
                {"split": "val", "path": "data/conversation/val-*.parquet"},
            ],
        },
        {"config_name": "mask_text", "data_files": [{"split": "train", "path": "data/mask_text/train-*.parquet"}]},
    ]
    assert front["size_categories"] == ["n<1K"]
    assert front["pretty_name"] == "Osprey-Data object-level"


@pytest.mark.parametrize(
    ("license", "generator", "on_hub"),
    [
        ("CC-BY-4.0", "template", "cc-by-4.0"), ("CC-BY-NC-4.0", "template", "cc-by-nc-4.0"),
        ("LicenseRef-unstated", "template", "other"), ("mine", "template", "other"), ("CC-BY-4.0", "gpt", "other"),
    ],
)  # fmt: skip
def test_license_on_the_hub(tmp_path: pathlib.Path, license: str, generator: str, on_hub: str) -> None:
    values = [row | {"license": "CC-BY-4.0"} for row in drawn.rows(3)]
    values[1]["license"] = license
    values[1]["generator"]["name"] = generator
    builds.write(tmp_path, {("conversation", "train"): [values]})
    assert parts(tmp_path)[0]["license"] == on_hub


def test_text(tmp_path: pathlib.Path) -> None:
    builds.write(tmp_path)
    _, text = parts(tmp_path)
    assert "| conversation | 8 | 16 | 16 | 127,000 | train 6, val 2 | template 8 |" in text
    assert "| crowd | a crowd region covers many objects | 2 |" in text
    assert "lin2014coco" in text
    assert "yuan2024osprey" in text
    assert '{"role": "user", "content": "What are <region1> and <region2>?"}' in text


def test_the_folder_loads_by_kind(tmp_path: pathlib.Path) -> None:
    datasets = pytest.importorskip("datasets")
    datasets.disable_progress_bars()
    out = tmp_path / "out"
    builds.write(out)
    write_card(str(out), audit(str(out)))
    found = datasets.load_dataset(str(out), "conversation", cache_dir=str(tmp_path / "cache"))
    assert {name: len(rows) for name, rows in found.items()} == {"train": 6, "val": 2}
    assert datasets.get_dataset_config_names(str(out)) == ["conversation", "mask_text"]


def test_hostile_texts_stay_in_their_place(tmp_path: pathlib.Path) -> None:
    hostile = 'x\n```\n---\n# | Owned "quotes" <script>'
    values = drawn.rows(1, text=hostile)
    values[0]["license"] = hostile
    values[0]["generator"]["name"] = hostile
    builds.write(tmp_path, {("conversation", "train"): [values]}, recipe={"name": hostile})
    front, text = parts(tmp_path)
    assert front["pretty_name"] == f"Osprey-Data {hostile}"
    assert not [line for line in text.splitlines() if line.startswith(("# |", "---"))]
    assert text.count("\n```") == 6, "three blocks, each opened and closed once"


def test_the_code_of_the_card_fits_the_rows(tmp_path: pathlib.Path) -> None:
    whole, regions = drawn.rows(2, "image_text", regions=0), drawn.rows(2, "mask_text")
    builds.write(tmp_path / "both", {("image_text", "train"): [whole], ("mask_text", "train"): [regions]})
    assert 'load_dataset("PATH", "mask_text", split="train")' in parts(tmp_path / "both")[1]
    builds.write(tmp_path / "one", {("image_text", "train"): [whole]})
    text = parts(tmp_path / "one")[1]
    assert 'load_dataset("PATH", "image_text", split="train")' in text
    assert "mask.decode" not in text
    assert "* `image_text`: a sentence about the whole picture; rows without regions" in text


def test_long_answers_are_cut(tmp_path: pathlib.Path) -> None:
    builds.write(tmp_path, {("conversation", "train"): [drawn.rows(1, text="word " * 10_000)]})
    assert len(parts(tmp_path)[1]) < 10_000 + LONGEST_TEXT


def test_no_rows(tmp_path: pathlib.Path) -> None:
    builds.write(tmp_path, {("mask_text", "train"): [[]]})
    front, text = parts(tmp_path)
    assert "configs" not in front
    assert "There are no rows." in text
