"""Requests of a model that sees: planned with digests of pictures, sent with their pixels.

A plan hashes the picture's file once and names every view by what determines it (`pipelines.views.view`), so its files
stay small and a request's key does not depend on who draws it where. The pixels are drawn when a request is sent.
"""

import base64
import copy
import hashlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import fsspec
import msgspec

from pipelines import storage
from pipelines.generation import image_tokens
from pipelines.generation.ask import Ask, Hooks
from pipelines.phases.records import sample_of
from pipelines.qa.page.pictures import stays_below
from pipelines.views import picture as pictures
from pipelines.views.view import View, render, views
from prompts import seeing as words
from schemas.errors import GenerationError, SourceError
from schemas.keys import request_key
from schemas.recipe import ImageSettings, VisionSettings
from schemas.records import Built, Request, Sample

AGAIN = "Plan again (`osprey-data plan` or `build`): what has not changed is not asked again."
_CHUNK = 1 << 20


def checked(images: ImageSettings, vision: VisionSettings | None) -> ImageSettings:
    """The recipe's settings; a picture that is to be shown must be there, and be what the annotations say."""
    return msgspec.structs.replace(images, check=True) if vision else images


def show(built: dict[str, Built], data: str, vision: VisionSettings | None) -> dict[str, Built]:
    """All that was built of some images, the requests with what is to be seen; each picture's file is hashed once.

    Raises:
        SourceError: a picture cannot be read.
    """
    if vision is None:
        return built
    paths = {request.sample.path for made in built.values() for request in made.requests}
    known = {path: _file_sha256(data, path) for path in sorted(paths)}
    return {
        kind: made._replace(requests=[shown(one, known[one.sample.path], vision) for one in made.requests])
        for kind, made in built.items()
    }


def shown(request: Request, picture: str, vision: VisionSettings) -> Request:
    """The request with digests of views in its last message; `picture` is the SHA-256 of the file's bytes."""
    seen = _views(request.sample, vision)
    *earlier, last = request.payload["messages"]
    content = [_text(words.before([_region(view) for view in seen]))]
    for number, view in enumerate(seen, start=1):
        url = image_tokens.name(view.digest(picture), view.size)
        content += [
            _text(words.label(number, _region(view))),
            {"type": "image_url", "image_url": {"url": url, "detail": image_tokens.HIGH}},
        ]
    content += [_text(words.after()), _text(last["content"])]
    payload = {**request.payload, "messages": [*earlier, {**last, "content": content}]}
    maker = request.sample.generator
    told = msgspec.structs.replace(
        maker, prompt=words.name(maker.prompt), prompt_sha256=words.sha256(maker.prompt_sha256)
    )
    sample = msgspec.structs.replace(request.sample, generator=told)
    return Request(key=request_key(payload), payload=payload, sample=sample)


class Seeing(NamedTuple):
    """Fills requests with pixels; small, and the same in every thread and process (`Hooks.fill`)."""

    data: str
    vision: VisionSettings

    def fill(self, ask: Ask) -> dict[str, Any]:
        """The payload as it is sent: JPEGs in the place of their digests.

        Raises:
            GenerationError: the picture is not what was planned with, or cannot be drawn; it names the file.
        """
        names = [one["url"] for one in image_tokens.pictures(ask.payload) if image_tokens.is_name(one["url"])]
        if not names:
            return ask.payload
        drawn = self._drawn(ask, names)
        payload = copy.deepcopy(ask.payload)
        for one in image_tokens.pictures(payload):
            one["url"] = drawn.get(one["url"], one["url"])
        return payload

    def _drawn(self, ask: Ask, names: Sequence[str]) -> dict[str, str]:
        """Name of a view -> its JPEG as a data URL."""
        if not ask.row:
            raise GenerationError(f"request {ask.key}: the row whose picture is to be shown is not known", hint=AGAIN)
        row = sample_of(ask.row)
        content = self._read(row.path)
        sha256 = hashlib.sha256(content).hexdigest()
        by_name = {image_tokens.name(view.digest(sha256), view.size): view for view in _views(row, self.vision)}
        if not by_name.keys() >= set(names):
            where = storage.join(self.data, row.path)
            raise GenerationError(
                f"{where}: the picture, or the way in which it is shown, has changed since the plan was made",
                hint=AGAIN,
            )
        return _data_urls(content, row, {name: by_name[name] for name in names}, self.data)

    def _read(self, path: str) -> bytes:
        if not stays_below(path):
            raise GenerationError(f"the path {path!r} leaves DATA", hint=AGAIN)
        where = storage.join(self.data, path)
        try:
            return storage.read_bytes(where)
        except OSError as error:
            raise GenerationError(f"{where}: cannot be read any more: {error}", hint=f"Put it back. {AGAIN}") from error


def filler(data: str, vision: VisionSettings | None) -> Callable[[Ask], dict[str, Any]]:
    """`Hooks.fill` of a build: the usual one where nothing is to be seen."""
    return Seeing(data, vision).fill if vision else Hooks().fill


def _views(row: Sample, vision: VisionSettings) -> list[View]:
    return views([region.mask for region in row.regions], (row.width, row.height), vision)


def _region(view: View) -> int | None:
    return None if view.whole else view.region


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _data_urls(content: bytes, row: Sample, named: dict[str, View], data: str) -> dict[str, str]:
    try:
        picture = pictures.decode(content, (row.width, row.height))
        drawn = {name: render(picture, view) for name, view in named.items()}
    except ValueError as error:
        raise GenerationError(
            f"{storage.join(data, row.path)}: the picture {error}",
            hint=f"Put a good one in its place, or take it away. {AGAIN}",
        ) from error
    return {name: "data:image/jpeg;base64," + base64.b64encode(jpeg).decode() for name, jpeg in drawn.items()}


def _file_sha256(data: str, path: str) -> str:
    """Of the file's bytes, read in pieces."""
    found = hashlib.sha256()
    where = storage.join(data, path)
    try:
        with fsspec.open(where, "rb") as stream:
            while piece := stream.read(_CHUNK):
                found.update(piece)
    except OSError as error:
        raise SourceError(f"{where}: cannot be read: {error}", hint="Put it back, or run the build again.") from error
    return found.hexdigest()
