"""Which names mean the same, and which are near in meaning."""

import pathlib

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipelines.builders import neighbors, vocabulary
from pipelines.builders.vocabulary import Vocabulary, same_thing
from schemas.records import Category
from tests.properties import quick

COCO = (pathlib.Path(__file__).parent / "coco_names.txt").read_text().splitlines()
"""COCO's 80 categories."""


def category(text: str, *synonyms: str, synset: str = "") -> Category:
    return Category(name=text.replace(" ", "_"), text=text, synonyms=synonyms, synset=synset)


def known(*categories: Category) -> Vocabulary:
    return vocabulary.build({"lvis": categories})


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("dog", "dog", True),
        ("Dog", "dog", True),
        ("dogs", "dog", True),
        ("skis", "ski", True),
        ("sports car", "car", True),
        ("car", "sports car", True),
        ("sports-car", "car", True),
        ("car", "carpet", False),
        ("scar", "car", False),
        ("bus", "bu", False),
        ("glass", "glas", False),
        ("car wheel", "car", False),
        ("television", "tv", True),
        ("flat-screen television", "tv", True),
        ("tv", "radio", False),
        ("automobile", "motorcar", True),
        ("Christmas tree", "xmas tree", True),
    ],
)
def test_same_thing(one: str, other: str, same: bool) -> None:
    words = known(
        category("tv", "television"),
        category("car", "motorcar", "automobile"),
        category("Christmas tree", "Xmas tree"),
        category("radio"),
    )
    assert same_thing(words, one, other) is same
    assert same_thing(words, other, one) is same


def test_sources_share_words() -> None:
    """COCO has a couch, LVIS a sofa that may also be called a couch."""
    words = vocabulary.build({"coco": [category("couch")], "lvis": [category("sofa", "couch", "lounge")]})
    assert words.words["couch"] == words.words["lounge"] == {"sofa", "couch", "lounge"}
    assert words.texts == {"coco": {"couch": "couch"}, "lvis": {"sofa": "sofa"}}


letters = st.sampled_from("abcdefgh")
categories = st.builds(
    lambda text, synonyms, synset: category(text, *synonyms, synset=synset),
    letters,
    st.lists(letters, max_size=2),
    st.sampled_from(["", "s1", "s2", "s3"]),
)


@quick
@example([category("a", synset="s1"), category("b", "a", synset="s2"), category("c", synset="s1")])
@given(st.lists(categories, max_size=7))
def test_words_are_joined_through_any_chain_of_names_and_synsets(listed: list[Category]) -> None:
    links = [{c.text, *c.synonyms} | ({f"synset {c.synset}"} if c.synset else set()) for c in listed]
    groups: list[set[str]] = []
    for link in links:
        touching = [group for group in groups if group & link]
        groups = [group for group in groups if not group & link] + [link.union(*touching)]
    expected = {
        name: frozenset(one for one in group if not one.startswith("synset"))
        for group in groups
        for name in group
        if not name.startswith("synset")
    }
    assert known(*listed).words == expected


VECTORS = {
    "dog": (1.0, 0.0), "cat": (0.9, 0.1), "puppy": (0.99, 0.0), "hound": (0.95, 0.1), "car": (0.0, 1.0),
    "van": (0.1, 0.9),
}  # fmt: skip


def vectors() -> dict[str, npt.NDArray[np.float32]]:
    return {name: np.array(vector, np.float32) for name, vector in VECTORS.items()}


def test_nearest_first_and_nothing_that_means_the_same() -> None:
    words = known(category("dog", "puppy"), category("cat"))
    listed = sorted(VECTORS)
    assert neighbors.nearest(words, "dog", vectors(), listed) == ("hound", "cat", "van", "car")
    assert neighbors.nearest(words, "dog", vectors(), ["puppy", "dog"]) == ()


def test_equally_near_ones_come_by_name_and_eight_are_enough() -> None:
    names = [f"thing {letter}" for letter in "jihgfedcba"]
    found = {name: np.ones(2, np.float32) for name in names} | {"dog": np.ones(2, np.float32)}
    assert neighbors.nearest(known(), "dog", found, names) == tuple(sorted(names)[:8])


def embedded(texts: list[str]) -> npt.NDArray[np.float32]:
    return np.array([VECTORS[text] for text in texts], np.float32)


def never(texts: list[str]) -> npt.NDArray[np.float32]:
    raise AssertionError("the model was asked again")


def test_neighbors_are_kept(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = vocabulary.build({"coco": [category("dog"), category("car")], "lvis": [category("hound"), category("van")]})
    monkeypatch.setattr(neighbors, "embed", embedded)
    first = neighbors.with_neighbors(words, str(tmp_path))
    assert first.neighbors["lvis"]["dog"] == ("hound", "van")
    assert first.neighbors["coco"]["hound"] == ("dog", "car")
    monkeypatch.setattr(neighbors, "embed", never)
    assert neighbors.with_neighbors(words, str(tmp_path)) == first
    more = vocabulary.build({"coco": [category("dog"), category("cat")]})
    with pytest.raises(AssertionError, match="asked again"):
        neighbors.with_neighbors(more, str(tmp_path))
    synonyms = vocabulary.build(
        {"coco": [category("dog"), category("car")], "lvis": [category("hound", "dog"), category("van")]}
    )
    with pytest.raises(AssertionError, match="asked again"):
        neighbors.with_neighbors(synonyms, str(tmp_path))


def test_a_vocabulary_without_categories(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbors, "embed", never)
    assert neighbors.with_neighbors(vocabulary.build({"coco": []}), str(tmp_path)).neighbors == {}


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> tuple[Vocabulary, str]:
    """COCO's categories with the neighbours that SentenceBERT finds."""
    pytest.importorskip("sentence_transformers")
    folder = str(tmp_path_factory.mktemp("work"))
    words = vocabulary.build({"coco": [category(name) for name in COCO]})
    return neighbors.with_neighbors(words, folder), folder


@pytest.mark.slow
def test_sentence_bert_finds_what_is_near(real: tuple[Vocabulary, str], monkeypatch: pytest.MonkeyPatch) -> None:
    words, folder = real
    near = words.neighbors["coco"]
    assert len(near) == len(COCO) == 80
    assert {len(found) for found in near.values()} == {neighbors.TOP}
    assert "dog" in near["cat"]
    assert {"fork", "knife"} <= set(near["spoon"])
    assert {"truck", "bus"} <= set(near["car"])
    assert not any(same_thing(words, name, other) for name, found in near.items() for other in found)
    assert "hot dog" not in near["dog"], "its last word is dog"
    monkeypatch.setattr(neighbors, "embed", never)
    assert neighbors.with_neighbors(vocabulary.build({"coco": [category(name) for name in COCO]}), folder) == words
