"""VCR's sentences: lists of tokens, in which a list of numbers stands for objects of the picture.

The numbers count the objects from 0; the ones written in the `_orig` fields count from 1 and are not read.
"""

import re
from collections.abc import Iterable, Sequence
from typing import TypeGuard

from pipelines.sources.text import clean_line

Token = str | list[int]

_JOINS_LEFT = re.compile(r"[.,?!:;%)\]}]+|n't|'(?:s|re|ve|ll|d|m)", re.IGNORECASE)
"""Tokens that stand without a blank after what comes before them."""
_JOINS_RIGHT = frozenset("([{$#")
_JOINS_BOTH = frozenset("-/")
_CONTRACTED = frozenset(("s", "re", "ve", "ll", "d", "m", "t"))
"""What follows an apostrophe that is a token of its own: `<region1> ' s`, `do n ' t`."""
_TWO_HALVES = frozenset((("gon", "na"), ("wan", "na"), ("got", "ta"), ("can", "not")))
"""Words that tokenising parted."""
_QUOTES = {"``": '"', "''": '"', "\u201c": '"', "\u201d": '"'}
_LIKE_A_NAME = re.compile(r"<\s*/?\s*region", re.IGNORECASE)


def tags(sentences: Iterable[Sequence[Token]]) -> list[int]:
    """Numbers of the objects that sentences name, by first sight."""
    return list(dict.fromkeys(tag for sentence in sentences for token in sentence if is_tag(token) for tag in token))


def is_tag(token: Token) -> TypeGuard[list[int]]:
    """Whether the token stands for objects."""
    return isinstance(token, list)


def sentence(tokens: Sequence[Token], names: dict[int, str]) -> str:
    """English of a list of tokens; `names` gives what to call each object."""
    words = [_word(token, names) for token in tokens]
    return "".join(_spaced([word for word in words if word]))


def _word(token: Token, names: dict[int, str]) -> str:
    if isinstance(token, str):
        return _QUOTES.get(token, clean_line(token).replace("\u2019", "'"))
    return _listed([names[tag] for tag in dict.fromkeys(token)])


def names_region(tokens: Iterable[Token]) -> bool:
    """Whether something is written in it that would be read as the name of a region."""
    return bool(_LIKE_A_NAME.search(" ".join(token for token in tokens if isinstance(token, str))))


def _listed(names: list[str]) -> str:
    """`<region1>, <region2> and <region3>`."""
    return " and ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)


def _spaced(words: list[str]) -> list[str]:
    """The words with the blanks that English has between them."""
    alone = sum(_stands_alone(words, index) for index in range(len(words)))
    marks = {'"', "'"} if alone % 2 == 0 else {'"'}
    pieces: list[str] = []
    opened: set[str] = set()
    glued = True
    for index, word in enumerate(words):
        if word in marks and (word == '"' or _stands_alone(words, index)):
            left = word in opened
            opened ^= {word}
            right = not left
        else:
            left, right = _joins(words, index)
        pieces.append(word if left or glued else f" {word}")
        glued = right
    return pieces


def _stands_alone(words: list[str], index: int) -> bool:
    """Whether this is an apostrophe that contracts nothing: a quotation mark, or the end of a plural's genitive."""
    return words[index] == "'" and _at(words, index + 1).lower() not in _CONTRACTED


def _joins(words: list[str], index: int) -> tuple[bool, bool]:
    """Whether a word stands without a blank before it, and without one after it."""
    before, word, after = _at(words, index - 1), words[index], _at(words, index + 1)
    if word == "'":
        return True, after.lower() in _CONTRACTED
    if word.lower() == "n" and after == "'" and _at(words, index + 2).lower() == "t":
        return True, True
    if word in _JOINS_BOTH or (word == ":" and before.isdigit()):
        between = _is_word(before) and _is_word(after) and (word != ":" or after.isdigit())
        return between or word == ":", between
    return bool(_JOINS_LEFT.fullmatch(word)) or (before.lower(), word.lower()) in _TWO_HALVES, word in _JOINS_RIGHT


def _is_word(text: str) -> bool:
    return text[:1].isalnum() or text.startswith("<")


def _at(words: list[str], index: int) -> str:
    return words[index] if 0 <= index < len(words) else ""
