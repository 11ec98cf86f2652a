"""Words and tokens of many texts at once are those of each text."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.qa.figures import words
from pipelines.qa.figures.words import lengths, openings, tokenizer

texts = st.text(st.characters(exclude_categories=("C",)) | st.sampled_from(" \n<>-'"), max_size=40)


@given(st.lists(texts, max_size=5))
def test_tokens_are_those_of_the_whole_text(found: list[str]) -> None:
    whole = [len(tokenizer().encode(text, add_special_tokens=False)) for text in found]
    assert lengths(pa.array(found, pa.string())).tokens.tolist() == whole


@pytest.mark.parametrize(
    ("text", "count"),
    [("", 0), ("  ", 0), ("dog", 1), (" a  dog\nbarks ", 3), ("word " * 10_000, 10_000), ("x" * 10_000, 1),
     ("\u72d7\u5728\u53eb", 3), ("\u72d7 and dog", 3), ("\u043a\u0440\u0430\u0441\u043d \u0441\u043e\u0431", 2),
     ("\u0643\u0644\u0628 \u0623\u062d\u0645\u0631", 2)],
)  # fmt: skip
def test_words(text: str, count: int) -> None:
    assert lengths(pa.array([text, "one more"])).words.tolist() == [count, 2]


def test_slices_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    found = pa.array([f"the {number} dogs" * (number % 4) for number in range(50)])
    whole = lengths(found)
    monkeypatch.setattr(words, "_AT_ONCE", 60)
    monkeypatch.setattr(words, "_REMEMBERED", 3)
    monkeypatch.setattr(words, "_known", {})
    for one, other in zip(whole, lengths(found), strict=True):
        assert one.tolist() == other.tolist()


def test_openings() -> None:
    found = pa.array(["A dog, and more.", " Yes.", "<region12> is  a dog", "<region3> is a cat", "", "No"])
    assert openings(found, 3).to_pylist() == ["a dog, and", "yes", "<region> is a", "<region> is a", "", "no"]
