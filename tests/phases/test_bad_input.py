"""What a user is told: a clear error, no traceback, a code that is not zero. Everything else is still built."""

import json
import os
import pathlib
import pickle
import shutil
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
import pytest
import yaml
from PIL import Image

from pipelines.builders import mask_text
from pipelines.generation.settings import from_environment
from tests.phases import outputs
from tests.phases.conftest import Run
from tests.recipes import load

INSTANCES = "coco/annotations/instances_train2017.json"


@pytest.fixture
def data(scenes: str, tmp_path: pathlib.Path) -> pathlib.Path:
    """A copy of the scenes to spoil; pictures are linked."""
    folder = tmp_path / "data"
    shutil.copytree(scenes, folder, copy_function=lambda source, target: pathlib.Path(target).symlink_to(source))
    real = folder / INSTANCES
    content = real.read_bytes()
    real.unlink()
    real.write_bytes(content)
    return folder


def spoil(data: pathlib.Path, change: Any) -> None:
    """Change the parsed instances file."""
    path = data / INSTANCES
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def recipe_file(folder: pathlib.Path, change: Callable[[Any], object]) -> pathlib.Path:
    """The default recipe, changed, as a file."""
    recipe = msgspec.to_builtins(load())
    change(recipe)
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump(recipe))
    return path


def complains(run: Run, *arguments: object, about: tuple[str, ...]) -> str:
    ran = run(*arguments)
    assert ran.code == 1
    assert "Traceback" not in ran.said
    for words in about:
        assert words in ran.err, ran.err
    return ran.err


def test_cut_off_json(data: pathlib.Path, tmp_path: pathlib.Path, osprey_data: Run) -> None:
    path = data / INSTANCES
    path.write_bytes(path.read_bytes()[:5000])
    out = tmp_path / "out"
    complains(osprey_data, "build", "--data", data, "--out", out, about=(INSTANCES, "5000", "byte"))
    assert outputs.rows(str(out), "description"), "the other sources are built"


def test_a_required_source_that_is_broken(data: pathlib.Path, tmp_path: pathlib.Path, osprey_data: Run) -> None:
    path = data / INSTANCES
    path.write_bytes(path.read_bytes()[:5000])
    mine = recipe_file(tmp_path, lambda recipe: recipe["sources"]["coco"].update(required=True))
    complains(osprey_data, "build", "--data", data, "--out", tmp_path / "out", "--recipe", mine, about=(INSTANCES,))
    assert not (tmp_path / "out/data").exists()


def test_broken_records_are_counted_and_the_rest_is_built(
    data: pathlib.Path, tmp_path: pathlib.Path, osprey_data: Run
) -> None:
    def change(content: dict[str, Any]) -> None:
        annotations = [a for a in content["annotations"] if not a["iscrowd"]]
        size = {image["id"]: [image["height"], image["width"]] for image in content["images"]}
        del annotations[0]["category_id"]
        annotations[1]["bbox"] = ["a", 1, 2, 3]
        annotations[2]["bbox"] = [float("nan"), 1, 2, 3]
        annotations[3]["segmentation"] = [[1, 1, 2, 2]]
        annotations[4]["segmentation"] = {"size": [1, 1], "counts": [1]}
        annotations[5]["segmentation"] = {"size": size[annotations[5]["image_id"]], "counts": [3]}
        annotations[6]["id"] = annotations[7]["id"]
        annotations[8]["image_id"] = 999999999
        annotations[9]["category_id"] = 12
        annotations[10]["segmentation"] = []
        annotations[11]["segmentation"] = [[-9, -9, -5, -9, -5, -5]]

    spoil(data, change)
    ran = osprey_data("build", "--data", data, "--out", tmp_path / "out")
    assert ran.code == 0, ran.said
    lines = outputs.ledger(str(tmp_path / "out"))
    found = lines["ingest", "coco", "annotations"]["rejected"] | lines["regions", "coco", "annotations"]["rejected"]
    found.pop("crowd", None)
    assert found == {
        "malformed_record": 3, "duplicate_id": 1, "unknown_image": 1, "unknown_category": 1,
        "degenerate_polygon": 1, "size_mismatch": 1, "invalid_rle": 1, "empty_mask": 1, "outside_image": 1,
    }  # fmt: skip
    named = [row for row in outputs.rejects(str(tmp_path / "out"), "ingest") if row["reason"] == "malformed_record"]
    assert any("category_id" in row["detail"] for row in named)
    assert all("annotations[" in row["key"] for row in named)


def test_a_missing_picture(data: pathlib.Path, tmp_path: pathlib.Path, osprey_data: Run) -> None:
    build = ("build", "--data", data, "--out", tmp_path / "out", "--kinds", "mask_text")
    assert osprey_data(*build).code == 0
    paths = sorted({row["image"]["path"] for row in outputs.rows(str(tmp_path / "out"), "mask_text")})
    gone, empty, other = paths[:2], paths[2], paths[3]
    for path in paths[:4]:
        (data / path).unlink()
    (data / empty).write_bytes(b"")
    Image.new("RGB", (3, 3)).save(data / other)
    assert osprey_data(*build).code == 0, "a picture that went away is noticed"
    rejected = outputs.ledger(str(tmp_path / "out"))["join", "images", "images"]["rejected"]
    assert (rejected["image_missing"], rejected["image_unreadable"]) == (2, 2)
    kept = {row["image"]["path"] for row in outputs.rows(str(tmp_path / "out"), "mask_text")}
    assert kept == set(paths) - {*gone, empty, other}


def test_no_picture_at_all(data: pathlib.Path, tmp_path: pathlib.Path, osprey_data: Run) -> None:
    for path in [path for path in data.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png")]:
        path.unlink()
    complains(osprey_data, "build", "--data", data, "--out", tmp_path / "out", about=("no rows", "image_missing"))


def test_a_file_name_that_leaves_data(data: pathlib.Path, tmp_path: pathlib.Path, osprey_data: Run) -> None:
    def change(content: dict[str, Any]) -> None:
        for image in content["images"][:2]:
            image["file_name"] = "../../../etc/passwd"
            image.pop("coco_url", None)

    spoil(data, change)
    ran = osprey_data("build", "--data", data, "--out", tmp_path / "out", "--kinds", "mask_text")
    assert ran.code == 0, ran.said
    assert outputs.ledger(str(tmp_path / "out"))["ingest", "coco", "images"]["rejected"]["unsafe_path"] == 2
    assert not any(".." in row["image"]["path"] for row in outputs.rows(str(tmp_path / "out"), "mask_text"))


class Evil:
    """A pickle of it makes a file when it is loaded."""

    def __init__(self, mark: pathlib.Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (f"touch {self.mark}",)


def test_a_pickle_that_wants_to_run_code(data: pathlib.Path, tmp_path: pathlib.Path, osprey_data: Run) -> None:
    path = data / "refer/refcoco/refs(unc).p"
    path.unlink()
    path.write_bytes(pickle.dumps([Evil(tmp_path / "evil")]))
    complains(osprey_data, "build", "--data", data, "--out", tmp_path / "out", about=("refs(unc).p",))
    assert not (tmp_path / "evil").exists()
    assert outputs.rows(str(tmp_path / "out"), "mask_text"), "the other sources are built"


def test_an_empty_source(data: pathlib.Path, tmp_path: pathlib.Path, osprey_data: Run) -> None:
    spoil(data, lambda content: content.update(annotations=[]))
    ran = osprey_data("build", "--data", data, "--out", tmp_path / "out", "--kinds", "mask_text")
    assert "Traceback" not in ran.said
    assert outputs.ledger(str(tmp_path / "out"))["ingest", "coco", "annotations"]["read"] == 0
    assert ran.code == 0, "expressions are still there"


def test_a_folder_with_nothing_known_in_it(tmp_path: pathlib.Path, osprey_data: Run) -> None:
    said = complains(
        osprey_data, "build", "--data", tmp_path, "--out", tmp_path / "out", about=("none of", "Looked for")
    )
    assert "instances_train2017.json" in said
    complains(osprey_data, "build", "--data", tmp_path / "no", "--out", tmp_path / "out", about=("no data folder",))


def test_unknown_names(scenes: str, tmp_path: pathlib.Path, osprey_data: Run) -> None:
    build = ("build", "--data", scenes, "--out", tmp_path / "out")
    complains(osprey_data, *build, "--kinds", "descripton", about=("'descripton'", "mask_text", "description"))
    complains(osprey_data, *build, "--recipe", "nope", about=("'nope'", "object-level"))
    complains(osprey_data, *build, "--generator", "gpt", about=("'gpt'", "template", "openai"))
    complains(osprey_data, *build, "--budgit-usd", "5", about=("--budgit-usd",))


def test_an_unknown_key_of_a_recipe(scenes: str, tmp_path: pathlib.Path, osprey_data: Run) -> None:
    path = recipe_file(tmp_path, lambda recipe: recipe["kinds"]["mask_text"].update(regions_per_img={"coco": 3}))
    complains(
        osprey_data, "build", "--data", scenes, "--out", tmp_path / "out", "--recipe", path,
        about=("regions_per_img", "regions_per_image", "mine.yaml"),
    )  # fmt: skip


def test_a_server_that_is_down(
    scenes: str, tmp_path: pathlib.Path, osprey_data: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    hasty = partial(from_environment, backoff_s=0.01, max_attempts=2)
    monkeypatch.setattr("pipelines.commands.from_environment", hasty)
    ask = ("--generator", "openai", "--budget-usd", "1", "--price", "0/0", "--limit", "2")
    complains(
        osprey_data,
        "build",
        "--data",
        scenes,
        "--out",
        tmp_path / "out",
        *ask,
        about=("did not answer", "OPENAI_BASE_URL"),
    )
    assert outputs.rows(str(tmp_path / "out"), "mask_text")


def test_commands_on_an_output_that_is_not_there(tmp_path: pathlib.Path, osprey_data: Run) -> None:
    complains(osprey_data, "validate", tmp_path, about=("manifest.json",))
    complains(osprey_data, "assemble", "--out", tmp_path, about=("no plan",))


def test_a_shard_that_breaks_an_expectation_fails_the_build_and_leaves_evidence(
    scenes: str, tmp_path: pathlib.Path, osprey_data: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(*arguments: Any, **named: Any) -> Any:
        made = honest(*arguments, **named)
        regions = tuple(msgspec.structs.replace(region, area=region.area + 1) for region in made.regions)
        return msgspec.structs.replace(made, regions=regions)

    honest = mask_text.row
    monkeypatch.setattr(mask_text, "row", wrong)
    complains(
        osprey_data, "build", "--data", scenes, "--out", tmp_path, "--kinds", "mask_text", about=("area_equals_mask",)
    )
    assert list((tmp_path / "qa/evidence").rglob("*.json"))
    complains(osprey_data, "validate", tmp_path, about=("area_equals_mask",))


def test_an_output_that_cannot_be(scenes: str, tmp_path: pathlib.Path, osprey_data: Run) -> None:
    (tmp_path / "file").write_text("")
    complains(osprey_data, "build", "--data", scenes, "--out", tmp_path / "file", about=("file",))


def test_a_folder_in_place_of_a_file(data: pathlib.Path, tmp_path: pathlib.Path, osprey_data: Run) -> None:
    (data / INSTANCES).unlink()
    (data / INSTANCES).mkdir()
    ran = osprey_data("build", "--data", data, "--out", tmp_path / "out", "--limit", 3)
    assert "Traceback" not in ran.said
    assert INSTANCES in ran.said


def test_an_empty_recipe(scenes: str, tmp_path: pathlib.Path, osprey_data: Run) -> None:
    (tmp_path / "empty.yaml").write_text("")
    complains(
        osprey_data,
        "build",
        "--data",
        scenes,
        "--out",
        tmp_path / "o",
        "--recipe",
        tmp_path / "empty.yaml",
        about=("empty",),
    )
