"""Is it the request or the server? A server that is gone must not fail every request for good."""

from pipelines.generation.client import CallError, Verdict
from pipelines.generation.store import Entry
from schemas.errors import GenerationError

DOWN_AFTER = 5
"""Requests in a row that the server leaves unanswered, after all their attempts, before the run stops."""
REFUSED_AFTER = 20
"""Requests that the server refuses, without having answered a single one, before the run stops."""


class Verdicts:
    """Holds failures back until it is clear that they are the requests' own.

    A refusal stands once the server has answered anything at all; an unanswered request once the server has answered
    another one after it. What a content filter refuses is the request's own at once. What is held when a run breaks off
    is asked again by the next one.
    """

    def __init__(self) -> None:
        self._refused: list[Entry] = []
        self._silent: list[Entry] = []
        self._answered = False
        self._reached = False

    def answered(self) -> list[Entry]:
        """The server has answered a request: the failures that are thereby settled."""
        self._answered = self._reached = True
        return self._take()

    def failed(self, failure: Entry, error: CallError) -> list[Entry]:
        """A request has failed: the failures that are settled; GenerationError where the server is at fault."""
        self._reached = self._reached or not error.unreachable
        if error.filtered:
            return [failure]
        if error.verdict is Verdict.REFUSED:
            self._refused.append(failure)
            if not self._answered and len(self._refused) >= REFUSED_AFTER:
                raise _all_refused(len(self._refused), error)
            return self._take_refused() if self._answered else []
        self._silent.append(failure)
        if len(self._silent) >= (DOWN_AFTER if self._reached else 1):
            raise _server_at_fault(len(self._silent), error)
        return []

    def ended(self) -> list[Entry]:
        """All was asked: too few failures are left to blame the server."""
        return self._take()

    def _take(self) -> list[Entry]:
        held, self._silent = self._silent, []
        return self._take_refused() + held

    def _take_refused(self) -> list[Entry]:
        held, self._refused = self._refused, []
        return held


def _server_at_fault(count: int, error: CallError) -> GenerationError:
    these = "the request" if count == 1 else f"any of {count} requests in a row"
    what = "Check OPENAI_BASE_URL, the model's name and the server itself"
    if error.turned_away:
        what = (
            "More is sent than the account's limits allow, or than the server can do: look those limits up and stay "
            "below them with --rpm, --tpm or a lower --concurrency"
        )
    return GenerationError(
        f"the server did not answer {these}: {error.words}", hint=f"{what}; the same command then goes on from here."
    )


def _all_refused(count: int, error: CallError) -> GenerationError:
    return GenerationError(
        f"the server refused {count} requests and answered none: {error.words}",
        hint="Check whether it takes the model and the settings under `generation` in the recipe; a changed recipe "
        "needs a new plan.",
    )
