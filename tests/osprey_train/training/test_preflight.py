"""Each thing that would waste a night, refused before the first step."""

import contextlib
import pathlib
from collections import namedtuple
from typing import Any

import pytest
import torch

from osprey_train import preflight
from osprey_train.model.loading import load
from osprey_train.stages import stage_of
from osprey_train.trainer import freeze, settle_modes
from schemas.errors import TrainingError
from tests.osprey_train.model.small import inputs, labelled, small_model

STAGE = stage_of(2)


def probed(model: Any, batch: dict[str, Any], stage: Any = STAGE) -> preflight.Probe:
    return preflight.probe(model, batch, stage, torch.device("cpu"), contextlib.nullcontext)


def ready(trains: tuple[str, ...] = STAGE.trains) -> tuple[Any, dict[str, Any]]:
    model = small_model()
    freeze(model, trains)
    return model, labelled(inputs(model))


def test_a_sound_model_passes_and_keeps_no_gradient() -> None:
    model, batch = ready()
    found = probed(model, batch)
    assert found.loss > 0
    assert found.tokens == int(batch["attention_mask"].sum())
    assert preflight.check_trainable(model, STAGE) == sum(p.numel() for p in model.mask_extractor.parameters())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_no_trainable_parameter() -> None:
    model, _ = ready(())
    with pytest.raises(TrainingError, match="stage 2 would train nothing"):
        preflight.check_trainable(model, STAGE)


@pytest.mark.parametrize(
    ("trains", "message"), [(("vision",), "frozen in every stage"), (("adapter",), "no part adapter")]
)
def test_parts_that_cannot_learn(trains: tuple[str, ...], message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        preflight.check_trainable(small_model(), stage_of(2, {"trains": trains}))


def test_labels_all_masked() -> None:
    _, batch = ready()
    preflight.check_labels([batch])
    batch["labels"][:] = -100
    batch["labels"][:, 0] = 3  # which no token predicts
    with pytest.raises(TrainingError, match="all labels of the first 4 samples are masked"):
        preflight.check_labels([batch, batch])


def test_a_frozen_part_with_gradients() -> None:
    model, batch = ready()
    model.image_projector[0].weight.requires_grad_(True)
    with pytest.raises(TrainingError, match=r"image_projector is frozen in stage 2, but image_projector\.0\.weight"):
        probed(model, batch)


def test_a_part_that_the_loss_does_not_depend_on() -> None:
    model, batch = ready()
    model.mask_extractor.requires_grad_(False)
    model.image_projector.requires_grad_(True)
    with pytest.raises(TrainingError, match="image_projector is frozen"):
        probed(model, batch)
    with pytest.raises(
        TrainingError, match="mask_extractor should learn in stage 2, but the loss does not depend on it"
    ):
        preflight.check_gradients(small_model(), STAGE)


def test_a_vision_encoder_in_training_mode() -> None:
    model, batch = ready()
    model.vision.stages.train()
    model.train = lambda mode=True: model  # else it would be set right again
    with pytest.raises(TrainingError, match="vision encoder is in training mode"):
        probed(model, batch)


def test_a_loss_that_is_not_finite() -> None:
    model, batch = ready()
    torch.nn.init.constant_(model.mask_extractor.mask_token[0].weight, float("nan"))
    with pytest.raises(TrainingError, match="the loss is nan before the first step"):
        probed(model, batch)


def test_a_context_without_room_or_beyond_the_positions(world: pathlib.Path) -> None:
    model, _ = load(world / "model")
    preflight.check_context(model, 256)
    with pytest.raises(TrainingError, match="a context of 20 tokens has no room for text beside the 16 tokens"):
        preflight.check_context(model, 20)
    with pytest.raises(TrainingError, match="longer than the 2048"):
        preflight.check_context(model, 4096)


@pytest.mark.parametrize(
    ("batch", "world_size", "wanted", "found"),
    [(16, 1, 0, 16), (128, 1, 0, 16), (12, 4, 0, 3), (4, 1, 2, 2), (6, 1, 6, 6)],
)
def test_micro_batches(batch: int, world_size: int, wanted: int, found: int) -> None:
    assert preflight.micro_batch(batch, world_size, wanted) == found


@pytest.mark.parametrize(
    ("batch", "world_size", "wanted", "hint"),
    [(4, 1, 3, "--per-device can be 1, 2, 4"), (6, 4, 0, "multiple of 4"), (4, 8, 0, "multiple of 8")],
)
def test_a_batch_that_cannot_be_shared_out(batch: int, world_size: int, wanted: int, hint: str) -> None:
    with pytest.raises(TrainingError, match=f"a batch of {batch} cannot be shared out") as caught:
        preflight.micro_batch(batch, world_size, wanted)
    assert hint in caught.value.hint


def test_want_of_memory_is_told_and_other_faults_are_not_hidden() -> None:
    killed = RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed. ")
    for error, says in ((torch.OutOfMemoryError("CUDA out of memory."), "--per-device"), (killed, "--workers")):
        with pytest.raises(TrainingError) as caught, preflight.told_of_memory():
            raise error
        assert str(error).strip() in caught.value.message
        assert says in caught.value.hint
    with pytest.raises(RuntimeError, match="shapes"), preflight.told_of_memory():
        raise RuntimeError("shapes differ")


Usage = namedtuple("Usage", "total used free")


def test_no_room_for_a_checkpoint(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, _ = ready()
    one = preflight.checkpoint_bytes(model)
    weights = sum(parameter.numel() * 4 for parameter in model.parameters())
    learning = sum(parameter.numel() for parameter in model.mask_extractor.parameters())
    assert one == weights + 8 * learning
    for free, says in ((one + weights - 1, None), (2 * one + weights, "2 checkpoints"), (3 * one + weights, "")):
        monkeypatch.setattr("shutil.disk_usage", lambda _, free=free: Usage(0, 0, free))
        if says is None:
            with pytest.raises(TrainingError, match="GB free; a checkpoint takes"):
                preflight.check_room(tmp_path / "not/there", model, keep=2)
        else:
            assert says in preflight.check_room(tmp_path, model, keep=2)
            assert bool(says) == bool(preflight.check_room(tmp_path, model, keep=2))


def test_frozen_parts_are_in_evaluation_mode() -> None:
    model, _ = ready()
    modes = []
    for checkpointing in (False, True):
        model.train()
        settle_modes(model, STAGE.trains, checkpointing)
        modes.append({name: part.training for name, part in model.named_children()})
    frozen = {"vision": False, "image_projector": False, "mask_extractor": True, "language_model": False}
    assert modes == [frozen, {**frozen, "language_model": True}]
