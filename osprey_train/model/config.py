"""What a model is made of, as transformers saves it in `config.json`."""

from typing import Any, Literal

from transformers import AutoConfig, PreTrainedConfig
from transformers.configuration_utils import SubConfigSpec

STRIDES = {"res2": 4, "res3": 8, "res4": 16, "res5": 32}
"""Pixels between neighbouring cells of each feature map of a ConvNeXt."""


class OspreyConfig(PreTrainedConfig):
    """Configuration of `OspreyForConditionalGeneration`; the defaults are the paper's 7B model (section 1).

    `vision_model` is a ConvNeXt that open_clip or timm knows by name; `pooling` is `area`, which weighs each cell of a
    feature map by how much of it a mask covers, or `published`, which resizes the mask and takes what is above zero.
    """

    model_type = "osprey"
    sub_configs_defaults = {"text_config": SubConfigSpec(config_class=AutoConfig, model_type="llama")}

    text_config: dict[str, Any] | PreTrainedConfig | None = None
    vision_model: str = "convnext_large_d_320"
    image_size: int = 512
    """Pixels of a side of the square that the model sees; a multiple of 32."""
    resize: Literal["squash", "pad"] = "squash"
    pooling: Literal["area", "published"] = "area"
    extractor_width: int = 1024
    """Channels that every level is projected to before the levels are added."""
    mask_token_layers: int = 1
    """Linear layers from there to the mask token: one in the public code and weights, an MLP in the paper's text."""
    spatial_size: int = 112
    """Side of the mask that becomes the spatial token (112 in the public code, 224 in the paper's text)."""
    image_token_id: int = 32000
    mask_token_id: int = 32001
    spatial_token_id: int = 32002
    tie_word_embeddings: bool = False

    def __post_init__(self, **kwargs: Any) -> None:
        chosen = getattr(self.text_config, "_attn_implementation", None)
        super().__post_init__(**kwargs)
        if self.language._attn_implementation is None:
            self.language._attn_implementation = chosen  # of a model that exists: without one it would not be causal
        if self.image_size % 32:
            raise ValueError(f"image_size is {self.image_size}; it must be a multiple of 32, the stride of res5")
        for name, known in (("resize", ("squash", "pad")), ("pooling", ("area", "published"))):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} is {getattr(self, name)!r}; it must be {' or '.join(known)}")
        self.tie_word_embeddings = self.tie_word_embeddings or bool(self.language.tie_word_embeddings)

    @property
    def language(self) -> PreTrainedConfig:
        """The language model's own configuration."""
        assert isinstance(self.text_config, PreTrainedConfig)
        return self.text_config

    @property
    def placeholders(self) -> tuple[int, int, int]:
        """Ids of the tokens that are replaced: by image tokens, mask tokens, spatial tokens."""
        return self.image_token_id, self.mask_token_id, self.spatial_token_id

    @property
    def mask_size(self) -> int:
        """Cells of a side of the masks that `forward` takes: res2's, or for published pooling the picture's pixels."""
        return self.image_size // STRIDES["res2"] if self.pooling == "area" else self.image_size

    @property
    def image_tokens(self) -> int:
        """Tokens of a picture: the cells of res4."""
        return (self.image_size // STRIDES["res4"]) ** 2
