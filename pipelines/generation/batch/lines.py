"""The lines of batch files: one request each going out, one result each coming back, in any order."""

from typing import Any, Final, NamedTuple

import msgspec

from pipelines.generation.client import CallError, Completion, Verdict, read_completion, verdict_of, words_of
from schemas.keys import canonical_json

ENDPOINT: Final = "/v1/chat/completions"


def write_line(key: str, body: dict[str, Any]) -> bytes:
    """A request for the input file; `custom_id` is its key."""
    line = {"custom_id": key, "method": "POST", "url": ENDPOINT, "body": body}
    return canonical_json(line) + b"\n"


class Result(NamedTuple):
    """What a line of an output or error file says of one request."""

    key: str
    body: bytes | None = None
    """The chat completion."""
    error: CallError | None = None
    """Why there is none."""

    def completion(self, asked_model: str) -> Completion:
        """The answer, or CallError."""
        if self.error is not None:
            raise self.error
        return read_completion(self.body or b"", asked_model)


class _Response(msgspec.Struct):
    status_code: int = 0
    body: msgspec.Raw = msgspec.Raw(b"null")


class _Error(msgspec.Struct):
    code: str | None = None
    message: str | None = None


class _Line(msgspec.Struct):
    custom_id: str
    response: _Response | None = None
    error: _Error | None = None


class _ErrorBody(msgspec.Struct):
    error: Any = None


_decoder = msgspec.json.Decoder(_Line)
_error_decoder = msgspec.json.Decoder(_ErrorBody)


def read_line(raw: bytes) -> Result:
    """What a line says; msgspec.MsgspecError where it is no result."""
    line = _decoder.decode(raw)
    if line.response is not None and line.response.status_code == 200:
        return Result(line.custom_id, body=bytes(line.response.body))
    return Result(line.custom_id, error=_why(line))


def _why(line: _Line) -> CallError:
    if line.response is not None and line.response.status_code:
        return _refusal(line.response)
    error = line.error or _Error(message="the server gives neither an answer nor an error")
    words = words_of({"message": error.message}, error.code or "no reason")
    return CallError(words, Verdict.RETRY)


def _refusal(response: _Response) -> CallError:
    """As the call itself would have failed."""
    try:
        body = _error_decoder.decode(response.body).error
    except msgspec.MsgspecError:
        body = None
    said = body.get("code") if isinstance(body, dict) else None
    code = said if isinstance(said, str) else None
    words = f"HTTP {response.status_code}: {words_of(body, 'no reason')}"
    return CallError(words, verdict_of(response.status_code, code), status=response.status_code, code=code)
