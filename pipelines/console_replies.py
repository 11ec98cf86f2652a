"""What the command line shows of the reply store: counts, lists, one reply in full, owners."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from pipelines import console
from pipelines.generation.store.inspection import OwnerLine, Stored
from pipelines.phases.stored import Judged
from schemas import ledger
from schemas.records import Reply

SHORT_KEY = 12
"""Characters of a key that are shown: enough to tell it from millions."""
TEXT = 60
"""Characters of a reply in a list."""
LEAST_TEXT = 16
"""Of it where the terminal is narrow."""
SPARE = ("when", "model", "tokens", "cost")
"""Columns that a narrow terminal does without, in this order."""
GAP = 2
MOST_OWNERS = 30

_COMMANDS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Control characters but for tabs and line ends."""


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
    """A line a reply; on a narrow terminal without what tells least."""
    columns = {
        "key": [one.ask.key[:SHORT_KEY] for one in found], "kind": [group(one).kind for one in found],
        "worth": [group(one).worth for one in found], "model": [one.reply.model for one in found],
        "tokens": [f"{figures(one)['tokens']:,}" for one in found], "cost": [usd(one.reply.cost_usd) for one in found],
        "when": [when(one.answered_at) for one in found], "text": [_beginning(one.reply) for one in found],
    }  # fmt: skip
    table, shown = Table(box=None, pad_edge=False), _fitting(columns)
    for name in shown:  # only the text gives way
        table.add_column(name, no_wrap=name != "text", justify="right" if name in ("tokens", "cost") else "left")
    for cells in zip(*(columns[name] for name in shown), strict=True):
        table.add_row(*(Text(cell, no_wrap=True, overflow="ellipsis") for cell in cells))
    console.out.print()
    console.show(table)


def _fitting(columns: Mapping[str, Sequence[str]]) -> list[str]:
    """The columns that have room on the terminal, if need be with less of the text, which comes last."""
    widths = {name: max(map(cell_len, [name, *cells])) + GAP for name, cells in columns.items()}
    widths["text"] = LEAST_TEXT
    kept = list(columns)
    for name in SPARE:
        if not console.out.is_terminal or sum(widths[one] for one in kept) <= console.out.width:
            break
        kept.remove(name)
    return kept


def _beginning(reply: Reply) -> str:
    """Of an answer or an error, in one line."""
    words = plain(" ".join((reply.error or reply.text).split()))
    return words[:TEXT] + (" ..." if len(words) > TEXT else "")


def plain(text: str) -> str:
    """Without the characters by which a text could command the terminal that shows it."""
    return _COMMANDS.sub("\N{REPLACEMENT CHARACTER}", text)


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
    console.out.print(plain(text), markup=False)


def owners(found: Sequence[OwnerLine]) -> None:
    """A line an owner; of those that have ended only the newest."""
    table = Table("owner", "state", "where", "since", "keys", "spent", "at risk", "set aside", box=None, pad_edge=False)
    for one in found[:MOST_OWNERS]:
        where = f"{one.host} ({one.pid})" if one.pid else one.note
        money = (usd(one.spent_usd), usd(one.at_risk_usd), usd(one.aside_usd))
        table.add_row(_short_id(one.id), one.state, Text(where), when(one.started), f"{one.claims:,}", *money)
    console.show(_right(table, 4))
    if len(found) > MOST_OWNERS:
        console.out.print(f"and {len(found) - MOST_OWNERS:,} older ones", style="dim")
    spent, risk = _sum(one.spent_usd for one in found), _sum(one.at_risk_usd for one in found)
    console.out.print(f"in all {spent} spent; {risk} more may have been charged for calls that broke off")
    if dead := sum(one.aside_usd for one in found if one.state == "dead"):
        console.out.print(
            f"runs that were killed had set aside {usd(dead)}: calls of theirs may have been charged up to that, which "
            "counts for --total-usd until --release"
        )


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
