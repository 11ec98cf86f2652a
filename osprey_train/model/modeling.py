"""The Osprey model in the conventions of transformers.

Paper: "Osprey: Pixel Understanding with Visual Instruction Tuning" (arXiv 2312.10032), section 1 of its architecture;
the public code (CircleRadon/Osprey, Apache-2.0) was read for facts. New here: pooling by covered area, any causal
language model, any ConvNeXt, pictures and masks of a batch in one pass.
"""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, GenerationMixin, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutputWithPast

from osprey_train.chat import IGNORED
from osprey_train.model.config import OspreyConfig
from osprey_train.model.extractor import MaskExtractor, mlp
from osprey_train.model.vision import ConvNextEncoder, Features

MODULES = ("vision", "image_projector", "mask_extractor", "language_model")
"""The parts that a stage trains or freezes."""


class OspreyForConditionalGeneration(PreTrainedModel, GenerationMixin):
    """A causal language model that is shown a picture and masks of regions in it."""

    config: OspreyConfig
    config_class = OspreyConfig
    base_model_prefix = "model"
    input_modalities = ("image", "text")
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_attention_backend = True
    _no_split_modules = ["ConvNeXtStage", "MaskExtractor"]
    _skip_keys_device_placement = ["past_key_values"]

    def __init__(self, config: OspreyConfig, language_model: PreTrainedModel | None = None) -> None:
        """With random weights, but for those of `language_model` where one is given."""
        super().__init__(config)
        hidden = config.language.hidden_size
        self.vision = ConvNextEncoder(config.vision_model)
        self.image_projector = mlp(self.vision.channels["res4"], hidden, hidden, activation=nn.GELU)
        self.mask_extractor = MaskExtractor(config, self.vision.channels)
        self.language_model = language_model or AutoModelForCausalLM.from_config(config.language)
        for module in language_model.modules() if language_model else ():
            module._is_hf_initialized = True
        self.post_init()

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        pixel_values: Tensor | None = None,
        masks: Tensor | None = None,
        mask_image: Tensor | None = None,
        labels: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        num_items_in_batch: Tensor | int | None = None,
        **kwargs: Any,
    ) -> CausalLMOutputWithPast:
        """Loss and logits of texts (batch, length) with placeholders for their pictures and regions.

        `pixel_values` is (batch, 3, image_size, image_size); `masks` (regions, mask_size, mask_size) are those of all
        texts, in the order of their placeholders, and `mask_image` (regions,) the picture of each. The loss is the mean
        over the labels that are not -100, or their sum over `num_items_in_batch`; with no such label it is zero.

        Raises ValueError where placeholders and what is to replace them do not agree.
        """
        if inputs_embeds is None:
            assert input_ids is not None
            inputs_embeds = self.get_input_embeddings()(input_ids)
        if pixel_values is not None and input_ids is not None:
            self.check_placeholders(input_ids, mask_image)
            features = self.vision(pixel_values)
            image_tokens = self.image_projector(features["res4"].flatten(2).transpose(1, 2))
            mask_tokens, spatial_tokens = self.region_tokens(features, masks, mask_image)
            inputs_embeds = self.interleave(input_ids, inputs_embeds, image_tokens, mask_tokens, spatial_tokens)
        if labels is not None:
            divisor = answer_tokens(labels, num_items_in_batch)
            kwargs = {"use_cache": False, **kwargs, "labels": labels, "num_items_in_batch": divisor}
        return self.language_model(
            inputs_embeds=inputs_embeds, attention_mask=attention_mask, position_ids=position_ids, **kwargs
        )

    def region_tokens(
        self, features: Features, masks: Tensor | None, mask_image: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Mask and spatial tokens (regions, hidden size).

        Without regions the extractor still sees one empty mask, whose tokens are cut off again: so every process of a
        distributed run has gradients (of zero) for the same parameters.
        """
        if masks is not None and mask_image is not None and len(masks):
            return self.mask_extractor(features, masks, mask_image)
        size, device = self.config.mask_size, features["res2"].device
        empty = torch.zeros(1, size, size, dtype=torch.uint8, device=device)
        mask_tokens, spatial_tokens = self.mask_extractor(features, empty, torch.zeros_like(empty[:, 0, 0]).long())
        return mask_tokens[:0], spatial_tokens[:0]

    def interleave(self, input_ids: Tensor, embeds: Tensor, image: Tensor, mask: Tensor, spatial: Tensor) -> Tensor:
        """Text embeddings (batch, length, hidden) with image, mask and spatial tokens in their placeholders' stead."""
        for token_id, tokens in zip(self.config.placeholders, (image, mask, spatial), strict=True):
            embeds = embeds.masked_scatter((input_ids == token_id)[..., None], tokens.to(embeds.dtype))
        return embeds

    def check_placeholders(self, input_ids: Tensor, mask_image: Tensor | None) -> None:
        """Raise ValueError unless every text has the placeholders of its picture and of that picture's regions."""
        found = torch.stack([(input_ids == token_id).sum(1) for token_id in self.config.placeholders], dim=1)
        mask_image = input_ids.new_zeros(0) if mask_image is None else mask_image
        regions = torch.bincount(mask_image, minlength=len(input_ids))[: len(input_ids)]
        wanted = torch.stack([torch.full_like(regions, self.config.image_tokens), regions, regions], dim=1)
        if not torch.equal(found, wanted) or bool((mask_image.diff() < 0).any()):
            raise ValueError(
                f"placeholders of picture, mask and place in each text are {found.tolist()}, but there are tokens for "
                f"{wanted.tolist()}; the pictures of the masks, which must ascend, are {mask_image.tolist()}"
            )

    def requires_grad_(self, requires_grad: bool = True) -> "OspreyForConditionalGeneration":
        """Freeze or train all parameters but those of the vision encoder, which stay frozen."""
        super().requires_grad_(requires_grad)
        self.vision.requires_grad_(False)
        return self

    def prepare_inputs_for_generation(
        self, input_ids: Tensor, is_first_iteration: bool | None = False, **kwargs: Any
    ) -> dict[str, Any]:
        """Picture and masks are seen once; from then on they are in the cache."""
        inputs: dict[str, Any] = super().prepare_inputs_for_generation(
            input_ids, is_first_iteration=is_first_iteration, **kwargs
        )
        if not is_first_iteration and kwargs.get("use_cache", True):
            inputs |= {"pixel_values": None, "masks": None, "mask_image": None}
        return inputs

    def _expand_inputs_for_generation(self, expand_size: int = 1, **kwargs: Any) -> tuple[Tensor, dict[str, Any]]:
        """For several beams or answers: each picture `expand_size` times in a row, each time with all its masks."""
        masks, mask_image = kwargs.pop("masks", None), kwargs.pop("mask_image", None)
        input_ids, kwargs = super()._expand_inputs_for_generation(expand_size=expand_size, **kwargs)
        if masks is not None and mask_image is not None:
            copies = (mask_image * expand_size + torch.arange(expand_size, device=mask_image.device)[:, None]).flatten()
            mask_image, order = copies.sort(stable=True)
            masks = masks.repeat(expand_size, 1, 1)[order]
        return input_ids, {**kwargs, "masks": masks, "mask_image": mask_image}

    def _supports_logits_to_keep(self) -> bool:
        """Whether the language model can leave out the logits of the prompt."""
        return bool(self.language_model._supports_logits_to_keep())

    def get_input_embeddings(self) -> nn.Module:
        """The language model's."""
        return self.language_model.get_input_embeddings()

    def set_input_embeddings(self, value: nn.Module) -> None:
        """The language model's."""
        self.language_model.set_input_embeddings(value)

    def get_output_embeddings(self) -> nn.Module:
        """The language model's."""
        return self.language_model.get_output_embeddings()

    def set_output_embeddings(self, new_embeddings: nn.Module) -> None:
        """The language model's."""
        self.language_model.set_output_embeddings(new_embeddings)


def answer_tokens(labels: Tensor, num_items_in_batch: Tensor | int | None) -> Tensor:
    """What the sum of the losses is divided by: the labels in the batch, never zero."""
    if num_items_in_batch is None:
        num_items_in_batch = (labels[:, 1:] != IGNORED).sum()
    return torch.as_tensor(num_items_in_batch, device=labels.device).clamp(min=1)
