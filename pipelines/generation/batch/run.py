"""A run in batches: files of requests go out, answers come back within a day, at a lower price.

Each batch goes through states that the store knows before anything is sent, so that a run that is killed at any moment
is taken up by the next one, and no request is asked twice:

    draft      its lines are written down; nothing is handed over. Killed here, it is forgotten
    ready      its keys and dollars are its own. Killed here, its file is deleted if it had been uploaded
    uploaded   the server has the file
    creating   the server may have the batch: it is looked for by our id, which it carries as metadata
    open       the server has it
    ended      collected; what got no answer waits for the next batch
"""

import time
from collections.abc import Iterable
from typing import NamedTuple
from uuid import uuid4

import msgspec
from openai.types import Batch

from pipelines.generation.ask import Ask, Hooks
from pipelines.generation.batch.collect import Collector
from pipelines.generation.batch.draft import Draft, Purse
from pipelines.generation.batch.lines import write_line
from pipelines.generation.batch.planner import CHUNK, Planner
from pipelines.generation.batch.sending import QueueFull, Sender
from pipelines.generation.batch.server import OVER, BatchServer, Unreachable
from pipelines.generation.batch.tally import Tally, counted
from pipelines.generation.log import logger
from pipelines.generation.progress import Outcome, Report, log_end, quiet
from pipelines.generation.settings import Settings
from pipelines.generation.store import ReplyStore, Worker
from pipelines.generation.store.batches import READY, UPLOADED, Batches, BatchRow
from schemas.errors import GenerationError

PATIENCE = 10
"""Looks become rarer while nothing ends, up to so many times `batch_poll_s` apart; so many in a row may fail."""


def run_batches(
    requests: Iterable[Ask], store: ReplyStore, settings: Settings, progress: Report = quiet, hooks: Hooks | None = None
) -> Outcome:
    """Ask for every request that the store lacks, in batches, and store the replies.

    Batches that an earlier run left at the server are collected first, and count for this run's budget from then on.
    Ctrl-C, and whatever ends a run early, leaves the batches at the server: the same command collects them.

    Raises:
        GenerationError: no budget or key was given, the price is not known, or the server refuses or does not answer;
            or the run was interrupted (its cause is then KeyboardInterrupt).
    """
    settings, hooks = msgspec.structs.replace(settings, mode="batch"), hooks or Hooks()
    tally = Tally(hooks, settings.repairs, progress)
    budget = settings.budget_usd or 0.0
    with store.worker(settings.purse or f"batch-{uuid4().hex}", budget, settings.total_usd, settings.lease_s) as worker:
        run = _Run(requests, _Parts(store, worker, settings, hooks, tally))
        try:
            return run.go()
        except KeyboardInterrupt as interrupt:
            raise run.interrupted() from interrupt
        finally:
            run.close()


class _Parts(NamedTuple):
    """What a run is made with."""

    store: ReplyStore
    worker: Worker
    settings: Settings
    hooks: Hooks
    tally: Tally


class _Run:
    """One run. A single thread does everything: what takes long, it does not wait for."""

    def __init__(self, requests: Iterable[Ask], parts: _Parts) -> None:
        store, worker, settings, hooks, tally = parts
        self.store, self.worker, self.settings, self.hooks, self.tally = parts
        self.batches = Batches(store.database)
        self.planner = Planner(requests, store, worker, settings, hooks, tally)
        self.purse = Purse(store, worker, settings)
        self.open: dict[str, BatchRow] = {}
        self.size = settings.batch_requests
        """Most requests of the next file: fewer after the server has said that it has too many."""
        self.waits = False
        """Whether nothing is sent until something ends or some time has passed, because the server's queue is full."""
        self.fulls = self.lost = self.misses = 0
        self.server: BatchServer | None = None
        self.deadline = float("inf") if settings.batch_wait_s is None else time.monotonic() + settings.batch_wait_s
        self.pause_s = settings.batch_poll_s

    def go(self) -> Outcome:
        """Until everything is asked and collected, or nothing more can be paid for."""
        for row in self.batches.take_over(self.worker, self.settings.base_url):
            self.planner.taken_over(row)
            self._take_up(row)
        self._look()
        while True:
            self._send()
            if not (self.open or self.waits):
                break
            if time.monotonic() >= self.deadline:
                self.tally.stopped = "the batches take longer than this run was to wait"
                break
            self._wait()
            self._look()
            self.planner.look_again()
        self._conclude()
        outcome = self.tally.outcome()
        log_end(outcome)
        return outcome

    def close(self) -> None:
        """Let go of the server. What was not created is given up: it is not at the server."""
        if self.server is None:
            return
        self.server.close()
        for row in self.batches.under_way(self.settings.base_url):
            if row.worker == self.worker.id and row.state in (READY, UPLOADED):
                self.batches.end(row)

    def interrupted(self) -> GenerationError:
        """What an interrupted run leaves behind."""
        if not self.open:
            return GenerationError("interrupted; nothing is under way at the server", hint="The same command goes on.")
        requests = counted(sum(row.requests for row in self.open.values()), "request")
        return GenerationError(
            f"interrupted; left at the server: {counted(len(self.open), 'batch', 'batches')} of {requests}",
            hint="The same command collects the answers, --mode batch --cancel stops the batches. The server keeps "
            "answers for some weeks only.",
        )

    def _parts(self) -> tuple[BatchServer, Sender, Collector]:
        """What talks to the server: only where there is something to talk about, so that no key is needed otherwise."""
        if self.server is None:
            self.server = BatchServer(self.settings)
            self._sender = Sender(self.server, self.batches, self.settings)
            self._collector = Collector(
                self.store, self.worker, self.server, self.settings, self.tally, self.planner
            )  # fmt: skip
        return self.server, self._sender, self._collector

    def _take_up(self, row: BatchRow) -> None:
        """A batch of an earlier run."""
        _, sender, _ = self._parts()
        found = sender.take_up(row)
        if found is None:
            self.planner.over(row)
            return
        logger.info("batch %s of an earlier run is taken over: %d requests", found.batch_id, found.requests)
        self._opened(found)

    def _opened(self, row: BatchRow) -> None:
        self.open[row.id] = row
        self.tally.open[row.id] = (0, row.requests)
        self.tally.report()

    def _send(self) -> None:
        """Make batches until there are enough, or nothing is left to ask or to pay with."""
        while len(self.open) < self.settings.batch_open and not self.waits:
            draft = self._draft()
            if draft is None:
                return
            with draft:
                self._send_one(draft)

    def _draft(self) -> Draft | None:
        """The next file, handed over to nobody yet."""
        draft: Draft | None = None
        while (line := self.planner.next()) is not None:
            raw = write_line(line.ask.key, self.hooks.fill(line.ask))
            if len(raw) > self.settings.batch_bytes:
                words = f"the request has {len(raw)} bytes, and a batch takes {self.settings.batch_bytes} at most"
                self._parts()[2].fail(line, words)
                continue
            draft = draft or Draft(self.batches, self.worker, self.settings.base_url)
            if not draft.takes(line, raw, self.settings, self.size) or not self.purse.take(line.bound_usd):
                self.planner.put_back(line)
                break
            draft.add(line, raw)
            if len(draft.keys) % CHUNK == 0:
                self.tally.report()
        if draft is not None and not draft.keys:
            self.batches.forget(draft.id)
            return None
        return draft

    def _send_one(self, draft: Draft) -> None:
        _, sender, _ = self._parts()
        row = draft.hand_over()
        self.planner.made(row)
        try:
            made = sender.send(row, draft.file)
        except QueueFull as full:
            self._queue_full(row, str(full))
            made = None
        if made is None:
            self.planner.over(row)
            self._lost()
        else:
            logger.info("batch %s is under way: %d requests", made.batch_id, made.requests)
            self.lost = 0
            self._opened(made)

    def _lost(self) -> None:
        """A batch did not come about, and is made once more."""
        self.lost += not self.waits
        if self.lost >= self.settings.max_attempts:
            raise GenerationError(
                f"the server did not take a batch {self.lost} times in a row",
                hint="Look whether the server is in order; the same command then goes on from here.",
            )

    def _look(self) -> None:
        """See how the batches stand, and collect those that are over."""
        for row in list(self.open.values()):
            batch = self._state_of(row)
            if batch is None:
                break
            if batch.request_counts is not None:
                counts = batch.request_counts
                self.tally.open[row.id] = (counts.completed + counts.failed, counts.total or row.requests)
            if batch.status in OVER:
                self._collect(row, batch)
        self.tally.report()

    def _state_of(self, row: BatchRow) -> Batch | None:
        """A batch as it stands. The server may be out of reach for a while: its batches go on all the same."""
        server, _, _ = self._parts()
        try:
            batch = server.retrieve(row.batch_id)
        except Unreachable as error:
            self.misses += 1
            if self.misses >= PATIENCE:
                raise
            logger.warning("%s; looking again later", error.message)
            return None
        self.misses = 0
        return batch

    def _collect(self, row: BatchRow, batch: Batch) -> None:
        _, _, collector = self._parts()
        if self.worker.lapsed() or self.batches.get(row.id).worker != self.worker.id:
            logger.warning("batch %s is collected by another run", row.batch_id)
            del self.open[row.id], self.tally.open[row.id]
            return
        told = collector.collect(row, batch)
        del self.open[row.id], self.tally.open[row.id]
        self.planner.over(row)
        self.pause_s, self.waits = self.settings.batch_poll_s, False
        if told.queue_full:
            self._queue_full(row, told.queue_full)
        else:
            self.size, self.fulls = min(self.settings.batch_requests, self.size * 2), 0
        if told.stop is not None:
            raise told.stop

    def _queue_full(self, row: BatchRow, words: str) -> None:
        """The server has as much as it takes: come again later, with less."""
        self.size, self.waits = max(1, row.requests // 2), True
        self.fulls += not self.open and row.requests == 1
        logger.warning("the server takes no more for now, the next batch has %d requests: %s", self.size, words)
        if self.fulls >= self.settings.max_attempts:
            raise GenerationError(
                f"the server takes not even one request more: {words}",
                hint="Other batches of the account fill its queue. The same command goes on later.",
            )

    def _wait(self) -> None:
        """Until the next look. Meanwhile others may have the dollars that are not needed."""
        self.purse.give_back()
        time.sleep(max(0.0, min(self.pause_s, self.deadline - time.monotonic())))
        self.pause_s = min(self.pause_s * 1.5, self.settings.batch_poll_s * PATIENCE)
        if not self.open:
            self.waits = False

    def _conclude(self) -> None:
        if self.purse.short_usd:
            self.purse.give_back()
            self.tally.stopped = self.tally.stopped or self.purse.why()
        if self.tally.stopped:
            self.tally.left = self.planner.rest() + sum(row.requests for row in self.open.values())
        self.tally.report()
