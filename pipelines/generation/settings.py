"""How to ask, and the one place where the environment is read.

The key of the API is no setting: it is read when the client is made and never becomes part of a record, a message or a
file.
"""

import math
import os
from typing import Any, Literal

from schemas.errors import GenerationError
from schemas.records import Record

OPENAI_URL = "https://api.openai.com/v1"


class Settings(Record, frozen=True, kw_only=True):
    """Everything about asking that does not change what is asked (that is the request's payload)."""

    mode: Literal["online", "batch"] = "online"
    """One call a request, or files of requests that are answered within a day at a lower price."""
    budget_usd: float | None = None
    """Dollars that one run may spend at most, shared by all its workers. Without it nothing is asked."""
    total_usd: float | None = None
    """Dollars that the store may come to over all runs; None for no such limit."""
    purse: str = ""
    """Workers of one run share the budget and the rates by this name; empty for a run of its own."""
    lease_s: float = 60.0
    """How long a worker's claims on requests outlive its last sign of life."""
    base_url: str = OPENAI_URL
    price: tuple[float, float] | None = None
    """Dollars per million prompt and completion tokens, instead of the price table."""
    concurrency: int = 16
    """Requests in flight at a time."""
    rpm: float | None = None
    """Requests a minute, of all workers of the purse together; None for what the server's headers allow."""
    tpm: float | None = None
    """Tokens a minute, likewise."""
    repairs: int = 0
    """How often a bad reply is shown to the model with what is wrong with it: 0 or 1."""
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
    batch_requests: int = 50_000
    """Most requests of one batch file."""
    batch_bytes: int = 200_000_000
    """Most bytes of one batch file."""
    batch_open: int = 4
    """Batches under way at a time."""
    batch_poll_s: float = 30.0
    """Between two looks at the batches that are under way; while nothing ends, up to ten times as long."""
    batch_wait_s: float | None = None
    """How long a run waits for its batches; None until they end. What is under way then is collected by a later run."""
    batch_discount: float = 0.5
    """What a batch costs, as a share of the online price, where the table of prices does not say it itself."""
    image_tokens: int | None = None
    """Prompt tokens of one picture at most, where the server is known to count them otherwise than OpenAI."""

    def __post_init__(self) -> None:
        if self.budget_usd is not None and not 0 <= self.budget_usd < math.inf:
            raise GenerationError(f"not a budget: {self.budget_usd}", hint="Give dollars, such as --budget-usd 5.")
        if self.concurrency < 1 or self.max_attempts < 1 or self.timeout_s <= 0:
            raise GenerationError("concurrency, attempts and time-out must be positive")
        self._check_limits()

    def _check_limits(self) -> None:
        if self.total_usd is not None and not 0 <= self.total_usd < math.inf:
            raise GenerationError(f"not a total: {self.total_usd}", hint="Give dollars, such as --total-usd 50.")
        if any(rate is not None and not 0 < rate < math.inf for rate in (self.rpm, self.tpm)):
            raise GenerationError("requests and tokens a minute must be positive")
        if self.repairs not in (0, 1):
            raise GenerationError(f"not a number of repairs: {self.repairs}", hint="A bad reply is mended once or not.")
        if self.lease_s <= 0 or self.batch_requests < 1 or self.batch_bytes < 1 or not 0 < self.batch_discount <= 1:
            raise GenerationError("lease, batch sizes and batch discount must be positive, the discount at most 1")
        if self.batch_open < 1 or self.batch_poll_s <= 0:
            raise GenerationError("the number of batches and the time between looks at them must be positive")


def from_environment(**chosen: Any) -> Settings:
    """Settings with the server of OPENAI_BASE_URL, where `chosen` does not name one."""
    base_url = chosen.pop("base_url", None) or os.environ.get("OPENAI_BASE_URL") or OPENAI_URL
    if not base_url.startswith(("http://", "https://")):
        raise GenerationError(
            f"OPENAI_BASE_URL is no web address: {base_url!r}", hint="Give it like http://localhost:8000/v1."
        )
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
