"""Tallies and names: what stays of millions of values is what the values say, however they were shared out."""

from collections import Counter
from random import Random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.qa.figures import names
from pipelines.qa.figures.names import Names, vocabulary
from pipelines.qa.figures.records import Distribution, Vocabulary
from pipelines.qa.figures.tally import SHARE, Tally, shares

values = st.lists(st.integers(0, 5_000) | st.integers(0, 2**45), min_size=1, max_size=60)


def tallied(*parts: list[int], logarithmic: bool = False) -> Tally:
    whole = Tally(logarithmic=logarithmic)
    for part in parts:
        one = Tally(logarithmic=logarithmic)
        one.add(np.array(part, np.int64))
        whole.merge(one)
    return whole


@given(values)
def test_quantiles_are_exact_below_2048_and_a_thousandth_off_above(found: list[int]) -> None:
    told = tallied(found).distribution()
    assert (told.number, told.low, told.high) == (len(found), min(found), max(found))
    assert told.mean == pytest.approx(sum(found) / len(found), rel=1e-8)
    for share, quantile in ((0.05, told.p05), (0.5, told.median), (0.95, told.p95)):
        expected = int(np.quantile(found, share, method="inverted_cdf"))
        assert quantile == (expected if expected < 2048 else pytest.approx(expected, rel=1e-3))


@given(st.lists(st.integers(0, 2047), min_size=1, max_size=60), st.booleans())
def test_the_histogram_is_that_of_numpy(found: list[int], logarithmic: bool) -> None:
    told = tallied(found, logarithmic=logarithmic).distribution()
    expected, _ = np.histogram(found, told.edges)
    assert list(told.counts) == expected.tolist()
    assert sum(told.counts) == len(found)
    assert list(told.edges) == sorted(set(told.edges))


@given(values)
def test_every_value_is_in_the_histogram(found: list[int]) -> None:
    told = tallied(found).distribution()
    assert sum(told.counts) == len(found)
    assert len(told.counts) <= 47


@given(st.lists(values, max_size=5), st.randoms())
def test_the_sum_does_not_depend_on_who_saw_what(parts: list[list[int]], shuffle: Random) -> None:
    shuffled = list(parts)
    shuffle.shuffle(shuffled)
    together = [value for part in parts for value in part]
    assert tallied(*parts).distribution() == tallied(*shuffled).distribution() == tallied(together).distribution()


def test_nothing_and_one_thing() -> None:
    assert Tally().distribution() == Distribution()
    assert tallied([0]).distribution() == Distribution(
        edges=(0.0, 1.0), counts=(1,), number=1, low=0.0, p05=0.0, median=0.0, p95=0.0, high=0.0, mean=0.0
    )


def test_a_few_very_long_texts_do_not_hide_the_others() -> None:
    told = tallied([*range(1, 40)] * 10 + [10_000]).distribution()
    assert told.edges == (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384)
    assert told.counts[:6] == (10, 20, 40, 80, 160, 80)


def test_shares_of_a_picture() -> None:
    tally = Tally(SHARE, logarithmic=True)
    tally.add(shares(np.array([1, 0, 3, 4]), np.array([4, 0, 4, 4])))
    told = tally.distribution()
    assert (told.low, told.high, told.median, told.mean) == (0.0, 1.0, 0.25, 0.5)
    assert sum(told.counts) == 4


@given(st.lists(st.lists(st.text("ab", max_size=3), max_size=20), max_size=6), st.randoms())
def test_names_are_counted(parts: list[list[str]], shuffle: Random) -> None:
    whole = _merged(parts)
    expected = Counter(name for part in parts for name in part)
    assert {one.name: one.count for one in whole.top} == dict(expected)
    assert [one.count for one in whole.top] == sorted(expected.values(), reverse=True)
    assert (whole.distinct, whole.total) == (len(expected), expected.total())
    shuffle.shuffle(parts)
    assert _merged(parts) == whole


def test_weights() -> None:
    found = Names()
    found.add(pa.array(["red", "blue", "red"]), np.array([2, 5, 1]))
    assert [(one.name, one.count) for one in found.top(9)] == [("blue", 5), ("red", 3)]


def test_of_very_many_names_the_commonest_and_a_sample_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "SAMPLED", 10)
    monkeypatch.setattr(names, "_HEAD", 5)
    parts = [[*(f"n{part}-{number}" for number in range(100)), *["dog"] * 7, *["cat"] * 3] for part in range(4)]
    whole = _merged(parts)
    assert (whole.distinct, whole.total) == (402, 440)
    assert [(one.name, one.count) for one in whole.top[:2]] == [("dog", 28), ("cat", 12)]
    assert len(whole.top) <= 10 + 4 * 5
    assert {one.count for one in whole.tail[:5]} == {1}
    assert [(one.name, one.count) for one in whole.curve] == [
        *(("1", 28), ("2", 12)), *((str(rank), 1) for rank in (3, 4, 6, 7, 10, 13, 18, 24, 32, 42, 56, 75, 100, 133,
                                                              178, 237, 316, 402)),
    ]  # fmt: skip
    assert _merged(parts[::-1]) == whole


def _merged(parts: list[list[str]]) -> Vocabulary:
    whole = Names()
    for part in parts:
        one = Names()
        one.add(pa.array(part, pa.string()))
        whole.merge(one)
    return vocabulary(whole.counted(), whole.lexicon)
