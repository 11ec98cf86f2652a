"""Stored replies with what each is worth: the reasons are those of the ledger.

A reply is judged with the row that waits for it. The store keeps that row; for replies of earlier versions, which did
not, the plan's requests have it.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from pipelines.builders.replies import BadReply, usable_text
from pipelines.generation.ask import Ask
from pipelines.generation.store import ReplyStore
from pipelines.generation.store.inspection import Stored, Wanted, stored
from pipelines.phases import judging
from schemas.records import Reply

SHORT = {
    "failed": "request_failed", "length": "reply_cut_off", "content_filter": "reply_filtered", "empty": "reply_empty",
    "refusal": "reply_refused",
}  # fmt: skip
"""How servers call what the ledger has other names for."""


class Judged(NamedTuple):
    """A stored reply and what is wrong with it."""

    ask: Ask
    reply: Reply
    answered_at: float
    reason: str
    """Of `schemas.ledger.REASONS`; empty where nothing is wrong."""
    mended: bool
    """Something is wrong, but a later reply to its repair is good."""


def judged(
    store: ReplyStore, wanted: Wanted = Wanted(), rows: Mapping[str, str] | None = None, *, payloads: bool = False  # noqa: B008
) -> Iterator[Judged]:  # fmt: skip
    """The wanted replies, a page in memory at a time. `rows`: rows by key, for those that the store has none of."""
    known = rows or {}
    mends = stored(store.database, Wanted(repairs=True))
    mended = {one.ask.repair_of for one in mends if not reason_of(_with_row(one.ask, known), one.reply)}
    for one in stored(store.database, wanted, payloads=payloads):
        reason = reason_of(_with_row(one.ask, known), one.reply)
        yield Judged(*one, reason, bool(reason) and one.ask.key in mended)


def without_row(store: ReplyStore) -> set[str]:
    """Keys of answers that only a plan can tell the rows of."""
    return {one.ask.key for one in stored(store.database) if _is_answer(one) and not one.ask.row}


def reason_of(ask: Ask, reply: Reply) -> str:
    """Why a reply gives no row; without a row only what can be told of any reply."""
    if ask.row:
        settled = ask._replace(repair_of=ask.repair_of or ask.key)  # no payload that would mend it is wanted
        return judging.judge(settled, reply).reason
    try:
        usable_text(reply)
    except BadReply as bad:
        return bad.reason
    return ""


def _with_row(ask: Ask, rows: Mapping[str, str]) -> Ask:
    return ask if ask.row else ask._replace(row=rows.get(ask.repair_of or ask.key, ""))


def _is_answer(one: Stored) -> bool:
    return not one.reply.error and not one.ask.repair_of
