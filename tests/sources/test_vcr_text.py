"""VCR's tokens to English."""

import pytest

from pipelines.sources.vcr_text import Token, names_region, sentence, tags

NAMES = {0: "<region1>", 1: "<region2>", 2: "<region3>"}

SENTENCES: list[tuple[list[Token], str]] = [
    (["Does", [2], "feel", "comfortable", "?"], "Does <region3> feel comfortable?"),
    ([[0], "'", "s", "mouth", "is", "open", "."], "<region1>'s mouth is open."),
    ([[0], "'s", "mouth"], "<region1>'s mouth"),
    ([[2, 1, 0], "are", "seated", "."], "<region3>, <region2> and <region1> are seated."),
    ([[1, 2], "talk"], "<region2> and <region3> talk"),
    ([[1, 1], "talks"], "<region2> talks"),
    (["They", "do", "n't", "know", ",", "and", "it", "is", "n", "'", "t", "odd"], "They don't know, and it isn't odd"),
    (["I", "'m", "sure", "we", "'ll", "see", "what", "they", "'", "ve"], "I'm sure we'll see what they've"),
    (["He", "says", '"', "go", "home", '"', "to", [1]], 'He says "go home" to <region2>'),
    (['"', "Stop", "!", '"', "he", "yells"], '"Stop!" he yells'),
    (["``", "Stop", "''"], '"Stop"'),
    (["the", "sign", "says", "'", "open", "'", "."], "the sign says 'open'."),
    (["the", "boys", "'", "room"], "the boys' room"),
    (["a", "well", "-", "dressed", "man", "-"], "a well-dressed man -"),
    (["in", "2", "hours", ",", "at", "5", ":", "30", "(", "maybe", ")"], "in 2 hours, at 5:30 (maybe)"),
    (["it", "costs", "$", "5", ";", "100", "%", "sure", "..."], "it costs $5; 100% sure..."),
    (["They", "are", "gon", "na", "win", "and", "can", "not", "lose"], "They are gonna win and cannot lose"),
    (["he", "and", "/", "or", "she"], "he and/or she"),
    (["", " ", "so", "\n"], "so"),
    (["Two", ":", "a", "and", "b"], "Two: a and b"),
    ([[0], ",", [1], "and", [2], "?"], "<region1>, <region2> and <region3>?"),
    ([], ""),
]


@pytest.mark.parametrize(("tokens", "expected"), SENTENCES, ids=[text or "nothing" for _, text in SENTENCES])
def test_tokens_become_english(tokens: list[Token], expected: str) -> None:
    assert sentence(tokens, NAMES) == expected


def test_tags_come_by_first_sight_and_numbers_in_words_are_none() -> None:
    assert tags([["Why", "2", "is", [2, 0]], [[0], "3", [1]], []]) == [2, 0, 1]


@pytest.mark.parametrize("tokens", [["<region1>"], ["<", "region2", ">"], ["see", "<Region", "1>"], ["</region1>"]])
def test_what_reads_like_the_name_of_a_region(tokens: list[Token]) -> None:
    assert names_region(tokens)
    assert not names_region(["a", "region", "of", [1], "<", "3"])
