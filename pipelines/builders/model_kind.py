"""What all kinds of a language model share: the request for one image, and a reply's way into the row that waits.

A kind chooses its regions (`Candidate`), tells of each of them, and reads the reply; caps, counting and rejects are
the same for all and stand here.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

import prompts
from pipelines.builders.context import TEMPLATE, Context
from pipelines.builders.forms import Content, Shape
from pipelines.builders.naming import region_listing, region_name, unique
from pipelines.builders.replies import BadReply, usable_text
from pipelines.builders.rows import capped, row
from prompts import Form, Prompt
from schemas.keys import request_key
from schemas.recipe import GenerationSettings, KindSettings
from schemas.records import Built, Message, Region, Reject, Reply, Request, Sample, Scene

Values = dict[str, Any]


class Candidate(NamedTuple):
    """A region that a kind looks at."""

    region: Region
    source: str
    """The data set towards whose cap it counts."""
    records: tuple[tuple[str, str, str], ...]
    """What the ledger counts it as: (source, unit, key) of each record."""
    reason: str = ""
    """Why the kind has no use for it; empty where it has."""


class ModelKind(NamedTuple):
    """A kind that a language model writes: its renderer and its parser, side by side."""

    name: str
    values: Callable[[Scene], Values]
    """What `user.j2` needs beside the regions and the image's text."""
    shape: Shape
    """How a reply is read and written, in each form."""
    check: Callable[[Content, Sample], tuple[Message, ...]]
    """What a reply says and the waiting row -> messages; raises `BadReply`."""
    compose: Callable[[Scene, Sequence[Region], int], Content]
    """What the template says, from the annotations and a seed."""
    choose: Callable[[Scene, KindSettings], list[Candidate]]
    """The regions that the kind looks at, in the order of their numbers, before any cap."""
    tell: Callable[[Scene, Region], Values]
    """What the model is told of one region beside its name."""
    about_image: bool = True
    """The model is told the text about the whole image as well. For referred regions there must be one; with `regions:
    all` the kind does without where there is none, since data of one's own often has no captions."""

    def parse(self, text: str, row: Sample) -> tuple[Message, ...]:
        """A reply's text to messages, in the form that the waiting row was asked for in; raises `BadReply`."""
        return self.check(self.shape.read(text, form_of(row)), row)


class ImageTexts(NamedTuple):
    """The text about the whole image that a request carries."""

    detail: str
    captions: list[str]
    sources: list[str]


NO_TEXT = ImageTexts("", [], [])


def build(kind: ModelKind, scene: Scene, context: Context) -> Built:
    """One row for the image's regions: a request, or with the template generator a finished sample."""
    settings = context.kinds[kind.name]
    looked_at = kind.choose(scene, settings)
    read = dict(Counter((source, unit) for one in looked_at for source, unit, _ in one.records))
    fitting = [one for one in looked_at if not one.reason]
    used, rest = _capped(context, kind.name, fitting)
    rejects = [reject for one in looked_at if one.reason for reject in _rejects(kind, [one], one.reason)]
    rejects += _rejects(kind, rest, "region_cap")
    texts = _texts(kind, scene)
    if used and not texts.sources and kind.about_image and settings.regions == "referred":
        return Built([], [], rejects + _rejects(kind, used, "no_image_text"), read)
    if not used:
        return Built([], [], rejects, read)
    regions = [one.region for one in used]
    waiting = row(context, scene, kind.name, regions, sources=[*_record_sources(used), *texts.sources])
    if context.generator != TEMPLATE:
        return Built([], [_request(kind, scene, waiting, context.generation)], rejects, read)
    try:
        composed = kind.shape.write(kind.compose(scene, regions, context.seed), prompts.TEXT)
        messages = kind.parse(composed, waiting)
    except BadReply as bad:
        return Built([], [], rejects + _rejects(kind, used, bad.reason, bad.detail), read)
    return Built([msgspec.structs.replace(waiting, messages=messages)], [], rejects, read)


def image_text(scene: Scene) -> ImageTexts:
    """The first detailed description, else all captions."""
    details = [text for text in scene.texts if text.role == "detail"]
    if details:
        return ImageTexts(details[0].text, [], [details[0].source])
    captions = [text for text in scene.texts if text.role == "caption"]
    return ImageTexts("", [text.text for text in captions], unique(text.source for text in captions))


def finish(kind: ModelKind, request: Request, reply: Reply) -> Sample:
    """The waiting row with the reply's messages.

    Raises:
        BadReply: where the reply fails a check.
    """
    messages = kind.parse(usable_text(reply), request.sample)
    made_by = msgspec.structs.replace(request.sample.generator, name=reply.model, request_key=reply.key)
    return msgspec.structs.replace(request.sample, messages=messages, generator=made_by)


def reject_of(sample: Sample, reason: str, detail: str) -> Reject:
    """The reject of a row whose reply is missing or bad."""
    return Reject(stage="assemble", source=sample.kind, unit="rows", key=sample.sample_id, reason=reason, detail=detail)


def form_of(row: Sample) -> Form:
    """The form in which the reply for a waiting row is asked.

    It is part of the row's own name for its prompt: the row is written together with the request and travels with it,
    so that nothing that is read later (a recipe, an option, another plan) can disagree with what was sent.
    """
    return prompts.form_of(row.generator.prompt)


def asked_form(generation: GenerationSettings) -> Form:
    """The form that a recipe asks for; `auto` that nobody resolved is the paper's plain text."""
    return prompts.JSON if generation.reply_format == prompts.JSON else prompts.TEXT


def _request(kind: ModelKind, scene: Scene, waiting: Sample, generation: GenerationSettings) -> Request:
    """What is sent, and the row that waits for the answer. The text form's payload is that of all earlier versions."""
    prompt = prompts.load(kind.name, asked_form(generation))
    payload: dict[str, Any] = {**generation.parameters(), "messages": render(kind, prompt, scene, waiting.regions)}
    if prompt.response_format:
        payload["response_format"] = prompt.response_format
    asked = msgspec.structs.replace(waiting.generator, prompt=prompt.name, prompt_sha256=prompt.sha256)
    sample = msgspec.structs.replace(waiting, generator=asked)
    return Request(key=request_key(payload), payload=payload, sample=sample)


def render(kind: ModelKind, prompt: Prompt, scene: Scene, regions: Sequence[Region]) -> list[dict[str, str]]:
    """The chat messages of one request."""
    texts = _texts(kind, scene)
    return prompt.messages(
        detail=texts.detail,
        captions=texts.captions,
        names=region_listing(len(regions)),
        regions=[
            {"name": region_name(number), **kind.tell(scene, region)} for number, region in enumerate(regions, start=1)
        ],
        **kind.values(scene),
    )


def _texts(kind: ModelKind, scene: Scene) -> ImageTexts:
    return image_text(scene) if kind.about_image else NO_TEXT


def _capped(context: Context, kind: str, candidates: list[Candidate]) -> tuple[list[Candidate], list[Candidate]]:
    """(kept, left out) by the caps of the sources, in the same order."""
    kept: set[str] = set()
    for source in unique(one.source for one in candidates):
        own = [one.region for one in candidates if one.source == source]
        kept |= {region.region_id for region in capped(context, kind, source, own)[0]}
    return (
        [one for one in candidates if one.region.region_id in kept],
        [one for one in candidates if one.region.region_id not in kept],
    )


def _record_sources(candidates: Iterable[Candidate]) -> list[str]:
    """The data sets whose records the regions stand for, those of their expressions among them."""
    named = [source for one in candidates for source, _, _ in one.records]
    return unique([*named, *(text.source for one in candidates for text in one.region.expressions)])


def _rejects(kind: ModelKind, candidates: Iterable[Candidate], reason: str, detail: str = "") -> list[Reject]:
    return [
        Reject(stage=f"build:{kind.name}", source=source, unit=unit, key=key, reason=reason, detail=detail)
        for one in candidates
        for source, unit, key in one.records
    ]
