"""Conversations as token ids and labels.

A conversation becomes one text in the language model's own form, with placeholders for picture and regions, and is
tokenised once; the labels come from the places of the answers in that text. Only answers, each with the mark that ends
it, are in the loss.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from transformers import PreTrainedTokenizerBase

from schemas.errors import ModelError, ShardError

IMAGE, MASK, SPATIAL = "<image>", "<mask>", "<pos>"
"""Placeholders: the picture's tokens, and a region's mask token and spatial token."""
IGNORED = -100
"""The label of a token that is not in the loss."""

Message = Mapping[str, Any]
_region = re.compile(r"<region(\d+)>")


class ChatForm(NamedTuple):
    """What stands around questions and answers: `head Q reply A end next Q reply A end ...`."""

    head: str
    reply: str
    lead: str
    """Between the words that call for an answer and the answer itself."""
    end: str
    """Ends an answer, and is learned with it."""
    next: str

    def prompt(self, turns: Sequence["Turn"]) -> str:
        """The text up to where the model answers the last question."""
        return self.text(turns)[: -len(self.lead + turns[-1].answer + self.end) or None]

    def text(self, turns: Sequence["Turn"]) -> str:
        """The whole conversation."""
        return self.head + self.next.join(
            turn.question + self.reply + self.lead + turn.answer + self.end for turn in turns
        )

    def answers(self, turns: Sequence["Turn"]) -> list[tuple[int, int]]:
        """Where in the text each answer begins, and where its end mark ends (half-open)."""
        spans, at = [], len(self.head)
        for turn in turns:
            begin = at + len(turn.question + self.reply)
            at = begin + len(self.lead + turn.answer + self.end)
            spans.append((begin, at))
            at += len(self.next)
        return spans


class Turn(NamedTuple):
    """A question and its answer."""

    question: str
    answer: str


class Encoded(NamedTuple):
    """A conversation as the model reads it."""

    input_ids: list[int]
    labels: list[int]
    turns_dropped: int
    """Whole turns left out at the end because the context was full."""
    answers_cut: int
    """1 if the first answer alone was too long and had to be cut."""


def vicuna_v1(tokenizer: PreTrainedTokenizerBase, system: str = "") -> ChatForm:
    """Vicuna's v1 form, which the public Osprey was trained in. Its system sentence is the caller's to give."""
    head = f"{tokenizer.bos_token or ''}{system} USER: " if system else f"{tokenizer.bos_token or ''}USER: "
    return ChatForm(head=head, reply=" ASSISTANT:", lead=" ", end=str(tokenizer.eos_token), next="USER: ")


def template_form(tokenizer: PreTrainedTokenizerBase, system: str = "") -> ChatForm:
    """The form of the tokenizer's chat template, learned by rendering two conversations with marks for their texts.

    Raises ModelError where there is no template, or one that does not treat all turns alike.
    """
    if not tokenizer.chat_template:
        raise ModelError(
            f"the tokenizer of {tokenizer.name_or_path or 'the language model'} has no chat template",
            hint="choose the prompt form vicuna_v1, or give the tokenizer a template",
        )
    turns = [Turn("\ue000q1\ue001", "\ue000a1\ue001"), Turn("\ue000q2\ue001", "\ue000a2\ue001")]
    pieces = re.split("\ue000[qa][12]\ue001", _rendered(tokenizer, turns, system))
    asked = _rendered(tokenizer, [Turn(turns[0].question, "")], system, ask=True).split(turns[0].question)
    if len(pieces) != 5 or len(asked) != 2:
        raise _unlike(tokenizer)
    head, reply, between, reply_again, tail = pieces
    end = tail.rstrip()
    form = ChatForm(head=head, reply=asked[1], lead=reply[len(asked[1]) :], end=end, next=between[len(end) :])
    if reply != reply_again or not reply.startswith(asked[1]) or not between.startswith(end) or not end:
        raise _unlike(tokenizer)
    return form


def _rendered(tokenizer: PreTrainedTokenizerBase, turns: Sequence[Turn], system: str, ask: bool = False) -> str:
    messages = [{"role": "system", "content": system}] if system else []
    for turn in turns:
        messages += [{"role": "user", "content": turn.question}, {"role": "assistant", "content": turn.answer}]
    messages = messages[:-1] if ask else messages
    return str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=ask))


def _unlike(tokenizer: PreTrainedTokenizerBase) -> ModelError:
    return ModelError(
        f"the chat template of {tokenizer.name_or_path or 'the language model'} does not treat all turns alike",
        hint="so the places of the answers cannot be told; choose the prompt form vicuna_v1",
    )


def turns_of(messages: Sequence[Message]) -> list[Turn]:
    """Questions and answers of a row's messages; raises ShardError where they do not alternate."""
    roles = [message["role"] for message in messages]
    if not roles or roles != ["user", "assistant"] * (len(roles) // 2):
        raise ShardError(f"messages must be user and assistant in turn, but are {', '.join(roles) or 'none'}")
    texts = [str(message["content"]).strip() for message in messages]
    return [Turn(*pair) for pair in zip(texts[::2], texts[1::2], strict=True)]


def with_placeholders(turns: Sequence[Turn], regions: int) -> tuple[list[Turn], list[int]]:
    """The turns with placeholders for picture and regions, and the regions (from 0) in the order of theirs.

    A region's placeholders follow its first mention by a question; a region that an answer mentions first is put at the
    head of that answer's question. Raises ShardError for a region that the row does not have.
    """
    placed: list[Turn] = []
    order: list[int] = []
    for turn in turns:
        asked = [int(number) for number in _region.findall(turn.question)]
        told = [int(number) for number in _region.findall(turn.answer)]
        for number in (*asked, *told):
            if not 1 <= number <= regions:
                raise ShardError(f"the text names <region{number}>, but the row has {regions} regions")
        ahead = [number for number in dict.fromkeys(told) if number - 1 not in order and number not in asked]
        head = "".join(f"<region{number}>{MASK}{SPATIAL} " for number in ahead)
        order += [number - 1 for number in ahead]
        placed.append(Turn(head + _region.sub(lambda mention: _mention(mention, order), turn.question), turn.answer))
    return [Turn(f"{IMAGE}\n{placed[0].question}", placed[0].answer), *placed[1:]], order


def _mention(mention: re.Match[str], order: list[int]) -> str:
    index = int(mention[1]) - 1
    if index in order:
        return mention[0]
    order.append(index)
    return f"{mention[0]}{MASK}{SPATIAL}"


def encode(
    tokenizer: PreTrainedTokenizerBase, form: ChatForm, turns: Sequence[Turn], image_tokens: int, context: int
) -> Encoded:
    """Token ids and labels of turns with placeholders, at most `context` of them.

    Whole turns are left out at the end until the rest fits; of a first turn that does not fit alone, the answer is cut.
    """
    spans = form.answers(turns)
    image_id = int(tokenizer.convert_tokens_to_ids(IMAGE))
    found = tokenizer(form.text(turns), add_special_tokens=False, return_offsets_mapping=True)
    ids, offsets = expanded(found["input_ids"], found["offset_mapping"], image_id, image_tokens)
    labels, span = [IGNORED] * len(ids), iter(spans)
    begin, end = next(span)
    ends = []
    for at, (token_begin, token_end) in enumerate(offsets):
        while token_begin >= end:
            ends.append(at)
            begin, end = next(span, (len(offsets) and 1 << 60, 1 << 60))
        if token_end > begin:
            labels[at] = ids[at]
    ends += [len(ids)] * (len(turns) - len(ends))
    kept = sum(end <= context for end in ends)
    length = ends[kept - 1] if kept else context
    return Encoded(ids[:length], labels[:length], len(turns) - max(kept, 1), int(not kept))


def expanded(
    ids: Sequence[int], offsets: Sequence[tuple[int, int]], image_id: int, image_tokens: int
) -> tuple[list[int], list[tuple[int, int]]]:
    """Ids and offsets with the picture's one placeholder repeated for each of its tokens."""
    at = ids.index(image_id) if image_id in ids else len(ids)
    times = image_tokens if at < len(ids) else 0
    return (
        [*ids[:at], *[image_id] * times, *ids[at + 1 :]],
        [*offsets[:at], *[offsets[at]] * times, *offsets[at + 1 :]] if times else list(offsets),
    )
