"""Tokenizers of several makes, and chat templates in the manner of well-known models."""

import os
import pathlib

import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from osprey_train import chat

SMOLLM2 = pathlib.Path.home() / ".cache/osprey-data/smollm2-135m-instruct"
"""Where `make test-llm` leaves the small language model, with its tokenizer."""
needs_smollm2 = pytest.mark.skipif(
    not (SMOLLM2 / "tokenizer.json").exists(), reason="the tokenizer of SmolLM2 is not here; `make test-llm` fetches it"
)

TEXTS = ("What is the red dog? What colour has a laptop?", "A red dog. The laptop is grey, and on the table.") * 9
MARKS = ("<|im_start|>", "<|im_end|>", "<s>", "</s>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<pad>")

CHATML = (
    "{% for m in messages %}{% if loop.first and m.role != 'system' %}<|im_start|>system\nBe brief.<|im_end|>\n"
    "{% endif %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LLAMA3 = (
    "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n"
    "{{ m.content | trim }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
LLAMA2 = (
    "{% if messages[0].role == 'system' %}{% set told = '<<SYS>>\n' + messages[0].content + '\n<</SYS>>\n\n' %}"
    "{% set rest = messages[1:] %}{% else %}{% set told = '' %}{% set rest = messages %}{% endif %}"
    "{% for m in rest %}{% if m.role == 'user' %}{{ bos_token + '[INST] ' }}{% if loop.first %}{{ told }}{% endif %}"
    "{{ m.content.strip() + ' [/INST]' }}{% else %}{{ ' ' + m.content.strip() + ' ' + eos_token }}"
    "{% endif %}{% endfor %}"
)
TEMPLATES = {"chatml": (CHATML, "<|im_end|>"), "llama3": (LLAMA3, "<|eot_id|>"), "llama2": (LLAMA2, "</s>")}
"""Name -> template and the token that ends answers."""


def byte_level(template: str | None = CHATML, eos: str = "<|im_end|>") -> PreTrainedTokenizerBase:
    """Byte-level BPE, as of GPT-2, Llama 3, Qwen and SmolLM2."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer, bpe.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=list(MARKS), initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    bpe.train_from_iterator(TEXTS, trainer)
    return _finished(bpe, template, eos)


def sentence_pieces(template: str | None = None, eos: str = "</s>") -> PreTrainedTokenizerBase:
    """BPE with bytes for unknown characters and `▁` before words, as of Llama 2 and Vicuna."""
    bpe = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>"))
    bpe.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    bpe.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    bytes_ = [f"<0x{byte:02X}>" for byte in range(256)]
    letters = list("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,?!:;<>[]/|_'\"▁")
    bpe.train_from_iterator(
        ("▁" + text.replace(" ", "▁") for text in TEXTS),
        trainers.BpeTrainer(vocab_size=900, special_tokens=["<unk>", *MARKS, *bytes_], initial_alphabet=letters),
    )
    return _finished(bpe, template, eos)


def smollm2() -> PreTrainedTokenizerBase:
    return _with_placeholders(AutoTokenizer.from_pretrained(os.fspath(SMOLLM2), local_files_only=True))


def _finished(bpe: Tokenizer, template: str | None, eos: str) -> PreTrainedTokenizerBase:
    made = PreTrainedTokenizerFast(
        tokenizer_object=bpe, bos_token="<s>", eos_token=eos, pad_token="<pad>", chat_template=template,
        additional_special_tokens=list(MARKS),
    )  # fmt: skip
    return _with_placeholders(made)


def _with_placeholders(tokenizer: PreTrainedTokenizerBase) -> PreTrainedTokenizerBase:
    tokenizer.add_special_tokens(
        {"additional_special_tokens": [chat.IMAGE, chat.MASK, chat.SPATIAL]}, replace_extra_special_tokens=False
    )
    return tokenizer
