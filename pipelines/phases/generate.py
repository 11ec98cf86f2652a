"""The generate phase: the plan's requests -> the reply store. With nothing to ask it does nothing."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple, TypeVar

import fsspec
import msgspec
import pyarrow.parquet as pq

from pipelines.generation.ask import Ask, Hooks
from pipelines.generation.batch import run_batches
from pipelines.generation.engine import generate
from pipelines.generation.progress import Outcome, Report
from pipelines.generation.settings import Settings
from pipelines.generation.store import ReplyStore
from pipelines.phases.judging import judge
from pipelines.phases.layout import Layout
from pipelines.phases.plan import Plan, requests_of
from pipelines.phases.seeing import filler
from pipelines.phases.tally import within

T = TypeVar("T")

ROWS = 256
"""Requests of a kind in memory at a time."""


class Share(NamedTuple):
    """Part `number` of `of` equal parts of a plan's requests: by their keys, so that repeats of one lie in one part."""

    number: int = 0
    of: int = 1

    def holds(self, key: str) -> bool:
        """Whether the request of that key is in it."""
        return self.of == 1 or int(key[:8], 16) % self.of == self.number


WHOLE = Share()


def answer(plan: Plan, layout: Layout, store: ReplyStore, settings: Settings, progress: Report) -> Outcome:
    """Ask for every reply that the store lacks, one by one or in batches as the settings say.

    Raises:
        GenerationError: no budget, key or price, or the server refuses.
    """
    return answer_these(asks(plan, layout), plan, store, settings, progress)


def answer_these(
    requests: Iterable[Ask], plan: Plan, store: ReplyStore, settings: Settings, progress: Report
) -> Outcome:
    """Likewise, but of a plan's requests only these."""
    if settings.mode == "batch":
        return run_batches(requests, store, settings, progress, hooks(plan))
    return generate(requests, store, settings, progress, hooks(plan))


def hooks(plan: Plan) -> Hooks:
    """What the engine has to be told: what a reply is worth, and how the pictures are put into a request."""
    return Hooks(judge, filler(plan.data, plan.recipe.generation.vision))


def asks(plan: Plan, layout: Layout, share: Share = WHOLE, *, rows: bool = True) -> Iterator[Ask]:
    """Every request within the recipe's caps, a few hundred of each kind in memory.

    Kinds take turns one by one: none waits for another, and a run that ends early has some of each. Without `rows`
    the rows that wait for the answers are left in their files, which is quicker.
    """
    return take_turns([_of_kind(plan, layout, kind, share, rows) for kind in plan.recipe.kinds])


def take_turns(streams: Iterable[Iterator[T]]) -> Iterator[T]:
    """One of each stream, then the next of each, until all are empty."""
    waiting = list(streams)
    while waiting:
        nexts = [(stream, next(stream, None)) for stream in waiting]
        waiting = [stream for stream, one in nexts if one is not None]
        yield from (one for _, one in nexts if one is not None)


def keys(plan: Plan, layout: Layout, kind: str) -> Iterator[str]:
    """The request keys of one kind, with repeats."""
    for path in requests_of(plan, layout, kind):
        yield from (row["key"] for row in _rows(plan, path, ["key"]))


def _of_kind(plan: Plan, layout: Layout, kind: str, share: Share, with_rows: bool) -> Iterator[Ask]:
    columns = ["key", "payload", *(["row"] if with_rows else [])]
    for path in requests_of(plan, layout, kind):
        for row in _rows(plan, path, columns):
            if share.holds(row["key"]):
                yield Ask(row["key"], kind, msgspec.json.decode(row["payload"]), row.get("row", ""))


def _rows(plan: Plan, path: str, columns: list[str]) -> Iterator[dict[str, str]]:
    """The requests of a file that are not above the cap of their kind."""
    with opened(path) as file:
        for piece in file.iter_batches(ROWS, columns=["kind", "sample_id", *columns]):
            for row in piece.to_pylist():
                if within(plan.cuts, plan.recipe.seed, row["kind"])(row["sample_id"]):
                    yield row


@contextmanager
def opened(path: str) -> Iterator[pq.ParquetFile]:
    """A Parquet file by path or URL."""
    with fsspec.open(path, "rb") as stream:
        yield pq.ParquetFile(stream)
