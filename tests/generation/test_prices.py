"""What a request may cost, and what it did."""

import json
import pathlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.generation import prices
from pipelines.generation.prices import Tokens
from pipelines.generation.settings import Settings
from schemas.errors import GenerationError


def _payload(text: str, **fields: object) -> dict[str, object]:
    return {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": text}], "max_tokens": 100, **fields}


def test_a_listed_model_has_its_price_and_says_where_from() -> None:
    price = prices.price_of("gpt-4", Settings())
    assert price.cost(Tokens(1_000_000, 1_000_000)) == pytest.approx(90.0)
    assert "genai-prices" in price.origin
    assert "gpt-4" in price.origin


def test_cached_prompt_tokens_cost_what_the_table_says() -> None:
    price = prices.price_of("gpt-4o-mini", Settings())
    assert price.cost(Tokens(1_000_000, 0, 1_000_000)) == pytest.approx(0.075)
    given_price = prices.price_of("gpt-4o-mini", Settings(price=(0.15, 0.6)))
    assert given_price.cost(Tokens(1_000_000, 0, 1_000_000)) == pytest.approx(0.15)


@pytest.mark.parametrize(
    ("model", "base_url"),
    [("no-such-model", "https://api.openai.com/v1"), ("gpt-4", "http://127.0.0.1:8000/v1")],
)
def test_an_unknown_price_is_asked_for(model: str, base_url: str) -> None:
    with pytest.raises(GenerationError, match="not known") as caught:
        prices.price_of(model, Settings(base_url=base_url))
    assert "--price" in caught.value.hint
    assert prices.price_of(model, Settings(base_url=base_url, price=(0, 0))).cost(Tokens(10**9, 10**9)) == 0


def test_a_price_given_by_hand() -> None:
    assert prices.parse_price("0.15/0.60") == (0.15, 0.6)
    assert prices.parse_price(" 0 / 0 ") == (0.0, 0.0)
    assert prices.price_of("any", Settings(price=(2.0, 8.0))).cost(Tokens(1000, 500)) == pytest.approx(0.006)


@pytest.mark.parametrize("text", ["", "1", "1/2/3", "a/b", "-1/2", "nan/1", "1/inf"])
def test_what_is_no_price(text: str) -> None:
    with pytest.raises(GenerationError, match="not a price"):
        prices.parse_price(text)


def test_the_bound_limits_prompt_and_completions() -> None:
    assert prices.bound(_payload("x" * 1000)).prompt >= 1000
    assert prices.bound(_payload("x")).completion == 100
    assert prices.bound(_payload("x", n=3)).completion == 300
    assert prices.bound({**_payload("x"), "max_completion_tokens": 7}).completion == 7
    schema = {"type": "json_schema", "json_schema": {"schema": {"title": "y" * 500}}}
    assert prices.bound(_payload("x", response_format=schema)).prompt >= 500


def test_a_request_without_a_limit_is_not_priced() -> None:
    payload = _payload("x")
    del payload["max_tokens"]
    with pytest.raises(GenerationError, match="max_tokens"):
        prices.bound(payload)


@given(st.text(max_size=200))
def test_the_bound_counts_bytes_not_characters(text: str) -> None:
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return
    assert prices.bound(_payload(text)).prompt >= size
    assert prices.guess(_payload(text)).prompt <= prices.bound(_payload(text)).prompt


def test_estimate_adds_up() -> None:
    settings = Settings(price=(1.0, 2.0))
    estimate = prices.estimate([_payload("x" * 300)] * 10, settings)
    assert (estimate.requests, estimate.completion_tokens) == (10, 1000)
    assert estimate.cost_usd == pytest.approx((estimate.prompt_tokens + 2 * 1000) / 1e6)
    assert prices.estimate([], settings).cost_usd == 0


def test_a_published_prompt_is_estimated_near_its_size() -> None:
    path = pathlib.Path(__file__).parents[2] / ".." / "shared" / "data" / "osprey_golden" / "expected_prompts.json"
    if not path.exists():
        pytest.skip("the published prompts are not on this machine")
    for row in json.loads(path.read_text()):
        text = row["prompt"]
        guessed = prices.guess(_payload(text)).prompt
        assert len(text.split()) < guessed < prices.bound(_payload(text)).prompt
