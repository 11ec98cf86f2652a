"""Many calls at once: only what the store lacks, each answer stored before anything else, never over the budget.

Requests stream from an iterator: a few hundred are in memory, whatever their number. A request ends as an answer in the
store, as a failure in the store (the server refused this one, or did not answer it while it answered others), or
unasked (budget, interruption, a server that is gone), and then the next run asks it.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

from pipelines.generation.ask import Ask
from pipelines.generation.call import Call, Shared, Stopped
from pipelines.generation.client import CallError, Client, Verdict
from pipelines.generation.pending import Pending
from pipelines.generation.progress import Outcome as Outcome
from pipelines.generation.progress import Progress as Progress
from pipelines.generation.progress import Report as Report
from pipelines.generation.progress import quiet
from pipelines.generation.settings import Settings
from pipelines.generation.store import ReplyStore
from pipelines.generation.verdicts import Verdicts
from schemas.errors import BudgetError, GenerationError
from schemas.records import Reply

Requests = Iterable[tuple[str, str, dict[str, Any]]]
"""(key, kind, payload) each."""


def generate(requests: Requests, store: ReplyStore, settings: Settings, progress: Report = quiet) -> Outcome:
    """`answer_all` for a program without an event loop.

    Ctrl-C waits for the answers in flight and stores them, then raises KeyboardInterrupt; a second one does not wait.
    """
    return asyncio.run(answer_all(requests, store, settings, progress))


async def answer_all(requests: Requests, store: ReplyStore, settings: Settings, progress: Report = quiet) -> Outcome:
    """Ask for every request that the store lacks, and store the replies. Needs neither key nor budget to ask nothing.

    Raises:
        GenerationError: no budget or key was given, the price is not known, or the server refuses or does not answer.
            The replies that came before are in the store.
    """
    pending = Pending(requests, store, settings.retry_failed)
    if pending.empty():
        return Outcome(requests=pending.read, cached=pending.cached)
    if settings.budget_usd is None:
        raise GenerationError(
            "nothing is asked without a budget", hint="Say what this run may spend at most, in dollars: --budget-usd 5"
        )
    async with Client(settings) as client:
        return await _Run(pending, store, Shared(client, settings), progress).go()


class _Run:
    """One run: workers that take pending requests until there are none, or until they must stop."""

    def __init__(self, pending: Pending, store: ReplyStore, shared: Shared, report: Report) -> None:
        self.pending = pending
        self.store = store
        self.shared = shared
        self.report = report
        self.verdicts = Verdicts()
        self.stopped = ""
        self.answered = self.failed = self.in_flight = self.left = 0

    async def go(self) -> Outcome:
        """Whatever is in flight at the end is waited for: it is paid for."""
        workers = [asyncio.create_task(self._work()) for _ in range(self.shared.settings.concurrency)]
        try:
            done, _ = await asyncio.wait(workers, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            self.shared.stop.set()
            await _wind_down(workers, self.shared.settings.grace_s)
        for worker in done:
            worker.result()
        self._save(*self.verdicts.ended())
        self.left += sum(1 for _ in self.pending)
        return Outcome(**self._state(), left=self.left, stopped=self.stopped, uncounted=self.shared.uncounted)

    async def _work(self) -> None:
        while not self.shared.stop.is_set() and (ask := next(self.pending, None)) is not None:
            self.in_flight += 1
            try:
                await self._answer(ask)
            except (BudgetError, Stopped) as why:
                self._stop(str(why))
            finally:
                self.in_flight -= 1
            self.report(Progress(**self._state()))

    def _stop(self, why: str) -> None:
        self.left += 1
        self.stopped = self.stopped or why
        self.shared.stop.set()

    async def _answer(self, ask: Ask) -> None:
        """One request, to its end in the store; GenerationError where it shows that all others would fail."""
        call = Call(ask, self.shared)
        try:
            reply = await call.answer()
        except CallError as error:
            if error.verdict is Verdict.STOP:
                raise _turned_away(error, ask) from None
            self._save(*self.verdicts.failed((ask, call.failure(error)), error))
        else:
            self._save((ask, reply), *self.verdicts.answered())

    def _save(self, *settled: tuple[Ask, Reply]) -> None:
        for ask, reply in settled:
            self.store.save(reply, ask.kind, ask.payload)
            self.pending.done(ask.key, failed=bool(reply.error))
            self.failed += bool(reply.error)
            self.answered += not reply.error

    def _state(self) -> dict[str, Any]:
        pending, shared = self.pending, self.shared
        return {
            "requests": pending.read, "cached": pending.cached, "answered": self.answered, "failed": self.failed,
            "in_flight": self.in_flight, "retries": shared.retries, "spent_usd": shared.budget.spent_usd,
            "at_risk_usd": shared.budget.at_risk_usd,
        }  # fmt: skip


def _turned_away(error: CallError, ask: Ask) -> GenerationError:
    return GenerationError(
        f"the server turns every request away: {error.words}",
        hint=f"Check OPENAI_API_KEY, OPENAI_BASE_URL and that there is a model {ask.payload['model']!r}.",
    )


async def _wind_down(workers: list[asyncio.Task[None]], grace_s: float) -> None:
    """Wait for the answers in flight, then give up what is late."""
    _, late = await asyncio.wait(workers, timeout=grace_s)
    for worker in late:
        worker.cancel()
    await asyncio.gather(*workers, return_exceptions=True)
