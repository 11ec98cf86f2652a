"""Where a run of asking stands, and how it ended: the same for calls one by one and for batches."""

from collections.abc import Callable

from schemas.records import Record


class Progress(Record, frozen=True, kw_only=True):
    """Where a run stands.

    `cached + answered + failed + elsewhere` requests of those read are done with; repairs are counted apart, in
    `repairs`, and are in none of these.
    """

    requests: int = 0
    """Read so far."""
    cached: int = 0
    """Found in the store, or repeats of another request."""
    answered: int = 0
    """Answered in this run, and committed."""
    failed: int = 0
    elsewhere: int = 0
    """Being asked by another worker, or in a batch: not answered yet, and not ours to ask."""
    in_flight: int = 0
    retries: int = 0
    repairs: int = 0
    """Bad replies shown to the model once more."""
    rejects: dict[str, int] = {}
    """Replies of this run that give no row, by `schemas.ledger.REASONS`, failures among them; not those repaired."""
    spent_usd: float = 0.0
    at_risk_usd: float = 0.0
    """Of calls that broke off after they were sent: the server may charge them, at most this much."""
    expected_usd: float = 0.0
    """What this run will have spent once what is under way has ended; 0 where that cannot be told."""
    started_s: float = 0.0
    """`time.monotonic()` when the first request was taken up."""
    limits: str = ""
    """What the pace is set by, for reading: `500 requests a minute (server)`; empty for nothing but concurrency."""
    batches: str = ""
    """What is under way in batches, for reading; empty for nothing."""


class Outcome(Progress, frozen=True, kw_only=True):
    """How a run ended."""

    left: int = 0
    """Requests without a reply, because the run stopped."""
    stopped: str = ""
    """Why it stopped before the end; empty when all was asked."""
    uncounted: int = 0
    """Answers whose tokens the server did not count: they are charged with their upper bound."""
    overcharged: int = 0
    """Answers that the server counted more tokens for than there can be: the first of them may exceed the budget."""


Report = Callable[[Progress], None]


def quiet(_: Progress) -> None:
    """Nobody is told."""
