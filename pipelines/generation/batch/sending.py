"""A batch on its way to the server: each step is in the store before it is taken."""

import time
from typing import IO

from openai.types import Batch

from pipelines.generation.batch.refused import is_queue_full
from pipelines.generation.batch.server import BatchServer, server_error
from pipelines.generation.client import CallError, Verdict
from pipelines.generation.settings import Settings
from pipelines.generation.store.batches import CREATING, OPEN, READY, UPLOADED, Batches, BatchRow
from schemas.errors import GenerationError


class QueueFull(Exception):
    """The server has as much of ours as it takes; its words."""


class Sender:
    """Uploads and creates. Where the server does not take a batch, its requests are free again."""

    def __init__(self, server: BatchServer, batches: Batches, settings: Settings) -> None:
        self._server, self._batches, self._settings = server, batches, settings

    def send(self, row: BatchRow, file: IO[bytes]) -> BatchRow | None:
        """The open batch; None where it is not known to be lost or made, and has been given up.

        QueueFull and GenerationError where the server does not take it.
        """
        try:
            file_id = self._server.upload(file, file_name(row))
            row = self._batches.change(row, state=UPLOADED, file_id=file_id)
            batch = self._create(row)
        except (QueueFull, GenerationError):
            self._give_up(self._batches.get(row.id)._replace(worker=row.worker))
            raise
        return self._adopt(row, batch)

    def take_up(self, row: BatchRow) -> BatchRow | None:
        """A batch of a run that did not live to see it open; None where the server does not have it."""
        if row.state == OPEN:
            return row
        if row.state == CREATING:
            return self._adopt(row, self._look_for(row))
        if row.state == READY:
            row = row._replace(file_id=self._server.find_file(file_name(row)))
        return self._adopt(row, None)

    def _adopt(self, row: BatchRow, batch: Batch | None) -> BatchRow | None:
        if batch is not None:
            return self._batches.change(row, state=OPEN, batch_id=batch.id)
        self._give_up(row)
        return None

    def _give_up(self, row: BatchRow) -> None:
        """It is not at the server, and will not be: its file is deleted, its requests are free. Unless another run
        looks after it by now, whose business this is then."""
        if self._batches.get(row.id).worker != row.worker:
            return
        self._batches.end(row)
        if row.file_id:
            self._server.delete(row.file_id)

    def _create(self, row: BatchRow) -> Batch | None:
        """Create. Only where the server turns the call away as one too many is it made again: after any other failure
        the server may have the batch, or get it yet."""
        row, wait_s = self._batches.change(row, state=CREATING), self._settings.backoff_s
        for attempt in range(self._settings.max_attempts):
            try:
                return self._server.create(row.file_id, row.id)
            except CallError as error:
                if is_queue_full(error.words):
                    raise QueueFull(error.words) from None
                if error.verdict is Verdict.RETRY and not error.turned_away:
                    return self._look_for(row)
                if error.verdict is not Verdict.RETRY or attempt == self._settings.max_attempts - 1:
                    raise server_error("the server does not take the batch", error) from None
                asked_s = min(error.retry_after_s or 0.0, self._settings.retry_after_cap_s)
            time.sleep(max(wait_s, asked_s))
            wait_s = min(2 * wait_s, self._settings.backoff_cap_s)
        return None

    def _look_for(self, row: BatchRow) -> Batch | None:
        """The batch, if the server has it. Once its file is deleted, a call that is still under way cannot create it
        any more; so what is not there some time after is not there at all."""
        if found := self._server.find(row.id, row.changed):
            return found
        self._server.delete(row.file_id)
        time.sleep(self._settings.batch_poll_s)
        return self._server.find(row.id, row.changed)


def file_name(row: BatchRow) -> str:
    """By this name a file is found again whose id was not recorded."""
    return f"osprey-data-{row.id}.jsonl"
