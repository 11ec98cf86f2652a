"""Where a run of asking stands, and how it ended: the same for calls one by one and for batches."""

from collections.abc import Callable, Iterator, Mapping

from pipelines.generation.log import logger
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


def log_end(told: Outcome) -> None:
    """Note how a run ended, a line for each thing that is to be said of it."""
    for words in _in_words(told):
        logger.info("end: %s", words)


def _in_words(told: Outcome) -> Iterator[str]:
    yield requests_told(told)
    if told.rejects:
        yield f"replies that give no row: {told_reasons(told.rejects, 10)}"
    if told.retries:
        yield f"calls tried again: {told.retries:,}"
    if told.limits:
        yield f"pace: {told.limits}"
    yield from remarks(told)
    if told.left:
        yield f"{told.left:,} requests were not asked"
    if told.stopped:
        yield f"stopped early: {told.stopped}"
    if told.batches:
        yield told.batches


def requests_told(told: Outcome) -> str:
    """What became of the requests."""
    parts = [f"{told.cached:,} known or repeated", f"{told.answered:,} answered", f"{told.failed:,} failed"]
    if told.elsewhere:
        parts.append(f"{told.elsewhere:,} with another run or in a batch")
    if told.repairs:
        parts.append(f"{told.repairs:,} repairs")
    return f"requests {told.requests:,}: {', '.join(parts)}, ${told.spent_usd:.4f} spent"


def remarks(told: Outcome) -> list[str]:
    """What is odd about what was paid."""
    found = []
    if told.at_risk_usd:
        found.append(f"calls that broke off may have been charged besides, at most {dollars(told.at_risk_usd)}")
    if told.uncounted:
        found.append(f"{told.uncounted:,} answers came without a count of tokens: they are charged at the most")
    if told.overcharged:
        found.append(
            f"{told.overcharged:,} answers were counted with more tokens than the requests have: the server adds some "
            "of its own, so that the budget may be exceeded by those it was asked first"
        )
    return found


def told_reasons(rejects: Mapping[str, int], most: int = 3) -> str:
    """The reasons that took most replies, such as `format 12, cut_off 3`."""
    top = sorted(rejects.items(), key=lambda item: (-item[1], item[0]))
    told = [f"{reason.removeprefix('reply_')} {count:,}" for reason, count in top[:most] if count]
    return ", ".join([*told, *(["..."] if len(top) > most else [])])


def dollars(amount: float) -> str:
    """With as many digits as one reads: `$0.0042`, `$1.23`, `$1,234`."""
    if amount and abs(amount) < 0.1:
        return f"${amount:.4f}"
    return f"${amount:,.2f}" if abs(amount) < 1000 else f"${amount:,.0f}"
