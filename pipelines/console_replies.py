"""What the command line shows of the reply store: counts, lists, one reply in full, owners."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from rich.table import Table
from rich.text import Text

from pipelines import console
from pipelines.generation.store.inspection import OwnerLine, Stored
from pipelines.phases.stored import Judged
from schemas import ledger

SHORT_KEY = 12
"""Characters of a key that are shown: enough to tell it from millions."""
TEXT = 60
"""Characters of a reply in a list."""
MOST_OWNERS = 30


class Group(NamedTuple):
    """Replies of one kind and worth."""

    kind: str
    worth: str


Counts = Mapping[Group, Counter[str]]
"""Of each group its replies, tokens and millionths of dollars."""


def group(one: Judged) -> Group:
    """Where a reply is counted."""
    repair = "repair: " if one.ask.repair_of else ""
    return Group(one.ask.kind, f"{repair}{one.reason or 'good'}{', mended' if one.mended else ''}")


def figures(one: Judged) -> dict[str, int]:
    """What it adds to its group."""
    reply = one.reply
    return {
        "replies": 1, "tokens": reply.prompt_tokens + reply.completion_tokens, "micros": round(reply.cost_usd * 1e6)
    }  # fmt: skip


def counts(found: Counts) -> None:
    """A line a group, and one of all."""
    table = Table("kind", "worth", "replies", "tokens", "cost", box=None, pad_edge=False)
    whole = sum(found.values(), Counter[str]())
    lines = [*sorted(found.items()), *([(Group("all", ""), whole)] if len(found) > 1 else [])]
    for (kind, worth), one in lines:
        cells = (f"{one['replies']:,}", f"{one['tokens']:,}", usd(one["micros"] / 1e6))
        table.add_row(kind, worth, *cells, style="bold" if kind == "all" else "")
    console.show(_right(table, 2))


def newest(found: Sequence[Judged]) -> None:
    """A line a reply."""
    table = Table("key", "kind", "worth", "model", "tokens", "cost", "when", "text", box=None, pad_edge=False)
    for one in found:
        reply = one.reply
        words = " ".join((reply.error or reply.text).split())
        table.add_row(
            one.ask.key[:SHORT_KEY], *group(one), Text(reply.model),
            f"{reply.prompt_tokens + reply.completion_tokens:,}", usd(reply.cost_usd), when(one.answered_at),
            Text(words[:TEXT] + (" ..." if len(words) > TEXT else ""), no_wrap=True, overflow="ellipsis"),
        )  # fmt: skip
    for column in table.columns[:-1]:  # only the text gives way where the terminal is narrow
        column.no_wrap = True
    console.out.print()
    console.show(_right(table, 4, 6))


def one_reply(one: Stored, reason: str) -> None:
    """A reply in full, after its prompt."""
    reply, table = one.reply, Table(box=None, show_header=False, pad_edge=False)
    risk = f", {usd(reply.at_risk_usd)} more may have been charged" if reply.at_risk_usd else ""
    facts = {
        "key": one.ask.key, "kind": one.ask.kind, "model": reply.model, "finished by": reply.finish_reason,
        "worth": f"{reason}: {ledger.REASONS[reason]}" if reason else "good",
        "tokens": f"{reply.prompt_tokens:,} prompt, {reply.completion_tokens:,} completion",
        "cost": usd(reply.cost_usd) + risk, "attempts": f"{reply.attempts}", "answered": when(one.answered_at),
        "repair of": reply.repair_of,
    }  # fmt: skip
    for name, value in facts.items():
        if value:
            table.add_row(name, Text(value))
    console.show(table)
    for message in one.ask.payload.get("messages", []):
        section(str(message.get("role", "")), _content(message.get("content")))
    section("error" if reply.error else "reply", reply.error or reply.text)


def section(title: str, text: str) -> None:
    """A heading and what is under it."""
    console.out.print(f"\n{title}", style="bold", markup=False)
    console.out.print(text, markup=False)


def owners(found: Sequence[OwnerLine]) -> None:
    """A line an owner; of those that have ended only the newest."""
    table = Table("owner", "state", "where", "since", "keys", "spent", "at risk", "set aside", box=None, pad_edge=False)
    for one in found[:MOST_OWNERS]:
        aside = max(0.0, one.committed_usd - one.spent_usd - one.at_risk_usd)
        where = f"{one.host} ({one.pid})" if one.pid else one.note
        money = (usd(one.spent_usd), usd(one.at_risk_usd), usd(aside))
        table.add_row(_short_id(one.id), one.state, Text(where), when(one.started), f"{one.claims:,}", *money)
    console.show(_right(table, 4))
    if len(found) > MOST_OWNERS:
        console.out.print(f"and {len(found) - MOST_OWNERS:,} older ones", style="dim")
    spent, risk = _sum(one.spent_usd for one in found), _sum(one.at_risk_usd for one in found)
    console.out.print(f"in all {spent} spent; {risk} more may have been charged for calls that broke off")


def number(count: int) -> str:
    """So many replies."""
    return "1 reply" if count == 1 else f"{count:,} replies"


def usd(amount: float) -> str:
    """Dollars; fractions of a cent too, because a reply costs no more."""
    return f"${amount:,.2f}" if amount >= 100 or not amount else f"${amount:,.4f}"


def when(seconds: float) -> str:
    """A time of day here; empty where it is not known."""
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M") if seconds else ""


def _sum(amounts: Iterable[float]) -> str:
    return usd(sum(amounts))


def _content(content: Any) -> str:
    """A message's text; of pictures what stands for them in the request."""
    if not isinstance(content, list):
        return str(content or "")
    return "\n".join(part.get("text") or f"({part.get('image_url', {}).get('url', '')[:80]})" for part in content)


def _right(table: Table, first: int, end: int | None = None) -> Table:
    """Figures to the right."""
    for column in table.columns[first:end]:
        column.justify = "right"
        column.no_wrap = True
    return table


def _short_id(owner: str) -> str:
    kind, _, rest = owner.partition("-")
    return f"{kind}-{rest[:6]}" if rest else kind
