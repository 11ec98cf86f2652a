"""A loopback OpenAI-compatible server: real HTTP, chat completions, settable latency and faults.

It counts how often each distinct request was answered (and so charged for), which makes paying twice visible.
Run as a program it serves in a process of its own: `python openai_server.py --latency 0.01` prints its base URL.
"""

import argparse
import asyncio
import hashlib
import json
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

Payload = dict[str, Any]
MODEL = "loopback-1"


def payload_id(payload: Payload) -> str:
    """Equal for equal requests, whatever the order of their fields."""
    return hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest()


def last_text(payload: Payload) -> str:
    """What the user said last."""
    return str(payload["messages"][-1]["content"])


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
    """The usual reply: a text that depends on the question only."""
    return answer(f"echo of {last_text(payload)}")


Fault = Callable[[], Response]


def http_error(
    status: int, message: str = "out of order", *, headers: dict[str, str] | None = None, code: str | None = None
) -> Fault:
    """An error in OpenAI's form."""
    body = {"error": {"message": message, "type": "test", "code": code}}
    return lambda: JSONResponse(body, status_code=status, headers=headers)


def rate_limited(seconds: float | None) -> Fault:
    """429, with Retry-After unless None."""
    return http_error(429, "slow down", headers=None if seconds is None else {"Retry-After": f"{seconds:g}"})


def invalid_json() -> Response:
    return Response('{"choices": [{"mess', media_type="application/json")


def not_json() -> Response:
    return Response("<html>proxy</html>", media_type="text/html")


def no_choices() -> Response:
    return JSONResponse({**answer(""), "choices": []})


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
        self.base_url = ""
        self.key = ""
        """Where set, the key that a request must carry."""
        self.asked: Counter[str] = Counter()
        """Calls by request."""
        self.answered: Counter[str] = Counter()
        """Proper answers by request: more than one is paid twice."""
        self.texts: list[str] = []
        """What was asked, in order of arrival."""
        self.in_flight = self.most_in_flight = 0
        self.headers: list[dict[str, str]] = []

    @property
    def calls(self) -> int:
        return sum(self.asked.values())

    def forget(self) -> None:
        """Set the counters back."""
        self.asked.clear()
        self.answered.clear()
        self.texts.clear()

    async def complete(self, request: Request) -> Response:
        """POST /v1/chat/completions"""
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            return await self._complete(request)
        finally:
            self.in_flight -= 1

    async def _complete(self, request: Request) -> Response:
        payload = await request.json()
        name = payload_id(payload)
        before, self.asked[name] = self.asked[name], self.asked[name] + 1
        self.texts.append(last_text(payload))
        self.headers.append(dict(request.headers))
        if self.key and request.headers.get("authorization") != f"Bearer {self.key}":
            return http_error(401, f"Incorrect API key: {request.headers.get('authorization')}")()
        await asyncio.sleep(self.latency_s)
        if fault := self.fault(payload, before):
            return fault()
        self.answered[name] += 1
        return JSONResponse(self.reply(payload))

    def app(self) -> FastAPI:
        app = FastAPI()
        app.add_api_route("/v1/chat/completions", self.complete, methods=["POST"])
        app.add_api_route("/counts", lambda: {"asked": self.asked, "answered": self.answered}, methods=["GET"])
        return app


@contextmanager
def running(server: OpenAIServer) -> Iterator[OpenAIServer]:
    """The server in a thread of this process, on a free port of loopback."""
    listener = socket.create_server(("127.0.0.1", 0))
    server.base_url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    web = uvicorn.Server(uvicorn.Config(server.app(), log_level="critical", timeout_graceful_shutdown=0))
    thread = threading.Thread(target=web.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        web.should_exit = True
        thread.join(timeout=10)
        listener.close()


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
    uvicorn.Server(uvicorn.Config(app, log_level="critical")).run(sockets=[listener])


if __name__ == "__main__":
    main()
