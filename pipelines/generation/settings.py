"""How to ask, and the one place where the environment is read.

The key of the API is no setting: it is read when the client is made and never becomes part of a record, a message or a
file.
"""

import math
import os
from typing import Any

from schemas.errors import GenerationError
from schemas.records import Record

OPENAI_URL = "https://api.openai.com/v1"


class Settings(Record, frozen=True, kw_only=True):
    """Everything about asking that does not change what is asked (that is the request's payload)."""

    budget_usd: float | None = None
    """Dollars that one run may spend at most. Without it nothing is asked."""
    base_url: str = OPENAI_URL
    price: tuple[float, float] | None = None
    """Dollars per million prompt and completion tokens, instead of the price table."""
    concurrency: int = 16
    """Requests in flight at a time."""
    timeout_s: float = 300.0
    """For one call, from sending to the last byte. Long, because a call given up may be charged all the same."""
    max_attempts: int = 6
    backoff_s: float = 1.0
    """The first wait is between this and twice this; each further one doubles."""
    backoff_cap_s: float = 60.0
    retry_after_cap_s: float = 600.0
    """The longest wait that a server's Retry-After is honoured for."""
    retry_failed: bool = False
    """Ask again what failed in an earlier run."""
    grace_s: float = 20.0
    """How long an interrupted run waits for the answers in flight, which are paid for."""

    def __post_init__(self) -> None:
        if self.budget_usd is not None and not 0 <= self.budget_usd < math.inf:
            raise GenerationError(f"not a budget: {self.budget_usd}", hint="Give dollars, such as --budget-usd 5.")
        if self.concurrency < 1 or self.max_attempts < 1 or self.timeout_s <= 0:
            raise GenerationError("concurrency, attempts and time-out must be positive")


def from_environment(**chosen: Any) -> Settings:
    """Settings with the server of OPENAI_BASE_URL, where `chosen` does not name one."""
    base_url = chosen.pop("base_url", None) or os.environ.get("OPENAI_BASE_URL") or OPENAI_URL
    return Settings(base_url=base_url, **chosen)


def api_key(base_url: str) -> str:
    """The key of OPENAI_API_KEY; GenerationError where there is none."""
    key = os.environ.get("OPENAI_API_KEY", "").strip()
    if key:
        return key
    hint = "Set it to the key of your account, or use the generator `template`, which asks nobody."
    if is_custom(base_url):
        hint = "Set it to the server's key; where the server needs none, any non-empty value will do."
    raise GenerationError("OPENAI_API_KEY is not set, so nothing can be generated.", hint=hint)


def is_custom(base_url: str) -> bool:
    """Whether the server is another one than OpenAI's own."""
    return base_url.rstrip("/") != OPENAI_URL
