"""One request with its attempts, each let through by the limiter and paid for from the budget."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import tenacity

from pipelines.generation import prices
from pipelines.generation.ask import Ask, Hooks
from pipelines.generation.budget import Budget, Reservation
from pipelines.generation.client import FILTERED, Answer, CallError, Client, Completion, Verdict
from pipelines.generation.limiter import Limiter, Stopped, Ticket
from pipelines.generation.log import logger
from pipelines.generation.settings import Settings
from pipelines.generation.store import Worker
from schemas.errors import GenerationError
from schemas.records import Reply

LAPSED_S = 0.2
"""Between two looks at whether the lease is renewed."""


class Shared:
    """What all calls of a run share: the server, its limits, the money, the lease, and the end."""

    def __init__(self, client: Client, settings: Settings, hooks: Hooks, worker: Worker, budget: Budget) -> None:
        self.client = client
        self.settings = settings
        self.hooks = hooks
        self.worker = worker
        self.budget = budget
        self.limiter = Limiter(settings, worker.peers)
        self.threads = ThreadPoolExecutor(2, thread_name_prefix="generation")
        """For what is not the store's and would hold up the event loop."""
        self.stop = asyncio.Event()
        self.retries = 0
        self.uncounted = 0
        self.overcharged = 0
        self.excess = prices.Tokens(0, 0)
        """The most tokens that the server has counted beyond a bound; later requests are expected to have them too."""

    def halt(self) -> None:
        """Send nothing more."""
        self.stop.set()
        self.limiter.stop()

    async def sleep(self, seconds: float) -> None:
        """Wait; Stopped where the run ends first."""
        try:
            await asyncio.wait_for(self.stop.wait(), seconds)
        except TimeoutError:
            return
        raise Stopped

    async def ready(self) -> None:
        """Wait until the lease holds, and with it our claims; Stopped where the run ends first.

        GenerationError where another worker has them by now.
        """
        while self.worker.lapsed():
            if self.worker.lost():
                raise GenerationError(
                    "this run slept for longer than its lease, and another one asks in its place",
                    hint="Run the same command again: it goes on with what is left.",
                )
            await self.sleep(LAPSED_S)
        if self.stop.is_set():
            raise Stopped

    async def body(self, ask: Ask) -> bytes:
        """What is sent. Pictures are put in now, so that few of them are in memory."""
        if self.hooks.fill is _DEFAULT_FILL:
            return msgspec.json.encode(ask.payload)
        filled = lambda: msgspec.json.encode(self.hooks.fill(ask))  # noqa: E731
        return await asyncio.get_running_loop().run_in_executor(self.threads, filled)


class Call:
    """One request. GenerationError where its cost is not bounded or its price not known."""

    def __init__(self, ask: Ask, shared: Shared) -> None:
        self.ask = ask
        self.shared = shared
        self.attempts = 0
        self.at_risk_usd = 0.0
        """What attempts that broke off may have been charged."""
        self._model = str(ask.payload["model"])
        self._bound = prices.bound(ask.payload, shared.settings.image_tokens)
        self._tokens = float(sum(prices.guess(ask.payload, shared.settings.image_tokens)[:2]))
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
            key=self.ask.key, text="", finish_reason=FILTERED if error.filtered else "error", model=self._model,
            attempts=self.attempts, error=error.words, at_risk_usd=self.at_risk_usd, repair_of=self.ask.repair_of,
        )  # fmt: skip

    async def _attempt(self) -> Reply:
        """Everything is made ready before there is a slot, so that a slot is never held for more than the call."""
        reply = None
        while reply is None:
            await self.shared.ready()
            async with self.shared.budget.reserve(self._most_usd()) as reservation:
                body = await self.shared.body(self.ask)
                ticket = await self.shared.limiter.admit(self._tokens)
                try:
                    await self.shared.ready()
                    reply = await self._send(reservation, ticket, body)
                finally:
                    used = reply.prompt_tokens + reply.completion_tokens if reply else None
                    self.shared.limiter.done(ticket, used)
        return reply

    async def _send(self, reservation: Reservation, ticket: Ticket, body: bytes) -> Reply | None:
        """None where the server was found meanwhile to count more than was set aside: then more is."""
        if self._most_usd() > reservation.usd:
            return None
        self.attempts += 1
        return await self._paid(reservation, ticket, body)

    async def _paid(self, reservation: Reservation, ticket: Ticket, body: bytes) -> Reply:
        reservation.may_be_charged = reservation.usd
        try:
            answer = await self.shared.client.complete(body, self._model)
        except CallError as error:
            reservation.may_be_charged = reservation.usd if error.may_be_charged else 0.0
            self.at_risk_usd += reservation.may_be_charged
            self._failed(error, ticket)
            raise
        reply = self._answered(answer, ticket)
        reservation.charged, reservation.may_be_charged = reply.cost_usd, 0.0
        return reply

    def _failed(self, error: CallError, ticket: Ticket) -> None:
        """Tell the limiter what a failure says of the server."""
        limiter = self.shared.limiter
        if error.verdict is Verdict.STOP:
            self.shared.halt()
        elif error.verdict is Verdict.RETRY and error.turned_away:
            limiter.turned_away(ticket, error.limits, error.retry_after_s)
        elif error.verdict is Verdict.RETRY and error.retry_after_s:
            limiter.hold(error.retry_after_s)

    def _answered(self, answer: Answer, ticket: Ticket) -> Reply:
        self.shared.limiter.answered()
        if answer.limits:
            self.shared.limiter.learn(ticket, answer.limits)
        completion = answer.completion
        tokens = completion.tokens or self._uncounted(completion)
        self._compare(tokens)
        return Reply(
            key=self.ask.key, text=completion.text, finish_reason=completion.finish_reason, model=completion.model,
            prompt_tokens=tokens.prompt, completion_tokens=tokens.completion, cost_usd=self._price.cost(tokens),
            attempts=self.attempts, at_risk_usd=self.at_risk_usd, repair_of=self.ask.repair_of,
        )  # fmt: skip

    def _most_usd(self) -> float:
        excess = self.shared.excess
        bound = self._bound
        return self._price.cost(prices.Tokens(bound.prompt + excess.prompt, bound.completion + excess.completion))

    def _compare(self, tokens: prices.Tokens) -> None:
        """A server may count more than there can be, for a long prompt of its own or for thinking beyond the limit."""
        excess = self.shared.excess
        prompt, completion = tokens.prompt - self._bound.prompt, tokens.completion - self._bound.completion
        if prompt > 0 or completion > 0:
            self.shared.overcharged += 1
        if prompt > excess.prompt or completion > excess.completion:
            self.shared.excess = prices.Tokens(max(prompt, excess.prompt), max(completion, excess.completion))
            logger.warning("the server counts up to %d and %d tokens more than a request has", *self.shared.excess[:2])

    def _uncounted(self, completion: Completion) -> prices.Tokens:
        """The server does not say how many tokens it counted: charge the most there can be."""
        self.shared.uncounted += 1
        most = prices.text_bound(completion.text)
        return self._bound._replace(completion=min(self._bound.completion, most))

    def _wait(self, state: tenacity.RetryCallState) -> float:
        """Seconds: twice as long each time, with jitter. What the server asks for, the limiter makes everybody wait."""
        settings = self.shared.settings
        return tenacity.wait_exponential_jitter(
            multiplier=settings.backoff_s, jitter=settings.backoff_s, max=settings.backoff_cap_s
        )(state)

    async def _sleep(self, seconds: float) -> None:
        self.shared.retries += 1
        await self.shared.sleep(seconds)


_DEFAULT_FILL = Hooks().fill


def _worth_retrying(error: BaseException) -> bool:
    """Whether to try again; the reason is logged."""
    worth: Any = isinstance(error, CallError) and error.verdict is Verdict.RETRY
    if worth:
        logger.info("to be tried again: %s", error)
    return bool(worth)
