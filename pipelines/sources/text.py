"""Cleaning of text from sources: blanks, line breaks and control characters. Words are left as they are."""

import re
import unicodedata

_PARAGRAPHS = re.compile(r"\n[ \t]*(?:\n[ \t]*)+")
_INVISIBLE = frozenset("\u200b\u200c\u2060\ufeff\u00ad")


def clean_line(text: str) -> str:
    """One line: every run of blanks and line breaks is one blank, none at the ends, no control characters."""
    if text.isascii() and text.isprintable() and "  " not in text:
        return text.strip()
    return " ".join(_visible(text).split())


def clean_paragraphs(text: str) -> str:
    """Like `clean_line`, but empty lines go on parting paragraphs (as one empty line)."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    paragraphs = (clean_line(paragraph) for paragraph in _PARAGRAPHS.split(lines))
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph)


def _visible(text: str) -> str:
    """Control characters become blanks, since some (such as tab) part words; invisible ones and lone surrogates go."""
    kept = (" " if unicodedata.category(char) == "Cc" else char for char in text if char not in _INVISIBLE)
    return "".join(char for char in kept if unicodedata.category(char) != "Cs")
