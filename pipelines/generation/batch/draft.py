"""A batch as it is written: its file, what the store keeps of it, and the dollars that it may cost."""

import tempfile
from typing import IO

from pipelines.generation.batch.planner import CHUNK
from pipelines.generation.settings import Settings
from pipelines.generation.store import ReplyStore, Worker, money
from pipelines.generation.store.batches import Batches, BatchRow, Line
from schemas.errors import GenerationError

DUST_USD = 1e-12
"""What sums of dollars may be off by."""


class Draft:
    """The next batch; its file is a temporary one without a name, so that nothing is left behind by a kill."""

    def __init__(self, batches: Batches, worker: Worker, server: str) -> None:
        self._batches, self._worker = batches, worker
        self.id = batches.draft(worker, server)
        self.file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `__exit__`)
        self.keys: list[str] = []
        self.usd = 0.0
        self._model = ""
        self._waiting: list[Line] = []

    def takes(self, line: Line, raw: bytes, settings: Settings, most: int) -> bool:
        """Whether the file stays within the limits; all requests of a file must be for one model."""
        if not self.keys:
            return True
        small = self.file.tell() + len(raw) <= settings.batch_bytes
        return len(self.keys) < most and small and line.ask.payload["model"] == self._model

    def add(self, line: Line, raw: bytes) -> None:
        """Write a request down."""
        self._model = line.ask.payload["model"]
        self.file.write(raw)
        self.keys.append(line.ask.key)
        self.usd += line.bound_usd
        self._waiting.append(line)
        if len(self._waiting) >= CHUNK:
            self._write_down()

    def hand_over(self) -> BatchRow:
        """Keys and dollars become the batch's: from now on it may be sent."""
        self._write_down()
        self._batches.hand_over(self.id, self._worker, self.keys, self.usd)
        return self._batches.get(self.id)

    def __enter__(self) -> "Draft":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def _write_down(self) -> None:
        self._batches.add(self.id, len(self.keys) - len(self._waiting) + 1, self._waiting)
        self._waiting = []


class Purse:
    """Dollars drawn for requests before they are written into a batch."""

    def __init__(self, store: ReplyStore, worker: Worker, settings: Settings) -> None:
        self._store, self._worker, self._settings = store, worker, settings
        self._free_usd = 0.0
        self.short_usd = 0.0
        """What the request needs that could not be paid for; 0 while there is enough."""

    def take(self, usd: float) -> bool:
        """Set dollars aside for a request; False where the limits leave too little."""
        if self._settings.budget_usd is None:
            raise GenerationError(
                "nothing is asked without a budget",
                hint="Say what this run may spend at most, in dollars: --budget-usd 5",
            )
        lacking = usd - self._free_usd
        if lacking > DUST_USD:
            self._free_usd += self._worker.draw(lacking, lacking + usd * (CHUNK - 1))
        enough = usd - self._free_usd <= DUST_USD
        self._free_usd -= usd if enough else 0.0
        self.short_usd = 0.0 if enough else usd
        return enough

    def give_back(self) -> None:
        """Let others have what is not needed for the moment."""
        if self._free_usd > 0:
            self._worker.give_back(self._free_usd)
        self._free_usd = 0.0

    def why(self) -> str:
        """Why the next request cannot be paid for."""
        budget, total = self._settings.budget_usd or 0.0, self._settings.total_usd
        with self._store.database.reading() as connection:
            left = budget - money.committed(connection, self._worker.purse)
            if total is not None:
                left = min(left, total - money.committed(connection))
        return f"the next request may cost up to ${self.short_usd:.6f}, and ${max(left, 0):.6f} of the budget are left"
