"""Answers: greedy, sampled, with beams, in batches, with and without cache."""

from typing import Any

import pytest
import torch

from tests.osprey_train.model.small import FAMILIES, IMAGE, MASK, SPATIAL, inputs, single, small_model

GREEDY: dict[str, Any] = {"max_new_tokens": 6, "do_sample": False, "suppress_tokens": [IMAGE, MASK, SPATIAL]}


@pytest.mark.parametrize("family", FAMILIES)
def test_greedy_is_the_argmax_of_forward(family: str) -> None:
    model = small_model(family)
    batch = single(inputs(model), 0)
    found = model.generate(**batch, **GREEDY, eos_token_id=None)
    ids = batch["input_ids"]
    for _ in range(6):
        grown = {**batch, "input_ids": ids, "attention_mask": torch.ones_like(ids)}
        with torch.no_grad():
            logits = model(**grown).logits[:, -1]
        logits[:, [IMAGE, MASK, SPATIAL]] = -torch.inf
        ids = torch.cat([ids, logits.argmax(-1, keepdim=True)], dim=1)
    assert found.tolist() == ids.tolist()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("how", [{}, {"use_cache": False}, {"num_beams": 3}, {"num_beams": 2, "use_cache": False}])
def test_a_left_padded_batch_gives_what_its_texts_give_alone(family: str, how: dict[str, Any]) -> None:
    model = small_model(family)
    batch = inputs(model, (2, 0, 1), left=True)
    length = batch["input_ids"].shape[1]
    together = model.generate(**batch, **GREEDY, **how, eos_token_id=None)[:, length:]
    for index in range(3):
        one = single(batch, index)
        alone = model.generate(**one, **GREEDY, **how, eos_token_id=None)[:, one["input_ids"].shape[1] :]
        assert together[index].tolist() == alone[0].tolist()


def test_with_and_without_cache_are_equal() -> None:
    model = small_model()
    batch = inputs(model, left=True)
    cached, fresh = (model.generate(**batch, **GREEDY, use_cache=use) for use in (True, False))
    assert cached.tolist() == fresh.tolist()


def test_every_beam_sees_the_masks_of_its_own_picture() -> None:
    model = small_model()
    batch = inputs(model, (2, 0, 1))
    _, grown = model._expand_inputs_for_generation(expand_size=2, **batch)
    assert grown["mask_image"].tolist() == [0, 0, 1, 1, 4, 5]
    origin = [0, 1, 0, 1, 2, 2]
    assert torch.equal(grown["masks"], batch["masks"][origin])
    assert torch.equal(grown["pixel_values"], batch["pixel_values"][[0, 0, 1, 1, 2, 2]])


def test_one_beam_is_greedy_and_beams_are_likelier() -> None:
    model = small_model()
    batch = single(inputs(model), 0)
    score = {}
    for beams in (1, 4):
        found = model.generate(**batch, **GREEDY, num_beams=beams, eos_token_id=None)
        grown = {**batch, "input_ids": found, "attention_mask": torch.ones_like(found)}
        with torch.no_grad():
            likely = model(**grown).logits[:, :-1].log_softmax(-1).gather(-1, found[:, 1:, None])
        score[beams] = likely[:, -6:].sum().item()
    assert score[4] >= score[1] - 1e-5


def test_sampling_gives_several_answers_and_follows_its_seed() -> None:
    model = small_model()
    batch = inputs(model, left=True)
    how = {**GREEDY, "do_sample": True, "num_return_sequences": 3}
    torch.manual_seed(3)
    first = model.generate(**batch, **how)
    torch.manual_seed(3)
    second = model.generate(**batch, **how)
    assert first.shape[0] == 6
    assert first.tolist() == second.tolist()
    assert len({tuple(answer) for answer in first.tolist()}) > 2


def test_masks_change_the_answer() -> None:
    model = small_model()
    batch = single(inputs(model), 0)
    with torch.no_grad():
        before = model(**batch).logits
        after = model(**{**batch, "masks": batch["masks"].flip(0)}).logits
    assert not torch.allclose(before, after)
