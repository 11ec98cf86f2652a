"""What the command line shows of asking a model: the cost before, the meter while, the cost after."""

from __future__ import annotations  # the types that only annotations name come with Beam, whose import takes seconds

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.live import Live
from rich.table import Table
from rich.text import Text

from pipelines import console
from pipelines.generation.prices import BYTES_PER_TOKEN
from pipelines.generation.progress import dollars, remarks, requests_told, told_reasons
from pipelines.generation.settings import Settings
from pipelines.phases.meter import Meter, every, short
from pipelines.shards import manifest as made

if TYPE_CHECKING:
    from pipelines.generation.progress import Outcome
    from pipelines.phases.costs import Estimate, KindEstimate

PLAIN_EVERY_S = 30.0
"""Between two lines where nobody sits before a terminal."""
SECOND = 1.0
ALL = "all"
"""The line of all kinds together."""


def estimate(told: Estimate, settings: Settings, in_batches: int = 0) -> None:
    """What asking will cost, kind by kind, and how that was found; so many requests of the store are in batches."""
    total, say = told.total, console.out.print
    if not total.calls:
        stored = f"all {total.requests:,} replies are stored"
        if total.failed:
            stored = f"{total.known - total.failed:,} of {total.requests:,} requests are answered, the others failed"
        say(f"nothing to ask: {stored} ({dollars(total.known_usd)})")
        _tell_failed(total.failed)
        return
    console.show(_table(told))
    mending = f", {total.repairs:,} of them to mend stored replies" if total.repairs else ""
    money = f"{dollars(total.expected_usd)} expected, {dollars(total.most_usd)} at most"
    say(f"{total.calls:,} requests to ask{mending}: {money} ({told.priced_by})", markup=False)
    say(_how_counted(told), markup=False)
    _tell_failed(total.failed)
    if in_batches:
        say(f"{in_batches:,} requests of this store are in batches, and not asked again: --mode batch collects them")
    budget = settings.budget_usd
    if budget is not None and budget < total.expected_usd:
        say(f"the budget of {dollars(budget)} may not do for all of it; what is left goes on with a further run")


def _tell_failed(failed: int) -> None:
    if failed:
        console.out.print(f"{failed:,} requests failed before and are not asked again without --retry-failed")


def _table(told: Estimate) -> Table:
    """Requests, then tokens of prompts, of answers and of the longest answers, then dollars; 80 columns are enough."""
    table = Table("kind", "to ask", "known", "prompts", "answers", "longest", "expected", "at most", box=None)
    for one in (*told.kinds, *([told.total] if len(told.kinds) > 1 else [])):
        tokens = (one.prompt_tokens, one.completion_tokens, one.most_completion_tokens)
        counts = (f"{one.calls:,}", f"{one.known:,}", *map(short, tokens))
        money = (dollars(one.expected_usd), dollars(one.most_usd))
        table.add_row(one.kind, *counts, *money, style="bold" if one.kind == ALL else "")
    return _narrow(table)


def _narrow(table: Table) -> Table:
    """Figures to the right, one column apart."""
    table.padding, table.pad_edge = (0, 1), False
    for column in table.columns[1:]:
        column.justify = "right"
        column.no_wrap = True
    return table


def _how_counted(told: Estimate) -> str:
    """One honest sentence."""
    measured = [one for one in told.kinds if one.calls and one.measured]
    guessed = [one for one in told.kinds if one.calls and not one.measured]
    ways = []
    if measured:
        replies = sum(one.measured for one in measured)
        ways.append(f"as the server counted those of {replies:,} stored replies{_of(measured) if guessed else ''}")
    if guessed:
        ways.append(
            f"at one for every {BYTES_PER_TOKEN} bytes of a prompt, which is high for English, and answers as long for "
            f"each region as the prompt's worked example{_of(guessed) if measured else ''}"
        )
    return (
        f"Tokens of prompts and answers are estimated {'; '.join(ways)}. At most: one for every byte, and every answer "
        "of the full length that is allowed."
    )


def _of(kinds: list[KindEstimate]) -> str:
    return f" ({', '.join(one.kind for one in kinds)})"


@contextmanager
def asking(meter: Meter) -> Iterator[None]:
    """The meter's line while the block runs: on a terminal in its place, elsewhere a further one every half minute."""
    if console.err.is_terminal:
        with Live(get_renderable=lambda: _line(meter), console=console.err, refresh_per_second=4):
            yield
        return
    with every(PLAIN_EVERY_S, lambda: _say(meter)):
        yield
    if time.monotonic() - meter.started >= SECOND:
        _say(meter)


def _line(meter: Meter) -> Text:
    return Text(meter.line(console.err.width), no_wrap=True, overflow="crop")


def _say(meter: Meter) -> None:
    console.err.print(meter.line(), markup=False)


def outcome(told: Outcome) -> None:
    """How a run of asking ended."""
    console.out.print(requests_told(told))
    if told.rejects:
        console.out.print(f"replies that give no row: {told_reasons(told.rejects, 10)}")
    if told.failed:
        console.out.print(
            f"{told.failed:,} requests failed: `osprey-data replies list --failed` shows why, and `replies retry` asks "
            "them again"
        )
    for remark in remarks(told):
        console.out.print(remark)
    if told.batches:
        console.out.print(f"{told.batches}; collect them with\n  {console.command()}", markup=False)


def cancelled(told: Outcome) -> None:
    """What became of the batches that were under way."""
    console.out.print(
        f"batches cancelled; {told.answered:,} answers of theirs are stored, ${told.spent_usd:.4f} spent on them"
        + (f"; {told.batches}" if told.batches else "")
    )


def interrupted(meter: Meter) -> None:
    """How far a run came that Ctrl-C ended."""
    now = meter.now
    console.err.print(
        f"{now.answered:,} answered and stored, {meter.left:,} left, {dollars(now.spent_usd)} spent"
        + (f", up to {dollars(now.at_risk_usd)} more at risk" if now.at_risk_usd else "")
    )


def costs(manifest: made.Manifest) -> None:
    """What the model's rows cost, rejected and failed replies included; nothing where none was asked."""
    lines = made.costs(manifest)
    if not lines:
        return
    some = [name for name in ("repairs", "failed") if getattr(manifest.generation, name)]
    table = Table("cost of", "kept", "replies", *some, "tokens", "dollars", "a row", "a turn", box=None)
    for one in lines:
        sums = one.totals
        counts = [f"{count:,}" for count in (one.rows, sums.calls, *(getattr(sums, name) for name in some))]
        money = (dollars(sums.cost_usd), _each(one.usd_per_row), _each(one.usd_per_turn))
        tokens = short(sums.prompt_tokens + sums.completion_tokens)
        table.add_row(one.kind, *counts, tokens, *money, style="bold" if one.kind == ALL else "")
    console.show(_narrow(table))
    if risk := manifest.generation.at_risk_usd:
        console.out.print(f"calls that broke off may have been charged besides, at most {dollars(risk)}")


def _each(usd: float | None) -> str:
    """Of a row or turn: two digits that say something."""
    if usd is None or not usd:
        return "-" if usd is None else "$0"
    return dollars(usd) if usd >= 0.1 else f"${usd:.{1 - math.floor(math.log10(usd))}f}"
