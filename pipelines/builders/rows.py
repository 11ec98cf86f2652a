"""Rows from their pieces."""

from collections.abc import Iterable, Sequence

import prompts
from pipelines.builders.context import TEMPLATE, Context
from schemas.keys import digest, stable_order
from schemas.licenses import strictest
from schemas.records import Generator, Message, Region, Sample, Scene


def row(
    context: Context,
    scene: Scene,
    kind: str,
    regions: Sequence[Region],
    messages: Iterable[Message] = (),
    *,
    variant: str = "",
    sources: Iterable[str] = (),
) -> Sample:
    """A sample; `variant` tells apart several rows of one kind and image, `sources` are those beside the masks' own."""
    used = sorted({region.source for region in regions} | set(sources))
    return Sample(
        sample_id=f"{kind}-{digest(kind, scene.image_id, variant)[:20]}", kind=kind, split=scene.split,
        image_id=scene.image_id, path=scene.path, width=scene.width, height=scene.height,
        regions=tuple(regions), messages=tuple(messages),
        generator=Generator(name=TEMPLATE, prompt=kind, prompt_sha256=prompts.sha256(kind)),
        sources=tuple(used), license=strictest(context.licenses[source] for source in used), same_as=scene.same_as,
    )  # fmt: skip


def turns(pairs: Iterable[tuple[str, str]]) -> tuple[Message, ...]:
    """Question-answer pairs as messages in turn."""
    return tuple(
        message
        for question, answer in pairs
        for message in (Message(role="user", content=question), Message(role="assistant", content=answer))
    )


def capped(context: Context, kind: str, source: str, regions: Sequence[Region]) -> tuple[list[Region], list[Region]]:
    """(kept, left out) by the recipe's cap on regions per image; the seed decides which, their order stays."""
    cap = context.kinds[kind].regions_per_image.get(source)
    if cap is None or len(regions) <= cap:
        return list(regions), []
    chosen = stable_order(regions, lambda region: region.region_id, context.seed, kind, source)[:cap]
    kept = {region.region_id for region in chosen}
    return [r for r in regions if r.region_id in kept], [r for r in regions if r.region_id not in kept]
