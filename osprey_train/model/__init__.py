"""The model: configuration, vision encoder, mask extractor, the whole, and its processor."""

from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText, AutoProcessor

from osprey_train.model.config import OspreyConfig
from osprey_train.model.modeling import OspreyForConditionalGeneration
from osprey_train.model.processor import OspreyProcessor

AutoConfig.register("osprey", OspreyConfig)
AutoModelForImageTextToText.register(OspreyConfig, OspreyForConditionalGeneration)
AutoModelForCausalLM.register(OspreyConfig, OspreyForConditionalGeneration)
AutoProcessor.register(OspreyConfig, OspreyProcessor)

__all__ = ["OspreyConfig", "OspreyForConditionalGeneration", "OspreyProcessor"]
