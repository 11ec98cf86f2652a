"""What a request may cost, and what it did."""

import json
import pathlib
import re
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from genai_prices import Usage, calc_price
from genai_prices.types import ModelPrice, Tier, TieredPrices
from hypothesis import given
from hypothesis import strategies as st

from pipelines.generation import image_tokens, prices
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


@pytest.mark.parametrize("model", ["gpt-4o-mini", "gpt-4", "gpt-5", "o3"])
@pytest.mark.parametrize("tokens", [Tokens(0, 0), Tokens(1, 1), Tokens(12_345, 678), Tokens(9_000, 10, 8_500)])
def test_the_quick_way_to_a_price_is_the_tables(model: str, tokens: Tokens) -> None:
    usage = Usage(input_tokens=tokens.prompt, output_tokens=tokens.completion, cache_read_tokens=tokens.cached)
    told = calc_price(usage, model, provider_id="openai").total_price
    assert prices.price_of(model, Settings()).cost(tokens) == pytest.approx(float(told), rel=1e-12)


def test_long_prompts_cost_what_their_tier_says() -> None:
    """A tier that has begun goes for all tokens of the request."""
    prompt = TieredPrices(base=Decimal(1), tiers=[Tier(start=1000, price=Decimal(2))])
    answer = TieredPrices(base=Decimal(4), tiers=[Tier(start=1000, price=Decimal(8))])
    price = prices.Price(ModelPrice(input_mtok=prompt, output_mtok=answer), "test")
    assert price.cost(Tokens(1000, 10)) == pytest.approx(1040e-6)
    assert price.cost(Tokens(1001, 10)) == pytest.approx(2082e-6)
    assert price.of_completion(1000) == pytest.approx(4e-6)
    assert price.of_completion(1001) == pytest.approx(8e-6)


def test_a_batch_has_its_share_of_the_price_and_says_so() -> None:
    online, batch = (prices.price_of("gpt-4", Settings(mode=mode)) for mode in ("online", "batch"))
    assert batch.cost(Tokens(100, 10)) == pytest.approx(online.cost(Tokens(100, 10)) / 2)
    assert "batch" in batch.origin
    assert "a batch at 0.5 of it" not in batch.origin, "the table knows what a batch costs"
    assert prices.price_of("x", Settings(mode="batch", price=(1.0, 1.0))).cost(Tokens(10, 0)) == pytest.approx(5e-6)


def test_the_table_says_its_version_and_a_date_that_is_not_in_the_future() -> None:
    found = re.fullmatch(r"genai-prices \S+ \(newest change in it: (\d{4}-\d\d-\d\d)\)", prices.table_name())
    assert found
    assert date(2025, 1, 1) < date.fromisoformat(found[1]) <= datetime.now(UTC).date()


def test_text_and_pictures_are_counted_apart() -> None:
    text = {"type": "text", "text": "x" * 400}
    picture = {"type": "image_url", "image_url": {"url": image_tokens.name("0" * 64, (640, 480)), "detail": "high"}}
    plain = {**_payload(""), "messages": [{"role": "user", "content": [text]}]}
    seen = {**_payload(""), "messages": [{"role": "user", "content": [text, picture]}]}
    assert prices.prompt_bytes(plain) == prices.prompt_bytes(seen) == 400
    assert prices.bound(seen).prompt - prices.bound(plain).prompt == image_tokens.bound(seen)
    assert prices.bound(seen, 90).prompt - prices.bound(plain).prompt == image_tokens.bound(seen, 90)
    assert prices.guess(plain).prompt < prices.guess(seen).prompt <= prices.bound(seen).prompt


def test_what_a_message_says_beside_its_content_is_counted() -> None:
    call = {"role": "assistant", "content": None, "tool_calls": [{"id": "y" * 300}]}
    assert prices.bound({**_payload("x"), "messages": [call]}).prompt >= 300


def test_a_published_prompt_is_estimated_near_its_size() -> None:
    path = pathlib.Path(__file__).parents[2] / ".." / "shared" / "data" / "osprey_golden" / "expected_prompts.json"
    if not path.exists():
        pytest.skip("the published prompts are not on this machine")
    for row in json.loads(path.read_text()):
        text = row["prompt"]
        guessed = prices.guess(_payload(text)).prompt
        assert len(text.split()) < guessed < prices.bound(_payload(text)).prompt
