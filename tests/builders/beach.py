"""A scene drawn up by hand, with everything that a prompt can carry, and random ones."""

import msgspec
from hypothesis import strategies as st

from pipelines.builders.context import OPENAI, TEMPLATE, Context
from schemas.recipe import KindSettings
from schemas.records import Expression, Region, Scene
from tests.factories import IMAGE_ID, LICENSES, SIZE, region, says, scene, text

SOURCES = ("refcoco", "refcoco+", "refcocog")
KINDS = ("description", "conversation", "short_form")
DETAIL = text("Two dogs play on a beach.\n\nA kite flies high above them.", "detail")
CAPTIONS = (text("Two dogs on a beach."), text("Dogs with a kite over the sea.", ordinal=1))


def beach(*, detail: bool = True) -> Scene:
    """Four objects, of which three are referred to; the second one in the file is the first one in RefCOCO."""
    return scene(
        [
            region(
                11, "dog", (4, 30, 20, 16),
                expressions=says("brown dog", "dog on left", first=40) + says("the brown dog", source="refcocog"),
            ),
            region(
                12, "dog", (40, 28, 18, 18),
                expressions=says("white dog", "right dog", first=7) + says("white dog", "wet one", source="refcoco+"),
            ),
            region(13, "kite", (30, 2, 9, 7)),
            region(
                14, "surfboard", (60, 20, 15, 4),
                expressions=says("surfboard that lies in the sand", source="refcocog", first=5),
            ),
        ],
        [*([DETAIL] if detail else []), *CAPTIONS],
    )  # fmt: skip


def context(
    *, asking: bool = False, seed: int = 0, sources: tuple[str, ...] = SOURCES, cap: int | None = None
) -> Context:
    """All kinds of a language model; `asking` makes requests, otherwise the template answers."""
    caps = {} if cap is None else {sources[0]: cap}
    kinds = {kind: KindSettings(sources=sources, regions_per_image=caps) for kind in KINDS}
    return Context(seed, kinds, LICENSES, OPENAI if asking else TEMPLATE)


CATEGORIES = ("dog", "umbrella", "scissors", "traffic light", "wine glass")
WORDS = (
    "the brown one",
    "dog on left.",
    "pizza box",
    "guy w/ hat: red",
    "2nd from right",
    "Q",
    "it",
    "umbrella *",
    "é",
)

REFERRING = st.sampled_from(WORDS)


@st.composite
def regions(draw: st.DrawFn, number: int, words: st.SearchStrategy[str]) -> Region:
    """A rectangle with up to three expressions of each source."""
    height, width = SIZE
    x, y = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
    at = (x, y, draw(st.integers(1, width - x)), draw(st.integers(1, height - y)))
    said = [
        Expression(source=source, text=one, ordinal=100 * number + place)
        for source in SOURCES
        for place, one in enumerate(draw(st.lists(words, max_size=3)))
    ]
    return region(number, draw(st.sampled_from(CATEGORIES)), at, expressions=tuple(said))


@st.composite
def scenes(draw: st.DrawFn, words: st.SearchStrategy[str] = REFERRING) -> Scene:
    """Up to five regions."""
    found = [draw(regions(number, words)) for number in range(draw(st.integers(1, 5)))]
    texts = draw(st.sampled_from([[], [DETAIL], list(CAPTIONS)]))
    return scene(found, texts)


def elsewhere(one: Scene, image_id: str = "coco/000000000025") -> Scene:
    """The same on another image."""
    assert one.image_id == IMAGE_ID != image_id
    moved = [msgspec.structs.replace(r, image_id=image_id, region_id=f"{r.region_id}0") for r in one.regions]
    return msgspec.structs.replace(one, image_id=image_id, regions=tuple(moved))
