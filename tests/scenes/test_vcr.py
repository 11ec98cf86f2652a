"""VCR: the fields of a real line, tags from 0 and numbers from 1, and only the labelled choice is true."""

import json
import re
from typing import Any

import pytest

from pipelines.scenes import ObjectTruth, SceneTruth, vcr
from tests.scenes.conftest import Written
from tests.scenes.reading_regions import true_statement
from tests.shared import SHARED, needs_shared

Line = tuple[SceneTruth, list[ObjectTruth], dict[str, Any]]


@pytest.fixture(scope="module")
def lines(written: Written) -> list[Line]:
    scenes = {f"{vcr.image_name(scene)}.jpg": scene for scene in written.scenes("vcr") if vcr.is_member(scene)}
    records = [json.loads(line) for line in (written.folder / vcr.PATH).read_text().splitlines()]
    return [(scene := scenes[record["img_fn"]], vcr.objects(scene), record) for record in records]


def spoken(tokens: list[Any]) -> str:
    """Tokens as text in which tags are `<region1>`, from 1 on."""
    return " ".join(
        token if isinstance(token, str) else " and ".join(f"<region{tag + 1}>" for tag in token) for token in tokens
    )


def named(objects: list[ObjectTruth]) -> dict[str, ObjectTruth]:
    return {f"<region{at}>": one for at, one in enumerate(objects, 1)}


@needs_shared
def test_fields_are_those_of_a_real_line(lines: list[Line]) -> None:
    real = json.loads((SHARED / "raw/vcr/train.jsonl").read_text().splitlines()[0])
    for _, _, record in lines:
        assert set(record) == set(real)
        assert {key: type(value) for key, value in record.items()} == {key: type(real[key]) for key in record}


def test_two_or_three_questions_an_image(lines: list[Line]) -> None:
    images = {record["img_fn"] for _, _, record in lines}
    assert 2.2 < len(lines) / len(images) < 3
    assert len({record["annot_id"] for _, _, record in lines}) == len(lines)


def test_tags_are_within_the_list_of_objects(lines: list[Line]) -> None:
    several = 0
    for _, objects, record in lines:
        assert record["objects"] == [one.category.replace(" ", "") for one in objects]
        texts = [record["question"], *record["answer_choices"], *record["rationale_choices"]]
        tags = [token for text in texts for token in text if isinstance(token, list)]
        assert all(0 <= tag < len(objects) for group in tags for tag in group)
        several += any(len(group) > 1 for group in tags)
    assert several


def test_orig_counts_from_one(lines: list[Line]) -> None:
    for _, _, record in lines:
        for name, tokens in (
            ("question", record["question"]), ("answer", record["answer_choices"][record["answer_label"]]),
            ("rationale", record["rationale_choices"][record["rationale_label"]]),
        ):  # fmt: skip
            text = re.sub(r"<region(\d+)>", r"\1", spoken(tokens))
            assert record[f"{name}_orig"] == re.sub(r" ([.,?])", r"\1", text)


def test_only_the_labelled_choice_is_true(lines: list[Line]) -> None:
    sorts = set()
    for scene, objects, record in lines:
        for name in ("answer", "rationale"):
            choices = [spoken(tokens) for tokens in record[f"{name}_choices"]]
            truths = [true_statement(scene, text, named(objects)) for text in choices]
            assert truths == [at == record[f"{name}_label"] for at in range(4)], (record["annot_id"], choices, truths)
        sorts.add(" ".join(record["question_orig"].split(" ")[:2]))
    assert sorts >= {"What color", "On which", "What is", "How many"}
    assert sorts & {"Does the", "Does 1"}


def test_labels_are_spread(lines: list[Line]) -> None:
    assert {record["answer_label"] for _, _, record in lines} == {0, 1, 2, 3}
    assert all(sorted(record["answer_match_iter"]) == [0, 1, 2, 3] for _, _, record in lines)


def test_digits_that_are_no_tags(lines: list[Line]) -> None:
    counted = [record for _, _, record in lines if record["question_orig"].startswith("How many")]
    assert counted
    assert all(any(str(token).isdigit() for token in record["answer_choices"][0]) for record in counted)


def test_metadata(written: Written, lines: list[Line]) -> None:
    empty = 0
    for scene, objects, record in lines:
        data = written.read(f"vcr/vcr1images/{record['metadata_fn']}")
        assert set(data) == {"boxes", "segms", "names", "width", "height"}
        assert (data["width"], data["height"]) == (scene.width, scene.height)
        assert data["names"] == record["objects"]
        assert len(data["boxes"]) == len(data["segms"]) == len(objects)
        for one, (x1, y1, x2, y2, score), polygons in zip(objects, data["boxes"], data["segms"], strict=True):
            assert (x1, y1, round(x2 - x1, 2), round(y2 - y1, 2)) == pytest.approx(one.box, abs=0.011)
            assert 0 < score <= 1
            assert [[v for point in polygon for v in point] for polygon in polygons] in (
                [],
                list(map(list, one.visible)),
            )
            empty += not polygons
    assert empty
