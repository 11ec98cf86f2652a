"""Whole builds from sample scenes and from real COCO, offline."""

import pathlib
import re
import shutil
from collections import Counter

import datasets
import fsspec
import msgspec
import pytest
import yaml

from pipelines import commands, recipes
from pipelines.commands import Asking
from pipelines.phases.layout import Layout
from pipelines.phases.plan import Job, read_plan
from pipelines.phases.running import Running
from schemas.recipe import ImageSettings
from tests.phases import outputs
from tests.phases.conftest import Run
from tests.recipes import admitting, load
from tests.shared import SHARED, needs_shared

KINDS = tuple(load().kinds)
"""All ten."""


@pytest.fixture(scope="module")
def built(scenes: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """One build that several tests look at."""
    out = str(tmp_path_factory.mktemp("built"))
    commands.build(Job(load(), scenes, Layout(out)), Asking(), Running())
    return out


def test_every_kind_is_built(built: str) -> None:
    counts = {kind: entry["rows"] for kind, entry in outputs.manifest(built)["kinds"].items()}
    assert set(counts) == set(KINDS)
    assert min(counts.values()) > 0, counts


def test_every_line_of_the_ledger_balances_and_hands_on_what_it_kept(built: str) -> None:
    lines = outputs.ledger(built)
    assert all(line["read"] == line["kept"] + sum(line["rejected"].values()) for line in lines.values())
    for (stage, source, unit), line in lines.items():
        if stage == "regions":
            assert line["read"] == lines["ingest", source, unit]["kept"]
        if stage == "join" and source != "images":
            before = lines.get(("regions", source, unit)) or lines["ingest", source, unit]
            assert line["read"] == before["kept"], (stage, source, unit)


def test_every_reject_can_be_read(built: str) -> None:
    said = Counter[tuple[str, str, str, str]]()
    for (stage, source, unit), line in outputs.ledger(built).items():
        said.update({(stage, source, unit, reason): count for reason, count in line["rejected"].items()})
    stages = ("ingest", "regions", "join", "build", "assemble")
    found = Counter(
        (row["stage"], row["source"], row["unit"], row["reason"])
        for stage in stages
        for row in outputs.rejects(built, stage)
    )
    assert found == said


def test_no_evaluation_image_is_in_the_data(built: str, scenes: str) -> None:
    barred = {row["key"] for row in outputs.rejects(built, "join") if row["reason"] == "evaluation_split"}
    images = {row["image_id"] for kind in KINDS for row in outputs.rows(built, kind)}
    assert images
    assert any(key.startswith("coco/") for key in barred)
    assert not images & barred


def test_yes_and_no_are_in_balance(built: str) -> None:
    answers = Counter(m["content"] for row in outputs.rows(built, "positive_negative") for m in row["messages"][1::2])
    assert set(answers) == {"Yes", "No"}
    assert answers["Yes"] == answers["No"]


@pytest.mark.parametrize(("part_rows", "workers"), [(8, 1), (64, 2)])
def test_workers_and_parts_do_not_change_a_byte(
    scenes: str, built: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, part_rows: int, workers: int
) -> None:
    monkeypatch.setattr("pipelines.sources.ingest.PART_ROWS", part_rows)
    commands.build(Job(load(), scenes, Layout(str(tmp_path))), Asking(), Running(workers))
    assert read_plan(Layout(str(tmp_path))).parts > read_plan(Layout(built)).parts
    assert _without_order(outputs.fingerprint(str(tmp_path))) == _without_order(outputs.fingerprint(built))


def _without_order(files: dict[str, str]) -> dict[str, str]:
    """Rejects lie in the order of the parts, which is no part of the promise; shards and manifest are."""
    return {path: sha256 for path, sha256 in files.items() if not path.startswith("rejects/")}


def test_a_second_build_reads_no_source_and_gives_the_same(
    scenes: str, built: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = outputs.fingerprint(built)
    for name in (
        "pipelines.sources.ingest.write",
        "pipelines.phases.masks.clean_part",
        "pipelines.phases.parts.plan_part",
    ):
        monkeypatch.setattr(name, None)
    commands.build(Job(load(), scenes, Layout(built)), Asking(), Running())
    assert outputs.fingerprint(built) == before


def test_shards_of_an_earlier_build_do_not_stay(scenes: str, tmp_path: pathlib.Path, osprey_data: Run) -> None:
    assert osprey_data("build", "--data", scenes, "--out", tmp_path, "--limit", 5).code == 0
    assert osprey_data("build", "--data", scenes, "--out", tmp_path, "--limit", 5, "--kinds", "mask_text").code == 0
    assert {path.parent.name for path in tmp_path.glob("data/*/*.parquet")} == {"mask_text"}
    assert osprey_data("validate", tmp_path).code == 0


def test_a_limit_shows_every_kind(scenes: str, tmp_path: pathlib.Path, osprey_data: Run) -> None:
    ran = osprey_data("build", "--data", scenes, "--out", tmp_path, "--limit", 12)
    assert ran.code == 0
    assert len({row["image_id"] for kind in KINDS for row in outputs.rows(str(tmp_path), kind)}) == 12
    assert all(outputs.rows(str(tmp_path), kind) for kind in KINDS)


@needs_shared
def test_real_coco_is_accounted_for(tmp_path: pathlib.Path) -> None:
    commands.build(Job(load(), str(SHARED / "raw"), Layout(str(tmp_path))), Asking(), Running())
    lines = outputs.ledger(str(tmp_path))
    assert lines["ingest", "coco", "annotations"]["read"] == 1307
    assert lines["ingest", "coco", "annotations"]["rejected"] == {"crowd": 15}
    assert lines["ingest", "coco", "captions"]["read"] == 260
    assert lines["join", "refcoco", "expressions"]["rejected"] == {"evaluation_split": 24}
    assert lines["join", "images", "images"]["rejected"] == {"evaluation_split": 55, "no_regions": 3}
    assert outputs.manifest(str(tmp_path))["kinds"]["description"]["rows"] == 0


@needs_shared
def test_real_expressions_are_built_where_the_recipe_admits_them(tmp_path: pathlib.Path) -> None:
    commands.build(Job(admitting(), str(SHARED / "raw"), Layout(str(tmp_path))), Asking(), Running())
    kinds = outputs.manifest(str(tmp_path))["kinds"]
    assert [kinds[kind]["rows"] for kind in ("description", "conversation", "short_form")] == [2, 2, 2]
    texts = [m["content"] for row in outputs.rows(str(tmp_path), "mask_text") for m in row["messages"][1::2]]
    assert "dude behind everyone" in texts


def test_templates_are_true_of_the_scenes(built: str) -> None:
    """Short answers about category are the category of the region they name."""
    for row in outputs.rows(built, "short_form"):
        for question, answer in zip(row["messages"][::2], row["messages"][1::2], strict=True):
            number = int(re.findall(r"<region(\d+)>", question["content"])[0])
            if not question["content"].startswith(("Where", "In which")):
                assert answer["content"].lower() == row["regions"][number - 1]["category"]


def test_an_output_need_not_be_on_a_local_disk(scenes: str, built: str) -> None:
    memory = fsspec.filesystem("memory")
    commands.build(Job(load(), scenes, Layout("memory://elsewhere")), Asking(), Running())
    assert memory.cat_file("/elsewhere/manifest.json") == (pathlib.Path(built) / "manifest.json").read_bytes()
    memory.rm("/elsewhere", recursive=True)


def test_paths_may_be_overridden_and_leave_no_trace(
    scenes: str, built: str, tmp_path: pathlib.Path, osprey_data: Run
) -> None:
    """The same content elsewhere, under an absolute path, is the same data."""
    data = tmp_path / "data"
    shutil.copytree(scenes, data)
    (data / "coco/annotations/instances_train2017.json").rename(tmp_path / "moved.json")
    (data / "coco/train2017").rename(data / "pictures")
    recipe = msgspec.to_builtins(load())
    recipe["sources"]["coco"]["files"] = {"instances": str(tmp_path / "moved.json")}
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(recipe))
    assert osprey_data("build", "--data", data, "--out", tmp_path / "out", "--recipe", path).code == 0
    assert outputs.ledger(str(tmp_path / "out"))["join", "coco", "annotations"]["rejected"]["image_missing"] > 0
    recipe["images"]["folders"] = {"coco/train2017": "pictures"}
    path.write_text(yaml.safe_dump(recipe))
    assert osprey_data("build", "--data", data, "--out", tmp_path / "out", "--recipe", path).code == 0
    assert outputs.manifest(str(tmp_path / "out"))["ledger"] == outputs.manifest(built)["ledger"]
    assert str(tmp_path) not in (tmp_path / "out/manifest.json").read_text()


def test_pictures_in_the_rows(scenes: str, tmp_path: pathlib.Path) -> None:
    recipe = msgspec.structs.replace(load(), images=ImageSettings(embed=True))
    commands.build(
        Job(recipes.only(recipe, ["mask_text"]), scenes, Layout(str(tmp_path)), limit=4), Asking(), Running()
    )
    found = outputs.rows(str(tmp_path), "mask_text")
    assert len({row["image_id"] for row in found}) == 4
    for row in found:
        assert row["image"]["bytes"] == (pathlib.Path(scenes) / row["image"]["path"]).read_bytes()
    rows = datasets.load_dataset(
        "parquet", data_files=f"{tmp_path}/data/mask_text/*.parquet", cache_dir=str(tmp_path / "c")
    )
    assert rows["train"][0]["image"].size == (rows["train"][0]["width"], rows["train"][0]["height"])


@pytest.mark.parametrize("name", ["FooRunner", "no.such.module"])
def test_a_runner_that_is_not_there(name: str, tmp_path: pathlib.Path, osprey_data: Run) -> None:
    ran = osprey_data("build", "--data", tmp_path, "--out", tmp_path / "out", f"--runner={name}")
    assert ran.code == 1
    assert f"no runner {name!r}" in ran.err
    assert "Traceback" not in ran.said


def test_a_runner_of_beams_own(scenes: str, built: str, tmp_path: pathlib.Path, osprey_data: Run) -> None:
    ran = osprey_data("build", "--data", scenes, "--out", tmp_path, "--runner=BundleBasedDirectRunner")
    assert ran.code == 0, ran.said
    assert _without_order(outputs.fingerprint(str(tmp_path))) == _without_order(outputs.fingerprint(built))


def test_nothing_to_ask(built: str, osprey_data: Run) -> None:
    assert "nothing to ask" in osprey_data("generate", "--out", built).out
