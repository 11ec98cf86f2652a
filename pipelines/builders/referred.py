"""What the three kinds of a language model share: the regions that people referred to, and the image's text.

Paper section 2: regions in order of first sight, RefCOCO before RefCOCO+ before RefCOCOg; the expressions of
one region are merged, each once; the image's text is LLaVA's detailed description, else the COCO captions.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

import prompts
from pipelines.builders.context import TEMPLATE, Context
from pipelines.builders.naming import box_text, region_listing, region_name, unique
from pipelines.builders.replies import BadReply, usable_text
from pipelines.builders.rows import capped, row
from schemas.keys import request_key
from schemas.records import Built, Expression, Generator, Message, Region, Reject, Reply, Request, Sample, Scene

Values = dict[str, Any]


class ModelKind(NamedTuple):
    """A kind that a language model writes: its renderer and its parser, side by side."""

    name: str
    values: Callable[[Scene], Values]
    """What `user.j2` needs beside the regions and the image's text."""
    parse: Callable[[str, Sample], tuple[Message, ...]]
    """The reply's text and the waiting row -> messages; raises `BadReply`."""
    compose: Callable[[Scene, Sequence[Region], int], str]
    """The template's reply, from the annotations and a seed, in the form that is asked of the model."""


def build(kind: ModelKind, scene: Scene, context: Context) -> Built:
    """One row for the image's referred regions: a request, or with the template generator a finished sample."""
    sources = context.kinds[kind.name].sources
    regions = referred(scene, sources)
    if not regions:
        return Built([], [], [], {})
    used, rest = _capped(context, kind.name, regions)
    text_sources = image_text(scene).sources
    rejects = _rejects(kind.name, rest, "region_cap")
    read = _count(regions, sources)
    if not text_sources:
        return Built([], [], rejects + _rejects(kind.name, used, "no_image_text"), read)
    waiting = row(context, scene, kind.name, used, sources=[*_expression_sources(used), *text_sources])
    if context.generator != TEMPLATE:
        return Built([], [_request(kind, scene, waiting, context)], rejects, read)
    try:
        messages = kind.parse(kind.compose(scene, used, context.seed), waiting)
    except BadReply as bad:
        return Built([], [], rejects + _rejects(kind.name, used, bad.reason, bad.detail), read)
    return Built([msgspec.structs.replace(waiting, messages=messages)], [], rejects, read)


def referred(scene: Scene, sources: Sequence[str]) -> list[Region]:
    """Regions with the expressions of some sources, by first sight: source by source, then by place in its file.

    What other sources say of a region is left out: the row would rest on them without naming them.
    """

    def first_sight(expression: Expression) -> tuple[int, int]:
        return sources.index(expression.source), expression.ordinal

    found = []
    for region in scene.regions:
        said = tuple(sorted((e for e in region.expressions if e.source in sources), key=first_sight))
        if said:
            found.append(msgspec.structs.replace(region, expressions=said))
    return sorted(found, key=lambda region: first_sight(region.expressions[0]))


class ImageTexts(NamedTuple):
    """The text about the whole image that a request carries."""

    detail: str
    captions: list[str]
    sources: list[str]


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
    made_by = Generator(
        name=reply.model,
        prompt=kind.name,
        prompt_sha256=request.sample.generator.prompt_sha256,
        request_key=request.key,
    )
    return msgspec.structs.replace(request.sample, messages=messages, generator=made_by)


def reject_of(sample: Sample, reason: str, detail: str) -> Reject:
    """The reject of a row whose reply is missing or bad."""
    return Reject(stage="assemble", source=sample.kind, unit="rows", key=sample.sample_id, reason=reason, detail=detail)


def _request(kind: ModelKind, scene: Scene, waiting: Sample, context: Context) -> Request:
    settings = msgspec.structs.asdict(context.generation)
    payload = {name: value for name, value in settings.items() if value is not None}
    payload["messages"] = render(kind, scene, waiting.regions)
    return Request(key=request_key(payload), payload=payload, sample=waiting)


def render(kind: ModelKind, scene: Scene, regions: Sequence[Region]) -> list[dict[str, str]]:
    """The chat messages of one request."""
    texts = image_text(scene)
    return prompts.load(kind.name).messages(
        detail=texts.detail,
        captions=texts.captions,
        names=region_listing(len(regions)),
        regions=[_region_values(scene, region, number) for number, region in enumerate(regions, start=1)],
        **kind.values(scene),
    )


def _region_values(scene: Scene, region: Region, number: int) -> Values:
    return {
        "name": region_name(number),
        "category": region.category,
        "box": box_text(region.source_box, scene.width, scene.height),
        "expressions": unique(e.text for e in region.expressions),
    }


def _capped(context: Context, kind: str, regions: list[Region]) -> tuple[list[Region], list[Region]]:
    """Each region counts towards the cap of the source that it was first seen in."""
    sources = context.kinds[kind].sources
    first_seen = {region.region_id: min(sources.index(e.source) for e in region.expressions) for region in regions}
    kept: set[str] = set()
    for number, source in enumerate(sources):
        own = [region for region in regions if first_seen[region.region_id] == number]
        kept |= {region.region_id for region in capped(context, kind, source, own)[0]}
    return [r for r in regions if r.region_id in kept], [r for r in regions if r.region_id not in kept]


def _expression_sources(regions: Sequence[Region]) -> list[str]:
    return unique(e.source for region in regions for e in region.expressions)


def _count(regions: Sequence[Region], sources: Sequence[str]) -> dict[tuple[str, str], int]:
    texts = [e.source for region in regions for e in region.expressions]
    return {(source, "expressions"): texts.count(source) for source in sources if source in texts}


def _rejects(kind: str, regions: Sequence[Region], reason: str, detail: str = "") -> list[Reject]:
    return [
        Reject(
            stage=f"build:{kind}", source=e.source, unit="expressions",
            key=f"{region.region_id}#{e.source}:{e.ordinal}", reason=reason, detail=detail,
        )
        for region in regions
        for e in region.expressions
    ]  # fmt: skip
