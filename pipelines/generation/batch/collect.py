"""A batch that is over: its answers go into the store, the rest is told apart into failures and what comes again.

Both files are fetched whole before a line of them is believed. What has been dealt with is known by the store, so that
a batch that was collected by half is collected once more without harm.
"""

import tempfile
from collections.abc import Iterator
from itertools import islice
from typing import IO, NamedTuple

import msgspec
from openai.types import Batch

from pipelines.generation import prices
from pipelines.generation.batch.draft import DUST_USD
from pipelines.generation.batch.lines import Result, read_line
from pipelines.generation.batch.planner import CHUNK, Planner
from pipelines.generation.batch.refused import is_queue_full, server_at_fault, validation_errors
from pipelines.generation.batch.server import BatchServer, server_error
from pipelines.generation.batch.tally import Tally, counted
from pipelines.generation.client import FILTERED, CallError, Completion, Verdict
from pipelines.generation.log import logger
from pipelines.generation.settings import Settings
from pipelines.generation.store import Entry, ReplyStore, Worker
from pipelines.generation.store.batches import Batches, BatchRow, Line
from pipelines.generation.verdicts import REFUSED_AFTER
from schemas.errors import GenerationError
from schemas.records import Reply

LOST = "lost"
"""Of a batch that the server does not know."""


class Collected(NamedTuple):
    """How a batch ended."""

    queue_full: str = ""
    """The server's words, where it has too much of ours already."""
    stop: GenerationError | None = None
    """Why no other batch would fare better."""


class Collector:
    """Collects the batches of a run, one at a time."""

    def __init__(
        self, store: ReplyStore, worker: Worker, server: BatchServer, settings: Settings, tally: Tally, planner: Planner
    ) -> None:
        self._store, self._worker, self._server, self._settings = store, worker, server, settings
        self._tally, self._planner = tally, planner
        self._batches = Batches(store.database)
        self._answered = False
        """Whether the server has answered anything in this run."""
        self._rejected = 0
        """Batches in a row that were rejected before anything in them was asked."""

    def collect(self, row: BatchRow, batch: Batch) -> Collected:
        """Everything that a batch brought. It is over for the store, too, when this returns."""
        part = _Part(row)
        try:
            for file_id in (batch.output_file_id, batch.error_file_id):
                if file_id:
                    self._file(part, file_id)
            errors = validation_errors(batch) if batch.status == "failed" else []
            told = self._validation(part, errors) if errors else Collected(stop=part.stop)
            told = told._replace(stop=told.stop or self._refused(part))
            self._rest(part, batch.status, asked=not errors)
        finally:
            part.tell()
        self._batches.end(row)
        if row.file_id:
            self._server.delete(row.file_id)
        return told

    def give_up(self, row: BatchRow) -> None:
        """The server does not have a batch any more. What it was not seen to answer may be charged, and is free."""
        self._rest(_Part(row), LOST, asked=True)
        self._batches.end(row)

    def fail(self, line: Line, words: str) -> None:
        """A request has failed for good before it came into a batch."""
        self._save(None, [Entry(line.ask, _failure(line, words))])

    def _file(self, part: "_Part", file_id: str) -> None:
        with tempfile.TemporaryFile() as file:
            self._server.download(file_id, file)
            file.seek(0)
            results = _results(file, part)
            while chunk := list(islice(results, CHUNK)):
                self._chunk(part, chunk)

    def _chunk(self, part: "_Part", chunk: list[Result]) -> None:
        known = self._batches.lines(part.row, [result.key for result in chunk])
        entries = []
        for result in chunk:
            line = known.get(result.key)
            if part.first(result.key, line) and line is not None and line.held:
                entry = self._settle(part, result, line)
                entries += [entry] if entry else []
        if any(not entry.reply.error for entry in entries):
            self._answered = True
        if self._answered:
            entries, part.refused = [*part.refused, *entries], []
        self._save(part.row, entries)

    def _settle(self, part: "_Part", result: Result, line: Line) -> Entry | None:
        """A reply that can be stored; None where there is none yet."""
        try:
            completion = result.completion(str(line.ask.payload["model"]))
        except CallError as error:
            if error.filtered:
                return Entry(line.ask, _failure(line, error.words, FILTERED))
            if error.verdict is Verdict.REFUSED:
                part.refused.append(Entry(line.ask, _failure(line, error.words)))
                return None
            if error.verdict is Verdict.STOP:
                part.stop = server_error("the server turns requests away", error)
            part.words[line.ask.key] = error.words
            part.at_risk_usd += line.bound_usd if error.may_be_charged else 0.0
            return None
        return Entry(line.ask, self._reply(line, completion))

    def _reply(self, line: Line, completion: Completion) -> Reply:
        model = str(line.ask.payload["model"])
        tokens = completion.tokens or self._uncounted(line, completion.text)
        usd = prices.price_of(model, self._settings).cost(tokens)
        self._tally.overcharged += usd > line.bound_usd + DUST_USD
        return Reply(
            key=line.ask.key, text=completion.text, finish_reason=completion.finish_reason, model=completion.model,
            prompt_tokens=tokens.prompt, completion_tokens=tokens.completion, attempts=line.rounds + 1,
            cost_usd=usd, repair_of=line.ask.repair_of,
        )  # fmt: skip

    def _uncounted(self, line: Line, text: str) -> prices.Tokens:
        """The server does not say how many tokens it counted: charge the most there can be."""
        self._tally.uncounted += 1
        bound = prices.bound(line.ask.payload, self._settings.image_tokens)
        return bound._replace(completion=min(bound.completion, prices.text_bound(text)))

    def _save(self, row: BatchRow | None, entries: list[Entry]) -> None:
        """Commit, then count, then plan to mend what is bad."""
        if not entries:
            return
        owner = self._worker if row is None else self._store.owner(row.owner)
        owner.save(entries)
        mending = []
        for ask, reply in entries:
            self._planner.settled(row, ask, failed=bool(reply.error))
            if repair := self._tally.settled(ask, reply):
                mending.append(self._planner.line(repair))
        if row is not None:
            self._batches.add(row.id, 0, mending)
        self._tally.report()

    def _validation(self, part: "_Part", errors: list[tuple[int | None, str]]) -> Collected:
        """A batch that was rejected as a whole: only the requests that are to blame have failed."""
        words = "; ".join(dict.fromkeys(said for _, said in errors))[:1000]
        if is_queue_full(words):
            return Collected(queue_full=words)
        self._rejected += 1
        blamed = {line: said for line, said in errors if line is not None}
        lines = self._batches.at(part.row, blamed)
        if not lines or self._rejected > REFUSED_AFTER:
            return Collected(stop=server_at_fault(f"the server rejects the batch: {words}"))
        told = ((line, f"its batch was rejected for it: {blamed[place]}") for place, line in lines.items())
        part.refused += [Entry(line.ask, _failure(line, said)) for line, said in told]
        if len(lines) < part.row.requests:
            self._flush(part)
        return Collected()

    def _refused(self, part: "_Part") -> GenerationError | None:
        """Is it the requests, or does the server refuse everything?"""
        if len(part.refused) >= REFUSED_AFTER and not self._answered:
            words = part.refused[0].reply.error
            part.words |= {entry.ask.key: entry.reply.error for entry in part.refused}
            return server_at_fault(f"the server refused all of {len(part.refused)} requests: {words}")
        self._flush(part)
        return None

    def _flush(self, part: "_Part") -> None:
        entries, part.refused = part.refused, []
        self._save(part.row, entries)

    def _rest(self, part: "_Part", status: str, *, asked: bool) -> None:
        """What got no answer comes again, unless it has done so too often."""
        self._rejected = 0 if asked else self._rejected
        after, lost_usd = 0, part.at_risk_usd
        while found := self._batches.open_lines(part.row, after, CHUNK):
            after = found[-1][0]
            lines = [line for _, line in found]
            if status in ("completed", LOST):
                lost_usd += sum(line.bound_usd for line in lines if line.ask.key not in part.words)
            said = {line.ask.key: part.words.get(line.ask.key, f"the batch is {status}") for line in lines}
            over = [line for line in lines if asked and line.rounds + 1 >= self._settings.max_attempts]
            self._save(part.row, [Entry(line.ask, _failure(line, said.pop(line.ask.key))) for line in over])
            self._batches.again(part.row, said, counted=asked)
            self._tally.retries += len(said)
        if lost_usd:
            self._store.owner(part.row.owner).at_risk(lost_usd)
            self._tally.at_risk_usd += lost_usd


class _Part:
    """What has been seen of one batch while it is collected."""

    def __init__(self, row: BatchRow) -> None:
        self.row = row
        self.seen: set[str] = set()
        self.words: dict[str, str] = {}
        """Why requests have to come again."""
        self.refused: list[Entry] = []
        """Failures that are held back until the server has answered anything at all."""
        self.at_risk_usd = 0.0
        self.stop: GenerationError | None = None
        self.unknown = self.repeated = self.unreadable = 0

    def first(self, key: str, line: Line | None) -> bool:
        """Whether a line is about a request of this batch, for the first time."""
        if line is None:
            self.unknown += 1
        elif key in self.seen:
            self.repeated += 1
        else:
            self.seen.add(key)
            return True
        return False

    def tell(self) -> None:
        for number, what in (
            (self.unknown, "of requests that are not in it"), (self.repeated, "of a request told of before"),
            (self.unreadable, "that cannot be read"),
        ):  # fmt: skip
            if number:
                logger.warning("batch %s: %s %s ignored", self.row.batch_id, counted(number, "line"), what)


def _results(file: IO[bytes], part: _Part) -> Iterator[Result]:
    for raw in file:
        if not raw.strip():
            continue
        try:
            yield read_line(raw)
        except msgspec.MsgspecError:
            part.unreadable += 1


def _failure(line: Line, words: str, finish_reason: str = "error") -> Reply:
    return Reply(
        key=line.ask.key, text="", finish_reason=finish_reason, model=str(line.ask.payload["model"]),
        attempts=line.rounds + 1, error=words, repair_of=line.ask.repair_of,
    )  # fmt: skip
