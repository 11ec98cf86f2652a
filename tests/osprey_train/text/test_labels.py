"""Which tokens are in the loss: of a real row one by one, of any conversation by what they must add up to."""

import json
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerBase

from osprey_train import chat
from osprey_train.chat import IGNORED, Turn
from schemas.errors import InputError
from tests.osprey_train.text import forms
from tests.properties import quick

ROW = json.loads(pathlib.Path(__file__).with_name("row.json").read_text(encoding="utf-8"))
"""A row of positive_negative, as `osprey-data build` wrote it of the sample scenes."""
IMAGE_TOKENS = 3


def encoded(tokenizer: PreTrainedTokenizerBase, form: chat.ChatForm, messages: Any, context: int = 10_000) -> Any:
    turns, order = chat.with_placeholders(chat.turns_of(messages, chat.control_tokens(tokenizer)), 20)
    return chat.encode(tokenizer, form, turns, IMAGE_TOKENS, context), order


def told(tokenizer: PreTrainedTokenizerBase, found: chat.Encoded) -> list[tuple[str, bool]]:
    """Text and label state of every token."""
    for token, label in zip(found.input_ids, found.labels, strict=True):
        assert label in (token, IGNORED)
    return [
        (tokenizer.decode([token]), bool(label != IGNORED))
        for token, label in zip(found.input_ids, found.labels, strict=True)
    ]


def without(text: str) -> list[tuple[str, bool]]:
    """Tokens, parted by `·`, that are not in the loss."""
    return [(token, False) for token in text.split("·")]


@forms.needs_smollm2
def test_a_real_row_token_by_token_with_smollm2() -> None:
    tokenizer = forms.smollm2()
    found, order = encoded(tokenizer, chat.template_form(tokenizer), ROW["messages"])
    region = "<·region·{}·>·<mask>·<pos>"
    reply = "<|im_end|>·\n·<|im_start|>·ass·istant·\n"
    turn = "·<|im_start|>·user·\n·"
    assert told(tokenizer, found) == [
        *without(
            "<|im_start|>·system·\n·You· are· a· helpful· AI· assistant· named· Sm·ol·LM·,· trained· by· H·ugging· Face"
            f"·<|im_end|>·\n{turn}<image>·<image>·<image>·\n·Does· {region.format(1)}· show· a· balloon·?·{reply}"
        ),
        ("No", True), ("<|im_end|>", True),
        *without(f"\n{turn}Can· the· thing· in· <·region·1·>· be· called· a· bucket·?·{reply}"),
        ("Yes", True), ("<|im_end|>", True),
        *without(f"\n{turn}Is· {region.format(2)}· a· bucket·?·{reply}"),
        ("No", True), ("<|im_end|>", True),
        *without(f"\n{turn}Does· <·region·2·>· show· a· balloon·?·{reply}"),
        ("Yes", True), ("<|im_end|>", True),
    ]  # fmt: skip
    assert order == [0, 1]
    assert (found.turns_dropped, found.answers_cut) == (0, 0)


def test_a_real_row_character_by_character_with_any_tokenizer() -> None:
    """As above without the real tokenizer: what is in the loss stands in «»."""
    tokenizer = forms.byte_level()
    found, _ = encoded(tokenizer, chat.template_form(tokenizer), ROW["messages"])
    shown, state = "", False
    for text, learned in told(tokenizer, found):
        shown += ("«" if learned else "»") * (learned != state) + text
        state = learned
    assert shown == (
        "<|im_start|>system\nBe brief.<|im_end|>\n"
        "<|im_start|>user\n<image><image><image>\nDoes <region1><mask><pos> show a balloon?<|im_end|>\n"
        "<|im_start|>assistant\n«No<|im_end|>»\n"
        "<|im_start|>user\nCan the thing in <region1> be called a bucket?<|im_end|>\n"
        "<|im_start|>assistant\n«Yes<|im_end|>»\n"
        "<|im_start|>user\nIs <region2><mask><pos> a bucket?<|im_end|>\n"
        "<|im_start|>assistant\n«No<|im_end|>»\n"
        "<|im_start|>user\nDoes <region2> show a balloon?<|im_end|>\n"
        "<|im_start|>assistant\n«Yes<|im_end|>"
    )


def test_vicuna_token_by_token() -> None:
    tokenizer = forms.sentence_pieces()
    messages = [{"role": role, "content": text} for role, text in zip(("user", "assistant") * 2, "abcd", strict=True)]
    found, _ = encoded(tokenizer, chat.vicuna_v1(tokenizer, "Be kind."), messages)
    pieces = tokenizer.convert_ids_to_tokens(found.input_ids.tolist())
    learned = [piece for piece, label in zip(pieces, found.labels, strict=True) if label != IGNORED]
    assert "".join(pieces).replace("▁", " ") == (
        "<s> Be kind. USER: <image><image><image> <0x0A>a ASSISTANT: b</s> USER: c ASSISTANT: d</s>"
    )
    assert learned == ["▁", "b", "</s>", "▁", "d", "</s>"]


MAKES: dict[str, Callable[[], PreTrainedTokenizerBase]] = {
    **{
        name: lambda template=template, eos=eos: forms.byte_level(template, eos)  # type: ignore[misc]
        for name, (template, eos) in forms.TEMPLATES.items()
    },
    "llama2-pieces": lambda: forms.sentence_pieces(forms.LLAMA2),
    "vicuna": forms.sentence_pieces,
}
_made: dict[str, tuple[PreTrainedTokenizerBase, chat.ChatForm]] = {}


def made(name: str) -> tuple[PreTrainedTokenizerBase, chat.ChatForm]:
    if name not in _made:
        tokenizer = MAKES[name]()
        form = chat.template_form(tokenizer) if tokenizer.chat_template else chat.vicuna_v1(tokenizer)
        _made[name] = tokenizer, form
    return _made[name]


texts = st.one_of(
    st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20),
    st.lists(
        st.sampled_from(
            ["<region1>", "<region12>", "<region2>", "<image>", "<mask>", "<pos>", "</s>", "<|im_end|>", "<s>",
             "<|eot_id|>",
             "a dog", " ", "\n", "<", ">", "|im_end|>", "é", "日本", "🐕", "USER:", "[/INST]", "<<image>image>"]
        ), max_size=6,
    ).map("".join),
)  # fmt: skip
conversations = st.lists(st.tuples(texts, texts), min_size=1, max_size=4)


def messages_of(turns: list[tuple[str, str]]) -> list[dict[str, str]]:
    return [
        {"role": role, "content": text}
        for turn in turns
        for role, text in zip(("user", "assistant"), turn, strict=True)
    ]


@pytest.mark.parametrize("name", MAKES)
@settings(quick, max_examples=60)
@given(turns=conversations)
def test_labels_are_the_answers_and_their_end_marks(name: str, turns: list[tuple[str, str]]) -> None:
    tokenizer, form = made(name)
    found, order = encoded(tokenizer, form, messages_of(turns))
    control = chat.control_tokens(tokenizer)
    learned = tokenizer.decode(found.labels[found.labels != IGNORED])
    expected = "".join(form.lead + turn.answer + form.end for turn in chat.turns_of(messages_of(turns), control))
    if name in ("vicuna", "llama2-pieces"):  # its decoder drops blanks after marks, and normalises nothing else
        assert learned.replace(" ", "") == expected.replace(" ", "")
    else:
        assert learned == expected
    for token, count in ((chat.IMAGE, IMAGE_TOKENS), (chat.MASK, len(order)), (chat.SPATIAL, len(order))):
        assert (found.input_ids == tokenizer.convert_tokens_to_ids(token)).sum() == count
    ends = int(tokenizer.convert_tokens_to_ids(tokenizer.eos_token))
    assert (found.labels == ends).sum() == len(turns)


@pytest.mark.parametrize("name", MAKES)
@settings(quick, max_examples=40)
@given(turns=conversations)
def test_what_is_asked_is_what_training_saw(name: str, turns: list[tuple[str, str]]) -> None:
    tokenizer, form = made(name)
    whole, _ = encoded(tokenizer, form, messages_of(turns))
    placed, _ = chat.with_placeholders(chat.turns_of(messages_of(turns), chat.control_tokens(tokenizer)), 20)
    for count in range(1, len(turns) + 1):
        prompt = chat.prompt_ids(tokenizer, form, placed[:count], IMAGE_TOKENS)
        assert whole.input_ids[: len(prompt)].tolist() == prompt
        assert whole.labels[len(prompt)] != IGNORED
        assert whole.labels[len(prompt) - 1] == IGNORED


@pytest.mark.parametrize("name", ["chatml", "vicuna"])
@settings(quick, max_examples=60)
@given(turns=conversations, data=st.data())
def test_shortening(name: str, turns: list[tuple[str, str]], data: st.DataObject) -> None:
    tokenizer, form = made(name)
    whole, _ = encoded(tokenizer, form, messages_of(turns))
    image = np.flatnonzero(whole.input_ids == tokenizer.convert_tokens_to_ids(chat.IMAGE))
    context = data.draw(st.integers(int(image[-1]) + 1, len(whole.input_ids) + 5))
    short, _ = encoded(tokenizer, form, messages_of(turns), context)
    length = len(short.input_ids)
    assert length <= context
    assert np.array_equal(short.input_ids, whole.input_ids[:length])
    assert np.array_equal(short.labels, whole.labels[:length])
    ends = [encoded(tokenizer, form, messages_of(turns[:n]))[0].input_ids.size for n in range(1, len(turns) + 1)]
    kept = max(1, sum(end <= context for end in ends))
    assert short.turns_dropped == len(turns) - kept
    assert short.answers_cut == int(ends[0] > context)
    if not short.answers_cut:
        assert length == ends[kept - 1]
    counts = [(short.input_ids == tokenizer.convert_tokens_to_ids(token)).sum() for token in (chat.MASK, chat.SPATIAL)]
    assert counts[0] == counts[1]
    assert (short.input_ids == tokenizer.convert_tokens_to_ids(chat.IMAGE)).sum() == IMAGE_TOKENS


def test_a_cut_leaves_no_mask_token_alone() -> None:
    tokenizer, form = made("chatml")
    turns, _ = chat.with_placeholders([Turn("What is <region1>?", "x")], 1)
    whole = chat.encode(tokenizer, form, turns, IMAGE_TOKENS, 1000)
    place = int(np.flatnonzero(whole.input_ids == tokenizer.convert_tokens_to_ids(chat.MASK))[0])
    for context, length in ((place, place), (place + 1, place), (place + 2, place + 2)):
        short = chat.encode(tokenizer, form, turns, IMAGE_TOKENS, context)
        assert len(short.input_ids) == length
        assert short.answers_cut == 1
        assert (short.labels == IGNORED).all()


def test_an_answer_is_learned_as_far_as_it_reaches() -> None:
    tokenizer, form = made("chatml")
    turns = [Turn(f"{chat.IMAGE}\nWhat?", "a long answer of many, many words"), Turn("And?", "no")]
    whole = chat.encode(tokenizer, form, turns, IMAGE_TOKENS, 1000)
    begin = int(np.flatnonzero(whole.labels != IGNORED)[0])
    short = chat.encode(tokenizer, form, turns, IMAGE_TOKENS, begin + 4)
    assert (short.turns_dropped, short.answers_cut) == (1, 1)
    assert (short.labels[begin:] == whole.input_ids[begin : begin + 4]).all()


def test_a_context_without_room_for_the_picture() -> None:
    tokenizer, form = made("chatml")
    with pytest.raises(InputError, match="a context of 50 tokens has no room for a picture of 64"):
        chat.encode(tokenizer, form, [Turn(chat.IMAGE, "x")], 64, 50)
