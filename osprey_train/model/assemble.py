"""A new model from its parts: a vision encoder, a language model and its tokenizer."""

from typing import Any

import open_clip
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from osprey_train import chat
from osprey_train.model.config import OspreyConfig
from osprey_train.model.modeling import OspreyForConditionalGeneration
from osprey_train.model.processor import OspreyProcessor
from schemas.errors import ModelError


def assemble(
    language: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    *,
    vision_weights: str = "",
    prompt_form: str = "template",
    system: str = "",
    **settings: Any,
) -> tuple[OspreyForConditionalGeneration, OspreyProcessor]:
    """Model and processor: the projector and the extractor are new, the language model is the one given.

    `vision_weights` is an open_clip tag or a file of open_clip weights, or empty for a random encoder; `settings` are
    those of `OspreyConfig`.
    """
    tokenizer.add_special_tokens({"additional_special_tokens": [chat.IMAGE, chat.MASK, chat.SPATIAL]})
    if len(tokenizer) > language.get_input_embeddings().num_embeddings:
        language.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    image, mask, spatial = tokenizer.convert_tokens_to_ids([chat.IMAGE, chat.MASK, chat.SPATIAL])
    config = OspreyConfig(
        text_config=language.config, image_token_id=image, mask_token_id=mask, spatial_token_id=spatial, **settings
    )
    model = OspreyForConditionalGeneration(config)
    model.language_model = language
    if vision_weights:
        load_vision(model, vision_weights)
    processor = OspreyProcessor(
        tokenizer,
        image_size=config.image_size,
        mask_size=config.mask_size,
        image_tokens=config.image_tokens,
        resize=config.resize,
        prompt_form=prompt_form,
        system=system,
    )
    model.generation_config.pad_token_id = processor.pad_token_id
    return model, processor


def load_vision(model: OspreyForConditionalGeneration, weights: str) -> None:
    """Put open_clip weights (a tag that open_clip can fetch, or a file) into the vision encoder."""
    name = model.config.vision_model
    try:
        trunk = open_clip.create_model(name, pretrained=weights).visual.trunk
    except (RuntimeError, OSError) as error:
        raise ModelError(
            f"the vision encoder {name} could not be loaded from {weights!r}: {error}",
            hint=f"a tag of open_clip ({', '.join(open_clip.list_pretrained_tags_by_model(name)) or 'it knows none'}) "
            "or a file; HF_HUB_OFFLINE=0 lets it fetch",
        ) from error
    with torch.no_grad():
        model.vision.stem.load_state_dict(trunk.stem.state_dict())
        model.vision.stages.load_state_dict(trunk.stages.state_dict())
