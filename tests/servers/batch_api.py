"""Files and batches of the loopback server, as OpenAI documents them, with settable time, order and faults.

A batch is worked off when somebody asks for its state after its time is up, so that nothing runs in the background.
Every line that is answered is counted with the online answers: paying twice is visible, however it came about.
"""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

Payload = dict[str, Any]
ENDED = ("completed", "failed", "expired", "cancelled")
EXPIRED = "This request could not be executed before the completion window expired."


class LineFault(NamedTuple):
    """What becomes of a line instead of an answer. Status 0: it expires; -1: it is in neither file."""

    status: int
    message: str = ""
    code: str | None = None


expired, missing = LineFault(0), LineFault(-1)


class Stored(NamedTuple):
    """A file at the server."""

    id: str
    name: str
    purpose: str
    content: bytes
    created: float

    def body(self) -> Payload:
        return {
            "id": self.id, "object": "file", "bytes": len(self.content), "created_at": int(self.created),
            "filename": self.name, "purpose": self.purpose, "status": "processed",
        }  # fmt: skip


class Batch:
    """A batch at the server."""

    def __init__(self, number: int, request: Payload, content: bytes) -> None:
        self.id = f"batch_{number:04}"
        self.metadata: dict[str, str] = request.get("metadata") or {}
        self.input_file_id: str = request["input_file_id"]
        self.lines: list[Payload] = [json.loads(line) for line in content.splitlines()]
        self.status = "validating"
        self.created = time.time()
        self.errors: list[Payload] = []
        self.output_file_id: str | None = None
        self.error_file_id: str | None = None
        self.done = self.failed = 0

    def body(self) -> Payload:
        return {
            "id": self.id, "object": "batch", "endpoint": "/v1/chat/completions", "completion_window": "24h",
            "created_at": int(self.created), "input_file_id": self.input_file_id, "status": self.status,
            "output_file_id": self.output_file_id, "error_file_id": self.error_file_id, "metadata": self.metadata,
            "errors": {"object": "list", "data": self.errors} if self.errors else None,
            "request_counts": {"total": len(self.lines), "completed": self.done, "failed": self.failed},
        }  # fmt: skip


def error(status: int, message: str, code: str | None = None) -> Response:
    """An error in OpenAI's form."""
    return JSONResponse({"error": {"message": message, "type": "test", "code": code}}, status_code=status)


def truncated(content: bytes, *, honest: bool = True) -> Response:
    """Half of a file. Honest: the connection breaks off; else the half looks like a whole answer."""
    if not honest:
        return Response(content[: len(content) // 2], media_type="application/octet-stream")

    async def body() -> Any:
        yield content[: len(content) // 2]
        await asyncio.sleep(0.01)
        raise ConnectionResetError("on purpose")

    return StreamingResponse(body(), headers={"Content-Length": str(len(content))})


_no_rule: Callable[..., Any] = lambda *_: None  # noqa: E731


class BatchApi:
    """What the endpoints do and what they have seen; change it while the server runs."""

    def __init__(self, server: Any, name: Callable[[Payload], str]) -> None:
        self.server, self.name = server, name
        self.duration_s = 0.0
        """From creation to the end."""
        self.held = False
        """While set, no batch ends."""
        self.cancel_share = 0.5
        """How much of a cancelled batch was answered before."""
        self.most_requests = 50_000
        self.queue: int | None = None
        """Requests of all open batches, above which one fails with token_limit_exceeded."""
        self.line: Callable[[Payload, int], LineFault | None] = _no_rule
        """Of a payload and how often it was in a batch before."""
        self.validate: Callable[[list[Payload]], list[Payload]] = lambda lines: []
        self.fault: Callable[[str, int], Response | None] = _no_rule
        """Of a call (`upload`, `create`, `retrieve`, `list`, `download`, `cancel`) and how often it came before."""
        self.created_fault: Callable[[int], Response | None] = _no_rule
        """As `fault`, but after the batch has been created."""
        self.spoil: Callable[[Stored, int], Response | None] = _no_rule
        """Of a file and how often it was downloaded before: what to send in its place."""
        self.extra: list[str] = []
        """Lines put into every output file."""
        self.files: dict[str, Stored] = {}
        self.deleted: list[str] = []
        self.batches: dict[str, Batch] = {}
        self.calls: Counter[str] = Counter()
        self.sent: Counter[str] = Counter()
        """How often each request was in a batch that was accepted."""
        self.most_open = 0
        self.uploads: list[int] = []
        """Bytes of each input file."""

    @classmethod
    def of(cls, server: Any, name: Callable[[Payload], str]) -> "BatchApi":
        """The endpoints of a server, which gives the replies; `name` tells requests apart. A server that is made anew
        keeps the same, as new, because its routes lead to them."""
        api: BatchApi = vars(server).get("batches") or cls.__new__(cls)
        api.__init__(server, name)  # type: ignore[misc]
        return api

    @property
    def open(self) -> list[Batch]:
        return [batch for batch in self.batches.values() if batch.status not in ENDED]

    async def upload(self, request: Request) -> Response:
        """POST /v1/files"""
        if refused := self._refused("upload"):
            return refused
        async with request.form() as form:
            file: Any = form["file"]
            stored = self._store(str(file.filename), str(form["purpose"]), await file.read())
        self.uploads.append(len(stored.content))
        return JSONResponse(stored.body())

    async def create(self, request: Request) -> Response:
        """POST /v1/batches"""
        if refused := self._refused("create"):
            return refused
        asked = await request.json()
        if asked["input_file_id"] not in self.files:
            return error(400, f"No such File object: {asked['input_file_id']}")
        if asked["endpoint"] != "/v1/chat/completions" or asked["completion_window"] != "24h":
            return error(400, "Invalid endpoint or completion window")
        batch = Batch(len(self.batches) + 1, asked, self.files[asked["input_file_id"]].content)
        self.batches[batch.id] = batch
        self._check(batch)
        return self.created_fault(self.calls["create"] - 1) or JSONResponse(batch.body())

    def _check(self, batch: Batch) -> None:
        ids = {line["custom_id"] for line in batch.lines}
        batch.errors = self.validate(batch.lines)
        if not len(ids) == len(batch.lines) <= self.most_requests:
            batch.errors = [{"code": "invalid_file", "message": "too many requests, or a custom_id twice"}]
        if len({line["body"]["model"] for line in batch.lines}) > 1:
            batch.errors = [{"code": "mismatched_model", "message": "All requests must have the same model", "line": 2}]
        if self.queue is not None and sum(len(one.lines) for one in self.open) > self.queue:
            words = f"Enqueued token limit reached. Limit: {self.queue} enqueued tokens. Please try again later."
            batch.errors = [{"code": "token_limit_exceeded", "message": words, "line": None}]
        if batch.errors:
            batch.status = "failed"
            return
        self.sent.update(self.name(line["body"]) for line in batch.lines)
        self.most_open = max(self.most_open, len(self.open))

    async def retrieve(self, batch_id: str) -> Response:
        """GET /v1/batches/{batch_id}"""
        if refused := self._refused("retrieve"):
            return refused
        if batch_id not in self.batches:
            return error(404, f"No batch found with id '{batch_id}'.")
        self._advance(self.batches[batch_id])
        return JSONResponse(self.batches[batch_id].body())

    async def list_batches(self, after: str | None = None, limit: int = 20) -> Response:
        """GET /v1/batches: the newest first"""
        if refused := self._refused("list"):
            return refused
        ids = sorted(self.batches, reverse=True)
        start = ids.index(after) + 1 if after else 0
        page = [self.batches[one].body() for one in ids[start : start + limit]]
        body = {"object": "list", "data": page, "has_more": start + limit < len(ids)}
        return JSONResponse({**body, **({"first_id": page[0]["id"], "last_id": page[-1]["id"]} if page else {})})

    async def cancel(self, batch_id: str) -> Response:
        """POST /v1/batches/{batch_id}/cancel"""
        if refused := self._refused("cancel"):
            return refused
        batch = self.batches[batch_id]
        if batch.status in ENDED:
            return error(409, f"Cannot cancel a batch with status '{batch.status}'.")
        batch.status = "cancelling"
        return JSONResponse(batch.body())

    async def list_files(self, purpose: str = "", after: str | None = None) -> Response:
        """GET /v1/files"""
        files = [file.body() for file in self.files.values() if not purpose or file.purpose == purpose]
        return JSONResponse({"object": "list", "data": [] if after else files, "has_more": False})

    async def file(self, file_id: str) -> Response:
        """GET /v1/files/{file_id}"""
        found = self.files.get(file_id)
        return JSONResponse(found.body()) if found else error(404, f"No such File object: {file_id}")

    async def content(self, file_id: str) -> Response:
        """GET /v1/files/{file_id}/content"""
        if refused := self._refused("download"):
            return refused
        if file_id not in self.files:
            return error(404, f"No such File object: {file_id}")
        before, self.calls[file_id] = self.calls[file_id], self.calls[file_id] + 1
        spoiled = self.spoil(self.files[file_id], before)
        return spoiled or Response(self.files[file_id].content, media_type="application/octet-stream")

    async def delete(self, file_id: str) -> Response:
        """DELETE /v1/files/{file_id}"""
        if self.files.pop(file_id, None) is None:
            return error(404, f"No such File object: {file_id}")
        self.deleted.append(file_id)
        return JSONResponse({"id": file_id, "object": "file", "deleted": True})

    def _refused(self, call: str) -> Response | None:
        before, self.calls[call] = self.calls[call], self.calls[call] + 1
        return self.fault(call, before)

    def _store(self, name: str, purpose: str, content: bytes) -> Stored:
        stored = Stored(f"file-{len(self.files) + len(self.deleted) + 1}", name, purpose, content, time.time())
        self.files[stored.id] = stored
        return stored

    def _advance(self, batch: Batch) -> None:
        if batch.status == "validating":
            batch.status = "in_progress"
        if batch.status == "cancelling":
            self._finish(batch, batch.lines[: int(len(batch.lines) * self.cancel_share)], "cancelled")
        elif batch.status == "in_progress" and not self.held and time.time() >= batch.created + self.duration_s:
            self._finish(batch, batch.lines, "completed")

    def _finish(self, batch: Batch, lines: list[Payload], status: str) -> None:
        """Answer what there is time for; files that would be empty are not made."""
        output, errors = list(self.extra), list[str]()
        for line in lines:
            name = self.name(line["body"])
            fault = self.line(line["body"], self.sent[name] - 1)
            if fault is None:
                self.server.answered[name] += 1
                output.append(_line(line, 200, self.server.reply(line["body"])))
            elif fault.status == 0:
                errors.append(_expired(line))
                status = "expired" if status == "completed" else status
            elif fault.status > 0:
                body = {"error": {"message": fault.message, "type": "test", "code": fault.code}}
                errors.append(_line(line, fault.status, body))
        for part in (output, errors):
            random.Random(batch.id).shuffle(part)
        batch.done, batch.failed = len(output) - len(self.extra), len(errors)
        batch.output_file_id = self._results(output, "output")
        batch.error_file_id = self._results(errors, "error")
        batch.status = status

    def _results(self, lines: list[str], name: str) -> str | None:
        content = "".join(f"{line}\n" for line in lines).encode()
        return self._store(f"{name}.jsonl", "batch_output", content).id if lines else None

    def add_to(self, app: FastAPI) -> None:
        """Serve the endpoints."""
        for path, endpoint, method in (
            ("/files", self.upload, "POST"), ("/files", self.list_files, "GET"), ("/files/{file_id}", self.file, "GET"),
            ("/files/{file_id}/content", self.content, "GET"), ("/files/{file_id}", self.delete, "DELETE"),
            ("/batches", self.create, "POST"), ("/batches", self.list_batches, "GET"),
            ("/batches/{batch_id}", self.retrieve, "GET"), ("/batches/{batch_id}/cancel", self.cancel, "POST"),
        ):  # fmt: skip
            app.add_api_route(f"/v1{path}", endpoint, methods=[method])


def _line(line: Payload, status: int, body: Payload) -> str:
    response = {"status_code": status, "request_id": "req_1", "body": body}
    return json.dumps({"id": "batch_req_1", "custom_id": line["custom_id"], "response": response, "error": None})


def _expired(line: Payload) -> str:
    told = {"code": "batch_expired", "message": EXPIRED}
    return json.dumps({"id": "batch_req_1", "custom_id": line["custom_id"], "response": None, "error": told})
