"""`plan --dry-run` says what a build then has, beside the paper's counts, and writes no row."""

import pathlib
import pickle
import re
import shutil

import pytest
from msgspec import structs

from pipelines import recipes
from pipelines.phases.layout import Layout
from pipelines.phases.outlook import before_building, outlook, share
from pipelines.phases.plan import Job, make_plan
from pipelines.phases.tally import ALL
from schemas.recipe import KindSettings
from tests.command_line import Run
from tests.phases import outputs
from tests.recipes import load

KINDS = "mask_text,description,part_category"


def cells(printed: str, name: str) -> list[str]:
    """The figures of a line of the table."""
    (line,) = [line for line in printed.splitlines() if re.match(rf"{re.escape(name)} +[\d,]+ ", line)]
    return re.findall(r"(?<= )[\d,?]+(?= |$)", line)


def test_the_figures_are_those_of_the_build(scenes: str, tmp_path: pathlib.Path, osprey_data: Run) -> None:
    common = ("--data", scenes, "--out", tmp_path, "--kinds", KINDS)
    dry = osprey_data("plan", *common, "--dry-run")
    assert dry.code == 0, dry.said
    work = tmp_path / "work"
    assert not (work / "plan.json").exists()
    assert not list(work.glob("*/samples")) + list(work.glob("*/requests")) + list(work.glob("*/rejects"))
    assert not (tmp_path / "data").exists()
    assert osprey_data("build", *common).code == 0
    for kind, entry in outputs.manifest(str(tmp_path))["kinds"].items():
        figures = [f"{entry[name]:,}" for name in ("rows", "regions", "turns")]
        assert cells(dry.out, kind)[:3] == figures, kind
        assert (f"{entry['paper']:,}" in dry.out) if entry["paper"] else True
    assert "the paper counts regions" in " ".join(dry.out.split())
    assert not list(work.glob("dry-*")), "a build removes what dry runs left"


def test_lines_by_source_and_why(scenes: str, tmp_path: pathlib.Path) -> None:
    recipe = recipes.only(load(), ["mask_text", "region_caption"])
    plan = make_plan(Job(recipe, scenes, Layout(str(tmp_path))), dry=True)
    lines = {(line.kind, line.source): line for line in outlook(plan)}
    whole = lines["region_caption", ALL]
    assert whole.amount == lines["region_caption", "vg"].amount
    assert whole.amount.regions <= 3 * whole.amount.rows, "three regions an image"
    assert any(why.startswith("region_cap ") for why in lines["region_caption", "vg"].why)
    sources = lines["mask_text", ALL].amount
    assert sources.rows == sum(lines["mask_text", one].amount.rows for one in recipe.kinds["mask_text"].sources)
    before = {line.source: line for line in before_building(plan)}
    assert before["coco"].there.endswith(" of 860,001 annotations")
    assert any(lost.startswith("evaluation_split ") for lost in before["coco"].lost)


def test_a_source_that_has_nothing_for_a_kind_says_so(scenes: str, tmp_path: pathlib.Path) -> None:
    recipe = recipes.only(load(), ["commonsense"])
    wrong = structs.replace(recipe, kinds={"commonsense": KindSettings(sources=("vcr", "pascal_part"))})
    plan = make_plan(Job(wrong, scenes, Layout(str(tmp_path))), dry=True)
    whys = {line.source: line.why for line in outlook(plan)}
    assert whys["pascal_part"] == ["has no questions about regions"]
    assert not any("has no" in why for why in whys["vcr"])


def test_a_source_that_is_all_in_evaluation_sets_or_without_captions_says_so(
    scenes: str, tmp_path: pathlib.Path, osprey_data: Run
) -> None:
    data = tmp_path / "data"
    shutil.copytree(scenes, data, ignore=shutil.ignore_patterns("captions_*", "llava", "vcr", "visual_genome"))
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(
        "name: mine\nsources: {coco: {}, refcoco: {}}\nkinds: {image_text: {sources: [coco]}, "
        "description: {sources: [refcoco]}}\n"
    )
    for path in (data / "refer/refcoco").glob("refs*.p"):
        refs = pickle.loads(path.read_bytes())
        path.write_bytes(pickle.dumps([each | {"split": "val"} for each in refs]))
    ran = osprey_data("plan", "--data", data, "--out", tmp_path / "out", "--recipe", recipe, "--dry-run")
    assert ran.code == 0, ran.said
    assert re.search(r"^  coco .* has no captions *$", ran.out, re.MULTILINE), ran.out
    assert re.search(r"^  refcoco .* nothing of it is left: evaluation_split ", ran.out, re.MULTILINE), ran.out


def test_what_a_model_will_write_is_not_known(scenes: str, tmp_path: pathlib.Path, osprey_data: Run) -> None:
    ran = osprey_data(
        "plan", "--data", scenes, "--out", tmp_path, "--kinds", "conversation", "--generator", "openai", "--dry-run"
    )
    assert ran.code == 0, ran.said
    assert cells(ran.out, "conversation")[2] == "?"
    assert "which only the replies will tell" in " ".join(ran.out.split())


def test_missing_and_broken_sources_have_their_lines(scenes: str, tmp_path: pathlib.Path, osprey_data: Run) -> None:
    data = tmp_path / "data"
    shutil.copytree(scenes, data, ignore=shutil.ignore_patterns("*.jpg", "pascal_part", "vcr"))
    broken = data / "coco/annotations/instances_train2017.json"
    broken.write_bytes(broken.read_bytes()[:4000])
    ran = osprey_data("plan", "--data", data, "--out", tmp_path / "out", "--kinds", "mask_text", "--dry-run")
    assert ran.code == 1
    assert re.search(r"pascal_part +not under DATA", ran.out)
    assert re.search(r"coco +only its evaluation images can be read", ran.out)
    assert "instances_train2017.json" in ran.err


@pytest.mark.parametrize(
    ("part", "said"), [(0, "none"), (1, "0.001 %"), (1234, "1.2 %"), (12345, "12 %"), (250_000, "250 %")]
)
def test_shares_have_two_digits(part: int, said: str) -> None:
    assert share(part, 100_000) == said
