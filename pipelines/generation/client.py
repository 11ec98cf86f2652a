"""One call of an OpenAI-compatible server, and what its failure means.

The official `openai` client does the talking; its own retries are off, because retries are the engine's (budget and
pauses are global matters). The answer is decoded here, typed, so that a server's odd reply is a named failure.
"""

import asyncio
import enum
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

import httpx2
import msgspec
import openai

from pipelines.generation.limits import rate_headers
from pipelines.generation.log import HIDDEN
from pipelines.generation.prices import Tokens
from pipelines.generation.settings import Settings, api_key
from schemas.records import REFUSED, Record


class Verdict(enum.Enum):
    """What to do about a failed call."""

    RETRY = "retry"
    REFUSED = "refused"
    """This request will always fail; others may not."""
    STOP = "stop"
    """Every request will fail."""


FILTERED = "content_filter"
"""Finish reason of an answer, and code of a refusal, where the server's content filter stopped it."""
NO_HEADERS: Mapping[str, str] = {}


class CallError(Exception):
    """A call that gave no answer. Its words are the server's, without the key."""

    def __init__(
        self, words: str, verdict: Verdict, *, unreachable: bool = False, may_be_charged: bool = False,
        retry_after_s: float | None = None, status: int = 0, code: str | None = None,
        limits: Mapping[str, str] = NO_HEADERS,
    ) -> None:  # fmt: skip
        super().__init__(words)
        self.words = words
        self.verdict = verdict
        self.unreachable = unreachable
        """No connection came about."""
        self.may_be_charged = may_be_charged
        """The request was sent, and the connection broke off before the answer was here: ours, or a gateway's."""
        self.retry_after_s = retry_after_s
        self.status = status
        """Of HTTP; 0 where no answer came."""
        self.turned_away = status == 429
        """The server has too much to do: nothing is wrong with the request."""
        self.filtered = code in _FILTER_CODES
        """The server's content filter does not let the request through."""
        self.limits = limits
        """The rate headers."""


class Completion(Record, frozen=True, kw_only=True):
    """What the server answered."""

    text: str
    finish_reason: str
    model: str
    tokens: Tokens | None
    """None where the server does not say."""


class Answer(NamedTuple):
    """An answer with the rate headers that came along."""

    completion: Completion
    limits: Mapping[str, str]


class _Message(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None


class _Choice(msgspec.Struct):
    message: _Message | None = None
    finish_reason: str | None = None


class _PromptDetails(msgspec.Struct):
    cached_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _PromptDetails | None = None


class _Body(msgspec.Struct):
    """Of a chat completion what we read; the rest of it is the server's affair."""

    choices: list[_Choice] | None
    model: str | None = None
    usage: _Usage | None = None


_decoder = msgspec.json.Decoder(_Body)

NO_CHOICE = "no_choice"
"""The finish reason of an answer without any choice."""

_STOP_STATUS = {401, 403, 404}
_RETRY_STATUS = {408, 409, 429}
_GATEWAY_STATUS = {502, 504, 524}
"""Something between us and the server lost it, or did not wait for it: it may have answered."""
_FILTER_CODES = {FILTERED, "content_policy_violation"}
_STOP_CODES = {"insufficient_quota", "billing_hard_limit_reached", "account_deactivated"}
"""Codes of a 429 that no waiting will cure."""


KEEP_ALIVE_S = 30.0
"""How long a connection is kept that nothing goes over."""


class Client:
    """Connections to the settings' server, one for each request in flight; an async context manager.

    They are aiohttp's, which the official client can use: httpx looks at each connection of its pool for every request,
    and that costs more processor time than all the rest.
    """

    def __init__(self, settings: Settings) -> None:
        self._key = api_key(settings.base_url)
        self._timeout_s = settings.timeout_s
        most = settings.concurrency
        limits = httpx2.Limits(max_connections=most, max_keepalive_connections=most, keepalive_expiry=KEEP_ALIVE_S)
        self._openai = openai.AsyncOpenAI(
            api_key=self._key, base_url=settings.base_url, max_retries=0, timeout=settings.timeout_s,
            http_client=openai.DefaultAioHttpClient(limits=limits),
        )  # fmt: skip

    async def __aenter__(self) -> "Client":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._openai.close()

    async def complete(self, body: bytes, asked_model: str) -> Answer:
        """Ask once, with the payload as JSON, or raise CallError."""
        try:
            async with asyncio.timeout(self._timeout_s):
                response = await self._openai.post("/chat/completions", content=body, cast_to=httpx2.Response)
        except TimeoutError:
            raise _timed_out(self._timeout_s) from None
        except openai.APIError as error:
            raise explain(error, self._key, self._timeout_s) from None
        return Answer(read_completion(response.content, asked_model, self._key), rate_headers(response.headers))


def explain(error: openai.APIError, key: str, timeout_s: float) -> CallError:
    """What a failed call of the official client means; the key is taken out of the words."""
    if isinstance(error, openai.APITimeoutError) and not _never_sent(error):
        return _timed_out(timeout_s)
    if isinstance(error, openai.APIStatusError):
        words = f"HTTP {error.status_code}: {words_of(error.body, error.response.reason_phrase)}"
        headers = error.response.headers
        return CallError(
            _hide(words, key), verdict_of(error.status_code, error.code), retry_after_s=retry_after(headers),
            may_be_charged=error.status_code in _GATEWAY_STATUS, status=error.status_code, code=error.code,
            limits=rate_headers(headers),
        )  # fmt: skip
    cause = error.__cause__ or error
    unreachable = _never_sent(error)
    return CallError(
        _hide(f"connection failed: {cause or type(cause).__name__}", key), Verdict.RETRY, unreachable=unreachable,
        may_be_charged=not unreachable,
    )  # fmt: skip


def read_completion(raw: bytes, asked_model: str, key: str = "") -> Completion:
    """The chat completion of a body; CallError where it is none."""
    try:
        return _completion(_decoder.decode(raw), asked_model)
    except msgspec.MsgspecError as error:
        words = f"the answer is no chat completion: {error}; it begins with {raw[:200]!r}"
        raise CallError(_hide(words, key), Verdict.RETRY, may_be_charged=True) from None


def _hide(words: str, key: str) -> str:
    return words.replace(key, HIDDEN) if key else words


def _completion(body: _Body, asked_model: str) -> Completion:
    choice = body.choices[0] if body.choices else _Choice(finish_reason=NO_CHOICE)
    message = choice.message or _Message()
    refused = bool(message.refusal and not message.content)
    return Completion(
        text=message.content or message.refusal or "",
        finish_reason=(REFUSED if refused else choice.finish_reason) or "",
        model=body.model or asked_model, tokens=_tokens(body.usage),
    )  # fmt: skip


def _tokens(usage: _Usage | None) -> Tokens | None:
    if usage is None or usage.prompt_tokens is None or usage.completion_tokens is None:
        return None
    if usage.prompt_tokens < 0 or usage.completion_tokens < 0:
        return None
    details = usage.prompt_tokens_details
    cached = min(max(0, (details and details.cached_tokens) or 0), usage.prompt_tokens)
    return Tokens(usage.prompt_tokens, usage.completion_tokens, cached)


def _timed_out(seconds: float) -> CallError:
    return CallError(f"no answer within {seconds:g} s", Verdict.RETRY, may_be_charged=True)


def _never_sent(error: openai.APIError) -> bool:
    """Whether the connection failed before anything was sent: then nothing can be charged."""
    return type(error.__cause__).__name__ in ("ConnectError", "ConnectTimeout", "PoolTimeout", "UnsupportedProtocol")


def verdict_of(status: int, code: str | None) -> Verdict:
    """What to do about an HTTP status with the code of the server's error."""
    if code in _FILTER_CODES:
        return Verdict.REFUSED
    if status in _STOP_STATUS or code in _STOP_CODES:
        return Verdict.STOP
    return Verdict.RETRY if status in _RETRY_STATUS or status >= 500 else Verdict.REFUSED


def words_of(body: object, otherwise: str) -> str:
    """The server's own message, where it has one."""
    message = body.get("message") if isinstance(body, dict) else body
    return " ".join(str(message or otherwise).split())[:1000]


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asks to wait: `retry-after-ms`, or `Retry-After` as seconds or a date."""
    try:
        if "retry-after-ms" in headers:
            seconds = float(headers["retry-after-ms"]) / 1000
        else:
            seconds = _seconds(headers["retry-after"])
    except (KeyError, ValueError):
        return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        moment = parsedate_to_datetime(text)
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - datetime.now(UTC)).total_seconds()
