"""The template's own rows: always in the form that is asked of a model, and a function of scene and seed alone."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.builders import BUILDERS, MODEL_KINDS, referred
from pipelines.phases.parts import build_kind
from schemas import ledger
from schemas.records import Built, Scene
from tests.builders import rules
from tests.builders.beach import KINDS, SOURCES, beach, context, elsewhere, scenes
from tests.builders.both_forms import composed
from tests.factories import pairs, region, says, scene, text
from tests.properties import quick


def balance(kind: str, made: Built) -> None:
    for line in ledger.lines(f"build:{kind}", made.read, made.rejects):
        line.check()


@pytest.mark.parametrize("kind", KINDS)
@quick
@given(scenes(), st.integers(0, 3))
def test_what_is_composed_can_be_read(kind: str, one: Scene, seed: int) -> None:
    made = BUILDERS[kind](one, context(seed=seed))
    balance(kind, made)
    given_regions = referred.referred(one, SOURCES)
    if not given_regions or not one.texts:
        assert made.samples == []
        return
    (sample,) = made.samples
    assert made.rejects == []
    assert sample.regions == tuple(given_regions)
    assert sample.messages == MODEL_KINDS[kind].parse(composed(kind, one, given_regions, seed), sample)
    assert len(pairs(sample)) >= len(given_regions)
    assert rules.broken([sample]) == []


@pytest.mark.parametrize("kind", KINDS)
@quick
@given(scenes(words=st.text(min_size=1, max_size=40)))
def test_whatever_people_said_the_count_is_right(kind: str, one: Scene) -> None:
    """Text of a source may hold anything: marks, names of regions, words that are not allowed."""
    made = BUILDERS[kind](one, context())
    balance(kind, made)
    assert rules.broken(made.samples) == []
    asked = BUILDERS[kind](one, context(asking=True))
    assert asked.read == made.read
    assert len(asked.requests) == bool(made.samples or made.rejects) * bool(one.texts)


@pytest.mark.parametrize("kind", KINDS)
def test_the_seed_alone_varies_the_wording(kind: str) -> None:
    texts = {seed: str(BUILDERS[kind](beach(), context(seed=seed)).samples[0].messages) for seed in range(8)}
    assert texts == {seed: str(BUILDERS[kind](beach(), context(seed=seed)).samples[0].messages) for seed in range(8)}
    assert len(set(texts.values())) > 1


WRONG = re.compile(
    r"\b(an? scissors|scissors (is|has)|(there|this) is scissors|is scissors|it (takes|covers|is))\b"
    r"|\ban? an? |\ba [aeiou]|\ban [^aeiou]|[][|{}]",
    re.IGNORECASE,
)
"""What no sentence about scissors or an apple says."""


@pytest.mark.parametrize("kind", ["description", "conversation"])
@pytest.mark.parametrize("name", ["scissors", "apple", "dog"])
def test_sentences_go_with_the_noun(kind: str, name: str) -> None:
    wrong = (
        WRONG
        if name == "scissors"
        else re.compile(r"\b(an? an?|a [aeiou]|an [^aeiou]|are|have|they|them)\b|[][|{}]", re.I)
    )
    texts = set()
    for seed in range(40):
        one = scene([region(1, name, (4, 6, 30, 20), expressions=says("left one"))], [text("A picture.")])
        (made,) = BUILDERS[kind](one, context(seed=seed)).samples
        texts |= {answer for _, answer in pairs(made)}
    assert len(texts) > 4
    assert [said for said in texts if wrong.search(said)] == []


@pytest.mark.parametrize("kind", KINDS)
def test_other_images_do_not_matter(kind: str) -> None:
    (alone,) = build_kind(kind, [beach()], context()).samples
    together = build_kind(kind, [elsewhere(beach()), beach()], context())
    assert together.samples[1] == alone
    assert together.samples[0].sample_id != alone.sample_id
    assert together.read == {key: 2 * count for key, count in build_kind(kind, [beach()], context()).read.items()}
