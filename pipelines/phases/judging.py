"""What a reply is worth, told while it is still time to ask again: the engine's `Hooks.judge`.

The same code that assembles rows reads the reply, so that what is counted as rejected here is what assembling rejects.
"""

from typing import Any

from pipelines.builders import MODEL_KINDS
from pipelines.builders.model_kind import finish, form_of
from pipelines.builders.replies import BadReply
from pipelines.generation.ask import Ask, Judgement
from pipelines.phases.records import sample_of
from prompts import repair
from schemas.ledger import REASONS
from schemas.records import Reply, Request, Sample

MOST_CHARACTERS = 6000
"""Of a bad reply that are shown to the model again: longer than any reply of the usual `max_tokens` of 1500."""
CUT = " [...]"
NO_TEXT = "(no text)"
"""Stands for an empty reply: many servers refuse an empty turn."""

FINAL = frozenset(("request_failed", "reply_filtered", "reply_refused", "reply_cut_off"))
"""Reasons that no repair mends. Nothing came back (`request_failed`); or the server or the model has decided, and would
again (`reply_filtered`, `reply_refused`). A reply that was cut off (`reply_cut_off`) had nothing wrong with it but its
length: the repair has the same limit and the longest possible prompt, and to be told to be brief would give rows of
another style than all others. More `max_tokens` mend it."""


def judge(ask: Ask, reply: Reply) -> Judgement:
    """Why a reply gives no row, and the payload of the turn that may mend it: of a first reply only, never of a repair.

    A function of its arguments, quick, and by itself at module level, so that workers elsewhere can be sent it.
    """
    if not ask.row:
        return Judgement()
    row = sample_of(ask.row)
    try:
        finish(MODEL_KINDS[row.kind], Request(key=ask.key, payload={}, sample=row), reply)
    except BadReply as bad:
        mend = not ask.repair_of and bad.reason not in FINAL
        return Judgement(bad.reason, repair_payload(ask, row, reply, bad) if mend else None)
    return Judgement()


def repair_payload(ask: Ask, row: Sample, reply: Reply, bad: BadReply) -> dict[str, Any]:
    """All that was sent at first, the bad reply, and what is wrong with it; model, limits and form stay the same."""
    said = repair(form_of(row), REASONS[bad.reason], bad.detail)
    more = [{"role": "assistant", "content": clipped(reply.text)}, {"role": "user", "content": said}]
    return {**ask.payload, "messages": [*ask.payload["messages"], *more]}


def clipped(text: str) -> str:
    """A reply as it is shown again: its first `MOST_CHARACTERS`."""
    kept = text if len(text) <= MOST_CHARACTERS else text[:MOST_CHARACTERS] + CUT
    return kept if kept.strip() else NO_TEXT
