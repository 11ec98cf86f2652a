"""The frozen vision encoder: the ConvNeXt trunk of an open_clip model, and its four feature maps (paper, section 1)."""

import open_clip
import timm
import torch
from open_clip.timm_model import TimmModel
from torch import Tensor, nn

from osprey_train.model.config import STRIDES
from schemas.errors import ModelError

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)
"""CLIP's normalisation of red, green and blue in 0..1."""

Features = dict[str, Tensor]
"""`res2` to `res5`, each (batch, channels, image_size / stride, image_size / stride)."""


def trunk_name(vision_model: str) -> str:
    """timm's name of the trunk of an open_clip model; a name that open_clip does not know is timm's own."""
    known = open_clip.get_model_config(vision_model)
    return str(known["vision_cfg"].get("timm_model_name", "")) if known else vision_model


class ConvNextEncoder(nn.Module):
    """Stem and stages of a ConvNeXt. Always frozen, always in evaluation mode."""

    def __init__(self, vision_model: str) -> None:
        super().__init__()
        name = trunk_name(vision_model)
        if not name.startswith(("convnext", "test_convnext")) or not timm.is_model(name):
            raise ModelError(
                f"there is no ConvNeXt {vision_model!r}",
                hint="names are those of open_clip or timm: convnext_base_w, convnext_large_d_320, convnext_atto",
            )
        trunk = TimmModel(name, embed_dim=0, pool="", proj="none").trunk
        self.stem, self.stages = trunk.stem, trunk.stages
        self.channels = {name: info["num_chs"] for name, info in zip(STRIDES, trunk.feature_info, strict=True)}
        self.train()

    def train(self, mode: bool = True) -> "ConvNextEncoder":
        """Stay in evaluation mode, for drop path would make features random; and frozen, also after loading."""
        self.requires_grad_(False)
        return super().train(False)

    def requires_grad_(self, requires_grad: bool = True) -> "ConvNextEncoder":
        """Stay frozen."""
        return super().requires_grad_(False)

    @torch.no_grad()
    def forward(self, pixel_values: Tensor) -> Features:
        """Feature maps of pictures (batch, 3, image_size, image_size): uint8, or float already normalised."""
        x = self.stem(self.normalised(pixel_values))
        features = {}
        for name, stage in zip(STRIDES, self.stages, strict=True):
            features[name] = x = stage(x)
        return features

    def normalised(self, pixel_values: Tensor) -> Tensor:
        """Pictures as CLIP wants them, in the encoder's own precision."""
        weight = next(self.stem.parameters())
        if pixel_values.dtype != torch.uint8:
            return pixel_values.to(weight.dtype)
        mean, std = (torch.tensor(values, device=weight.device).view(3, 1, 1) for values in (MEAN, STD))
        return ((pixel_values / 255 - mean) / std).to(weight.dtype)
