"""One request with its attempts, each paid for from the budget."""

import asyncio
from typing import Any

import tenacity

from pipelines.generation import prices
from pipelines.generation.ask import Ask
from pipelines.generation.budget import Budget, Reservation
from pipelines.generation.client import CallError, Client, Completion, Verdict
from pipelines.generation.settings import Settings
from schemas.records import Reply


class Stopped(Exception):
    """The run is ending: no further attempt was made."""


class Shared:
    """What all calls of a run share: the server, the money, the pause that the server asked for, and the end."""

    def __init__(self, client: Client, settings: Settings) -> None:
        self.client = client
        self.settings = settings
        self.budget = Budget(settings.budget_usd or 0.0)
        self.stop = asyncio.Event()
        self.retries = 0
        self.uncounted = 0
        self._resume_at = 0.0

    def hold(self, seconds: float) -> None:
        """Send nothing for so long: the server has said when to come again, and that goes for every request."""
        self._resume_at = max(self._resume_at, asyncio.get_running_loop().time() + seconds)

    async def held(self) -> None:
        """Wait until the server may be asked; Stopped where the run ends first."""
        while (left := self._resume_at - asyncio.get_running_loop().time()) > 0:
            await self.sleep(left)
        if self.stop.is_set():
            raise Stopped

    async def sleep(self, seconds: float) -> None:
        """Wait; Stopped where the run ends first."""
        try:
            await asyncio.wait_for(self.stop.wait(), seconds)
        except TimeoutError:
            return
        raise Stopped


class Call:
    """One request. GenerationError where its cost is not bounded or its price not known."""

    def __init__(self, ask: Ask, shared: Shared) -> None:
        self.ask = ask
        self.shared = shared
        self.attempts = 0
        self._model = str(ask.payload["model"])
        self._bound = prices.bound(ask.payload)
        self._price = prices.price_of(self._model, shared.settings)

    async def answer(self) -> Reply:
        """The reply, after as many attempts as the settings allow; or CallError, BudgetError, Stopped."""
        attempts = tenacity.AsyncRetrying(
            stop=tenacity.stop_after_attempt(self.shared.settings.max_attempts),
            retry=tenacity.retry_if_exception(_worth_retrying), wait=self._wait, sleep=self._sleep, reraise=True,
        )  # fmt: skip
        return await attempts(self._attempt)

    def failure(self, error: CallError) -> Reply:
        """What the store keeps of a request that failed for good."""
        return Reply(
            key=self.ask.key, text="", finish_reason="error", model=self._model, attempts=self.attempts,
            error=error.words,
        )  # fmt: skip

    async def _attempt(self) -> Reply:
        await self.shared.held()
        async with self.shared.budget.reserve(self._price.cost(self._bound)) as reservation:
            await self.shared.held()
            self.attempts += 1
            return await self._paid(reservation)

    async def _paid(self, reservation: Reservation) -> Reply:
        reservation.may_be_charged = reservation.usd
        try:
            completion = await self.shared.client.complete(self.ask.payload)
        except CallError as error:
            reservation.may_be_charged = reservation.usd if error.may_be_charged else 0.0
            raise
        reply = self._reply(completion)
        reservation.charged, reservation.may_be_charged = reply.cost_usd, 0.0
        return reply

    def _reply(self, completion: Completion) -> Reply:
        tokens = completion.tokens or self._uncounted(completion.text)
        return Reply(
            key=self.ask.key, text=completion.text, finish_reason=completion.finish_reason, model=completion.model,
            prompt_tokens=tokens.prompt, completion_tokens=tokens.completion, cost_usd=self._price.cost(tokens),
            attempts=self.attempts,
        )  # fmt: skip

    def _uncounted(self, text: str) -> prices.Tokens:
        """The server does not say how many tokens it counted: charge the most there can be."""
        self.shared.uncounted += 1
        return self._bound._replace(completion=min(self._bound.completion, prices.text_bound(text)))

    def _wait(self, state: tenacity.RetryCallState) -> float:
        """Seconds: twice as long each time, with jitter, and never shorter than the server asks for."""
        settings = self.shared.settings
        backoff = tenacity.wait_exponential_jitter(
            multiplier=settings.backoff_s, jitter=settings.backoff_s, max=settings.backoff_cap_s
        )(state)
        asked = min(_retry_after(state), settings.retry_after_cap_s)
        if asked:
            self.shared.hold(asked)
        return max(backoff, asked)

    async def _sleep(self, seconds: float) -> None:
        self.shared.retries += 1
        await self.shared.sleep(seconds)


def _worth_retrying(error: BaseException) -> bool:
    return isinstance(error, CallError) and error.verdict is Verdict.RETRY


def _retry_after(state: tenacity.RetryCallState) -> float:
    error: Any = state.outcome.exception() if state.outcome else None
    return (isinstance(error, CallError) and error.retry_after_s) or 0.0
