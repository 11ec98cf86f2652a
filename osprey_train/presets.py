"""Sizes of the model: `tiny` learns on a laptop in a minute or two, `smol` is small but real, `7b` is the paper's."""

import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
)

from osprey_train.model.assemble import assemble
from osprey_train.model.modeling import OspreyForConditionalGeneration
from osprey_train.model.processor import OspreyProcessor
from schemas.errors import ModelError, TrainingError

Texts = Callable[[], Iterable[str]]


@dataclass(frozen=True)
class Preset:
    """What a new model is made of, and what its stages do otherwise than the table of stages says."""

    name: str
    vision_model: str
    """A ConvNeXt that open_clip or timm knows."""
    vision_weights: str
    """A tag of open_clip; empty for a random encoder."""
    language: str
    """A causal language model of the Hugging Face hub or a folder; empty for a small Llama with random weights."""
    image_size: int
    context: int
    """Most tokens of a sample."""
    prompt_form: str = "template"
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Other settings of `OspreyConfig`."""
    per_stage: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    """Stage -> fields of the table of stages that this preset sets otherwise."""


PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            name="tiny",
            vision_model="convnext_atto",
            vision_weights="",
            language="",
            image_size=128,
            context=1024,
            settings={"extractor_width": 128, "spatial_size": 16},
            # A language model of random weights has nothing to keep: it learns from the first stage on.
            per_stage={
                1: {"learning_rate": 2e-3, "batch": 4, "epochs": 1, "trains": ("image_projector", "language_model")},
                2: {"learning_rate": 2e-3, "batch": 4, "epochs": 2, "trains": ("mask_extractor", "language_model")},
                3: {"learning_rate": 2e-3, "batch": 4, "epochs": 1},
            },
        ),
        Preset(
            name="smol",
            vision_model="convnext_base_w",
            vision_weights="laion2b_s13b_b82k_augreg",
            language="HuggingFaceTB/SmolLM2-135M-Instruct",
            image_size=256,
            context=2048,
            settings={"extractor_width": 512},
        ),
        Preset(
            name="7b",
            vision_model="convnext_large_d_320",
            vision_weights="laion2b_s29b_b131k_ft_soup",
            language="lmsys/vicuna-7b-v1.5",
            image_size=512,
            context=2048,
            prompt_form="vicuna_v1",
        ),
    )
}


def preset(name: str) -> Preset:
    """The preset of a name; raises TrainingError for a name that there is none of."""
    if name not in PRESETS:
        raise TrainingError(f"there is no preset {name!r}", hint=f"presets are {', '.join(PRESETS)}")
    return PRESETS[name]


def new_model(
    preset: Preset,
    texts: Texts,
    *,
    language: str = "",
    vision_weights: str | None = None,
    system: str = "",
    **settings: Any,
) -> tuple[OspreyForConditionalGeneration, OspreyProcessor]:
    """An untrained model of a preset, and its processor.

    `texts` gives texts of the shards, to make the tokenizer from where the preset has none. `language` and
    `vision_weights` are used instead of the preset's (no `vision_weights`: a random encoder); `settings` are those of
    `OspreyConfig`. Raises ModelError for weights that are not there.
    """
    chosen = language or preset.language
    model, tokenizer = load_language(chosen) if chosen else small_llama(texts())
    return assemble(
        model,
        tokenizer,
        vision_weights=preset.vision_weights if vision_weights is None else vision_weights,
        prompt_form=preset.prompt_form,
        system=system,
        **{"vision_model": preset.vision_model, "image_size": preset.image_size, **preset.settings, **settings},
    )


def load_language(name: str) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """A causal language model and its tokenizer, from a folder or the hub."""
    try:
        model = AutoModelForCausalLM.from_pretrained(name, dtype=torch.float32)
        if isinstance(model, OspreyForConditionalGeneration):
            raise ModelError(f"{name} is an Osprey model, not a language model", hint="Start from it by --init.")
        return model, AutoTokenizer.from_pretrained(name)
    except ModelError:
        raise
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(
            f"the language model {name} could not be loaded: {str(error).splitlines()[0]}",
            hint="give a folder of transformers' format, or a name of the hub (HF_HUB_OFFLINE=0 lets it fetch)",
        ) from error


CHAT_TEMPLATE = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
MARKS = ("<|end|>", "<|pad|>", "<|system|>", "<|user|>", "<|assistant|>")
VOCABULARY = 1024
TEXTS = 50_000
"""Texts that a tokenizer is made from, at most."""


def small_llama(texts: Iterable[str]) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """A Llama of half a million random parameters, and a byte-level BPE tokenizer made from the texts.

    Weights start with a standard deviation of about one over the root of the width, in projector and extractor, too;
    with 0.02, as large models have it, hundreds of steps pass before anything is learned from a region.
    """
    tokenizer = byte_tokenizer(itertools.islice(texts, TEXTS))
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=2,
        num_attention_heads=4,
        initializer_range=0.1,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return LlamaForCausalLM(config), tokenizer


def byte_tokenizer(texts: Iterable[str]) -> PreTrainedTokenizerBase:
    """A byte-level BPE tokenizer with a chat template."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=list(MARKS), initial_alphabet=alphabet, show_progress=False
    )
    bpe.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe, eos_token=MARKS[0], pad_token=MARKS[1], chat_template=CHAT_TEMPLATE
    )
