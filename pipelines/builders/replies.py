"""Checks on what a model answered, and the reading of question-answer text.

Every check raises `BadReply` with a reason of the ledger's list; the reply itself stays in the reply store
and among the rejects.
"""

import re
from collections.abc import Iterable

from pipelines.builders.naming import region_name, region_names
from schemas.records import Reply

Pairs = list[tuple[str, str]]

_SOURCE_TALK = re.compile(
    r"bounding[ -]box|\bcoordinates?\b|\bcaptions?\b|\bannotat(?:ed|ions?)\b|\breferring expressions?\b|<regin"
    r"|\[\s*[01]?\.\d+\s*,"
    r"|\b(?:given|provided|supplied) (?:text|descriptions?|information|details|notes|sentences?)\b"
    r"|\b(?:according to|based on|from) (?:the|these|those|your) (?:text|descriptions?|sentences?|notes|information)\b"
    r"|\b(?:the|these|those|your) (?:notes|descriptions?)\b|\bthis region\b",
    re.IGNORECASE,
)
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


def usable_text(reply: Reply) -> str:
    """The reply's text, if the model finished it by itself."""
    if reply.error:
        raise BadReply("request_failed", reply.error)
    if reply.finish_reason == "length":
        raise BadReply("reply_cut_off", "finish_reason is length")
    if reply.finish_reason == "content_filter":
        raise BadReply("reply_filtered", "finish_reason is content_filter")
    if not reply.text.strip():
        raise BadReply("reply_empty", "no text")
    return reply.text


def question_answer_pairs(text: str) -> Pairs:
    """The pairs of a text of `Question: ...` and `Answer: ...` blocks, in turn; lines before the first are left out.

    A block runs to the next mark, so answers of several lines and paragraphs stay whole.
    """
    marks = list(_MARK.finditer(text))
    if not marks:
        raise BadReply("reply_no_question", "no `Question:` found")
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    blocks = [(mark.group(1)[0].lower(), tidy(text[mark.end() : end])) for mark, end in zip(marks, ends, strict=True)]
    if [letter for letter, _ in blocks] != ["q", "a"] * (len(blocks) // 2):
        raise BadReply("reply_format", "questions and answers are not in turn")
    if any(not content for _, content in blocks):
        raise BadReply("reply_format", "an empty question or answer")
    contents = [content for _, content in blocks]
    return list(zip(contents[::2], contents[1::2], strict=True))


def tidy(text: str) -> str:
    """Without blanks at line ends, code fences, rules, bold marks, and runs of blank lines."""
    stripped = (line.strip() for line in text.replace("```", "").splitlines())
    lines = [line for line in stripped if not _RULE.fullmatch(line)]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).replace("**", "").strip("* \n")


def check_regions(texts: Iterable[str], count: int) -> None:
    """Every region from 1 to `count` is named in the texts, and no other."""
    named = set().union(*(region_names(text) for text in texts))
    given = {region_name(number) for number in range(1, count + 1)}
    if named - given:
        raise BadReply("reply_unknown_region", f"names {min(named - given)[:80]}, given were 1 to {count}")
    if given - named:
        raise BadReply("reply_missing_region", f"does not name {', '.join(sorted(given - named))}")


def check_talk(texts: Iterable[str]) -> None:
    """No text speaks of boxes, coordinates, captions or other sources of what it knows."""
    for text in texts:
        found = _SOURCE_TALK.search(text)
        if found:
            raise BadReply("reply_mentions_source", f"says {found.group()!r}")
