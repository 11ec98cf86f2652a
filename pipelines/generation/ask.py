"""What passes through the engine: a request, and what the outside knows of it."""

from collections.abc import Callable
from typing import Any, NamedTuple

from schemas.records import Reply


class Ask(NamedTuple):
    """A request, as the engine takes it."""

    key: str
    """`schemas.keys.request_key` of the payload."""
    kind: str
    payload: dict[str, Any]
    """As planned: pictures stand in it by their digests."""
    row: str = ""
    """The row that waits for the answer, as JSON of a `schemas.records.Sample`; empty where nobody needs it."""
    repair_of: str = ""
    """Key of the request whose bad reply this one is to mend."""


class Judgement(NamedTuple):
    """What a reply is worth."""

    reason: str = ""
    """Why it gives no row, of `schemas.ledger.REASONS`; empty where it gives one."""
    repair: dict[str, Any] | None = None
    """The payload that shows the model its bad reply and the reason; None where asking again makes no sense."""


class Hooks(NamedTuple):
    """What the engine does not know itself: what a reply is worth, and how a picture is put into a payload.

    Both are called outside of the event loop's thread, and must not depend on anything but their arguments.
    """

    judge: Callable[[Ask, Reply], Judgement] = lambda ask, reply: Judgement()
    fill: Callable[[Ask], dict[str, Any]] = lambda ask: ask.payload
    """The payload as it is sent: pixels in the place of digests. GenerationError where a picture has changed."""
