"""The batch reader of run lengths agrees with pycocotools on good masks and with `schemas.rle` on broken ones."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pipelines.qa import masks
from pipelines.qa.masks import measure
from schemas import rle
from schemas.records import Mask

pictures = arrays.arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12)))


def measured(found: list[Mask]) -> masks.Measures:
    sizes = np.array([mask.size for mask in found], np.int64).reshape(-1, 2)
    return measure(pa.array([mask.counts for mask in found], pa.string()), sizes[:, 0], sizes[:, 1])


@given(st.lists(pictures, max_size=6))
def test_good_masks(drawn: list[np.ndarray]) -> None:
    found = [rle.encode(pixels) for pixels in drawn]
    result = measured(found)
    assert result.valid.all()
    assert result.area.tolist() == [int(pixels.sum()) for pixels in drawn]
    assert result.box.tolist() == [list(rle.box(mask)) for mask in found]


@given(st.lists(st.text(st.characters(min_codepoint=40, max_codepoint=120), max_size=8), max_size=6))
def test_any_text_is_judged_as_the_slow_reader_judges(texts: list[str]) -> None:
    size = (3, 4)
    expected = []
    for text in texts:
        try:
            rle.check_runs(rle.runs(text), size)
            expected.append(True)
        except ValueError:
            expected.append(False)
    assert measured([Mask(size=size, counts=text) for text in texts]).valid.tolist() == expected


def test_runs_of_zero_length_in_the_middle() -> None:
    """Legal, though no encoder writes it: 2 zeros, 1 one, 0 zeros, 2 ones, 1 zero."""
    counts = "210" + chr(48 + 1) + chr(48 + 1)  # the fourth and fifth are differences to the second and third
    assert rle.runs(counts) == [2, 1, 0, 2, 1]
    result = measured([Mask(size=(2, 3), counts=counts)])
    assert (result.valid.tolist(), result.area.tolist(), result.box.tolist()) == ([True], [3], [[1, 0, 2, 2]])


def test_chunks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(5)
    found = [rle.encode(random.random((9, 7)) < 0.4) for _ in range(50)] + [Mask(size=(9, 7), counts="")]
    whole = measured(found)
    monkeypatch.setattr(masks, "CHUNK", 30)
    for one, other in zip(whole, measured(found), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_slice_of_an_array() -> None:
    texts = pa.array([rle.encode(np.ones((2, n))).counts for n in (1, 2, 3)]).slice(1)
    assert measure(texts, np.array([2, 2]), np.array([2, 3])).area.tolist() == [4, 6]
