"""The two forms of a reply, plain text and JSON, and how either is read into the same content.

Content is what a reply says, whatever its form: (question, answer) pairs, or (name of a region, paragraph about it).
All checks are made on content, so that a reply passes or fails alike in both; what is peculiar to a form ends here. A
JSON reply is decoded into typed records that admit what the schema admits (`prompts/<kind>/json/schema.json`, sent with
the request) and nothing else: servers that do not hold a model to the schema are common.
"""

import json
import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import msgspec

from pipelines.builders.replies import (
    MARK_END,
    MARK_START,
    BadReply,
    blocks,
    no_reading,
    question_answer_pairs,
    question_answer_text,
    tidy,
)
from prompts import JSON, Form

Content = list[tuple[str, str]]
"""(question, answer), or (name of a region, paragraph)."""

_FENCED = re.compile(r"```[a-zA-Z]{0,10}[^\S\n]*+\n(.*?)\n?[^\S\n]*```", re.DOTALL)
_QUESTION = re.compile(rf"{MARK_START}(?:question|q)[ \t]*+\d*+{MARK_END}", re.IGNORECASE)
_ANSWER = re.compile(rf"{MARK_START}(?:answer|a)[ \t]*+\d*+{MARK_END}", re.IGNORECASE)
_REGION_MARK = re.compile(rf"{MARK_START}(<region[0-9]{{1,4}}>){MARK_END}", re.MULTILINE)


class _Pair(msgspec.Struct, forbid_unknown_fields=True):
    question: str
    answer: str


class _Pairs(msgspec.Struct, forbid_unknown_fields=True):
    pairs: list[_Pair]


class _Description(msgspec.Struct, forbid_unknown_fields=True):
    region: str
    description: str


class _Descriptions(msgspec.Struct, forbid_unknown_fields=True):
    descriptions: list[_Description]


class Shape(NamedTuple):
    """What the content of a kind looks like in each form; every reader raises `BadReply`, and nothing else."""

    read_text: Callable[[str], Content]
    write_text: Callable[[Iterable[tuple[str, str]]], str]
    read_json: Callable[[str], Content]
    write_json: Callable[[Iterable[tuple[str, str]]], str]

    def read(self, text: str, form: Form) -> Content:
        """The content of a reply."""
        return self.read_json(text) if form == JSON else self.read_text(text)

    def write(self, content: Iterable[tuple[str, str]], form: Form) -> str:
        """Content in the form that is asked of the model."""
        return self.write_json(content) if form == JSON else self.write_text(content)


def json_of(text: str, shape: type[Any]) -> Any:
    """A reply that is JSON, alone or in a code fence, as a record.

    Servers without support for schemas let a model write fences around its JSON, and a remark before or after them.
    """
    found = _FENCED.search(text) if "```" in text else None
    bare = (found.group(1) if found else text).strip().removeprefix("\ufeff")
    try:
        return msgspec.json.decode(bare.encode(), type=shape)
    except msgspec.ValidationError as error:
        raise BadReply("reply_format", f"the JSON does not keep to the schema: {error}") from None
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise no_reading(text, "reply_format", f"not JSON: {error}") from None


def _read_pairs(text: str) -> Content:
    pairs = json_of(text, _Pairs).pairs  # some models write the marks of plain text into the JSON as well
    found = [(tidy(_QUESTION.sub("", one.question, 1)), tidy(_ANSWER.sub("", one.answer, 1))) for one in pairs]
    if not found:
        raise BadReply("reply_no_question", "`pairs` is an empty list")
    if not all(question and answer for question, answer in found):
        raise BadReply("reply_format", "an empty question or answer")
    return found


def _write_pairs(content: Iterable[tuple[str, str]]) -> str:
    return _lines("pairs", [{"question": question, "answer": answer} for question, answer in content])


def _read_descriptions(text: str) -> Content:
    found = json_of(text, _Descriptions).descriptions
    if not found:
        raise BadReply("reply_format", "`descriptions` is an empty list")
    return [(one.region.strip(), _without_mark(one)) for one in found]


def _without_mark(one: _Description) -> str:
    """The paragraph without the mark of its own region, which some models write before it as in plain text."""
    mark = _REGION_MARK.match(one.description)
    own = mark is not None and mark.group(1) == one.region.strip()
    return tidy(one.description[mark.end() :] if mark and own else one.description)


def _write_descriptions(content: Iterable[tuple[str, str]]) -> str:
    return _lines("descriptions", [{"region": name, "description": paragraph} for name, paragraph in content])


def _lines(name: str, entries: Iterable[dict[str, str]]) -> str:
    """An entry a line, as in the worked examples."""
    return f'{{"{name}": [\n' + ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in entries) + "\n]}"


def _read_paragraphs(text: str) -> Content:
    """`<region1>: ...` blocks; a paragraph runs to the next mark, lines before the first one are left out."""
    marks = list(_REGION_MARK.finditer(text))
    if not marks:
        raise no_reading(text, "reply_format", "no line starts with `<region1>:`")
    return list(zip((mark.group(1) for mark in marks), blocks(text, marks), strict=True))


def _write_paragraphs(content: Iterable[tuple[str, str]]) -> str:
    return "\n\n".join(f"{name}: {paragraph}" for name, paragraph in content)


PAIRS = Shape(question_answer_pairs, question_answer_text, _read_pairs, _write_pairs)
"""Questions with their answers."""
PARAGRAPHS = Shape(_read_paragraphs, _write_paragraphs, _read_descriptions, _write_descriptions)
"""A paragraph about every region."""
