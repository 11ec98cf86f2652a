"""Tokens of pictures: OpenAI's own examples, and bounds that no reading of its rules exceeds."""

from typing import Any

import pytest

from pipelines.generation import image_tokens, prices
from pipelines.generation.image_tokens import DEAREST, FAMILIES, MARKS, name

DIGEST = "0" * 64


def payload(model: str, *urls: str) -> dict[str, Any]:
    parts = [{"type": "image_url", "image_url": {"url": url, "detail": "high"}} for url in urls]
    return {"model": model, "max_tokens": 9, "messages": [{"role": "user", "content": [*parts]}]}


def counted(model: str, size: tuple[int, int]) -> tuple[int, int]:
    asked = payload(model, name(DIGEST, size))
    return image_tokens.guess(asked), image_tokens.bound(asked) - MARKS


@pytest.mark.parametrize(
    ("model", "size", "tokens"),
    [
        ("gpt-4o", (1024, 1024), 765),
        ("gpt-4o", (2048, 4096), 1105),
        ("gpt-4o", (4096, 8192), 1105),
        ("gpt-4o-2024-08-06", (1024, 1024), 765),
        ("gpt-4o-mini", (1024, 1024), 25_501),
        ("gpt-4o-mini-2024-07-18", (1024, 1024), 25_501),
        ("gpt-4.1-mini", (1024, 1024), 1659),
        ("gpt-4.1-nano", (1024, 1024), 2520),
        ("o4-mini-2025-04-16", (1024, 1024), 1762),
        ("gpt-5-2025-08-07", (1024, 1024), 630),
        ("openai/gpt-5-mini", (2048, 768), 2489),
        ("gpt-5.4", (1024, 1024), 1229),
        ("o3", (1024, 1024), 675),
    ],
)
def test_published_and_measured_counts(model: str, size: tuple[int, int], tokens: int) -> None:
    guess, bound = counted(model, size)
    assert guess == tokens
    assert bound >= tokens


@pytest.mark.parametrize(("model", "measured"), [("gpt-4o", 267), ("gpt-4o-mini", 8512), ("o3", 236)])
def test_small_pictures_as_users_measured_them(model: str, measured: int) -> None:
    """128 x 64 pixels and a few words: one tile. The bound allows for the guide's other reading."""
    guess, bound = counted(model, (128, 64))
    assert measured - 15 <= guess <= measured
    assert bound >= guess


@pytest.mark.parametrize("model", ["qwen3-vl", "loopback-1", "", "gpt-9", "gpt-4omni"])
def test_an_unknown_model_counts_as_the_dearest(model: str) -> None:
    assert image_tokens.bound(payload(model, name(DIGEST, (512, 512)))) == DEAREST.most((512, 512)) + MARKS
    for size in ((32, 32), (512, 512), (1024, 640), (1024, 1024), (64, 1024)):
        assert DEAREST.most(size) >= max(rule.most(size) for rule in FAMILIES.values())


def test_a_number_of_your_own_replaces_the_rule() -> None:
    two = payload("qwen3-vl", name(DIGEST, (512, 512)), name(DIGEST, (1024, 768)))
    assert image_tokens.bound(two, 1000) == 2 * (1000 + MARKS)
    assert image_tokens.guess(two, 1000) == 2000


@pytest.mark.parametrize("url", ["https://example.org/a.jpg", "data:image/jpeg;base64,AAAA", f"sha256:{DIGEST}"])
def test_a_picture_of_unknown_size_counts_as_the_largest(url: str) -> None:
    assert image_tokens.bound(payload("gpt-4o", url)) >= 85 + 8 * 170
    assert image_tokens.bound(payload("gpt-5.4", url)) >= 12_000


def test_names_hold_the_size_and_nothing_else() -> None:
    assert name(DIGEST, (640, 480)) == f"sha256:{DIGEST}#640x480"
    assert image_tokens.is_name(name(DIGEST, (640, 480)))
    assert not image_tokens.is_name("data:image/jpeg;base64,AAAA")


def test_the_bound_of_a_request_has_words_and_pictures() -> None:
    asked = payload("gpt-4o", name(DIGEST, (1024, 1024)))
    words = payload("gpt-4o")
    assert prices.bound(asked).prompt - prices.bound(words).prompt >= 765
    assert prices.guess(asked).prompt - prices.guess(words).prompt >= 765
