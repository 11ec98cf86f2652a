"""Checks on real texts, which are mostly sound: what is found there stays below the thresholds."""

import json
from collections.abc import Callable, Iterator
from functools import cache

import numpy as np
import pytest

from pipelines.qa.checks.base import Check
from pipelines.qa.checks.catalog import new_checks
from pipelines.qa.checks.cleanness import Slurs
from pipelines.qa.checks.colour_words import meet, phrased
from pipelines.qa.checks.colours import Colours
from pipelines.qa.checks.part_words import annotated, said_of
from pipelines.qa.checks.speech import Refusals
from pipelines.qa.pieces import Piece
from pipelines.sources.parts import part_category
from schemas.records import Category
from tests.qa.checks.planted import answers, details, found, piece
from tests.shared import SHARED, needs_shared

pytestmark = needs_shared


def expressions() -> list[str]:
    """47,855 expressions of RefCOCO, RefCOCO+ and RefCOCOg."""
    return [text for thing in _things() for text in thing["sents"]]


def _things() -> Iterator[dict[str, list[str]]]:
    for path in sorted((SHARED / "refcoco_expressions").glob("*.json")):
        yield from json.loads(path.read_text())["objects"]


def captions() -> list[str]:
    """25,014 captions of COCO."""
    path = SHARED / "coco_captions" / "captions_val2017.json"
    return [" ".join(one["caption"].split()) for one in json.loads(path.read_text())["annotations"]]


def phrases() -> list[str]:
    """2,053 region descriptions of Visual Genome."""
    path = SHARED / "raw" / "visual_genome" / "region_descriptions.json"
    return [region["phrase"] for image in json.loads(path.read_text()) for region in image["regions"]]


def detailed() -> list[str]:
    """22 long descriptions that GPT-4 wrote for LLaVA."""
    path = SHARED / "osprey_golden" / "raw" / "llava" / "detail_23k.json"
    return [one["conversations"][1]["value"] for one in json.loads(path.read_text())]


def rationales() -> list[str]:
    """Questions, answers and reasons of VCR."""
    lines = (SHARED / "raw" / "vcr" / "train.jsonl").read_text().splitlines()
    fields = ("question_orig", "answer_orig", "rationale_orig")
    return [json.loads(line)[field] for line in lines for field in fields]


@cache
def rows(texts: Callable[[], list[str]]) -> Piece:
    """As answers of a model; every fifth text of many."""
    every = texts()
    return piece(answers(*every[:: 5 if len(every) > 5000 else 1]))


@pytest.mark.parametrize("check", [c for c in new_checks() if c.spec.group == "language"], ids=lambda c: c.spec.name)
@pytest.mark.parametrize("texts", [expressions, captions, phrases, detailed, rationales])
def test_real_texts_pass(check: Check, texts: Callable[[], list[str]]) -> None:
    check = type(check)()
    finding = found(check, rows(texts))
    assert finding.failed <= check.spec.threshold * finding.judged, details(finding)


def test_crude_expressions_are_found() -> None:
    finding = found(Slurs(), rows(expressions))
    assert finding.failed > 0


def test_workers_who_saw_no_image_are_found() -> None:
    said = [text for text in captions() if "image" in text]
    assert found(Refusals(), piece(answers(*said))).failed > 0


def test_people_agree_on_colours() -> None:
    """A colour in one expression of a thing against those of the others."""
    judged, apart = 0, 0
    for thing in _things():
        bits = [found for text in set(thing["sents"]) if (found := phrased(text, ""))]
        for place, one in enumerate(bits):
            rest = np.bitwise_or.reduce(np.array(bits[:place] + bits[place + 1 :] or [0], np.uint32))
            if rest:
                judged += 1
                apart += not meet(np.array([one], np.uint32), rest[None])[0]
    assert judged > 500
    assert apart <= Colours.spec.threshold * judged


def test_parts_of_paco_do_not_contradict_themselves_however_they_are_said() -> None:
    path = SHARED / "paco" / "paco_categories_attributes.json"
    names = [one["name"] for one in json.loads(path.read_text())["categories"] if ":" in one["name"]]
    parts = [part_category(Category(name=name, text=name)) for name in names]
    for one in parts:
        for said in (
            one.text,
            f"The {one.part} of a black {one.whole}.",
            f"{one.whole} {one.part}",
            one.part,
            one.whole,
        ):
            assert not annotated(one.text).contradicts(said_of(said)), (one.text, said)
    read = [one for one in parts if annotated(one.text).known(said_of(f"A {one.part} of a {one.whole}."))]
    assert len(read) > 200
