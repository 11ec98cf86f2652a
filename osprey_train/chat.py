"""Conversations as token ids and labels.

A conversation becomes one text in the language model's own form, with placeholders for picture and regions, and is
tokenised once; the labels come from the places of the answers in that text. Only answers, each with the mark that ends
it, are in the loss. What a model is asked (`ChatForm.prompt`) is the same text up to an answer.
"""

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jinja2
import numpy as np
import numpy.typing as npt
from transformers import PreTrainedTokenizerBase

from schemas.errors import InputError, ModelError

IMAGE, MASK, SPATIAL = "<image>", "<mask>", "<pos>"
"""Placeholders: the picture's tokens, and a region's mask token and spatial token."""
IGNORED = -100
"""The label of a token that is not in the loss."""

Message = Mapping[str, Any]
Ids = npt.NDArray[np.int64]
_region = re.compile(r"<region([0-9]+)>")


class Turn(NamedTuple):
    """A question and its answer."""

    question: str
    answer: str


class ChatForm(NamedTuple):
    """What stands around questions and answers: `head Q reply lead A end next Q reply lead A end ...`."""

    head: str
    reply: str
    """Calls for an answer."""
    lead: str
    """Between those words and the answer: the model writes it, so it is learned."""
    end: str
    """Ends an answer, and is learned with it."""
    next: str

    def text(self, turns: Sequence[Turn]) -> str:
        """The whole conversation."""
        return self.head + self.next.join(
            turn.question + self.reply + self.lead + turn.answer + self.end for turn in turns
        )

    def prompt(self, turns: Sequence[Turn]) -> str:
        """The text up to where the model answers the last question."""
        return self.text(turns)[: self.answers(turns)[-1][0]]

    def answers(self, turns: Sequence[Turn]) -> list[tuple[int, int]]:
        """Where in the text each answer, with its lead, begins and where its end mark ends (half-open)."""
        spans, at = [], len(self.head)
        for turn in turns:
            begin = at + len(turn.question + self.reply)
            at = begin + len(self.lead + turn.answer + self.end)
            spans.append((begin, at))
            at += len(self.next)
        return spans


class Encoded(NamedTuple):
    """A conversation as the model reads it."""

    input_ids: Ids
    labels: Ids
    turns_dropped: int
    """Whole turns left out at the end because the context was full."""
    answers_cut: int
    """1 if the first turn alone was too long and had to be cut."""


def vicuna_v1(tokenizer: PreTrainedTokenizerBase, system: str = "") -> ChatForm:
    """Vicuna's v1 form, which the public Osprey was trained in. Its system sentence is the caller's to give."""
    if not tokenizer.eos_token:
        raise ModelError(
            f"the tokenizer of {_name(tokenizer)} has no token that ends a text (eos_token)",
            hint="give it one: the form vicuna_v1 ends every answer with it",
        )
    head = f"{tokenizer.bos_token or ''}{system} USER: " if system else f"{tokenizer.bos_token or ''}USER: "
    return ChatForm(head=head, reply=" ASSISTANT:", lead=" ", end=str(tokenizer.eos_token), next="USER: ")


def template_form(tokenizer: PreTrainedTokenizerBase, system: str = "") -> ChatForm:
    """The form of the tokenizer's chat template, learned by rendering conversations with marks for their texts.

    Raises ModelError where there is no template, it does not treat all turns alike, or marks no end of an answer.
    """
    if not tokenizer.chat_template:
        raise ModelError(
            f"the tokenizer of {_name(tokenizer)} has no chat template",
            hint="choose the prompt form vicuna_v1, or give the tokenizer a template",
        )
    turns = [Turn(f'\ue000Q{n} <&">\ue001', f'\ue000A{n} <&">\ue001') for n in (1, 2, 3)]
    pieces = re.split("\ue000.*?\ue001", _rendered(tokenizer, turns[:2], system))
    asked = _rendered(tokenizer, turns[:1], system, ask=True).split(turns[0].question)
    if len(pieces) != 5 or len(asked) != 2:
        raise _unlike(tokenizer, "changes the texts, or leaves some out")
    head, reply, between, _, tail = pieces
    end = tail.rstrip()
    form = ChatForm(head=head, reply=asked[1], lead=reply[len(asked[1]) :], end=end, next=between[len(end) :])
    if not any(token in end for token in tokenizer.all_special_tokens):
        raise _unlike(tokenizer, f"ends answers with {end!r}, which is no special token")
    for count in (1, 2, 3):
        whole, prompt = (_rendered(tokenizer, turns[:count], system, ask) for ask in (False, True))
        if (
            form.text(turns[:count]) != whole[: len(whole) - len(tail) + len(end)]
            or form.prompt(turns[:count]) != prompt
        ):
            raise _unlike(tokenizer, "does not treat all turns alike, so the places of the answers cannot be told")
    return form


def _rendered(tokenizer: PreTrainedTokenizerBase, turns: Sequence[Turn], system: str, ask: bool = False) -> str:
    messages = [{"role": "system", "content": system}] if system else []
    for turn in turns:
        messages += [{"role": "user", "content": turn.question}, {"role": "assistant", "content": turn.answer}]
    messages = messages[:-1] if ask else messages
    try:
        return str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=ask))
    except (jinja2.TemplateError, TypeError) as error:
        raise _unlike(tokenizer, f"cannot be used: {error}") from error


def _unlike(tokenizer: PreTrainedTokenizerBase, reason: str) -> ModelError:
    return ModelError(
        f"the chat template of {_name(tokenizer)} {reason}",
        hint="give it another template, or choose the prompt form vicuna_v1",
    )


def _name(tokenizer: PreTrainedTokenizerBase) -> str:
    return str(tokenizer.name_or_path or "the language model")


def control_tokens(tokenizer: PreTrainedTokenizerBase) -> re.Pattern[str]:
    """Finds in people's texts what the tokenizer would read as its own marks, such as `</s>` or `<image>`."""
    tokens = {token for token in tokenizer.all_special_tokens if len(token.strip()) > 1} | {IMAGE, MASK, SPATIAL}
    return re.compile("|".join(map(re.escape, sorted(tokens, key=len, reverse=True))))


def turns_of(messages: Sequence[Message], control: re.Pattern[str] | None = None, *, ask: bool = False) -> list[Turn]:
    """Questions and answers of messages; with `ask` the last question is still to be answered.

    A mark in a text (`control`) gets a blank after its first character: `</s>` becomes `< /s>`, which is only text.
    Raises InputError where user and assistant do not alternate.
    """
    roles = [str(message["role"]) for message in messages]
    texts = [str(message["content"]).strip() for message in messages]
    if control:
        texts = [control.sub(lambda mark: f"{mark[0][0]} {mark[0][1:]}", text) for text in texts]
    if ask:
        roles, texts = [*roles, "assistant"], [*texts, ""]
    if not roles or roles != ["user", "assistant"] * (len(roles) // 2):
        said = ", ".join(str(message["role"]) for message in messages) or "none"
        raise InputError(f"messages must be user and assistant in turn{', user last' * ask}, but are {said}")
    return [Turn(*pair) for pair in zip(texts[::2], texts[1::2], strict=True)]


def with_placeholders(turns: Sequence[Turn], regions: int) -> tuple[list[Turn], list[int]]:
    """The turns with placeholders for picture and regions, and the regions (from 0) in the order of theirs.

    A region's placeholders follow its first mention by a question; a region that an answer mentions first is put at the
    head of that answer's question. Raises InputError for a region that there is not.
    """
    placed: list[Turn] = []
    order: list[int] = []
    mentioned = functools.partial(_mentioned, order)
    for turn in turns:
        asked, told = ([_index(mention, regions) for mention in _region.finditer(text)] for text in turn)
        ahead = [index for index in dict.fromkeys(told) if index not in order and index not in asked]
        head = "".join(f"<region{index + 1}>{MASK}{SPATIAL} " for index in ahead)
        order += ahead
        placed.append(Turn(head + _region.sub(mentioned, turn.question), turn.answer))
    return [Turn(f"{IMAGE}\n{placed[0].question}", placed[0].answer), *placed[1:]], order


def _index(mention: re.Match[str], regions: int) -> int:
    number = int(mention[1][:9])
    if not 1 <= number <= regions:
        there = f"there are {regions} regions" if regions != 1 else "there is 1 region"
        raise InputError(f"the text names {mention[0][:20]}, but {there}")
    return number - 1


def _mentioned(order: list[int], mention: re.Match[str]) -> str:
    index = int(mention[1]) - 1
    if index in order:
        return mention[0]
    order.append(index)
    return f"{mention[0]}{MASK}{SPATIAL}"


def encode(
    tokenizer: PreTrainedTokenizerBase, form: ChatForm, turns: Sequence[Turn], image_tokens: int, context: int
) -> Encoded:
    """Token ids and labels of turns with placeholders, at most `context` of them.

    Whole turns are left out at the end until the rest fits; of a first turn that does not fit alone, the end is cut.
    Raises InputError where not even the picture fits.
    """
    found = tokenizer(form.text(turns), add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    places = np.array(found["offset_mapping"], np.int64)
    begin, end = np.array(form.answers(turns)).T
    image_id, spatial_id = tokenizer.convert_tokens_to_ids([IMAGE, SPATIAL])
    ids, picture = expanded(found["input_ids"], image_id, image_tokens)
    shift = image_tokens - 1
    first = np.searchsorted(places[:, 1], begin, side="right") + shift
    last = np.searchsorted(places[:, 0], end, side="left") + shift
    labels = np.full_like(ids, IGNORED)
    for answer in map(slice, first, last):
        labels[answer] = ids[answer]
    kept = int((last <= context).sum())
    length = int(last[kept - 1]) if kept else context
    if length < picture.stop:
        raise InputError(
            f"a context of {context} tokens has no room for a picture of {image_tokens} and the text before it",
            hint="raise the context, or lower the image size",
        )
    if not kept and ids[length] == spatial_id:
        length -= 1  # a mask token goes with its spatial token
    return Encoded(ids[:length], labels[:length], len(turns) - max(kept, 1), int(not kept))


def prompt_ids(
    tokenizer: PreTrainedTokenizerBase, form: ChatForm, turns: Sequence[Turn], image_tokens: int
) -> list[int]:
    """Token ids of turns with placeholders, up to where the model answers the last question."""
    found = tokenizer(form.prompt(turns), add_special_tokens=False, verbose=False)
    image_id = int(tokenizer.convert_tokens_to_ids(IMAGE))
    listed: list[int] = expanded(found["input_ids"], image_id, image_tokens)[0].tolist()
    return listed


def expanded(ids: Sequence[int], image_id: int, image_tokens: int) -> tuple[Ids, slice]:
    """Ids with the picture's one placeholder repeated for each of its tokens, and where those are."""
    found = np.array(ids, np.int64)
    at = int((found == image_id).argmax())
    return np.insert(found, at, np.full(image_tokens - 1, image_id)), slice(at, at + image_tokens)
