"""What a request may cost at most, and what it did cost.

Prices come from the table inside the package `genai-prices` (no network), or from the user.

How tokens are counted. The true count is known only to the server's tokeniser, so there are two numbers. The **bound**
is for the budget: a byte-level tokeniser never makes more tokens than there are UTF-8 bytes, and a chat template adds a
few to a message; only a server that adds a long hidden prompt of its own can exceed it. The **guess** is for estimates
(`BYTES_PER_TOKEN`). Completions are counted at `max_tokens` in both, so that an estimate is an upper one.
"""

import math
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any, NamedTuple

from genai_prices import Usage, __version__
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelPrice

from pipelines.generation.settings import Settings, is_custom
from schemas.errors import GenerationError
from schemas.keys import canonical_json
from schemas.records import Record

TEMPLATE_TOKENS = 16
"""At most what a chat template adds to a message: its role and the marks around it."""
OVERHEAD_TOKENS = 64
"""At most what a chat template adds to a conversation, such as a default system prompt."""
BYTES_PER_TOKEN = 2
"""A low guess for English text with boxes, so that estimates err on the high side. Measured on the 40 published prompts
with SmolLM2's tokeniser, which takes every digit apart: 1.9 to 3.0, 2.4 on average."""


class Estimate(Record, frozen=True, kw_only=True):
    """What a set of requests will cost at most, by a guess at the prompt tokens and the longest completions."""

    requests: int
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float
    priced_by: str
    """Where the prices come from, for reading."""


class Tokens(NamedTuple):
    """Tokens of one call."""

    prompt: int
    completion: int
    cached: int = 0
    """Of the prompt, those that the server had seen before and charges less for."""


class Price:
    """The price of one model."""

    def __init__(self, table: ModelPrice, origin: str) -> None:
        self._table = table
        self.origin = origin

    def cost(self, tokens: Tokens) -> float:
        """Dollars."""
        usage = Usage(input_tokens=tokens.prompt, output_tokens=tokens.completion, cache_read_tokens=tokens.cached)
        return float(self._table.calc_price(usage)["total_price"])


def parse_price(text: str) -> tuple[float, float]:
    """Dollars per million prompt and completion tokens of `IN/OUT`, such as `0.15/0.60`."""
    try:
        prompt, completion = (float(Decimal(part.strip())) for part in text.split("/"))
    except (ValueError, InvalidOperation):
        prompt = completion = math.nan
    if not (0 <= prompt < math.inf and 0 <= completion < math.inf):
        raise GenerationError(
            f"not a price: {text!r}",
            hint="Give dollars per million prompt and completion tokens, such as --price 0.15/0.60; 0/0 costs nothing.",
        )
    return prompt, completion


def price_of(model: str, settings: Settings) -> Price:
    """The price of a model on the settings' server; GenerationError where it is not known."""
    if settings.price is not None:
        return _given(settings.price)
    return _listed(model, settings.base_url)


@cache
def _given(price: tuple[float, float]) -> Price:
    prompt, completion = (Decimal(str(part)) for part in price)
    return Price(ModelPrice(input_mtok=prompt, output_mtok=completion), "given by you")


@cache
def _listed(model: str, base_url: str) -> Price:
    try:
        provider, entry = get_snapshot().find_provider_model(model, None, None, base_url.rstrip("/") + "/")
    except LookupError:
        where = f"the server {base_url}" if is_custom(base_url) else "OpenAI"
        raise GenerationError(
            f"the price of the model {model!r} at {where} is not known",
            hint="Give dollars per million prompt and completion tokens, such as --price 0.15/0.60; "
            "a server of your own that costs nothing is --price 0/0.",
        ) from None
    table = entry.get_prices(datetime.now(UTC))
    return Price(table, f"genai-prices {__version__}, {provider.name}, {entry.id}: {table}")


def bound(payload: dict[str, Any]) -> Tokens:
    """The most tokens that a request can be charged for, as the module's text says.

    GenerationError where the payload does not limit the completion.
    """
    return Tokens(_prompt_bytes(payload) + _template_tokens(payload), _most_completion(payload))


def guess(payload: dict[str, Any]) -> Tokens:
    """A high guess at the tokens of a request."""
    return Tokens(_prompt_bytes(payload) // BYTES_PER_TOKEN + _template_tokens(payload), _most_completion(payload))


def text_bound(text: str) -> int:
    """The most tokens that an answer can have."""
    return len(text.encode()) + TEMPLATE_TOKENS


def estimate(payloads: Iterable[dict[str, Any]], settings: Settings) -> Estimate:
    """The sum over requests that are to be asked."""
    requests = prompt = completion = 0
    cost, origins = 0.0, dict[str, None]()
    for payload in payloads:
        price, tokens = price_of(str(payload.get("model", "")), settings), guess(payload)
        requests, prompt, completion = requests + 1, prompt + tokens.prompt, completion + tokens.completion
        cost += price.cost(tokens)
        origins[price.origin] = None
    return Estimate(
        requests=requests, prompt_tokens=prompt, completion_tokens=completion, cost_usd=round(cost, 6),
        priced_by="; ".join(origins),
    )  # fmt: skip


def _prompt_bytes(payload: dict[str, Any]) -> int:
    """Of everything that a server may show to the model: messages, but also tools and schemas."""
    return sum(_size(value) for name, value in payload.items() if name not in ("model", "temperature", "seed"))


def _size(value: Any) -> int:
    if _is_text(value):
        return sum(len(item["content"].encode()) for item in value)
    return len(canonical_json(value)) if isinstance(value, (dict, list)) else 0


def _is_text(value: Any) -> bool:
    """Whether these are messages of plain text."""
    return isinstance(value, list) and all(
        isinstance(item, dict) and isinstance(item.get("content"), str) for item in value
    )


def _template_tokens(payload: dict[str, Any]) -> int:
    return OVERHEAD_TOKENS + TEMPLATE_TOKENS * len(payload.get("messages", ()))


def _most_completion(payload: dict[str, Any]) -> int:
    limit = payload.get("max_completion_tokens") or payload.get("max_tokens")
    if not isinstance(limit, int) or limit <= 0:
        raise GenerationError(
            "a request without max_tokens could cost any amount", hint="Set max_tokens in the recipe's generation part."
        )
    return limit * int(payload.get("n") or 1)
