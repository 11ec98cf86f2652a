"""Texts that share most of their words, found without comparing each with each.

MinHash (Broder, "On the resemblance and containment of documents", 1997) over runs of three words; rensa signs. Of each
of the 128 minima the lowest byte is kept (b-bit MinHash: Li and König, 2010), so that eight of them, a band, are one
64-bit number. Texts that agree in a band stand side by side once the bands are sorted; only neighbours are compared.
Sixteen bands of eight find two texts of Jaccard similarity 0.8 with probability 0.95, of 0.9 with 0.9998; what
agrees by chance is taken off the estimate.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import rensa

from pipelines.qa.checks.gathered import Hashes, Numbers, hashed, mixed
from pipelines.qa.checks.grouping import Groups

Signatures = npt.NDArray[np.uint8]
"""(texts, 128)."""
PERMUTATIONS = 128
BANDS = 16
NEIGHBOURS = 4
"""A text is compared with so many that follow it in a sorted band: the work grows as n log n, whatever the texts."""
SHINGLE = 3
_SEED = 1
_ANY_REGION = r"<region[0-9]+>"
_NO_LETTERS = r"[^\pL\pN]+"
_CHUNK = 1 << 16
"""Signatures compared at a time: 8 MB a side."""


def plain(texts: pa.Array) -> pa.Array:
    """Words in lower case with single blanks between; every region is the word `region`."""
    named = pc.replace_substring_regex(texts, _ANY_REGION, " region ")
    return pc.utf8_trim(pc.replace_substring_regex(pc.utf8_lower(named), _NO_LETTERS, " "), " ")


def word_counts(plain_texts: pa.Array) -> Numbers:
    """(texts,): words of each."""
    counted = pc.add(pc.count_substring(plain_texts, " "), 1).to_numpy(zero_copy_only=False).astype(np.int64)
    return np.where(pc.equal(plain_texts, "").to_numpy(zero_copy_only=False), 0, counted)


def signatures(plain_texts: pa.Array) -> Signatures:
    """(texts, 128): of texts of at least `SHINGLE` words."""
    shingles, owners = _shingles(plain_texts)
    offsets = np.searchsorted(owners, np.arange(len(plain_texts) + 1)).astype(np.uint64)
    found = rensa.RMinHash.digest_matrix_from_flat_token_hashes(shingles, offsets, PERMUTATIONS, _SEED)
    return np.array(found.to_rows(), np.uint32).reshape(-1, PERMUTATIONS).astype(np.uint8)


def _shingles(plain_texts: pa.Array) -> tuple[Hashes, Numbers]:
    """A hash of every run of three words, and the text that it stands in."""
    words = pc.split_pattern(plain_texts, " ")
    owners = pc.list_parent_indices(words).to_numpy().astype(np.int64)
    coded = pc.list_flatten(words).dictionary_encode()
    hashes = hashed(coded.dictionary)[coded.indices.to_numpy()]
    ends = slice(SHINGLE - 1, None)
    whole = owners[ends] == owners[: len(owners[ends])]
    runs = hashes[: len(owners[ends])]
    for step in range(1, SHINGLE):
        runs = mixed(runs, hashes[step : step + len(runs)])
    return runs[whole], owners[ends][whole]


def alike(signed: Signatures, owners: Numbers, similarity: float) -> Groups:
    """Groups of texts that are similar by estimate; `owners` of -1 or above: texts of the same owner are not compared.

    Memory is that of the signatures and some 100 bytes a text.
    """
    groups = Groups(len(signed))
    bands = signed.view(np.uint64)
    for band in range(BANDS):
        order = np.argsort(bands[:, band], kind="stable")
        keys = bands[order, band]
        for step in range(1, NEIGHBOURS + 1):
            same = np.flatnonzero(keys[step:] == keys[:-step])
            if not len(same):
                break
            for left, right in _to_compare(order[same], order[same + step], owners, groups):
                close = estimates(signed, left, right) >= similarity
                groups.join(left[close], right[close])
    return groups


def _to_compare(left: Numbers, right: Numbers, owners: Numbers, groups: Groups) -> Iterator[tuple[Numbers, Numbers]]:
    """Pairs that are not known to belong together, chunk by chunk."""
    apart = (owners[left] != owners[right]) | (owners[left] < 0)
    new = apart & ((groups.labels[left] != groups.labels[right]) | (groups.partners[left] < 0))
    left, right = left[new], right[new]
    for start in range(0, len(left), _CHUNK):
        yield left[start : start + _CHUNK], right[start : start + _CHUNK]


def estimates(signed: Signatures, left: Numbers, right: Numbers) -> npt.NDArray[np.float64]:
    """(pairs,): estimated Jaccard similarity, less the bytes that agree by chance."""
    agree = np.count_nonzero(signed[left] == signed[right], axis=1) / PERMUTATIONS
    return np.maximum(0.0, (agree - 1 / 256) / (1 - 1 / 256))
