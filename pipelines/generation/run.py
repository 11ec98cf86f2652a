"""One run of the engine: a task for each request that is being asked, until there are none, or until it must stop."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from pipelines.generation.ask import Ask, Hooks
from pipelines.generation.budget import Budget
from pipelines.generation.call import Call, Shared
from pipelines.generation.client import FILTERED, CallError, Client, Verdict
from pipelines.generation.limiter import Stopped
from pipelines.generation.log import logger
from pipelines.generation.pending import Pending
from pipelines.generation.progress import Outcome, Progress, Report, log_end
from pipelines.generation.repair import NO_JUDGE, repair_of
from pipelines.generation.saving import Writer
from pipelines.generation.settings import Settings
from pipelines.generation.store import Entry, Looked, Worker, rescue, rescued
from pipelines.generation.verdicts import Verdicts
from schemas.errors import BudgetError, GenerationError
from schemas.records import Reply

TELL_S = 1.0
"""Between two reports where nothing happens that calls for one."""


def taken_up(concurrency: int) -> int:
    """How many requests are taken up at a time: those in flight at the server, which the limiter bounds, some that are
    ready to be sent, and some with answers that are being committed."""
    return concurrency + concurrency // 2 + 4


class Run:
    """Asks what is pending. Everything but the store's and the hooks' work is done in the event loop."""

    def __init__(
        self, pending: Pending, url: str, worker: Worker, client: Client, settings: Settings, report: Report,
        hooks: Hooks,
    ) -> None:  # fmt: skip
        self.pending = pending
        self.worker = worker
        self.settings = settings
        self.report = report
        self.hooks = hooks
        self.shared = Shared(client, settings, hooks, worker, Budget(draw=self._draw))
        self.writer = Writer(worker.save, partial(_rescued, url), self._halt)
        self.verdicts = Verdicts()
        self.slots = asyncio.Semaphore(taken_up(settings.concurrency))
        self.tasks: set[asyncio.Task[None]] = set()
        self.error: BaseException | None = None
        self.stopped = self.short = ""
        self.started_s = time.monotonic()
        self.answered = self.failed = self.repairs = self.left = 0
        self.rejects: Counter[str] = Counter()
        self.stored_risk_usd = 0.0

    async def go(self, fresh: list[Ask]) -> Outcome:
        """Ask these and all that follow. Whatever is in flight at the end is waited for: it is paid for."""
        logger.info("start: at most %d in flight, budget $%s", self.settings.concurrency, self.settings.budget_usd)
        try:
            unasked = await self._asked(fresh)
            if self.error is None and self.writer.trouble is None:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._save(self.verdicts.ended()), self.settings.grace_s)
        finally:
            await self._close()
        if self.error is not None:
            raise self.error
        await self._count_rest(unasked or await self.pending.unknown())
        shared = self.shared
        outcome = Outcome(
            **self._state(), left=self.left, stopped=self.stopped, uncounted=shared.uncounted,
            overcharged=shared.overcharged,
        )  # fmt: skip
        log_end(outcome)
        return outcome

    async def _asked(self, fresh: list[Ask]) -> list[Ask]:
        """Ask everything; those that were claimed and not asked when the run stopped."""
        telling = asyncio.create_task(self._tell())
        try:
            unasked = await self._feed(fresh)
            await self._until_idle()
            return unasked
        finally:
            telling.cancel()
            self._halt()
            await self._wind_down()
            self.report(Progress(**self._state()))

    async def _tell(self) -> None:
        """Report also while nothing is answered: what is tried again, and how slowly, is worth knowing."""
        while True:
            await asyncio.sleep(TELL_S)
            self.report(Progress(**self._state()))

    async def _feed(self, fresh: list[Ask]) -> list[Ask]:
        """Begin with every request, while the next chunk is read and claimed."""
        claimed = await self.pending.claim(fresh, self._look)
        claimed = claimed or await self._following()
        while claimed:
            following = asyncio.create_task(self._following())
            try:
                unasked = await self._begin(claimed)
            except BaseException:  # whatever ends the run, cancelling too: nobody waits for what is read ahead
                following.cancel()
                raise
            claimed = await following
            if self.shared.stop.is_set():
                return unasked + claimed
        return []

    async def _following(self) -> list[Ask]:
        return await self.pending.following(self._look, self._settle, self.shared.stop)

    async def _settle(self) -> None:
        """With nothing in flight, no answer will come that tells whose fault a failure is: it is the request's."""
        if not (self.tasks or self.shared.stop.is_set()):
            await self._save(self.verdicts.ended())

    async def _begin(self, asks: list[Ask]) -> list[Ask]:
        """A task for each, as soon as there is a slot; those that got none before the run stopped."""
        for number, ask in enumerate(asks):
            await self.slots.acquire()
            if self.shared.stop.is_set():
                return asks[number:]
            task = asyncio.create_task(self._ask(ask))
            self.tasks.add(task)
            task.add_done_callback(self._ended)
        return []

    def _ended(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        self.slots.release()
        error = None if task.cancelled() else task.exception()
        if error is not None:
            if self.error is None:
                logger.error("stop: %s", error)
            self.error = self.error or error
            self._halt()

    def _halt(self) -> None:
        """Send nothing more; whoever waits for a slot sees it at once."""
        self.shared.halt()
        self.slots.release()

    async def _until_idle(self) -> None:
        """Until nothing is in flight, or the run must stop."""
        stop = asyncio.create_task(self.shared.stop.wait())
        try:
            while self.tasks and not stop.done():
                await asyncio.wait({stop, *self.tasks}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stop.cancel()

    async def _wind_down(self) -> None:
        """Wait for the answers in flight, then give up what is late."""
        try:
            if self.tasks:
                await asyncio.wait(self.tasks, timeout=self.settings.grace_s)
        finally:
            for task in self.tasks:
                task.cancel()
            await asyncio.gather(*self.tasks, return_exceptions=True)

    async def _close(self) -> None:
        """Leave in the store what is known; GenerationError where it takes nothing."""
        lost_usd = self.shared.budget.at_risk_usd - self.stored_risk_usd
        if lost_usd > 0:
            with suppress(GenerationError):  # what cannot be written stays drawn, which is more
                await self.writer.call(self.worker.at_risk, lost_usd)
        self.shared.threads.shutdown(wait=False)
        await self.writer.close()

    async def _ask(self, ask: Ask) -> None:
        try:
            await self._answer(ask)
        except (BudgetError, Stopped) as why:
            self.left += 1
            self._stop(why)
        self.report(Progress(**self._state()))

    async def _answer(self, ask: Ask) -> None:
        """One request, to its end in the store; GenerationError where it shows that all others would fail."""
        call = Call(ask, self.shared)
        try:
            reply = await call.answer()
        except CallError as error:
            logger.warning("failed: %s %s: %s", ask.kind, ask.key, error)
            if error.verdict is Verdict.STOP:
                raise _turned_away(error, ask) from None
            await self._save(self.verdicts.failed(Entry(ask, call.failure(error)), error))
            return
        await self._save([Entry(ask, reply), *self.verdicts.answered()])
        await self._judge(ask, reply)

    async def _save(self, entries: Sequence[Entry]) -> None:
        """Commit, and only then count."""
        if not entries:
            return
        await self.writer.save(entries)
        for ask, reply in entries:
            self.stored_risk_usd += reply.at_risk_usd
            self.pending.done(ask.key, failed=bool(reply.error))
            if reply.error:
                self.rejects["reply_filtered" if reply.finish_reason == FILTERED else "request_failed"] += 1
            if ask.repair_of:
                self.repairs += 1
            else:
                self.failed += bool(reply.error)
                self.answered += not reply.error

    async def _judge(self, ask: Ask, reply: Reply) -> None:
        """Count a bad reply, or show it to the model once."""
        if self.hooks.judge is NO_JUDGE:
            return
        loop = asyncio.get_running_loop()
        judgement = await loop.run_in_executor(self.shared.threads, self.hooks.judge, ask, reply)
        repair = repair_of(ask, judgement) if self.settings.repairs else None
        if repair is not None and repair.key not in self.pending.taken:
            self.pending.taken.add(repair.key)
            if repair.key in (await self._look([repair.key])).claimed:
                await self._mend(repair)
                return
            self.pending.taken.discard(repair.key)
        if judgement.reason:
            self.rejects[judgement.reason] += 1

    async def _mend(self, repair: Ask) -> None:
        try:
            await self._answer(repair)
        except (BudgetError, Stopped) as why:
            self._stop(why)

    def _stop(self, why: BudgetError | Stopped) -> None:
        if not self.stopped and isinstance(why, BudgetError):
            self.stopped = f"{why}, and {self.short}" if self.short else str(why)
            logger.warning("stop: %s", self.stopped)
        self._halt()

    async def _look(self, keys: list[str]) -> Looked:
        return await self.writer.call(self.worker.look, keys, self.settings.retry_failed)

    async def _draw(self, least_usd: float, wish_usd: float) -> float:
        granted = await self.writer.call(self.worker.draw, least_usd, wish_usd)
        if not granted:
            of_purse, of_total = await self.writer.call(self.worker.undrawn)
            left, limit = min((of_purse, "budget of this run"), (of_total, "total of the store"))
            self.short = f"${max(0.0, left + self.shared.budget.left_usd):.6f} of the {limit} are left"
        return granted

    async def _count_rest(self, unasked: list[Ask]) -> None:
        """What was claimed and not asked, and what was not even read, is left for the next run."""
        while unasked:
            self.left += sum(1 for ask in unasked if not ask.repair_of)
            unasked = await self.pending.unknown()

    def _state(self) -> dict[str, Any]:
        pending, shared = self.pending, self.shared
        return {
            "requests": pending.read, "cached": pending.cached, "answered": self.answered, "failed": self.failed,
            "elsewhere": pending.elsewhere, "in_flight": shared.limiter.in_flight, "retries": shared.retries,
            "repairs": self.repairs, "rejects": dict(self.rejects), "spent_usd": shared.budget.spent_usd,
            "at_risk_usd": shared.budget.at_risk_usd, "started_s": self.started_s, "limits": shared.limiter.words(),
        }  # fmt: skip


def _rescued(url: str, entries: Sequence[Entry]) -> str:
    return rescued(url, rescue(url, entries), len(entries))


def _turned_away(error: CallError, ask: Ask) -> GenerationError:
    return GenerationError(
        f"the server turns every request away: {error.words}",
        hint=f"Check OPENAI_API_KEY and what its account may spend, OPENAI_BASE_URL (it mostly ends in /v1), and that "
        f"there is a model {ask.payload['model']!r}.",
    )
