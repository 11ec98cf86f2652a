"""A bad reply is shown to the model with what is wrong with it: a request of its own, with a key of its own."""

from collections.abc import Sequence

from pipelines.generation.ask import Ask, Hooks, Judgement
from pipelines.generation.store import ReplyStore
from schemas.keys import request_key

NO_JUDGE = Hooks().judge


def repair_of(ask: Ask, judgement: Judgement) -> Ask | None:
    """The request that is to mend a reply; None where the reply is good, cannot be mended, or is a repair itself."""
    if judgement.repair is None or ask.repair_of:
        return None
    return Ask(request_key(judgement.repair), ask.kind, judgement.repair, ask.row, ask.key)


def repairs_of_stored(answered: Sequence[Ask], store: ReplyStore, hooks: Hooks, *, retry_failed: bool) -> list[Ask]:
    """The repairs that are still to be asked of replies that were found in the store."""
    keys = [ask.key for ask in answered]
    mended = {key for key, reply in store.repairs(keys).items() if not (reply.error and retry_failed)}
    replies = store.get_many(key for key in keys if key not in mended)
    judged = ((ask, hooks.judge(ask, replies[ask.key])) for ask in answered if ask.key in replies)
    wanted = {repair.key: repair for ask, judgement in judged if (repair := repair_of(ask, judgement))}
    known = store.errors(wanted)
    return [one for key, one in wanted.items() if key not in known or (known[key] and retry_failed)]
