"""The dataset card: the folder loads by kind, and what it says is what is there and what was measured."""

import json
import pathlib
import re
from typing import Any

import datasets
import msgspec
import pytest
import yaml
from datasets.info import DatasetInfosDict
from datasets.splits import SplitDict
from datasets.utils.metadata import MetadataConfigs, _NoDuplicateSafeLoader
from huggingface_hub import DatasetCard, DatasetCardData

from pipelines.qa.audit import audit
from pipelines.qa.card import LONGEST_CELL, LONGEST_TEXT, _cell, _size, write_card
from pipelines.qa.figures.records import Distribution, Figures, KindFigures, Name, Vanishing, Vocabulary
from pipelines.qa.results import CheckResult, Evidence, LeakLine, Report
from tests.qa import builds
from tests.qa import rows as drawn

RESOURCES = pathlib.Path(datasets.__file__).parent / "utils/resources"
PUBLISHED_KEYS = {
    "language", "license", "license_name", "license_details", "size_categories", "task_categories", "pretty_name",
    "tags", "configs", "dataset_info",
}  # fmt: skip
"""Of the Hub's specification of a data set's card; others are shown by nothing there."""
HOSTILE = 'x: [1]\n---\n# "quotes" <b>'


def parts(out: pathlib.Path, report: Report | None = None) -> tuple[dict[str, Any], str]:
    """Front matter and text, by the Hub's own parser."""
    found = DatasetCard.load(write_card(str(out), report or audit(str(out))))
    return found.data.to_dict(), found.text


def section(text: str, title: str) -> str:
    """What stands below a heading."""
    return text.split(f"\n## {title}\n")[1].split("\n## ")[0]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[pathlib.Path, Report]:
    out = tmp_path_factory.mktemp("small")
    builds.write(out)
    return out, audit(str(out))


def test_front_matter(small: tuple[pathlib.Path, Report]) -> None:
    front, _ = parts(*small)
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
    infos = DatasetInfosDict.from_dataset_card_data(DatasetCardData(**front))
    assert {kind: {name: one.num_examples for name, one in info.splits.items()} for kind, info in infos.items()} == {
        "conversation": {"train": 6, "val": 2}, "mask_text": {"train": 2},
    }  # fmt: skip
    assert isinstance(SplitDict._from_yaml_list(front["dataset_info"][0]["splits"]), SplitDict)
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
    front, text = parts(tmp_path)
    assert front["license"] == on_hub
    assert ("rows are under" in section(text, "Use")) == (license != "CC-BY-4.0")
    assert ("terms of their provider" in section(text, "Use")) == (generator == "gpt")


def test_text(small: tuple[pathlib.Path, Report]) -> None:
    _, text = parts(*small)
    assert "| conversation | 8 | 16 | 16 | 127,000 | train 6, val 2 | template 8 |" in text
    assert "**10 rows, 18 regions, 20 pairs of question and answer" in text
    assert "| crowd | a crowd region covers many objects | 2 |" in text
    assert "lin2014coco" in text
    assert text.count("yuan2024osprey") == 1
    assert '{"role": "user", "content": "What are <region1> and <region2>?"}' in text


def test_the_folder_loads_by_kind(tmp_path: pathlib.Path) -> None:
    datasets.disable_progress_bars()
    out = tmp_path / "out"
    builds.write(out)
    write_card(str(out), audit(str(out)))
    found = datasets.load_dataset(str(out), "conversation", cache_dir=str(tmp_path / "cache"))
    assert {name: len(rows) for name, rows in found.items()} == {"train": 6, "val": 2}
    assert datasets.get_dataset_config_names(str(out)) == ["conversation", "mask_text"]


def test_a_shard_that_is_gone_is_noticed_on_loading(tmp_path: pathlib.Path) -> None:
    out = tmp_path / "out"
    builds.write(out)
    write_card(str(out), audit(str(out)))
    (out / "data/conversation/train-00001-of-00002.parquet").unlink()
    with pytest.raises(datasets.exceptions.NonMatchingSplitsSizesError):
        datasets.load_dataset(str(out), "conversation", cache_dir=str(tmp_path / "cache"))


def test_how_models_were_asked(tmp_path: pathlib.Path) -> None:
    values = drawn.rows(3)
    for row in values[:2]:
        row["generator"] = {
            "name": "gpt-x", "prompt": "conversation", "prompt_sha256": "a" * 64, "request_key": "b" * 64,
        }  # fmt: skip
    generation = {"model": "gpt-x", "temperature": 0.7, "seed": None}
    builds.write(tmp_path, {("conversation", "train"): [values]}, recipe={"name": "x", "generation": generation})
    made = section(parts(tmp_path)[1], "How it was made")
    assert 'Models were asked with model "gpt-x", temperature 0.7.' in made
    assert f"| conversation | gpt-x | conversation | {'a' * 64} | 2 |" in made
    assert "9 requests (1 failed), 12,000 prompt and 800 completion tokens" in made
    assert "Rows by writer: gpt-x 66.7 %, template 33.3 %." in parts(tmp_path)[1]


def test_what_the_recipe_turns_off_is_no_unjudged_check(tmp_path: pathlib.Path) -> None:
    builds.write(tmp_path, recipe={"name": "quick", "checks": {"english": {"severity": "off"}}})
    _, text = parts(tmp_path)
    assert ", 1 off)" in text
    assert "`english`" not in text


def test_licences_by_kind(tmp_path: pathlib.Path) -> None:
    values = [row | {"license": "CC-BY-4.0"} for row in drawn.rows(3)]
    values[2]["license"] = "LicenseRef-unstated"
    builds.write(tmp_path, {("conversation", "train"): [values]})
    assert "| conversation | CC-BY-4.0 2, LicenseRef-unstated 1 |" in section(
        parts(tmp_path)[1], "Sources and licences"
    )


def check(name: str, outcome: Any, **fields: Any) -> CheckResult:
    return CheckResult(name=name, means=f"{name} holds", group="language", outcome=outcome, **fields)


def test_faults_are_those_that_were_measured(small: tuple[pathlib.Path, Report]) -> None:
    out, report = small
    evidence = (Evidence(detail="I'm sorry | cannot", sample_id="conversation/3"), Evidence(detail="second"))
    checks = (
        check("no_refusals", "warn", judged=200, failed=3, threshold=0.01, unit="answers", evidence=evidence),
        check("yes_no_true", "fail", judged=50, failed=9, unit="answers"),
        check("no_slurs", "pass", judged=50),
        check("english", "not judged", note="no answers"),
    )
    text = section(parts(out, msgspec.structs.replace(report, checks=checks))[1], "Known faults")
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    blank = "\N{NO-BREAK SPACE}"
    assert lines[1:] == [
        f"| yes_no_true | fail | 9 of 50 answers (18{blank}%) | 0{blank}% | yes_no_true holds |  |",
        f"| no_refusals | warn | 3 of 200 answers (1.5{blank}%) | 1{blank}% | no_refusals holds | "
        "I'm sorry \\| cannot (conversation/3) |",
    ]
    assert "* english (english holds): no answers" in text
    assert "no_slurs" not in text


def test_a_broken_row_is_a_known_fault(tmp_path: pathlib.Path) -> None:
    content = builds.shards()
    content["mask_text", "train"][0][0]["regions"][0]["area"] = 7
    builds.write(tmp_path, content)
    text = section(parts(tmp_path)[1], "Known faults")
    assert "| area_equals_mask | fail | 1 of " in text
    assert "such as mask_text/1 (data/mask_text/train-00000-of-00001.parquet)" in text


def test_remarks_come_from_figures(small: tuple[pathlib.Path, Report]) -> None:
    out, report = small
    measured = Distribution(number=8, median=12.0, high=3000.0)
    kind = KindFigures(
        rows=8, regions_per_row=measured, answer_words=measured, tokens=measured, over_context=2, yes=3, no=1
    )
    names = Vocabulary(
        distinct=40, total=100, top=tuple(Name(name=f"n{i}", count=6) for i in range(10)),
        curve=(Name(name="1", count=6), Name(name="20", count=2)),
    )  # fmt: skip
    figures: Figures = msgspec.structs.replace(
        report.figures, kinds={"positive_negative": kind}, categories=names, tokenizer="T",
        vanishing=(Vanishing(stride=4, judged=1000, vanished=0), Vanishing(stride=32, judged=1000, vanished=250)),
    )  # fmt: skip
    text = parts(out, msgspec.structs.replace(report, figures=figures))[1].replace("\N{NO-BREAK SPACE}", " ")
    assert "| positive_negative | 12 | 12 | 12 | 3,000 | 2 (25 %) |" in text
    faults = section(text, "Known faults")
    assert "* 2 of 8 rows (25 %) are longer than 2,048 tokens (counted by T)." in faults
    assert "0 % at 4, 25 % at 32." in faults
    assert "of 40 category names the 10 commonest make 60 % of 100; at rank 20 a name stands 2 times." in faults
    assert "Of 4 answers of positive_negative that begin with yes or no, 75 % say yes." in faults
    assert "part names" not in faults


def test_leakage_before_and_after(small: tuple[pathlib.Path, Report]) -> None:
    out, report = small

    def line(source: str, name: str, before: int, after: int | None) -> LeakLine:
        return LeakLine(
            source=source, evaluation_set=name, images_before=before, annotations_before=0, images_after=after
        )

    leakage = (
        line("coco", "val", 5, 0), line("vg", "val", 3, 2), line("coco", "far", 4, None), line("vg", "none", 0, 0),
    )  # fmt: skip
    text = section(parts(out, msgspec.structs.replace(report, leakage=leakage))[1], "Known faults")
    assert "| val | coco 5, vg 3 | vg 2 |" in text
    assert "| far | coco 4 | its list was not at hand |" in text
    assert "| none |" not in text


def test_hostile_texts_stay_in_their_place(tmp_path: pathlib.Path) -> None:
    hostile = 'x\n```\n---\n# | Owned "quotes" <script>\x00\x1b[31m\u202e'
    values = drawn.rows(1, text=hostile)
    values[0]["license"] = values[0]["sources"][0] = hostile
    values[0]["generator"] |= {"name": hostile, "prompt": hostile}
    builds.write(tmp_path, {("conversation", "train"): [values]}, recipe={"name": hostile})
    report = audit(str(tmp_path))
    planted = check("planted", "fail", judged=1, failed=1, evidence=(Evidence(detail=hostile, sample_id=hostile),))
    front, text = parts(tmp_path, msgspec.structs.replace(report, checks=(planted,)))
    assert front["pretty_name"].startswith('Osprey-Data x ``` --- # | Owned "quotes" <script>')
    assert not [line for line in text.splitlines() if line.startswith(("# |", "---"))]
    assert text.count("\n```") == 6, "three blocks, each opened and closed once"
    outside = "".join(text.split("\n```")[::2])
    assert "\\<script\\>" in outside
    assert not [one for one in ("<script>", "\x00", "\x1b", "\u202e") if one in outside]


def test_the_code_of_the_card_fits_the_rows(tmp_path: pathlib.Path) -> None:
    whole, regions = drawn.rows(2, "image_text", regions=0), drawn.rows(2, "mask_text")
    builds.write(tmp_path / "both", {("image_text", "train"): [whole], ("mask_text", "train"): [regions]})
    assert 'load_dataset("PATH", "mask_text", split="train")' in parts(tmp_path / "both")[1]
    builds.write(tmp_path / "one", {("image_text", "train"): [whole]})
    text = parts(tmp_path / "one")[1]
    assert 'load_dataset("PATH", "image_text", split="train")' in text
    assert "mask.decode" not in text
    assert '"regions": [],' in text
    assert "* `image_text`: a sentence about the whole picture; rows without regions" in text


def test_long_texts_are_cut(tmp_path: pathlib.Path) -> None:
    builds.write(tmp_path, {("conversation", "train"): [drawn.rows(1, text="word " * 10_000)]})
    report = audit(str(tmp_path))
    planted = check("planted", "fail", judged=1, failed=1, evidence=(Evidence(detail="word " * 10_000),))
    text = parts(tmp_path, msgspec.structs.replace(report, checks=(planted,)))[1]
    assert text.count("word ") <= (LONGEST_TEXT + LONGEST_CELL) / len("word ") + 2


def test_no_rows(tmp_path: pathlib.Path) -> None:
    builds.write(tmp_path, {("mask_text", "train"): [[]]})
    front, text = parts(tmp_path)
    assert "configs" not in front
    assert "There are no rows." in text


def test_the_same_build_gives_the_same_bytes(small: tuple[pathlib.Path, Report]) -> None:
    out, report = small
    assert [pathlib.Path(write_card(str(out), report)).read_bytes() for _ in range(2)] == [
        (out / "README.md").read_bytes()
    ] * 2


@pytest.mark.parametrize(
    ("drawn_sources", "rows", "said"),
    [
        ((), 0, ""),
        (("coco",), 10, "**None of the pictures is a photograph: all are sample scenes, which a program\ndraws.**"),
        (("lvis", "own"), 2, "**Not all of the pictures are photographs: 2 of 10 rows rest on sample scenes, which"),
        (("lvis",), 0, "**Not all of the pictures are photographs: 0 of 10 rows rest on sample scenes, which"),
    ],
)
def test_that_pictures_are_drawn_is_said_first(
    tmp_path: pathlib.Path, drawn_sources: tuple[str, ...], rows: int, said: str
) -> None:
    content = builds.shards()
    for row in content["mask_text", "train"][0]:
        row["sources"] = ["coco", "own"] if "own" in drawn_sources else ["coco"]
    builds.write(tmp_path, content, sample_scenes=drawn_sources)
    report = audit(str(tmp_path))
    assert (report.sample_scenes, report.drawn_rows) == (drawn_sources, rows)
    first = parts(tmp_path, report)[1].split("\n\n")[1].strip()
    assert first.startswith(said) if said else first.startswith("Instructions about")


HEADINGS = [
    "What is in it", "Sources and licences", "Use", "Known faults", "What is left out", "How to load it", "Examples",
    "How it was made", "Citation",
]  # fmt: skip


def test_that_it_is_a_part_is_said(tmp_path: pathlib.Path) -> None:
    builds.write(tmp_path, limit=1_500)
    assert "limited to 1,500 images: this is a part" in section(parts(tmp_path)[1], "What is in it")


def test_what_matters_stands_first(small: tuple[pathlib.Path, Report]) -> None:
    _, text = parts(*small)
    assert [line[3:] for line in text.splitlines() if line.startswith("## ")] == HEADINGS
    examples = section(text, "Examples")
    assert examples.count("<details>\n<summary>") == examples.count("```\n\n</details>\n") == 2, "folded"


@pytest.mark.parametrize(
    ("rows", "size"), [(999, "n<1K"), (1_000, "1K<n<10K"), (10_000_000, "10M<n<100M"), (2_000_000_000, "1B<n<10B")]
)
def test_size_as_the_hub_names_it(rows: int, size: str) -> None:
    assert _size(rows) == size
    assert size in json.loads((RESOURCES / "size_categories.json").read_text())


@pytest.mark.parametrize("license", ["CC-BY-4.0", "LicenseRef-unstated", HOSTILE])
def test_front_matter_by_the_rules_of_hub_and_datasets(tmp_path: pathlib.Path, license: str) -> None:
    """The Hub's own check needs a network; these are its rules: keys once, known values, a name for what it lacks."""
    content = {
        key: [[row | {"license": license} for row in part] for part in parts] for key, parts in builds.shards().items()
    }
    builds.write(tmp_path, content, recipe={"name": license})
    report = audit(str(tmp_path))
    text = pathlib.Path(write_card(str(tmp_path), report)).read_text()
    front = yaml.load(text.split("---\n")[1], Loader=_NoDuplicateSafeLoader)
    assert set(front) <= PUBLISHED_KEYS
    assert set(front["language"]) <= set(json.loads((RESOURCES / "languages.json").read_text()))
    configs = MetadataConfigs.from_dataset_card_data(DatasetCardData(**front))
    assert list(configs) == [one["config_name"] for one in front["dataset_info"]] == ["conversation", "mask_text"]
    if license == "CC-BY-4.0":
        assert front["license"] == "cc-by-4.0"
        assert "license_name" not in front
    else:
        assert front["license"] == "other"
        assert re.fullmatch("[a-z0-9.-]+", front["license_name"])
        assert front["license_details"] == f"By the column license: {' '.join(license.split())} 10 rows."


def test_the_code_reads_a_split_that_is_there(tmp_path: pathlib.Path) -> None:
    builds.write(tmp_path, {("mask_text", "val"): [[row | {"split": "val"} for row in drawn.rows(2, "mask_text")]]})
    assert 'load_dataset("PATH", "mask_text", split="val")' in parts(tmp_path)[1]


@pytest.mark.parametrize(
    ("text", "cell"),
    [("mask_text", "mask_text"), ("_x_ a__b", "\\_x\\_ a\\_\\_b"), ("a|b*", "a\\|b\\*"), ("(_a_)", "(\\_a\\_)")],
)
def test_underscores_within_words_are_no_markup(text: str, cell: str) -> None:
    assert _cell(text) == cell
