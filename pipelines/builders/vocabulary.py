"""The vocabularies of the sources: which names mean the same, and which are near in meaning."""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from pipelines.builders.naming import looks_plural
from schemas.records import Category


class Vocabulary(NamedTuple):
    """All that is known about category names, by the text one would write."""

    words: dict[str, frozenset[str]]
    """Text -> every name of the same thing in any source, itself included."""
    texts: dict[str, dict[str, str]]
    """Source -> name as annotated -> text."""
    neighbors: dict[str, dict[str, tuple[str, ...]]]
    """Source -> text of any source -> the nearest texts of that source's vocabulary, nearest first."""


def build(categories: Mapping[str, Iterable[Category]]) -> Vocabulary:
    """The vocabulary of some sources, its neighbours not yet known."""
    listed = {source: list(found) for source, found in categories.items()}
    texts = {source: {c.name: c.text for c in found} for source, found in listed.items()}
    return Vocabulary(_words([c for found in listed.values() for c in found]), texts, {})


def _words(categories: list[Category]) -> dict[str, frozenset[str]]:
    """Names are joined where two categories share a text, a synonym or a synset."""
    words: dict[str, set[str]] = {}
    synsets: dict[str, set[str]] = {}
    for category in categories:
        names = {plain(name) for name in (category.text, *category.synonyms)}
        linked = names | synsets.get(category.synset, set())
        group = linked.union(*(words.get(name, set()) for name in linked))
        for name in group:
            words[name] = group
        if category.synset:
            synsets[category.synset] = group
    return {name: frozenset(group) for name, group in words.items()}


def plain(text: str) -> str:
    """Lower case, single blanks."""
    return " ".join(text.lower().split())


def same_thing(vocabulary: Vocabulary, one: str, other: str) -> bool:
    """Whether a thing called `one` may rightly be called `other`.

    True for synonyms, for a name that ends in the other (a "sports car" is a "car"; the words of a language
    say so in most cases), and for plurals. Which of the two is the wider term does not matter: both would
    make a false No.
    """
    first, second = plain(one), plain(other)
    names = vocabulary.words.get(first, frozenset([first]))
    others = vocabulary.words.get(second, frozenset([second]))
    return any(_head(a, b) or _head(b, a) for a in names for b in others)


def _head(name: str, wider: str) -> bool:
    """`wider` is the name itself, or its last words."""
    return bool(re.search(rf"(?:^|[ _-]){re.escape(_singular(wider))}$", _singular(name)))


def _singular(name: str) -> str:
    return name[:-1] if looks_plural(name) else name
