"""A new model from its parts: a vision encoder, a language model and its tokenizer."""

import copy
from typing import Any

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from osprey_train import chat
from osprey_train.model.config import OspreyConfig
from osprey_train.model.modeling import OspreyForConditionalGeneration
from osprey_train.model.processor import OspreyProcessor
from osprey_train.model.vision_weights import load_vision


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
    image, mask, spatial = add_placeholders(tokenizer)
    if len(tokenizer) > language.get_input_embeddings().num_embeddings:
        language.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    config = OspreyConfig(
        text_config=language.config, image_token_id=image, mask_token_id=mask, spatial_token_id=spatial, **settings
    )
    processor = processor_for(config, tokenizer, prompt_form, system)
    model = OspreyForConditionalGeneration(config, language)
    if vision_weights:
        load_vision(model.vision, config.vision_model, vision_weights)
    model.generation_config = copy.deepcopy(language.generation_config)
    settle_generation(model, processor)
    return model, processor


def add_placeholders(tokenizer: PreTrainedTokenizerBase) -> tuple[int, int, int]:
    """Ids of the tokens of picture, mask and place; those that the tokenizer lacks are added to it."""
    tokenizer.add_special_tokens(
        {"additional_special_tokens": [chat.MASK, chat.SPATIAL, chat.IMAGE]}, replace_extra_special_tokens=False
    )
    image, mask, spatial = tokenizer.convert_tokens_to_ids([chat.IMAGE, chat.MASK, chat.SPATIAL])
    return image, mask, spatial


def processor_for(
    config: OspreyConfig, tokenizer: PreTrainedTokenizerBase, prompt_form: str, system: str
) -> OspreyProcessor:
    """The processor that makes what a model of this configuration takes."""
    return OspreyProcessor(
        tokenizer,
        image_size=config.image_size,
        mask_size=config.mask_size,
        image_tokens=config.image_tokens,
        resize=config.resize,
        prompt_form=prompt_form,
        system=system,
    )


def settle_generation(model: OspreyForConditionalGeneration, processor: OspreyProcessor) -> None:
    """An answer ends where the prompt form ends it, too, and never has placeholders in it."""
    settings, tokenizer = model.generation_config, processor.tokenizer
    ends = settings.eos_token_id if isinstance(settings.eos_token_id, list) else [settings.eos_token_id]
    last = tokenizer(processor.form.end, add_special_tokens=False)["input_ids"]
    ends += [tokenizer.eos_token_id, *(last if len(last) == 1 else [])]
    settings.eos_token_id = sorted({int(token) for token in ends if token is not None})
    settings.pad_token_id = processor.pad_token_id
    settings.suppress_tokens = sorted(model.config.placeholders)
