"""Rows as numbers: equal where the content is, whatever it is made of, and nowhere else."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipelines.qa.diff.hashing import hashes
from tests.properties import quick

ITEM = pa.struct([("text", pa.string()), ("box", pa.list_(pa.float32(), 2)), ("parts", pa.list_(pa.string()))])
TEXT = st.none() | st.text(alphabet="ab", max_size=2)
ITEMS = st.none() | st.fixed_dictionaries({
    "text": TEXT, "box": st.tuples(*[st.sampled_from([0.0, 1.0])] * 2), "parts": st.none() | st.lists(TEXT, max_size=2),
})  # fmt: skip


@quick
@given(st.lists(st.none() | st.lists(ITEMS, max_size=3), max_size=8))
def test_two_values_have_one_hash_where_they_are_equal(values: list[object]) -> None:
    found = hashes(pa.array(values, pa.list_(ITEM))).tolist()
    for one, first in zip(values, found, strict=True):
        for other, second in zip(values, found, strict=True):
            assert (first == second) == (one == other)


@quick
@given(st.lists(TEXT, min_size=1), st.data())
def test_a_hash_does_not_depend_on_what_stands_beside(values: list[str | None], data: st.DataObject) -> None:
    whole = hashes(pa.array(values, pa.string())).tolist()
    start = data.draw(st.integers(0, len(values) - 1))
    assert hashes(pa.array(values, pa.string())[start:]).tolist() == whole[start:]
    assert hashes(pa.array([values[start]], pa.string())).tolist() == [whole[start]]
