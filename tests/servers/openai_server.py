"""A loopback OpenAI-compatible server: real HTTP, chat completions, settable latency and faults.

It counts how often each distinct request was answered (and so charged for), which makes paying twice visible.
Run as a program it serves in a process of its own: `python openai_server.py --latency 0.01` prints its base URL.
"""

import argparse
import asyncio
import hashlib
import json
import socket
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import uvicorn
from fastapi import FastAPI
from fastapi.responses import JSONResponse, Response, StreamingResponse

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.servers.batch_api import BatchApi
from tests.servers.rates import Rates, amounts
from tests.servers.structured import by_schema, schema_of

Payload = dict[str, Any]
Scope, Receive, Send = dict[str, Any], Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]
MODEL = "loopback-1"
CHAT = "/v1/chat/completions"


def payload_id(payload: Payload) -> str:
    """Equal for equal requests, whatever the order of their fields."""
    return hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest()


def last_text(payload: Payload) -> str:
    """What the user said last; of several pieces the last text, where the notes of a seeing request stand."""
    content = payload["messages"][-1]["content"]
    return str(content if isinstance(content, str) else content[-1]["text"])


def answer(text: str | None, *, finish_reason: str = "stop", usage: tuple[int, int] | None = (11, 7)) -> Payload:
    """The body of a chat completion."""
    choice = {"index": 0, "finish_reason": finish_reason, "message": {"role": "assistant", "content": text}}
    body: Payload = {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 0, "model": MODEL, "choices": [choice],
    }  # fmt: skip
    if usage:
        body["usage"] = {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)}
    return body


def echo(payload: Payload) -> Payload:
    """The usual reply: a text that depends on the question only, or what the request's schema admits."""
    schema = schema_of(payload)
    return answer(by_schema(schema) if schema else f"echo of {last_text(payload)}")


class Late(NamedTuple):
    """Not a fault: the proper answer, its headers at once and its body so many seconds later."""

    seconds: float


Fault = Callable[[], Response | Payload] | Late
"""A response instead of an answer, or an odd answer, which counts as one."""


def http_error(
    status: int, message: str = "out of order", *, headers: dict[str, str] | None = None, code: str | None = None
) -> Fault:
    """An error in OpenAI's form."""
    body = {"error": {"message": message, "type": "test", "code": code}}
    return lambda: JSONResponse(body, status_code=status, headers=headers)


def rate_limited(seconds: float | None) -> Callable[[], Response]:
    """429, with Retry-After unless None."""
    return http_error(429, "slow down", headers=None if seconds is None else {"Retry-After": f"{seconds:g}"})


def invalid_json() -> Response:
    return Response('{"choices": [{"mess', media_type="application/json")


def not_json() -> Response:
    return Response("<html>proxy</html>", media_type="text/html")


def no_choices() -> Payload:
    return {**answer(""), "choices": []}


def cut_off() -> Payload:
    return answer("The dog is", finish_reason="length")


def filtered() -> Payload:
    """The model began to answer, and the filter stopped it: this is charged."""
    return answer(None, finish_reason="content_filter")


def refused_by_filter() -> Response:
    """The filter did not like the question, as Azure says it."""
    return http_error(400, "The prompt triggered the content policy", code="content_filter")()


def reset() -> Response:
    """Break the connection in the middle of the body."""

    async def body() -> Any:
        yield b'{"choices": '
        await asyncio.sleep(0.01)
        raise ConnectionResetError("on purpose")

    return StreamingResponse(body(), media_type="application/json", headers={"Content-Length": "1000"})


def hang() -> Response:
    """Say nothing for a long time."""

    async def body() -> Any:
        await asyncio.sleep(30)
        yield b"{}"

    return StreamingResponse(body(), media_type="application/json")


FaultRule = Callable[[Payload, int], Fault | None]
"""Of a request and how often it came before: the fault to answer with, or None to answer properly."""


class OpenAIServer:
    """What the server does and what it has seen; change it while it runs."""

    def __init__(self, reply: Callable[[Payload], Payload] = echo, latency_s: float = 0.0) -> None:
        self.reply = reply
        self.latency_s = latency_s
        self.fault: FaultRule = lambda payload, before: None
        self.rates = Rates()
        """Rate limits; none at first."""
        self.base_url = ""
        self.key = ""
        """Where set, the key that a request must carry."""
        self.json_schema = False
        """Whether replies by a JSON schema can be asked for; where not, such a request is refused, and not counted."""
        self.asked: Counter[str] = Counter()
        """Calls by request, except those that a rate limit turned away."""
        self.answered: Counter[str] = Counter()
        """Proper answers by request: more than one is paid twice."""
        self.texts: deque[str] = deque(maxlen=100_000)
        """What was asked, in order of arrival."""
        self.in_flight = self.most_in_flight = 0
        self.headers: deque[dict[str, str]] = deque(maxlen=1000)
        self.batches = BatchApi.of(self, payload_id)

    @property
    def calls(self) -> int:
        return sum(self.asked.values())

    def forget(self) -> None:
        """Set the counters back."""
        self.asked.clear()
        self.answered.clear()
        self.texts.clear()

    async def chat(self, scope: Scope, receive: Receive, send: Send) -> None:
        """POST /v1/chat/completions"""
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            payload = msgspec.json.decode(await _body(receive))
            headers = {name.decode(): value.decode() for name, value in scope["headers"]}
            response = self._refusal(payload, headers) or await self._complete(payload, send)
            if response is not None:
                await response(scope, receive, send)
        finally:
            self.in_flight -= 1

    def _refusal(self, payload: Payload, headers: dict[str, str]) -> Response | None:
        self.headers.append(headers)
        if "response_format" in payload and not self.json_schema:
            return http_error(400, "response_format is not supported")()
        self.texts.append(last_text(payload))
        if self.key and headers.get("authorization") != f"Bearer {self.key}":
            return http_error(401, f"Incorrect API key: {headers.get('authorization')}")()
        if wait := self.rates.admit(amounts(payload)):
            told = self.rates.headers() | ({"retry-after-ms": f"{wait * 1000:.0f}"} if self.rates.retry_after else {})
            return http_error(429, "Rate limit reached", headers=told)()
        return None

    async def _complete(self, payload: Payload, send: Send) -> Response | None:
        """Send an answer, or return what is to be sent instead."""
        name, told = payload_id(payload), self.rates.headers()
        before, self.asked[name] = self.asked[name], self.asked[name] + 1
        await asyncio.sleep(self.latency_s)
        fault = self.fault(payload, before)
        odd = fault() if fault and not isinstance(fault, Late) else None
        if isinstance(odd, Response):
            return odd
        body = msgspec.json.encode(self.reply(payload) if odd is None else odd)
        self.answered[name] += 1
        await _send(send, body, told, fault.seconds if isinstance(fault, Late) else 0.0)
        return None

    def app(self) -> FastAPI:
        """All routes; a subclass may add some."""
        app = _App(self.chat)
        self.batches.add_to(app)
        app.add_api_route("/counts", lambda: {"asked": self.asked, "answered": self.answered}, methods=["GET"])
        return app


class _App(FastAPI):
    """Chat completions do not take FastAPI's way, which costs more than the answer itself."""

    def __init__(self, chat: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        super().__init__()
        self.chat = chat

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"] == CHAT:
            await self.chat(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


async def _body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def _send(send: Send, body: bytes, headers: dict[str, str], late_s: float) -> None:
    told = {"content-type": "application/json", "content-length": str(len(body)), **headers}
    pairs = [(name.encode(), value.encode()) for name, value in told.items()]
    await send({"type": "http.response.start", "status": 200, "headers": pairs})
    if late_s:
        await send({"type": "http.response.body", "body": body[:1], "more_body": True})
        await asyncio.sleep(late_s)
    await send({"type": "http.response.body", "body": body[1:] if late_s else body})


@contextmanager
def running(server: OpenAIServer, after_s: float = 0.0) -> Iterator[OpenAIServer]:
    """The server in a thread of this process, on a free port of loopback, which may open late."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    server.base_url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    web = uvicorn.Server(uvicorn.Config(server.app(), log_level="critical", timeout_graceful_shutdown=0))
    thread = threading.Thread(target=_open, args=(web, listener, after_s), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        web.should_exit = True
        thread.join(timeout=10)
        listener.close()


def _open(web: uvicorn.Server, listener: socket.socket, after_s: float) -> None:
    time.sleep(after_s)
    listener.listen(2048)
    web.run(sockets=[listener])


def refused_url() -> str:
    """The base URL of a server that is not there."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}/v1"


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    listener = socket.create_server(("127.0.0.1", options.port))
    print(f"http://127.0.0.1:{listener.getsockname()[1]}/v1", flush=True)
    app = OpenAIServer(latency_s=options.latency).app()
    config = uvicorn.Config(app, log_level="critical", access_log=False, lifespan="off", backlog=2048)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
