"""What a request may cost at most, and what it did cost.

Prices come from the table inside the package `genai-prices` (no network), or from the user.

How tokens are counted. The true count is known only to the server's tokeniser, so there are two numbers. The **bound**
is for the budget: a byte-level tokeniser never makes more tokens than there are UTF-8 bytes, and a chat template adds a
few to a message; only a server that adds a long hidden prompt of its own can exceed it. The **guess** is for estimates
(`BYTES_PER_TOKEN`). Completions are counted at `max_tokens` in both; pictures as `image_tokens.py` says.
"""

import math
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any, NamedTuple

from genai_prices import Usage, __version__
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelInfo, ModelPrice, StartDateConstraint, TieredPrices

from pipelines.generation import image_tokens
from pipelines.generation.settings import Settings, is_custom
from schemas.errors import GenerationError
from schemas.keys import canonical_json

TEMPLATE_TOKENS = 16
"""At most what a chat template adds to a message: its role and the marks around it."""
OVERHEAD_TOKENS = 64
"""At most what a chat template adds to a conversation, such as a default system prompt."""
BYTES_PER_TOKEN = 2
"""A low guess for English text with boxes, so that estimates err on the high side. Measured on the 40 published prompts
with SmolLM2's tokeniser, which takes every digit apart: 1.9 to 3.0, 2.4 on average."""


class Tokens(NamedTuple):
    """Tokens of one call."""

    prompt: int
    completion: int
    cached: int = 0
    """Of the prompt, those that the server had seen before and charges less for."""


class Size(NamedTuple):
    """How large a request is."""

    bytes: int
    """Of its prompt, without pictures."""
    guess: Tokens
    bound: Tokens


class Price:
    """The price of one model, by a table of genai-prices."""

    def __init__(self, table: ModelPrice, origin: str, share: float = 1.0) -> None:
        self._table = table
        self._share = share
        tiers = [price for price in vars(table).values() if isinstance(price, TieredPrices)]
        self._plain_below = min((tier.start for one in tiers for tier in one.tiers), default=math.inf)
        self._prompt = self._exact(Tokens(1000, 0)) / 1000
        self._completion = self._exact(Tokens(0, 1000)) / 1000
        self._cached = self._exact(Tokens(1000, 0, 1000)) / 1000
        self.origin = origin

    def cost(self, tokens: Tokens) -> float:
        """Dollars."""
        if tokens.prompt >= self._plain_below:
            return self._exact(tokens)
        fresh = tokens.prompt - tokens.cached
        return fresh * self._prompt + tokens.cached * self._cached + tokens.completion * self._completion

    def of_completion(self, prompt: int) -> float:
        """Dollars for one token of an answer to a prompt of so many tokens."""
        if prompt < self._plain_below:
            return self._completion
        return (self._exact(Tokens(prompt, 1000)) - self._exact(Tokens(prompt, 0))) / 1000

    def _exact(self, tokens: Tokens) -> float:
        """As the table's package computes it, which takes a hundred times as long."""
        usage = Usage(input_tokens=tokens.prompt, output_tokens=tokens.completion, cache_read_tokens=tokens.cached)
        return float(self._table.calc_price(usage)["total_price"]) * self._share


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
    """The price of a model on the settings' server, of a batch in batch mode; GenerationError where it is not known."""
    share = settings.batch_discount if settings.mode == "batch" else 1.0
    if settings.price is not None:
        return _given(settings.price, share)
    return _listed(model, settings.base_url, share)


@cache
def _given(price: tuple[float, float], share: float) -> Price:
    prompt, completion = (Decimal(str(part)) for part in price)
    return Price(ModelPrice(input_mtok=prompt, output_mtok=completion), f"given by you{_told(share)}", share)


@cache
def _listed(model: str, base_url: str, share: float) -> Price:
    try:
        provider, entry = get_snapshot().find_provider_model(model, None, None, base_url.rstrip("/") + "/")
    except LookupError:
        where = f"the server {base_url}" if is_custom(base_url) else "OpenAI"
        raise GenerationError(
            f"the price of the model {model!r} at {where} is not known",
            hint="Give dollars per million prompt and completion tokens, such as --price 0.15/0.60; "
            "a server of your own that costs nothing is --price 0/0.",
        ) from None
    named = f"{table_name()}, {provider.name}, {entry.id}"
    in_batches = _in_batches(entry) if share != 1 else None
    if in_batches is not None:
        return Price(in_batches, f"{named}: {_rates(in_batches)}, in a batch")
    table = entry.get_prices(datetime.now(UTC))
    return Price(table, f"{named}: {_rates(table)}{_told(share)}", share)


def _in_batches(entry: ModelInfo) -> ModelPrice | None:
    """What the table says of batches. In genai-prices 0.2.3 (looked at on 2026-11-23) it does for 46 of OpenAI's 113
    models, at half the price except for one; None where it does not."""
    batch = {"processing": "batch"}
    known = any(variant.when == batch for variant in entry.price_variants or ())
    return entry.get_prices(datetime.now(UTC), batch) if known else None


def _rates(table: ModelPrice) -> str:
    return ", ".join(part for part in str(table).split(", ") if "MTok" in part)


def _told(share: float) -> str:
    return "" if share == 1 else f", a batch at {share:g} of it"


@cache
def table_name() -> str:
    """The price table with its version and its date.

    The package does not say when its prices were collected, so the date is that of the newest change that they hold.
    """
    today = datetime.now(UTC).date()
    changes = (
        change.constraint.start_date
        for provider in get_snapshot().providers
        for model in provider.models
        if isinstance(model.prices, list)
        for change in model.prices
        if isinstance(change.constraint, StartDateConstraint)
    )
    newest = max((date for date in changes if date <= today), default=None)
    return f"genai-prices {__version__}" + (f" (newest change in it: {newest})" if newest else "")


def bound(payload: dict[str, Any], each_picture: int | None = None) -> Tokens:
    """The most tokens that a request can be charged for, as the module's text says.

    `each_picture` is what the server counts a picture as at most, where that is known (`image_tokens`).
    GenerationError where the payload does not limit the completion.
    """
    return size(payload, each_picture).bound


def guess(payload: dict[str, Any], each_picture: int | None = None) -> Tokens:
    """A high guess at the tokens of a request."""
    return size(payload, each_picture).guess


def size(payload: dict[str, Any], each_picture: int | None = None) -> Size:
    """All that is said of a request's size, in one go."""
    words, marks, most = prompt_bytes(payload), _template_tokens(payload), _most_completion(payload)
    pictures = image_tokens.bound(payload, each_picture)
    likely = image_tokens.guess(payload, each_picture) if pictures else 0
    return Size(
        words, Tokens(words // BYTES_PER_TOKEN + marks + likely, most), Tokens(words + marks + pictures, most)
    )  # fmt: skip


def text_bound(text: str) -> int:
    """The most tokens that an answer can have."""
    return len(text.encode()) + TEMPLATE_TOKENS


def prompt_bytes(payload: dict[str, Any]) -> int:
    """Of everything that a server may show to the model: messages, but also tools and schemas; not of pictures."""
    return sum(_size(value) for name, value in payload.items() if name not in ("model", "temperature", "seed"))


def _size(value: Any) -> int:
    if isinstance(value, list):
        return sum(_size_of_message(item) for item in value)
    return len(canonical_json(value)) if isinstance(value, dict) else 0


def _size_of_message(message: Any) -> int:
    """Its text and whatever else stands in it, but for its role and its pictures."""
    if not isinstance(message, dict):
        return len(canonical_json(message))
    content = message.get("content")
    rest = {name: value for name, value in message.items() if name not in ("role", "content")}
    return (len(canonical_json(rest)) if rest else 0) + _size_of_content(content)


def _size_of_content(content: Any) -> int:
    if isinstance(content, str):
        return len(content.encode())
    if isinstance(content, list):
        words = [part for part in content if not (isinstance(part, dict) and part.get("type") == "image_url")]
        return sum(_size_of_part(part) for part in words)
    return 0 if content is None else len(canonical_json(content))


def _size_of_part(part: Any) -> int:
    plain = isinstance(part, dict) and part.keys() == {"type", "text"} and isinstance(part["text"], str)
    return len(part["text"].encode()) if plain else len(canonical_json(part))


def _template_tokens(payload: dict[str, Any]) -> int:
    return OVERHEAD_TOKENS + TEMPLATE_TOKENS * len(payload.get("messages", ()))


def _most_completion(payload: dict[str, Any]) -> int:
    limit = payload.get("max_completion_tokens") or payload.get("max_tokens")
    if not isinstance(limit, int) or limit <= 0:
        raise GenerationError(
            "a request without max_tokens could cost any amount", hint="Set max_tokens in the recipe's generation part."
        )
    return limit * int(payload.get("n") or 1)
