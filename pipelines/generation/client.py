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
from typing import Any

import msgspec
import openai

from pipelines.generation.prices import Tokens
from pipelines.generation.settings import Settings, api_key
from schemas.records import Record


class Verdict(enum.Enum):
    """What to do about a failed call."""

    RETRY = "retry"
    REFUSED = "refused"
    """This request will always fail; others may not."""
    STOP = "stop"
    """Every request will fail."""


class CallError(Exception):
    """A call that gave no answer. Its words are the server's, without the key."""

    def __init__(
        self, words: str, verdict: Verdict, *, unreachable: bool = False, may_be_charged: bool = False,
        retry_after_s: float | None = None,
    ) -> None:  # fmt: skip
        super().__init__(words)
        self.words = words
        self.verdict = verdict
        self.unreachable = unreachable
        """No connection came about."""
        self.may_be_charged = may_be_charged
        """The request was sent, and the connection broke off before the answer was here."""
        self.retry_after_s = retry_after_s


class Completion(Record, frozen=True, kw_only=True):
    """What the server answered."""

    text: str
    finish_reason: str
    model: str
    tokens: Tokens | None
    """None where the server does not say."""


class _Message(msgspec.Struct):
    content: str | None = None


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
_STOP_CODES = {"insufficient_quota", "billing_hard_limit_reached", "account_deactivated"}
"""Codes of a 429 that no waiting will cure."""


class Client:
    """A connection to the settings' server; an async context manager."""

    def __init__(self, settings: Settings) -> None:
        self._key = api_key(settings.base_url)
        self._timeout_s = settings.timeout_s
        self._openai = openai.AsyncOpenAI(
            api_key=self._key, base_url=settings.base_url, max_retries=0, timeout=settings.timeout_s
        )

    async def __aenter__(self) -> "Client":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._openai.close()

    async def complete(self, payload: dict[str, Any]) -> Completion:
        """Ask once, or raise CallError."""
        try:
            async with asyncio.timeout(self._timeout_s):
                raw = await self._openai.chat.completions.with_raw_response.create(**_arguments(payload))
        except TimeoutError:
            raise _timed_out(self._timeout_s) from None
        except openai.APIError as error:
            raise explain(error, self._key, self._timeout_s) from None
        return read_completion(raw.content, str(payload["model"]), self._key)


def explain(error: openai.APIError, key: str, timeout_s: float) -> CallError:
    """What a failed call of the official client means; the key is taken out of the words."""
    if isinstance(error, openai.APITimeoutError):
        return _timed_out(timeout_s, unreachable=_never_sent(error))
    if isinstance(error, openai.APIStatusError):
        words = f"HTTP {error.status_code}: {words_of(error.body, error.response.reason_phrase)}"
        verdict = verdict_of(error.status_code, error.code)
        return CallError(_hide(words, key), verdict, retry_after_s=retry_after(error.response.headers))
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
    return words.replace(key, "[key]") if key else words


def _arguments(payload: dict[str, Any]) -> dict[str, Any]:
    """The payload as the client's arguments. Only two are its own; so any parameter that a server knows can be sent."""
    rest = {name: value for name, value in payload.items() if name not in ("model", "messages")}
    return {"model": payload["model"], "messages": payload["messages"], "extra_body": rest}


def _completion(body: _Body, asked_model: str) -> Completion:
    choice = body.choices[0] if body.choices else _Choice(finish_reason=NO_CHOICE)
    return Completion(
        text=(choice.message and choice.message.content) or "", finish_reason=choice.finish_reason or "",
        model=body.model or asked_model, tokens=_tokens(body.usage),
    )  # fmt: skip


def _tokens(usage: _Usage | None) -> Tokens | None:
    if usage is None or usage.prompt_tokens is None or usage.completion_tokens is None:
        return None
    details = usage.prompt_tokens_details
    cached = min((details and details.cached_tokens) or 0, usage.prompt_tokens)
    return Tokens(usage.prompt_tokens, usage.completion_tokens, cached)


def _timed_out(seconds: float, *, unreachable: bool = False) -> CallError:
    words = f"no answer within {seconds:g} s"
    return CallError(words, Verdict.RETRY, unreachable=unreachable, may_be_charged=not unreachable)


def _never_sent(error: openai.APIError) -> bool:
    """Whether the connection failed before anything was sent: then nothing can be charged."""
    return type(error.__cause__).__name__ in ("ConnectError", "ConnectTimeout", "PoolTimeout", "UnsupportedProtocol")


def verdict_of(status: int, code: str | None) -> Verdict:
    """What to do about an HTTP status with the code of the server's error."""
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
        return (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()
