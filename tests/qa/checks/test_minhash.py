"""MinHash against exact Jaccard similarity, on random texts; the grouping against a search of all pairs."""

import itertools

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.qa.checks import minhash
from pipelines.qa.checks.grouping import Groups

WORDS = [f"word{number}" for number in range(40)]


@st.composite
def edited_texts(draw: st.DrawFn) -> list[str]:
    """Texts of 12 to 60 words, each with a few copies in which some words are others."""
    texts = []
    for _ in range(draw(st.integers(1, 4))):
        words = draw(st.lists(st.sampled_from(WORDS), min_size=12, max_size=60))
        texts.append(" ".join(words))
        for _ in range(draw(st.integers(0, 3))):
            places = draw(st.lists(st.integers(0, len(words) - 1), max_size=4))
            texts.append(" ".join("new" if i in places else word for i, word in enumerate(words)))
    return texts


def exact(one: str, other: str) -> float:
    """Jaccard similarity of the sets of runs of three words."""
    left, right = (set(zip(w, w[1:], w[2:], strict=False)) for w in (one.split(), other.split()))
    return len(left & right) / len(left | right)


@given(edited_texts())
@settings(max_examples=60, derandomize=True, deadline=None)
def test_estimates_are_near_the_exact_similarity(texts: list[str]) -> None:
    signed = minhash.signatures(pa.array(texts))
    pairs = np.array(list(itertools.combinations_with_replacement(range(len(texts)), 2)))
    found = minhash.estimates(signed, pairs[:, 0], pairs[:, 1])
    for (i, j), estimate in zip(pairs, found, strict=True):
        assert abs(estimate - exact(texts[i], texts[j])) < 0.25  # five standard deviations of 128 draws


@given(edited_texts())
@settings(max_examples=60, derandomize=True, deadline=None)
def test_what_is_very_alike_is_joined_and_what_is_not_is_not(texts: list[str]) -> None:
    groups = minhash.alike(minhash.signatures(pa.array(texts)), np.full(len(texts), -1), 0.8)
    for i, j in itertools.combinations(range(len(texts)), 2):
        if exact(texts[i], texts[j]) > 0.95:
            assert groups.labels[i] == groups.labels[j]
    for i, partner in enumerate(groups.partners):
        assert partner < 0 or exact(texts[i], texts[partner]) > 0.55


def test_texts_of_one_owner_are_not_compared() -> None:
    signed = minhash.signatures(pa.array([" ".join(WORDS)] * 3))
    assert minhash.alike(signed, np.array([7, 7, 7]), 0.8).partners.tolist() == [-1, -1, -1]
    assert minhash.alike(signed, np.array([7, 7, 8]), 0.8).partners[2] in (0, 1)


@pytest.mark.parametrize(("text", "words"), [
    ("", 0), ("  ...  ", 0), ("One.", 1), ("<region1> is a red-and-white box, isn't it?", 10), ("שלום עולם", 2),
    ("<region1><region22>", 2),
])  # fmt: skip
def test_words_are_counted_without_punctuation(text: str, words: int) -> None:
    assert minhash.word_counts(minhash.plain(pa.array([text]))).tolist() == [words]


def test_case_blanks_punctuation_and_region_numbers_do_not_count() -> None:
    plain = minhash.plain(pa.array(["<region1>  stands by\n<region2>.", "Region stands by <region17>!"]))
    assert plain.to_pylist() == ["region stands by region"] * 2


def test_no_text_gives_no_signature() -> None:
    assert minhash.signatures(pa.array([], pa.string())).shape == (0, 128)


def test_groups_know_labels_partners_and_weights() -> None:
    groups = Groups(6)
    groups.join(np.array([0, 4]), np.array([1, 5]))
    groups.join(np.array([1]), np.array([4]))
    assert len(set(groups.labels[[0, 1, 4, 5]])) == 1
    assert len(set(groups.labels)) == 3
    assert groups.partners.tolist() == [1, 0, -1, -1, 5, 4]
    assert groups.sizes().tolist() == [4, 4, 1, 1, 4, 4]
    assert groups.sizes(np.array([10, 1, 1, 1, 1, 1])).tolist() == [13, 13, 1, 1, 13, 13]
