"""Our requests carry what the paper's published prompts carry; the wording around it is ours."""

import json
import re
from typing import Any, NamedTuple

import pytest

from pipelines import recipes
from pipelines.phases.generate import asks
from pipelines.phases.layout import Layout
from pipelines.phases.plan import Job, make_plan, requests_of
from pipelines.phases.records import read_requests
from tests.recipes import admitting
from tests.shared import SHARED, needs_shared

GOLDEN = SHARED / "osprey_golden"
BOX = r"\[[\d.]+,[\d.]+,[\d.]+,[\d.]+\]"


class Content(NamedTuple):
    """What a prompt says, whatever its wording."""

    detail: str
    captions: frozenset[str]
    objects: list[tuple[str, str]]
    regions: list[tuple[str, str, frozenset[str]]]


def published(entry: dict[str, Any]) -> Content:
    """Of a prompt of the paper's repository, without the stray blanks of its sources, which we clean."""
    whole, _, rest = entry["prompt"].partition("\nSpecially, there are")
    text, _, objects = whole.rpartition("\n\n")
    detail = re.fullmatch(r'The detailed description of this image:\n"(.*)"', text, re.DOTALL)
    captions = [] if detail else text.splitlines()[1:]
    regions = [
        (category, box, frozenset(words.strip().splitlines()))
        for category, box, words in re.findall(
            rf"For <regin\d+>\((.*?): ({BOX})\):\n(.*?)\n\n", rest + "\n\n", re.DOTALL
        )
    ]
    detail_text = "\n".join(line.strip() for line in detail[1].splitlines()) if detail else ""
    return Content(detail_text, frozenset(caption.strip() for caption in captions), _objects(objects), regions)


def ours(request: str) -> Content:
    """Of the user message of a description request."""
    text, _, rest = request.partition("\n\nAll annotated objects")
    objects, _, regions = rest.partition("\n\nWrite about ")
    detail = re.fullmatch(r'An account of the whole picture:\n"(.*)"', text, re.DOTALL)
    captions = [] if detail else [line.removeprefix("- ") for line in text.splitlines()[1:]]
    found = re.findall(rf"<region\d+> is annotated as (.*?) at ({BOX})\..*?\n((?:- .*(?:\n|$))+)", regions)
    return Content(
        detail[1] if detail else "",
        frozenset(captions),
        _objects(objects),
        [(category, box, frozenset(re.findall("^- (.*)$", words, re.MULTILINE))) for category, box, words in found],
    )


def _objects(text: str) -> list[tuple[str, str]]:
    return re.findall(rf"^(.*): ({BOX})$", text, re.MULTILINE)


@pytest.fixture(scope="module")
def requests(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Any]:
    """Description requests of the golden images, by image number."""
    layout = Layout(str(tmp_path_factory.mktemp("golden")))
    recipe = recipes.only(admitting(check_images=False), ["description"])
    plan = make_plan(Job(recipe, str(GOLDEN / "raw"), layout, generator="openai"))
    assert len(list(asks(plan, layout))) == plan.requests
    found = read_requests(requests_of(plan, layout, "description"))
    return {int(request.sample.image_id.removeprefix("coco/")): request for request in found}


def expected() -> list[dict[str, Any]]:
    return json.loads((GOLDEN / "expected_prompts.json").read_text()) if GOLDEN.exists() else []


@needs_shared
@pytest.mark.parametrize("entry", expected(), ids=lambda entry: str(entry["image_id"]))
def test_published_prompt(entry: dict[str, Any], requests: dict[int, Any]) -> None:
    request = requests[entry["image_id"]]
    wanted = published(entry)
    assert len(wanted.regions) == entry["n_regions"], "the published prompt was not read whole"
    assert bool(wanted.detail) == (entry["source"] == "llava_detail")
    assert ours(request.payload["messages"][-1]["content"]) == wanted
    assert [region.region_id for region in request.sample.regions] == [
        f"coco/{number}" for number in entry["ann_ids_in_prompt_order"]
    ]


@needs_shared
def test_every_published_prompt_is_there(requests: dict[int, Any]) -> None:
    assert set(requests) == {entry["image_id"] for entry in expected()}
    assert len(requests) == 40
