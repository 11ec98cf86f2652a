"""What the model computes: loss, interleaving, freezing, checkpointing."""

import pytest
import torch

from osprey_train.chat import IGNORED
from osprey_train.model import OspreyConfig
from osprey_train.model.vision import ConvNextEncoder, trunk_name
from schemas.errors import ModelError
from tests.osprey_train.model.small import FAMILIES, IMAGE, MASK, SPATIAL, inputs, labelled, single, small_model


@pytest.mark.parametrize("family", FAMILIES)
def test_loss_is_the_mean_over_the_answers_of_any_language_model(family: str) -> None:
    model = small_model(family)
    batch = labelled(inputs(model))
    out = model(**batch)
    targets = batch["labels"][:, 1:]
    expected = torch.nn.functional.cross_entropy(
        out.logits[:, :-1][targets != IGNORED].float(), targets[targets != IGNORED]
    )
    torch.testing.assert_close(out.loss, expected)
    torch.testing.assert_close(model(**batch, num_items_in_batch=12).loss, expected * 6 / 12)
    torch.testing.assert_close(model(**batch, num_items_in_batch=torch.tensor(6)).loss, expected)


@pytest.mark.parametrize("given", [None, 0, torch.tensor(0)])
def test_labels_that_are_all_masked_give_a_loss_of_zero(given: object) -> None:
    model = small_model()
    batch = inputs(model)
    loss = model(**batch, labels=torch.full_like(batch["input_ids"], IGNORED), num_items_in_batch=given).loss
    loss.backward()
    assert loss.item() == 0
    assert all(p.grad is None or not p.grad.isnan().any() for p in model.parameters())


@pytest.mark.parametrize("regions", [(2, 1), (0, 2, 0, 1), (0, 0)])
@pytest.mark.parametrize("pooling", ["area", "published"])
def test_a_batch_is_its_texts_one_by_one(regions: tuple[int, ...], pooling: str) -> None:
    model = small_model(pooling=pooling)
    batch = inputs(model, regions)
    with torch.no_grad():
        together = model(**batch).logits
        for index in range(len(regions)):
            here = batch["attention_mask"][index].bool()
            alone = model(**single(batch, index)).logits[0]
            torch.testing.assert_close(together[index, here], alone, rtol=1e-4, atol=1e-4)


def test_tokens_take_the_places_of_their_placeholders() -> None:
    model = small_model()
    batch = inputs(model)
    ids = batch["input_ids"]
    image, mask, spatial = torch.arange(32.0).view(2, 16, 1), 100 + torch.arange(3.0)[:, None], 200 + torch.arange(3.0)
    found = model.interleave(
        ids, ids[..., None].float(), image.expand(-1, -1, 32)[..., :1], mask, spatial[:, None]
    ).squeeze(-1)
    assert found[ids == IMAGE].tolist() == list(range(32))
    assert found[ids == MASK].tolist() == [100, 101, 102]
    assert found[ids == SPATIAL].tolist() == [200, 201, 202]
    words = ids < IMAGE
    assert found[words].tolist() == ids[words].tolist()


def test_text_alone_is_the_language_model_alone() -> None:
    model = small_model()
    ids = torch.arange(2, 12)[None]
    torch.testing.assert_close(model(input_ids=ids).logits, model.language_model(input_ids=ids).logits)


@pytest.mark.parametrize(
    "change", ["a mask less", "another picture's", "of no picture", "descending", "a picture less"]
)
def test_placeholders_and_regions_that_disagree_are_refused(change: str) -> None:
    model = small_model()
    batch = inputs(model)
    if change == "a mask less":
        batch["masks"], batch["mask_image"] = batch["masks"][:2], batch["mask_image"][:2]
    elif change == "another picture's":
        batch["mask_image"] = torch.tensor([0, 1, 1])
    elif change == "of no picture":
        batch["mask_image"] = torch.tensor([0, 0, 2])
    elif change == "descending":
        batch["mask_image"] = torch.tensor([0, 1, 0])
    else:
        batch["input_ids"][0, 0] = 5
    with pytest.raises(ValueError, match="placeholders of picture, mask and place"):
        model(**batch)


def test_the_vision_encoder_stays_frozen_whatever_is_called() -> None:
    model = small_model()
    model.train().requires_grad_(True)
    assert not model.vision.training
    assert not any(module.training for module in model.vision.modules())
    assert not any(p.requires_grad for p in model.vision.parameters())
    assert all(p.requires_grad for n, p in model.named_parameters() if not n.startswith("vision."))
    model.vision.requires_grad_(True)
    assert not any(p.requires_grad for p in model.vision.parameters())
    for parameter in model.parameters():
        parameter.requires_grad_(True)
    model(**labelled(inputs(model))).loss.backward()
    assert {n.split(".")[0] for n, p in model.named_parameters() if p.grad is None} == {"vision"}
    model.train()
    assert not any(p.requires_grad for p in model.vision.parameters())


def test_without_regions_the_extractor_has_gradients_of_zero() -> None:
    model = small_model()
    model.language_model.requires_grad_(False)
    model(**labelled(inputs(model, (0, 0)))).loss.backward()
    grads = [p.grad for p in model.mask_extractor.parameters()]
    assert all(grad is not None and not grad.any() for grad in grads)


@pytest.mark.parametrize("trains", ["image_projector", "mask_extractor", "language_model"])
def test_checkpointing_recomputes_the_layers_and_keeps_the_gradients(trains: str) -> None:
    model = small_model().train()
    model.requires_grad_(False)
    getattr(model, trains).requires_grad_(True)
    batch = labelled(inputs(model))
    calls = []
    model.language_model.model.layers[0].mlp.register_forward_pre_hook(lambda *_: calls.append(1))
    gradients = []
    for checkpointing in (False, True):
        if checkpointing:
            model.activation_checkpointing_enable()
        model.zero_grad()
        model(**batch).loss.backward()
        gradients.append([p.grad.clone() for p in model.parameters() if p.grad is not None])
    assert len(calls) == 3  # once, and once more with its repetition
    assert gradients[0]
    for plain, again in zip(*gradients, strict=True):
        torch.testing.assert_close(plain, again)


@pytest.mark.parametrize(
    ("name", "trunk"),
    [
        ("convnext_base", "convnext_base"),
        ("convnext_base_w", "convnext_base"),
        ("convnext_large_d_320", "convnext_large"),
        ("convnext_xxlarge", "convnext_xxlarge"),
        ("convnext_atto", "convnext_atto"),
    ],
)
def test_names_of_open_clip_and_of_timm(name: str, trunk: str) -> None:
    assert trunk_name(name) == trunk


@pytest.mark.parametrize("name", ["ViT-B-32", "convnext_nano_of_mine", ""])
def test_other_encoders_are_refused(name: str) -> None:
    with pytest.raises(ModelError, match="there is no ConvNeXt"):
        ConvNextEncoder(name)


@pytest.mark.parametrize("name", ["convnext_atto", "convnext_femto"])
def test_feature_maps_are_those_of_timm(name: str) -> None:
    import timm

    encoder = ConvNextEncoder(name)
    peer = timm.create_model(name, features_only=True).eval()
    missing = peer.load_state_dict(
        {k.replace("stages.", "stages_").replace("stem.", "stem_"): v for k, v in encoder.state_dict().items()}
    )
    assert not missing.missing_keys
    picture = torch.randint(0, 256, (2, 3, 64, 96), dtype=torch.uint8)
    mean = torch.tensor([0.48145466, 0.4578275, 0.40821073]).view(3, 1, 1)
    std = torch.tensor([0.26862954, 0.26130258, 0.27577711]).view(3, 1, 1)
    with torch.no_grad():
        expected = peer((picture / 255 - mean) / std)
    found = encoder(picture)
    assert [tuple(value.shape[2:]) for value in found.values()] == [(16, 24), (8, 12), (4, 6), (2, 3)]
    for value, other in zip(found.values(), expected, strict=True):
        torch.testing.assert_close(value, other)


@pytest.mark.parametrize("wrong", [{"image_size": 100}, {"pooling": "mean"}, {"resize": "crop"}])
def test_a_configuration_that_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="it must be"):
        OspreyConfig(**wrong)
