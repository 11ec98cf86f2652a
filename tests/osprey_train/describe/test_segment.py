"""Points and boxes to masks, with very small Segment Anything models of random weights."""

import json
import pathlib

import numpy as np
import PIL.Image
import pytest

from osprey_train.segment import Segmenter
from schemas import rle
from schemas.errors import InputError, ModelError
from tests.osprey_train.describe.conftest import Run
from tests.segmentation import models


@pytest.fixture(scope="module", params=["sam", "sam_hq"])
def weights(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return models.save(tmp_path_factory.mktemp("weights"), request.param)


@pytest.fixture(scope="module")
def picture(scene: pathlib.Path) -> PIL.Image.Image:
    return PIL.Image.open(scene / "picture.png").convert("RGB")


def test_boxes_and_points(weights: pathlib.Path, picture: PIL.Image.Image) -> None:
    """Masks are of the picture's size, depend on what was given, and not on what was asked before."""
    segmenter = Segmenter(str(weights))
    found = [
        segmenter.box(picture, (5, 10, 20, 20)), segmenter.box(picture, (40, 20, 20, 20)),
        segmenter.point(picture, (15, 20)), segmenter.point(picture, (50, 30)),
    ]  # fmt: skip
    assert {mask.size for mask in found} == {(48, 64)}
    assert len(set(found)) == 4
    assert Segmenter(str(weights)).point(picture, (50, 30)) == found[3]


def test_another_picture(weights: pathlib.Path, picture: PIL.Image.Image) -> None:
    other = PIL.Image.fromarray(255 - np.asarray(picture))
    segmenter = Segmenter(str(weights))
    first, second = segmenter.box(picture, (5, 10, 20, 20)), segmenter.box(other, (5, 10, 20, 20))
    assert first != second
    assert segmenter.box(picture, (5, 10, 20, 20)) == first


@pytest.mark.parametrize("point", [(-1, 5), (64, 5), (5, 48), (float("nan"), 5)])
def test_a_point_outside(weights: pathlib.Path, picture: PIL.Image.Image, point: tuple[float, float]) -> None:
    with pytest.raises(InputError, match="lies outside the picture of 64 x 48"):
        Segmenter(str(weights)).point(picture, point)


def test_nothing_found(weights: pathlib.Path, picture: PIL.Image.Image, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    segmenter = Segmenter(str(weights))
    monkeypatch.setattr(segmenter.processor, "post_process_masks", lambda *_: [torch.zeros(1, 3, 48, 64, dtype=bool)])
    with pytest.raises(InputError, match="finds nothing there"):
        segmenter.point(picture, (5, 5))


def test_other_weights(weights: pathlib.Path, tmp_path: pathlib.Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama"}))
    with pytest.raises(ModelError, match="a model of type 'llama'"):
        Segmenter(str(tmp_path))


def test_weights_of_another_model(weights: pathlib.Path, tmp_path: pathlib.Path) -> None:
    for file in weights.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = json.loads((weights / "config.json").read_text())
    config["vision_config"]["num_hidden_layers"] = 3
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="the weights lack"):
        Segmenter(str(tmp_path))


def test_the_command(
    osprey_describe: Run, scene: pathlib.Path, model_folder: pathlib.Path, weights: pathlib.Path,
    picture: PIL.Image.Image, tmp_path: pathlib.Path,
) -> None:  # fmt: skip
    given = ["--point", "15,20", "--box", "40,20,20,20", "--sam", weights, "--save", tmp_path / "o.jpg", "--json"]
    ran = osprey_describe("--model", model_folder, "--image", scene / "picture.png", *given, "--max-tokens", 4)
    assert (ran.code, ran.err) == (0, "")
    box, point = json.loads(ran.out)["regions"]
    segmenter = Segmenter(str(weights))
    assert (box["given"], point["given"]) == ("box 40,20,20,20", "point 15,20")
    assert box["counts"] == segmenter.box(picture, (40, 20, 20, 20)).counts
    assert point["counts"] == segmenter.point(picture, (15, 20)).counts
    assert rle.area(segmenter.point(picture, (15, 20))) > 0
    assert PIL.Image.open(tmp_path / "o.jpg").format == "JPEG"
