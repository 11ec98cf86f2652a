"""All three stages on sample scenes: what the model says of regions it never saw comes from their masks."""

import json
import pathlib

import pytest
import torch

from osprey_train import evaluate, train
from pipelines import cli
from pipelines.scenes import write_scenes

ROOT = pathlib.Path(__file__).parents[3]
SCENES = 300
NAMES = "mask_text,short_form"


def command(main: object, name: str, *words: object) -> int:
    """Run a command in this process; gives its exit status."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", [name, *map(str, words)])
        patch.setenv("HF_HUB_OFFLINE", "1")
        try:
            main()  # type: ignore[operator]
        except SystemExit as stopped:
            return int(stopped.code or 0)
    return 0


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Scenes, their shards, and the models of three stages; on one thread, as tests beside this one want the other."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("demo")
    write_scenes(str(folder / "scenes"), SCENES, seed=3, workers=1)
    built = command(
        cli.main, "osprey-data", "build", "--data", folder / "scenes", "--out", folder / "out",
        "--recipe", ROOT / "osprey_train/demo.yaml", "--kinds", f"image_text,{NAMES}",
    )  # fmt: skip
    assert built == 0
    given = ("--data", folder / "out/data", "--images", folder / "scenes", "--workers", 0, "--save-every", 10_000)
    tiny = ("--preset", "tiny", "--image-size", 64)
    stages = (
        ("--stage", 1, "--output", folder / "stage1", "--max-steps", 20, *tiny),
        ("--stage", 2, "--output", folder / "stage2", "--init", folder / "stage1", "--epochs", 8),
        ("--stage", 3, "--output", folder / "stage3", "--init", folder / "stage2", "--epochs", 4, "--kinds", NAMES),
    )
    for stage in stages:
        assert command(train.main, "osprey-train", *given, *stage) == 0
    return folder


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_names_of_held_out_regions_come_from_their_masks(world: pathlib.Path) -> None:
    found = world / "found.json"
    assert command(
        evaluate.main, "osprey-eval", "--model", world / "stage3", "--data", world / "out/data",
        "--images", world / "scenes", "--topics", "category", "--limit", 300, "--json", found,
    ) == 0  # fmt: skip
    category = json.loads(found.read_bytes())["results"]["category"]
    assert category["questions"] > 150
    assert category["right"]["exact"] > 1.5 * category["chance"]
    assert category["right"]["exact"] > 2 * category["shuffled"]["exact"]
    assert category["right"]["low"] > max(category["chance"], category["shuffled"]["high"])
    assert category["right"]["ss"] > category["shuffled"]["ss"]
