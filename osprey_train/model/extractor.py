"""The mask-aware visual extractor: every mask becomes a mask token and a spatial token (paper, section 1)."""

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from osprey_train.model.config import STRIDES, OspreyConfig
from osprey_train.model.vision import Features


def area_weights(masks: Tensor, size: int) -> Tensor:
    """Weight of each cell of a map of `size` x `size` cells for each mask, by how much of the cell it covers.

    `masks` (regions, m, m) holds the covered share of finer cells, 0..255. The weights (regions, size * size) of a
    mask that is not empty add up to one, however small it is.
    """
    covered = F.avg_pool2d(masks.float()[:, None], masks.shape[-1] // size).flatten(1)
    return covered / covered.sum(1, keepdim=True).clamp(min=torch.finfo(covered.dtype).tiny)


def published_weights(masks: Tensor, size: int) -> Tensor:
    """The same as the public code has it: resize bilinearly, take all cells above zero. Small masks vanish.

    There each mask is resized from the pixels of its own picture; here from those of the square, where a pixel is
    inside from half covered on. The cells found are the same to an intersection over union of 0.98 to 0.99.
    """
    resized = F.interpolate((masks > 127).float()[:, None], size=(size, size), mode="bilinear")
    inside = resized.flatten(1) > 0
    return inside / inside.sum(1, keepdim=True).clamp(min=1)


WEIGHTS = {"area": area_weights, "published": published_weights}


def mlp(*widths: int, activation: type[nn.Module]) -> nn.Sequential:
    """Linear layers of the widths given, with an activation between them."""
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(widths):
        layers += [nn.Linear(before, after), activation()]
    return nn.Sequential(*layers[:-1])


class MaskExtractor(nn.Module):
    """Pools the four feature maps inside each mask, and keeps the mask's own shape and place."""

    def __init__(self, config: OspreyConfig, channels: dict[str, int]) -> None:
        super().__init__()
        width, out = config.extractor_width, config.language.hidden_size
        self.weights = WEIGHTS[config.pooling]
        self.spatial_size = config.spatial_size
        self.levels = nn.ModuleDict({name: nn.Linear(channels[name], width) for name in STRIDES})
        self.mask_token = mlp(*[width] * config.mask_token_layers, out, activation=nn.GELU)
        self.spatial_token = mlp(config.spatial_size**2, width, width, out, activation=nn.ReLU)

    def forward(self, features: Features, masks: Tensor, mask_image: Tensor) -> tuple[Tensor, Tensor]:
        """Mask tokens and spatial tokens, each (regions, hidden size).

        `masks` is (regions, mask_size, mask_size), 0..255; `mask_image` (regions,) tells its picture, ascending.
        """
        regions = torch.bincount(mask_image, minlength=len(features["res2"])).tolist()
        pooled = [level(self.pool(features[name], masks, regions)) for name, level in self.levels.items()]
        mask_tokens = self.mask_token(torch.stack(pooled).sum(0))
        return mask_tokens, self.spatial_token(self.shapes(masks).to(mask_tokens.dtype))

    def pool(self, feature: Tensor, masks: Tensor, regions: list[int]) -> Tensor:
        """Weighted mean (regions, channels) inside each mask of a feature map (batch, channels, size, size).

        `regions` counts the masks of each picture.
        """
        weights = self.weights(masks, feature.shape[-1]).to(feature.dtype)
        cells = feature.flatten(2).transpose(1, 2)
        each = zip(torch.split(weights, regions), cells, strict=True)
        return torch.cat([inside @ picture for inside, picture in each])

    def shapes(self, masks: Tensor) -> Tensor:
        """The masks themselves, 0..1, resized to (regions, spatial_size ** 2)."""
        size = (self.spatial_size, self.spatial_size)
        return F.interpolate(masks.float()[:, None] / 255, size=size, mode="bilinear").flatten(1)
