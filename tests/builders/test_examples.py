"""The worked examples: what a model is shown as good is good by every rule that it is told, and by our checks."""

import re

import msgspec
import pytest

import prompts
from pipelines.builders import MODEL_KINDS
from pipelines.builders.naming import region_listing, region_names
from schemas.records import Generator, Sample
from tests.builders.beach import KINDS
from tests.factories import LICENSES, SIZE, pairs, region

D, C, S = KINDS


def regions_of(kind: str) -> list[str]:
    """Categories of the regions that the example's request hands over, in order."""
    return re.findall(r"^<region\d+> is annotated as (.+) at \[", prompts.load(kind).example_user, re.MULTILINE)


def example(kind: str) -> Sample:
    """The row that the example's reply gives."""
    categories = regions_of(kind)
    row = Sample(
        sample_id=f"{kind}-example", kind=kind, split="train", image_id="coco/9", path="a.jpg",
        height=SIZE[0], width=SIZE[1],
        regions=tuple(region(number, category) for number, category in enumerate(categories)), messages=(),
        generator=Generator(name="template", prompt=kind, prompt_sha256="ab" * 32), sources=("coco",),
        license=LICENSES["coco"],
    )  # fmt: skip
    return msgspec.structs.replace(row, messages=MODEL_KINDS[kind].parse(prompts.load(kind).example_assistant, row))


@pytest.mark.parametrize("kind", KINDS)
def test_the_example_is_read_for_the_regions_of_its_request(kind: str) -> None:
    assert len(regions_of(kind)) == 2
    assert region_listing(2) in prompts.load(kind).example_user
    found = pairs(example(kind))
    assert region_names(str(found)) == {"<region1>", "<region2>"}
    blocks = r"^<region\d>:" if kind == D else r"^Answer:"
    assert len(found) == len(re.findall(blocks, prompts.load(kind).example_assistant, re.MULTILINE))


def test_the_described_have_two_to_five_sentences() -> None:
    for _, answer in pairs(example(D)):
        assert 2 <= len(re.findall(r"[.!?](?: |$)", answer)) <= 5


def test_the_short_answers_keep_to_what_the_model_is_told() -> None:
    found = pairs(example(S))
    for name in ("<region1>", "<region2>"):
        assert 2 <= sum(name in question for question, _ in found) <= 4
    assert all(len(answer.split()) <= 5 and answer[-1].isalnum() for _, answer in found)


def test_the_conversation_ends_with_a_longer_answer() -> None:
    answers = [answer for _, answer in pairs(example(C))]
    assert max(answers, key=len) == answers[-1]
    assert all(answer.endswith(".") for answer in answers)
