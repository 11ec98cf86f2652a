"""What the commands about the reply store do."""

import heapq
import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import NamedTuple

from pipelines import console, options, storage
from pipelines import console_replies as shown
from pipelines.generation.ask import Ask
from pipelines.generation.store import Entry, ReplyStore, read_lines, write_lines
from pipelines.generation.store import inspection as inside
from pipelines.generation.store.database import sqlite_file
from pipelines.phases import stored
from pipelines.phases.layout import Layout
from pipelines.phases.stored import Judged
from schemas import ledger
from schemas.errors import BudgetError, GenerationError, RecipeError

FEW = 256
"""Keys looked up at a time."""
ALIKE = 5
"""Keys that are named where the beginning of a key fits several."""


class Store(NamedTuple):
    """The store that a command line names; the fields of `pipelines.cli_replies.Place`."""

    out: str = ""
    replies: str = ""

    @property
    def layout(self) -> Layout:
        """Of the build, where one is named."""
        return Layout(self.out.rstrip("/"))

    def open(self, *, new: bool = False) -> ReplyStore:
        """The store; GenerationError where there is none, unless it may be a `new` one."""
        if not self.out and not self.replies:
            raise GenerationError("whose replies?", hint="Name the build by --out, or the database by --replies.")
        store = ReplyStore(self.replies or self.layout.replies_url)
        file = sqlite_file(store.url)
        if not new and file is not None and not file.exists():
            raise GenerationError(f"there is no reply store {file}", hint="Nothing was asked yet, or it is elsewhere.")
        return store


class Which(NamedTuple):
    """The replies that a command line names; the fields of `pipelines.cli_replies.Which`."""

    kind: str = ""
    reason: str = ""
    failed: bool = False
    model: str = ""

    def checked(self) -> "Which":
        """With the ledger's name of the reason; RecipeError where it has none of that name."""
        reason = stored.SHORT.get(self.reason, self.reason)
        if reason and reason not in ledger.REASONS:
            known = [name for name in ledger.REASONS if name.startswith("reply_")]
            raise RecipeError(f"no reason {self.reason!r}", hint=f"Known: request_failed, {', '.join(known)}.")
        return self._replace(reason=reason)


def list_replies(place: Store, which: Which, limit: int) -> None:
    """Counts by kind and reason, then the newest."""
    counts: dict[shown.Group, Counter[str]] = defaultdict(Counter)
    newest: list[tuple[float, str, Judged]] = []
    with _judged(place, which.checked()) as found:
        for one in found:
            counts[shown.group(one)].update(shown.figures(one))
            _keep(newest, (one.answered_at, one.ask.key, one), limit)
    if not counts:
        console.out.print("no such replies" if any(which) else "no replies")
        return
    shown.counts(counts)
    if newest:
        shown.newest([one for _, _, one in sorted(newest, reverse=True)])
    total = sum(one["replies"] for one in counts.values())
    if 0 < len(newest) < total:
        console.out.print(f"the newest {len(newest):,} of {total:,}; --limit shows more", style="dim")


def show(place: Store, key: str) -> None:
    """One reply; GenerationError where the beginning of a key fits none or several."""
    store = place.open()
    found = inside.beginning_with(store.database, key, ALIKE)
    if not found:
        raise GenerationError(f"no key begins with {key!r}", hint="`osprey-data replies list` shows keys.")
    if len(found) > 1:
        others = ", ".join(one.ask.key[: shown.SHORT_KEY] for one in found)
        raise GenerationError(f"several keys begin with {key!r}: {others} ...", hint="Give more of it.")
    one = found[0]
    shown.one_reply(one, stored.reason_of(one.ask, one.reply))
    for mend in store.repairs([one.ask.key]).values():
        worth = stored.reason_of(one.ask._replace(repair_of=one.ask.key), mend) or "good"
        title = f"repair {mend.key[: shown.SHORT_KEY]} ({worth}, {shown.usd(mend.cost_usd)})"
        shown.section(title, mend.error or mend.text)


def export(place: Store, which: Which, path: str) -> None:
    """A file of JSON lines; it is there only when it is whole."""
    if os.path.exists(path):
        raise GenerationError(f"{path} is there already", hint="Name another file: this one may hold answers.")
    part = f"{path}.part"
    with _judged(place, which.checked(), payloads=True) as found, open(part, "wb") as stream:
        written = write_lines(stream, (Entry(one.ask, one.reply) for one in found))
    os.replace(part, path)
    console.out.print(f"{shown.number(written)} in {path}", markup=False)


def take_in(place: Store, files: list[str]) -> None:
    """The replies of files into the store."""
    store = place.open(new=True)
    for path in files:
        taken = store.take_in(read_lines(path))
        known = f", {taken.known:,} were there before" if taken.known else ""
        console.out.print(f"{path}: {shown.number(taken.added)} taken in ({shown.usd(taken.usd)}){known}", markup=False)


def forget(place: Store, which: Which, *, yes: bool) -> None:
    """Remove replies that nothing has mended; without `yes` only say which these are."""
    with _judged(place, which.checked()) as found:
        gone = [(one.ask.key, one.reply.cost_usd) for one in found if not (which.reason and one.mended)]
    if not gone:
        console.out.print("no such replies")
        return
    what = f"{shown.number(len(gone))} at a cost of {shown.usd(sum(cost for _, cost in gone))}"
    if not yes:
        console.out.print(f"this would remove {what}: the next run would ask again and pay again")
        console.out.print("nothing is done without --yes; `osprey-data replies export` keeps a copy", style="dim")
        return
    inside.forget(place.open().database, (key for key, _ in gone))
    console.out.print(f"removed {what}: the next run asks again and pays again")


def retry(out: str, ask: options.Ask) -> None:
    """Ask again what failed, and nothing else; BudgetError where some of it was not asked."""
    from pipelines import commands, console_asking
    from pipelines.phases import generate
    from pipelines.phases.meter import Meter, generation_log
    from pipelines.phases.plan import read_plan

    layout = Layout(out.rstrip("/"))
    plan, settings = read_plan(layout), commands.Asking(*ask._replace(retry_failed=True)).settings()
    store = Store(out, ask.replies).open()
    failed = sum(1 for _ in _failing(store, generate.asks(plan, layout, rows=False)))
    if not failed:
        console.out.print("no request of this plan has failed")
        return
    meter = Meter(failed, failed)
    with console_asking.asking(meter), generation_log(layout):
        outcome = generate.answer_these(_failing(store, generate.asks(plan, layout)), plan, store, settings, meter)
        meter(outcome)
    console_asking.outcome(outcome)
    if outcome.left:
        again = f"A further run goes on, with a budget of its own:\n  {console.command()}"
        raise BudgetError(f"{outcome.left:,} requests were not asked: {outcome.stopped}", hint=again)


def owners(place: Store) -> None:
    """Who works with the store."""
    found = inside.owners_of(place.open().database)
    if found:
        shown.owners(found)
    else:
        console.out.print("nobody has worked with this store yet")


def release(place: Store, *, yes: bool) -> None:
    """End the runs that were killed; without `yes` only say what that would free."""
    database = place.open().database
    dead = [one for one in inside.owners_of(database) if one.state == "dead"]
    if not dead:
        console.out.print("nothing to release: no run that was killed holds anything")
        return
    if yes:
        ended = inside.end_dead(database)
        runs = _runs(ended.workers)
        console.out.print(f"ended {runs}: {shown.usd(ended.aside_usd)} count for --total-usd no more")
        return
    aside = shown.usd(sum(one.aside_usd for one in dead))
    console.out.print(f"this would end {_runs(len(dead))}: {aside} would count for --total-usd no more")
    console.out.print(
        "nothing is done without --yes; the server may have charged calls of theirs up to that: compare with its bill",
        style="dim",
    )


def _runs(count: int) -> str:
    return "1 run that was killed" if count == 1 else f"{count:,} runs that were killed"


@contextmanager
def _judged(place: Store, which: Which, *, payloads: bool = False) -> Iterator[Iterator[Judged]]:
    """The wanted replies with what each is worth, and a progress bar."""
    store = place.open()
    wanted = inside.Wanted(which.kind, which.model, which.failed or which.reason == "request_failed")
    with console.bars() as progress:
        rows, total = _rows(place, store), inside.count(store.database)

        def found() -> Iterator[Judged]:
            for number, one in enumerate(stored.judged(store, wanted, rows, payloads=payloads), 1):
                if number % 1000 == 0:
                    progress("judging replies", number, total)
                if which.reason in ("", one.reason):
                    yield one

        yield found()


def _rows(place: Store, store: ReplyStore) -> dict[str, str]:
    """Rows that only the plan has, of replies of an earlier version."""
    if not place.out or not storage.exists(place.layout.plan):
        return {}
    lacking = stored.without_row(store)
    if not lacking:
        return {}
    from pipelines.phases import generate
    from pipelines.phases.plan import read_plan

    asks = generate.asks(read_plan(place.layout), place.layout)
    return {ask.key: ask.row for ask in asks if ask.key in lacking}


def _failing(store: ReplyStore, asks: Iterator[Ask]) -> Iterator[Ask]:
    """Of requests those that have failed, each once."""
    seen = set[str]()
    while chunk := list(islice(asks, FEW)):
        failed = {key for key, error in store.errors(ask.key for ask in chunk).items() if error} - seen
        seen |= failed
        yield from {ask.key: ask for ask in chunk if ask.key in failed}.values()


def _keep(newest: list[tuple[float, str, Judged]], item: tuple[float, str, Judged], limit: int) -> None:
    """Put it among the newest so many; keys are distinct, so that replies themselves are never compared."""
    if len(newest) < limit:
        heapq.heappush(newest, item)
    elif limit:
        heapq.heappushpop(newest, item)
