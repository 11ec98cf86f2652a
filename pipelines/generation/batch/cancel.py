"""Stop what is under way at the server, and keep what was answered."""

import time
from contextlib import suppress
from uuid import uuid4

import msgspec

from pipelines.generation.ask import Hooks
from pipelines.generation.batch.collect import Collector
from pipelines.generation.batch.planner import Planner
from pipelines.generation.batch.sending import Sender
from pipelines.generation.batch.server import OVER, BatchServer, Gone
from pipelines.generation.batch.tally import Tally, counted
from pipelines.generation.log import logger
from pipelines.generation.progress import Outcome, Report, quiet
from pipelines.generation.settings import Settings
from pipelines.generation.store import ReplyStore, Worker
from pipelines.generation.store.batches import Batches, BatchRow
from schemas.errors import GenerationError


def cancel_open(store: ReplyStore, settings: Settings, progress: Report = quiet) -> Outcome:
    """Cancel every batch of the settings' server, store what was answered, and free the other requests.

    A batch that is just ending is collected like any other, one that the server does not know is given up. Returns when
    the server has stopped them all, which may take ten minutes.

    Raises:
        GenerationError: another run looks after them, or the server refuses.
    """
    settings = msgspec.structs.replace(settings, mode="batch")
    batches, tally = Batches(store.database), Tally(Hooks(), 0, progress)
    if not batches.under_way(settings.base_url):
        return tally.outcome()
    with store.worker(f"cancel-{uuid4().hex}", 0.0, None, settings.lease_s) as worker:
        rows = batches.take_over(worker, settings.base_url)
        if busy := len(batches.under_way(settings.base_url)) - len(rows):
            raise GenerationError(
                f"another run looks after {counted(busy, 'batch', 'batches')}",
                hint="Stop that one first: Ctrl-C there.",
            )
        server = BatchServer(settings)
        try:
            _Cancelling(store, worker, server, settings, tally).go(rows)
        finally:
            server.close()
    return tally.outcome()


class _Cancelling:
    def __init__(
        self, store: ReplyStore, worker: Worker, server: BatchServer, settings: Settings, tally: Tally
    ) -> None:
        self._batches, self._server, self._settings = Batches(store.database), server, settings
        self._tally = tally
        planner = Planner([], store, worker, settings, Hooks(), tally)
        self._sender = Sender(server, self._batches, settings)
        self._collector = Collector(store, worker, server, settings, tally, planner)

    def go(self, rows: list[BatchRow]) -> None:
        found = [(row, self._sender.take_up(row)) for row in rows]
        waiting = [row for _, row in found if row is not None]
        for row in waiting:
            with suppress(Gone):  # found again, and given up, below
                self._server.cancel(row.batch_id)
            self._tally.open[row.id] = (0, row.requests)
        self._tally.report()
        while waiting:
            waiting = [row for row in waiting if not self._is_over(row)]
            self._tally.report()
            if waiting:
                time.sleep(self._settings.batch_poll_s)
        for row in rows:
            self._batches.forget(row.id)

    def _is_over(self, row: BatchRow) -> bool:
        try:
            batch = self._server.retrieve(row.batch_id)
            if batch.status not in OVER:
                return False
            self._collector.collect(row, batch)
        except Gone as error:
            logger.warning("batch %s is given up: %s", row.batch_id, error.message)
            self._collector.give_up(row)
        del self._tally.open[row.id]
        return True
