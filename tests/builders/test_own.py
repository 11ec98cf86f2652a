"""The object kinds over all regions, as data of one's own needs them: without expressions, captions, or categories."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.builders import BUILDERS
from pipelines.builders.context import OPENAI
from schemas import ledger
from schemas.records import Built, Scene
from tests.builders import rules
from tests.builders.beach import KINDS, beach
from tests.factories import context, pairs, reasons, region, says, scene, text
from tests.properties import quick


def yard() -> Scene:
    """A category alone, a category with phrases, phrases alone, and nothing at all."""
    return scene([
        region(1, "dog", source="own"),
        region(2, "umbrella", (40, 28, 18, 18), source="own", expressions=says("red one", "right one", source="own")),
        region(3, "", (30, 2, 9, 7), source="own", expressions=says("what flies above", source="own", first=2)),
        region(4, "", (60, 20, 15, 4), source="own"),
    ])  # fmt: skip


def built(kind: str, one: Scene, sources: tuple[str, ...] = ("own",), **options: Any) -> Built:
    made = BUILDERS[kind](one, context(kind, sources, **{"regions": "all", **options}))
    for line in ledger.lines(f"build:{kind}", made.read, made.rejects):
        line.check()
    assert rules.broken(made.samples) == []
    return made


@pytest.mark.parametrize("kind", KINDS)
def test_every_region_with_a_category_or_a_phrase(kind: str) -> None:
    made = built(kind, yard())
    (row,) = made.samples
    assert [one.region_id for one in row.regions] == ["own/1", "own/2", "own/3"]
    assert (made.read, reasons(made.rejects)) == ({("own", "regions"): 4}, {"no_category": 1})
    assert row.sources == ("own",)


@pytest.mark.parametrize("kind", KINDS)
def test_a_category_that_tells_nothing_is_none(kind: str) -> None:
    mute = region(5, "other", (50, 2, 5, 5), source="own")
    spoken = region(6, "unknown", (70, 2, 5, 5), source="own", expressions=says("a red box", source="own", first=4))
    one = msgspec.structs.replace(yard(), regions=(*yard().regions, mute, spoken))
    made = built(kind, one, generator=OPENAI)
    (request,) = made.requests
    assert [told.region_id for told in request.sample.regions] == ["own/1", "own/2", "own/3", "own/6"]
    assert reasons(made.rejects) == {"no_category": 2}
    assert "unknown" not in request.payload["messages"][-1]["content"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_prompt_and_the_template(kind: str, golden: Callable[[str, str], None]) -> None:
    (request,) = built(kind, yard(), generator=OPENAI).requests
    (row,) = built(kind, yard()).samples
    answers = "\n".join(f"{message.role}: {message.content}" for message in row.messages)
    golden(f"{kind}-own", f"{request.payload['messages'][-1]['content']}\n\n[template]\n{answers}\n")


@pytest.mark.parametrize("kind", KINDS)
def test_captions_are_used_where_there_are_any(kind: str) -> None:
    told = msgspec.structs.replace(yard(), texts=(text("A quiet yard.", source="own"),))
    (request,) = built(kind, told, generator=OPENAI).requests
    assert "- A quiet yard." in request.payload["messages"][-1]["content"]
    assert "wrote about the whole picture" not in str(built(kind, yard(), generator=OPENAI).requests[0].payload)


@pytest.mark.parametrize("kind", KINDS)
def test_referred_regions_alone_still_need_a_text(kind: str) -> None:
    made = built(kind, yard(), regions="referred")
    assert (made.samples, reasons(made.rejects)) == ([], {"no_image_text": 3})


@pytest.mark.parametrize("kind", KINDS)
def test_a_cap_counts_regions(kind: str) -> None:
    made = built(kind, yard(), caps={"own": 2})
    assert len(made.samples[0].regions) == 2
    assert reasons(made.rejects) == {"no_category": 1, "region_cap": 1}


@pytest.mark.parametrize("kind", KINDS)
def test_all_regions_of_public_data(kind: str) -> None:
    """COCO's regions with what the named sources say of them; what RefCOCO+ and RefCOCOg say is left out."""
    made = built(kind, beach(), ("coco", "refcoco"))
    (row,) = made.samples
    assert [one.region_id for one in row.regions] == ["coco/11", "coco/12", "coco/13", "coco/14"]
    assert {text.source for one in row.regions for text in one.expressions} == {"refcoco"}
    assert row.sources == ("coco", "llava", "refcoco")
    only_said = built(kind, beach(), ("refcoco",))
    assert [one.region_id for one in only_said.samples[0].regions] == ["coco/11", "coco/12"]
    assert only_said.read == {("refcoco", "regions"): 2}


@st.composite
def yards(draw: st.DrawFn) -> Scene:
    """Regions with or without category and phrases."""
    made = []
    for number in range(draw(st.integers(0, 5))):
        phrases = draw(st.lists(st.sampled_from(["red one", "it", "2nd from left."]), max_size=2))
        category = draw(st.sampled_from(["", "dog", "umbrella", "wheel of the car"]))
        said = says(*phrases, source="own")
        made.append(region(number, category, (number, 3, 9, 9), source="own", expressions=said))
    return scene(made)


@pytest.mark.parametrize("kind", KINDS)
@quick
@given(yards(), st.integers(0, 3))
def test_what_is_composed_can_be_read(kind: str, one: Scene, seed: int) -> None:
    made = built(kind, one, seed=seed)
    told = [r for r in one.regions if r.category or r.expressions]
    assert [r for row in made.samples for r in row.regions] == told
    assert reasons(made.rejects).get("no_category", 0) == len(one.regions) - len(told) == len(made.rejects)
    for row in made.samples:
        assert len(pairs(row)) >= len(told)
        assert "None" not in str(row.messages)
        assert " a  " not in str(row.messages)
