"""Files and batches of an OpenAI-compatible server, through its official client.

Calls that change nothing twice are tried again; the creation of a batch is not: whoever creates has to look first
whether the server has it already (`find`).
"""

from collections.abc import Callable
from typing import IO, Any, TypeVar, cast

import httpx2
import openai
import tenacity
from openai.types import Batch

from pipelines.generation.batch.lines import ENDPOINT
from pipelines.generation.client import CallError, Verdict, explain
from pipelines.generation.settings import Settings, api_key
from schemas.errors import GenerationError

T = TypeVar("T")

OURS = "osprey_data_batch"
"""The metadata that carries our own id."""
OVER = ("completed", "failed", "expired", "cancelled")
"""The states that a batch stays in."""
CLOCKS_S = 3600.0
"""How far the server's clock and ours may be apart."""
PIECE = 1 << 20
"""Bytes of a download in memory."""


class BatchServer:
    """The server of the settings. Every method raises GenerationError where it cannot go on, in the server's words."""

    def __init__(self, settings: Settings) -> None:
        self._key = api_key(settings.base_url)
        self._settings = settings
        self._openai = openai.OpenAI(
            api_key=self._key, base_url=settings.base_url, max_retries=0, timeout=settings.timeout_s
        )

    def close(self) -> None:
        self._openai.close()

    def upload(self, file: IO[bytes], name: str) -> str:
        """Send an input file; its id."""

        def send() -> str:
            file.seek(0)
            return str(self._call(lambda: self._openai.files.create(file=(name, file), purpose="batch"), "id"))

        return self._patiently(send, "the server does not take the batch's file")

    def create(self, file_id: str, own_id: str) -> Batch:
        """Create a batch, trying once. CallError where that fails: `verdict` and `unanswered` tell what is known."""
        made = self._call(
            lambda: self._openai.batches.create(
                input_file_id=file_id, endpoint=ENDPOINT, completion_window="24h", metadata={OURS: own_id}
            )
        )
        return _batch(made)

    def find(self, own_id: str, since: float) -> Batch | None:
        """The batch that carries our id; `since`: seconds since 1970, before which it cannot have been created."""

        def look() -> Batch | None:
            for batch in self._openai.batches.list(limit=100):
                if (batch.metadata or {}).get(OURS) == own_id:
                    return _batch(batch)
                if batch.created_at < since - CLOCKS_S:
                    return None
            return None

        return self._patiently(lambda: cast(Batch | None, self._call(look)), "the server does not list its batches")

    def find_file(self, name: str) -> str:
        """The id of the input file of that name; empty where there is none."""

        def look() -> str:
            files = self._openai.files.list(purpose="batch")
            return next((file.id for file in files if file.filename == name), "")

        return self._patiently(lambda: str(self._call(look)), "the server does not list its files")

    def retrieve(self, batch_id: str) -> Batch:
        """A batch as it stands."""
        return self._patiently(
            lambda: _batch(self._call(lambda: self._openai.batches.retrieve(batch_id))),
            f"the server does not tell how the batch {batch_id} stands",
        )

    def cancel(self, batch_id: str) -> None:
        """Stop a batch; one that has ended stays as it is."""

        def stop() -> None:
            try:
                self._call(lambda: self._openai.batches.cancel(batch_id))
            except CallError:
                if self.retrieve(batch_id).status not in OVER:
                    raise

        self._patiently(stop, f"the server does not cancel the batch {batch_id}")

    def download(self, file_id: str, into: IO[bytes]) -> None:
        """Fetch a file whole: as many bytes as the server says that it has."""

        def fetch() -> None:
            into.seek(0)
            into.truncate()
            size = self._call(lambda: self._openai.files.retrieve(file_id), "bytes")
            self._fetch(file_id, into)
            if isinstance(size, int) and into.tell() != size:
                raise CallError(f"{into.tell()} of {size} bytes came", Verdict.RETRY)

        self._patiently(fetch, f"the file {file_id} cannot be downloaded")

    def delete(self, file_id: str) -> None:
        """Delete a file; one that is not there, or cannot be deleted, is no harm."""
        try:
            self._call(lambda: self._openai.files.delete(file_id))
        except CallError:
            return

    def _fetch(self, file_id: str, into: IO[bytes]) -> None:
        try:
            with self._openai.files.with_streaming_response.content(file_id) as response:
                for piece in response.iter_bytes(PIECE):
                    into.write(piece)
        except openai.APIError as error:
            raise explain(error, self._key, self._settings.timeout_s) from None
        except httpx2.HTTPError as error:
            words = f"connection failed: {error or type(error).__name__}".replace(self._key, "[key]")
            raise CallError(words, Verdict.RETRY) from None

    def _call(self, call: Callable[[], Any], field: str = "") -> Any:
        """One call; CallError where it fails, or has no such field."""
        try:
            made = call()
        except openai.APIError as error:
            raise explain(error, self._key, self._settings.timeout_s) from None
        if field and getattr(made, field, None) is None:
            raise CallError(f"the answer has no {field}", Verdict.RETRY)
        return getattr(made, field) if field else made

    def _patiently(self, call: Callable[[], T], what: str) -> T:
        """Try again what may be tried again; GenerationError where that does not help."""
        settings = self._settings
        wait = tenacity.wait_exponential_jitter(
            multiplier=settings.backoff_s, jitter=settings.backoff_s, max=settings.backoff_cap_s
        )

        def longer(state: tenacity.RetryCallState) -> float:
            error: Any = state.outcome.exception() if state.outcome else None
            return max(wait(state), min(error.retry_after_s or 0.0, settings.retry_after_cap_s))

        attempts = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(settings.max_attempts), wait=longer, reraise=True,
            retry=tenacity.retry_if_exception(lambda e: isinstance(e, CallError) and e.verdict is Verdict.RETRY),
        )  # fmt: skip
        try:
            return attempts(call)
        except CallError as error:
            raise server_error(what, error) from None


class Unreachable(GenerationError):
    """The server did not do its part this time; it may do so later."""


class Gone(GenerationError):
    """The server does not know a batch or a file: it was deleted, has expired, or belongs to another account."""


def server_error(what: str, error: CallError) -> GenerationError:
    """A failed call in words for users."""
    if error.status == 404:
        hint = "Check OPENAI_BASE_URL, the account, and that the server has a Batch API (--mode online needs none). "
        again = "A batch that is gone for good is given up by --mode batch --cancel: its requests are free then."
        return Gone(f"{what}: {error.words}", hint=hint + again)
    if error.verdict is Verdict.STOP:
        hint = "Check OPENAI_API_KEY, OPENAI_BASE_URL and the account, and that the server has a Batch API "
        return GenerationError(f"{what}: {error.words}", hint=hint + "(--mode online needs none).")
    kind = Unreachable if error.verdict is Verdict.RETRY else GenerationError
    return kind(f"{what}: {error.words}", hint="The same command goes on from here; nothing is asked twice.")


def _batch(made: Any) -> Batch:
    if not isinstance(made, Batch) or not made.id:
        raise CallError("the answer is no batch", Verdict.RETRY, may_be_charged=True)
    return made
