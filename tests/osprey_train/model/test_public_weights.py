"""The public Osprey-7B, scaled down with random weights, as a model of ours."""

import json
import pathlib
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from safetensors.torch import save_file

from osprey_train import import_osprey
from osprey_train.model.loading import load
from osprey_train.model.public_weights import SETTINGS as PUBLIC_SETTINGS
from osprey_train.model.public_weights import import_public
from schemas.errors import ModelError
from tests.osprey_train.model import public

VISUAL = "model.vision_tower.vision_tower."


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    return public.random_state()


@pytest.fixture
def source(state: dict[str, torch.Tensor], tmp_path: pathlib.Path) -> pathlib.Path:
    """The checkpoint as it is published: two files of torch.save and their index."""
    folder = tmp_path / "public"
    folder.mkdir()
    public.config_file(folder)
    public.tokenizer_files(folder)
    names = sorted(state)
    where = {}
    for number, part in enumerate((names[::2], names[1::2]), start=1):
        file = f"pytorch_model-0000{number}-of-00002.bin"
        torch.save({name: state[name] for name in part}, folder / file)
        where |= dict.fromkeys(part, file)
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"metadata": {}, "weight_map": where}))
    return folder


def rewrite(source: pathlib.Path, state: dict[str, torch.Tensor], kind: str = "safetensors") -> None:
    """The checkpoint in one file, instead."""
    for file in source.glob("pytorch_model*"):
        file.unlink()
    if kind == "safetensors":
        save_file({name: value.contiguous() for name, value in state.items()}, source / "model.safetensors")
    else:
        torch.save(state, source / "pytorch_model.bin")


def imported(source: pathlib.Path, **more: Any) -> pathlib.Path:
    output = source.parent / "ours"
    import_public(source, output, settings=public.SETTINGS, **more)
    return output


def test_it_computes_what_the_public_code_computes(source: pathlib.Path, state: dict[str, torch.Tensor]) -> None:
    model, processor = load(imported(source))
    assert (model.config.pooling, processor.prompt_form) == ("published", "vicuna_v1")
    make = np.random.default_rng(2)
    picture = make.integers(0, 256, (64, 64, 3), np.uint8)
    masks = np.zeros((3, 64, 64), bool)
    masks[0, 8:40, 16:60], masks[1, 30:33, 30:33], masks[2] = True, True, make.random((64, 64)) < 0.2
    inputs = processor(
        PIL.Image.fromarray(picture), "What is <region1> and <region2> and <region3>?", masks=list(masks)
    )
    ids = inputs["input_ids"][0].tolist()
    first = ids.index(model.config.image_token_id)
    assert ids.count(310) == ids.count(311) == 3
    plain = [*ids[:first], -1, *ids[first + 16 :]]
    mean = torch.tensor([0.48145466, 0.4578275, 0.40821073])
    std = torch.tensor([0.26862954, 0.26130258, 0.27577711])
    normalised = ((torch.from_numpy(picture) / 255 - mean) / std).permute(2, 0, 1)
    with torch.no_grad():
        found = model(**inputs).logits[0]
    expected = public.naive_logits(state, plain, normalised, torch.from_numpy(masks))
    torch.testing.assert_close(found[:, :312], expected, rtol=1e-4, atol=1e-4)
    assert expected.std() > 0.1


def test_every_weight_is_accounted_for(source: pathlib.Path, state: dict[str, torch.Tensor]) -> None:
    output = imported(source)
    report = json.loads((output / "import_report.json").read_text())
    told = [*report["matched"], *report["left_over"], *report["not_needed"], *report["mismatched"]]
    assert sorted(told) == sorted(state)
    assert report["missing"] == report["left_over"] == []
    assert report["rows_added"] == 1
    model, _ = load(output)
    ours = model.state_dict()
    for theirs, name in report["matched"].items():
        assert torch.equal(ours[name][: len(state[theirs])], state[theirs])
    assert sorted(report["matched"].values()) == sorted(ours)
    torch.testing.assert_close(
        ours["language_model.lm_head.weight"][312], state["lm_head.weight"].mean(0), rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize("kind", ["safetensors", "bin"])
def test_one_file_in_half_precision(kind: str, source: pathlib.Path, state: dict[str, torch.Tensor]) -> None:
    """The language model in bfloat16, the rest in others, as trainers leave it: all becomes bfloat16."""
    mixed = {name: value.bfloat16() if "layers" in name or "embed" in name else value for name, value in state.items()}
    rewrite(source, mixed, kind)
    model, _ = load(imported(source))
    assert {p.dtype for p in model.parameters()} == {torch.bfloat16}
    assert torch.equal(model.image_projector[0].weight, state["model.mm_projector.0.weight"].bfloat16())


def test_vision_weights_of_their_own_file(source: pathlib.Path, state: dict[str, torch.Tensor]) -> None:
    rewrite(source, {name: value for name, value in state.items() if "visual" not in name})
    with pytest.raises(ModelError, match="weights are missing: vision") as told:
        imported(source)
    assert "--vision-weights" in told.value.hint
    clip = {name.removeprefix(VISUAL): value for name, value in state.items() if "visual" in name}
    torch.save({**clip, "text.token_embedding.weight": torch.ones(3)}, source / "clip.pt")
    model, _ = load(imported(source, vision_weights=source / "clip.pt"))
    assert torch.equal(model.vision.stem[0].weight, state[f"{public.TOWER}stem.0.weight"])


def test_names_below_model_are_known_too(source: pathlib.Path, state: dict[str, torch.Tensor]) -> None:
    rewrite(source, {name.replace("mask_extractor.", "model.mask_extractor."): value for name, value in state.items()})
    load(imported(source))


def test_without_settings_it_is_the_paper_s_model() -> None:
    assert PUBLIC_SETTINGS["vision_model"] == "convnext_large_d_320"
    assert (PUBLIC_SETTINGS["spatial_size"], PUBLIC_SETTINGS["image_size"]) == (112, 512)


def drop_shard(source: pathlib.Path) -> None:
    (source / "pytorch_model-00002-of-00002.bin").unlink()


def cut_shard(source: pathlib.Path) -> None:
    file = source / "pytorch_model-00002-of-00002.bin"
    file.write_bytes(file.read_bytes()[:3000])


def another_type(source: pathlib.Path) -> None:
    (source / "config.json").write_text('{"model_type": "llama"}')


FAULTS: dict[str, tuple[Callable[[pathlib.Path], object], str]] = {
    "a shard is missing": (drop_shard, r"1 of 2 files of weights are missing: pytorch_model-00002"),
    "a shard is cut off": (cut_shard, r"pytorch_model-00002-of-00002\.bin: the weights cannot be read"),
    "no weights": (lambda source: [file.unlink() for file in source.glob("pytorch*")], "no checkpoint"),
    "no configuration": (lambda source: (source / "config.json").unlink(), r"config\.json: cannot be read"),
    "a language model": (another_type, "a 'llama' model, not a checkpoint of the public"),
    "no tokenizer": (lambda source: [file.unlink() for file in source.glob("*token*")], "no tokenizer can be loaded"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_no_such_checkpoint_is_told(fault: str, source: pathlib.Path) -> None:
    spoil, words = FAULTS[fault]
    spoil(source)
    with pytest.raises(ModelError, match=words) as told:
        imported(source)
    assert told.value.hint
    assert not list(source.parent.glob("ours/*.safetensors"))


def test_shapes_that_do_not_fit_are_told_and_reported(source: pathlib.Path, state: dict[str, torch.Tensor]) -> None:
    rewrite(source, {**state, "mask_extractor.res2.weight": torch.ones(16, 192), "surplus": torch.ones(1)})
    with pytest.raises(
        ModelError, match=r"1 do not fit: mask_extractor\.res2\.weight is \(16, 192\) there, \(16, 24\)"
    ):
        imported(source)
    report = json.loads((source.parent / "ours" / "import_report.json").read_text())
    assert list(report["mismatched"]) == ["mask_extractor.res2.weight"]
    assert report["left_over"] == ["surplus"]
    assert report["missing"] == []


def test_the_command_tells_what_is_wrong_without_a_traceback(
    source: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of the paper's sizes nothing fits the small checkpoint: the table is shown, and the command fails."""
    monkeypatch.setattr(sys, "argv", ["import-osprey", str(source), "--output", str(source.parent / "o")])
    with pytest.raises(SystemExit) as ended:
        import_osprey.main()
    assert ended.value.code == 1
    told = capsys.readouterr()
    assert "image_projector" in told.out
    assert "do not fit" in told.err
