"""Checks on what a model answered, and the reading of question-answer text (`forms.py`: of all forms).

Every check raises `BadReply` with a reason of the ledger's list; the reply itself stays in the reply store
and among the rejects.
"""

import re
from collections.abc import Iterable, Sequence

from pipelines.builders.naming import region_name, region_names
from pipelines.builders.talk import CLOSING, REFUSAL, source_talk
from schemas.records import REFUSED, Reply

Pairs = list[tuple[str, str]]

MARK_START = r"^(?:[^\S\n]*+\d{1,2}+[.)]\s*+)?+(?:[^\S\n]|[>#*_\-\d.)])*+"
"""What may stand before a mark: blanks, emphasis, quotes, headings and a number, also one on the line above."""
MARK_END = r"[ \t*_]*+:[ \t*_]*+"
_MARK = re.compile(rf"{MARK_START}(question|answer|q|a)[ \t]*+\d*+{MARK_END}", re.IGNORECASE | re.MULTILINE)
_RULE = re.compile(r"[-*_=#~]{2,}")
"""A line that parts two blocks."""


class BadReply(ValueError):
    """A reply that gives no sample."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


def no_reading(text: str, reason: str, detail: str) -> BadReply:
    """The fault of a text in which nothing of the asked form is found: a refusal says so in plain words."""
    return BadReply("reply_refused", text.strip()[:200]) if REFUSAL.match(text) else BadReply(reason, detail)


def usable_text(reply: Reply) -> str:
    """The reply's text, if the model finished it by itself."""
    if reply.error:
        raise BadReply("request_failed", reply.error)
    if reply.finish_reason == "length":
        raise BadReply("reply_cut_off", "finish_reason is length")
    if reply.finish_reason == "content_filter":
        raise BadReply("reply_filtered", "finish_reason is content_filter")
    if reply.finish_reason == REFUSED:
        raise BadReply("reply_refused", reply.text.strip()[:200] or "no words")
    if not reply.text.strip():
        raise BadReply("reply_empty", "no text")
    return reply.text


def question_answer_pairs(text: str) -> Pairs:
    """The pairs of a text of `Question: ...` and `Answer: ...` blocks, in turn; lines before the first are left out.

    A block runs to the next mark, so answers of several lines and paragraphs stay whole; the last one runs to the
    closing words, if there are any (see `without_closing`).
    """
    marks = list(_MARK.finditer(text))
    if not marks:
        raise no_reading(text, "reply_no_question", "no `Question:` found")
    contents = blocks(text, marks)
    if [mark.group(1)[0].lower() for mark in marks] != ["q", "a"] * (len(marks) // 2):
        raise BadReply("reply_format", "questions and answers are not in turn")
    if not all(contents):
        raise BadReply("reply_format", "an empty question or answer")
    return list(zip(contents[::2], contents[1::2], strict=True))


def question_answer_text(pairs: Iterable[tuple[str, str]]) -> str:
    """Pairs in the form that is asked of the model."""
    return "\n\n".join(f"Question: {question}\nAnswer: {answer}" for question, answer in pairs)


def short_answers(pairs: Iterable[tuple[str, str]]) -> Pairs:
    """The pairs; the full stop that a short answer ends with is dropped."""
    return [(question, answer.rstrip(" .")) for question, answer in pairs]


def check_one_line(answer: str) -> None:
    """A short answer has one line, and something on it."""
    if "\n" in answer:
        raise BadReply("reply_format", f"{answer[:80]!r} has more than one line")
    if not answer:
        raise BadReply("reply_format", "an empty answer")


def blocks(text: str, marks: Sequence[re.Match[str]]) -> list[str]:
    """What stands between the marks of a text, tidy; the last one goes to the end, without closing words."""
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    found = [tidy(text[mark.end() : end]) for mark, end in zip(marks, ends, strict=True)]
    return [*found[:-1], *map(without_closing, found[-1:])]


def without_closing(block: str) -> str:
    """A tidy last block without the paragraphs at its end that speak to the one who asked: "I hope this helps!".

    They are cut off, and the reply is not rejected: the form, which tells where a block starts, has nothing to tell
    where the last one ends, the words are no part of the answer, and all before them is as good as without them.
    A block of nothing else is empty then, which the parsers reject.
    """
    paragraphs = block.split("\n\n")
    while paragraphs and CLOSING.match(paragraphs[-1]):
        paragraphs.pop()
    return "\n\n".join(paragraphs)


def tidy(text: str) -> str:
    """Without blanks at line ends, code fences, bold marks, and runs of blank lines; a rule becomes a blank line."""
    stripped = (line.strip() for line in text.replace("```", "").splitlines())
    lines = ["" if _RULE.fullmatch(line) else line for line in stripped]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).replace("**", "").strip("* \n")


def check_regions(texts: Iterable[str], count: int) -> None:
    """Every region from 1 to `count` is named in the texts, and no other.

    Of a conversation the texts are all questions and answers: a region that either names is covered. One that is
    only spoken of as "the other dog" is not, since nothing in the row ties such words to its mask.
    """
    named = set().union(*(region_names(text) for text in texts))
    given = {region_name(number) for number in range(1, count + 1)}
    if named - given:
        raise BadReply("reply_unknown_region", f"names {min(named - given)[:80]}, given were 1 to {count}")
    if given - named:
        raise BadReply("reply_missing_region", f"does not name {', '.join(sorted(given - named))}")


def check_talk(texts: Iterable[str]) -> None:
    """No text speaks of boxes, coordinates, captions or other sources of what it knows."""
    for text in texts:
        if found := source_talk(text):
            raise BadReply("reply_mentions_source", f"says {found!r}")
