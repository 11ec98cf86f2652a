"""Pooling by covered area: no mask falls through, and the mean is that of the pixels."""

from types import SimpleNamespace

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from osprey_train import geometry
from osprey_train.model.config import STRIDES
from osprey_train.model.extractor import MaskExtractor, area_weights, published_weights
from schemas import rle
from tests.osprey_train.model.small import inputs, small_model
from tests.properties import quick

IMAGE_SIZE = 128
LEVELS = [IMAGE_SIZE // stride for stride in STRIDES.values()]


@st.composite
def masks(draw: st.DrawFn) -> npt.NDArray[np.bool_]:
    """A mask of any size and shape with at least one pixel, often of a single one."""
    side = st.one_of(st.integers(1, 40), st.integers(1, 3000))
    height, width = draw(side), draw(side)
    found = np.zeros((height, width), bool)
    for _ in range(draw(st.integers(1, 4))):
        y, x = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
        down, across = draw(st.sampled_from([1, 1, 2, 7, height])), draw(st.sampled_from([1, 1, 2, 7, width]))
        found[y : y + down, x : x + across] = True
    if draw(st.booleans()):
        noise = np.random.default_rng(draw(st.integers(0, 99))).random((height, width)) < 0.3
        found = found & noise if (found & noise).any() else found
    return found


@settings(quick, max_examples=150)
@given(mask=masks(), resize=st.sampled_from(["squash", "pad"]))
def test_weights_of_any_mask_add_up_to_one_on_every_level(mask: npt.NDArray[np.bool_], resize: geometry.Resize) -> None:
    frame = geometry.Frame(IMAGE_SIZE, IMAGE_SIZE // 4, resize)
    coverage = geometry.coverage([rle.encode(mask)], frame)
    for size in LEVELS:
        weights = area_weights(coverage, size)
        assert weights.min() >= 0
        torch.testing.assert_close(weights.sum(), torch.tensor(1.0))
        torch.testing.assert_close(weights.bfloat16().float().sum(), torch.tensor(1.0), rtol=0.01, atol=0.01)


def test_published_pooling_loses_small_masks_and_ours_does_not() -> None:
    mask = np.zeros((480, 640), bool)
    mask[100:108, 200:208] = True
    empty = {}
    for pooling, cells in ((area_weights, 128), (published_weights, 512)):
        coverage = geometry.coverage([rle.encode(mask)], geometry.Frame(512, cells))
        empty[pooling] = [not pooling(coverage, 512 // stride).any() for stride in STRIDES.values()]
    assert empty[area_weights] == [False, False, False, False]
    assert empty[published_weights] == [False, False, True, True]


@pytest.mark.parametrize("size", [(480, 640), (240, 320), (500, 333)])
def test_published_pooling_is_that_of_masks_in_their_own_pixels(size: tuple[int, int]) -> None:
    """Cells that the two have in common, and the spatial token's input, over discs from 3 to 150 pixels wide."""
    make = np.random.default_rng(0)
    down, across = np.mgrid[: size[0], : size[1]]
    places = make.random((40, 2)) * size
    radii = np.geomspace(1.5, 75, 40)
    discs = [np.hypot(down - y, across - x) < radius for (y, x), radius in zip(places, radii, strict=True)]
    own = torch.from_numpy(np.stack(discs)).float()[:, None]
    masks = geometry.coverage([rle.encode(disc) for disc in discs], geometry.Frame(512, 512))
    for side in (512 // stride for stride in STRIDES.values()):
        theirs = torch.nn.functional.interpolate(own, (side, side), mode="bilinear").flatten(1) > 0
        ours = published_weights(masks, side) > 0
        assert (ours & theirs).sum() / (ours | theirs).sum() > 0.94
    theirs = torch.nn.functional.interpolate(own, (112, 112), mode="bilinear").flatten(1)
    ours = MaskExtractor.shapes(SimpleNamespace(spatial_size=112), masks)  # type: ignore[arg-type]
    assert (theirs - ours).abs().mean() < 0.02 * theirs.mean()


@pytest.mark.parametrize("level", list(STRIDES))
def test_pooled_features_are_the_mean_over_the_pixels(level: str) -> None:
    """A cell of the finest map is 3 x 5 pixels: shares of it are whole 255ths, so that nothing is rounded."""
    model = small_model()
    side = model.config.mask_size
    make = np.random.default_rng(1)
    pixels = make.random((2, 3 * side, 5 * side)) < np.array([0.01, 0.6])[:, None, None]
    coverage = geometry.coverage([rle.encode(mask) for mask in pixels], geometry.Frame(64, side))
    feature = torch.rand(1, 7, 64 // STRIDES[level], 64 // STRIDES[level])
    pooled = model.mask_extractor.pool(feature, coverage, [2])
    full = torch.nn.functional.interpolate(feature, pixels.shape[1:], mode="nearest")[0]
    for mask, found in zip(pixels, pooled, strict=True):
        torch.testing.assert_close(found, full[:, torch.from_numpy(mask)].mean(1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("pooling", ["area", "published"])
def test_an_empty_mask_pools_to_zero(pooling: str) -> None:
    model = small_model(pooling=pooling)
    size = model.config.mask_size
    pooled = model.mask_extractor.pool(torch.rand(1, 5, 8, 8), torch.zeros(1, size, size, dtype=torch.uint8), [1])
    assert pooled.tolist() == [[0.0] * 5]
    mask, spatial = model.mask_extractor(
        model.vision(torch.zeros(1, 3, 64, 64)), torch.zeros(1, size, size), torch.zeros(1, dtype=torch.long)
    )
    assert mask.isfinite().all()
    assert spatial.isfinite().all()


def test_each_region_is_pooled_from_its_own_picture() -> None:
    model = small_model()
    batch = inputs(model, (2, 0, 3))
    features = model.vision(batch["pixel_values"])
    together = model.mask_extractor(features, batch["masks"], batch["mask_image"])
    for picture in (0, 2):
        mine = batch["mask_image"] == picture
        alone = model.mask_extractor(
            {name: value[picture : picture + 1] for name, value in features.items()},
            batch["masks"][mine],
            torch.zeros(int(mine.sum()), dtype=torch.long),
        )
        for found, other in zip(together, alone, strict=True):
            torch.testing.assert_close(found[mine], other)


def test_the_spatial_token_knows_the_place() -> None:
    """Two masks of the same pixels' looks, one left, one right: only the spatial token tells them apart."""
    model = small_model()
    masks = torch.zeros(2, 16, 16, dtype=torch.uint8)
    masks[0, 4:8, :4], masks[1, 4:8, 12:] = 255, 255
    flat = {
        name: torch.ones(1, n, 64 // STRIDES[name], 64 // STRIDES[name]) for name, n in model.vision.channels.items()
    }
    mask, spatial = model.mask_extractor(flat, masks, torch.zeros(2, dtype=torch.long))
    torch.testing.assert_close(mask[0], mask[1])
    assert not torch.allclose(spatial[0], spatial[1])
