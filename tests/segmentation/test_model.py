"""The models as transformers has them, with random weights: shapes, order, and what can be wrong with the files."""

import json
import pathlib
import shutil
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
import transformers
from transformers.models.sam.image_processing_pil_sam import SamImageProcessorPil

from pipelines.segmentation import weights
from pipelines.segmentation.model import Segmenter, check
from schemas.errors import SourceError
from schemas.records import Box

BOXES: list[Box] = [(10, 10, 40, 30), (0, 0, 100, 60), (60, 5, 30, 50), (1, 1, 2, 2), (33.5, 20.25, 9.5, 12)]


def picture(mode: str = "RGB") -> PIL.Image.Image:
    pixels = np.arange(60 * 100 * 3, dtype=np.uint32).reshape(60, 100, 3) % 251
    return PIL.Image.fromarray(pixels.astype(np.uint8)).convert(mode)


@pytest.fixture(params=["sam_hq", "sam"])
def found(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> weights.Weights:
    return weights.find(str(request.getfixturevalue(request.param)), str(tmp_path))


def test_a_mask_of_the_pictures_size_for_every_box(found: weights.Weights) -> None:
    made = list(Segmenter(found, "cpu").masks(picture(), BOXES))
    assert len(made) == len(BOXES)
    assert all(one.pixels.shape == (60, 100) and one.pixels.dtype == bool for one in made)
    assert len({one.pixels.tobytes() for one in made}) > 1, "the boxes matter"


def test_the_size_of_the_chunks_changes_nothing(found: weights.Weights) -> None:
    one, all_ = (list(Segmenter(found, "cpu", batch).masks(picture(), BOXES)) for batch in (2, 32))
    assert [each.pixels.tobytes() for each in one] == [each.pixels.tobytes() for each in all_]
    assert [each.score for each in one] == pytest.approx([each.score for each in all_], abs=1e-6)


def test_the_masks_are_those_of_the_model_called_in_one_go(sam_hq: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """As in the documentation of transformers, without our chunks and without embedding the picture beforehand."""
    library: Any = transformers
    model = library.SamHQModel.from_pretrained(sam_hq).eval()
    processor = library.SamHQProcessor(SamImageProcessorPil.from_pretrained(sam_hq))
    corners = [[[x, y, x + w, y + h] for x, y, w, h in BOXES]]
    inputs = processor(images=picture(), input_boxes=corners, return_tensors="pt")
    with torch.inference_mode():
        out = model(
            pixel_values=inputs["pixel_values"], input_boxes=inputs["input_boxes"].float(), multimask_output=False
        )
    expected = processor.post_process_masks(out.pred_masks, inputs["original_sizes"], inputs["reshaped_input_sizes"])
    made = list(Segmenter(weights.find(str(sam_hq), str(tmp_path)), "cpu", 2).masks(picture(), BOXES))
    assert np.array_equal(np.stack([one.pixels for one in made]), expected[0][:, 0].numpy())


@pytest.mark.parametrize("mode", ["L", "CMYK", "P", "RGBA", "1"])
def test_every_kind_of_picture(mode: str, sam_hq: pathlib.Path, tmp_path: pathlib.Path) -> None:
    segmenter = Segmenter(weights.find(str(sam_hq), str(tmp_path)), "cpu")
    assert len(list(segmenter.masks(picture(mode), BOXES[:1]))) == 1


def test_the_key_changes_with_the_weights_only(sam_hq: pathlib.Path, sam: pathlib.Path, tmp_path: pathlib.Path) -> None:
    copy = shutil.copytree(sam_hq, tmp_path / "elsewhere")
    first, same, other = (weights.find(str(path), str(tmp_path)) for path in (sam_hq, copy, sam))
    assert first.key == same.key != other.key
    assert (first.model_type, other.model_type) == ("sam_hq", "sam")


@pytest.mark.parametrize("lacking", ["config.json", "model.safetensors", "processor_config.json"])
def test_a_file_is_missing(lacking: str, sam_hq: pathlib.Path, tmp_path: pathlib.Path) -> None:
    folder = shutil.copytree(sam_hq, tmp_path / "model")
    (folder / lacking).unlink()
    with pytest.raises(SourceError, match="lacks") as error:
        weights.find(str(folder), str(tmp_path))
    assert str(folder) in error.value.message
    assert "config.json" in error.value.hint


def test_another_kind_of_model(sam_hq: pathlib.Path, tmp_path: pathlib.Path) -> None:
    folder = shutil.copytree(sam_hq, tmp_path / "model")
    (folder / "config.json").write_text(json.dumps({"model_type": "sam2"}))
    with pytest.raises(SourceError, match="sam2"):
        weights.find(str(folder), str(tmp_path))


def test_weights_of_another_model_are_no_random_numbers(
    sam_hq: pathlib.Path, sam: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    folder = shutil.copytree(sam_hq, tmp_path / "model")
    shutil.copy(sam / "model.safetensors", folder)
    with pytest.raises(SourceError, match="the weights lack"):
        check(weights.find(str(folder), str(tmp_path)), "cpu")


def test_weights_that_are_cut_off(sam_hq: pathlib.Path, tmp_path: pathlib.Path) -> None:
    folder = shutil.copytree(sam_hq, tmp_path / "model")
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[: len(content) // 2])
    with pytest.raises(SourceError, match="cannot be loaded"):
        check(weights.find(str(folder), str(tmp_path)), "cpu")


def test_a_name_of_the_hub_is_not_fetched_offline(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    with pytest.raises(SourceError, match="no folder of that name") as error:
        weights.find("nobody/no-such-model", str(tmp_path))
    assert "HF_HUB_OFFLINE=0" in error.value.hint


def test_no_such_device(sam: pathlib.Path, tmp_path: pathlib.Path) -> None:
    with pytest.raises(SourceError, match="no device"):
        check(weights.find(str(sam), str(tmp_path)), "warp")
