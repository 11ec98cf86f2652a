"""Every answer that the template writes about a sample scene is true of the scene."""

from collections import Counter

import msgspec
import pytest

from pipelines import commands
from pipelines.builders import BUILDERS
from pipelines.commands import Asking
from pipelines.phases.layout import Layout
from pipelines.phases.plan import Job
from pipelines.phases.running import Running
from pipelines.scenes.write import scene_count
from schemas.recipe import Recipe, SourceSettings
from tests.phases import outputs
from tests.phases.conftest import IMAGES
from tests.recipes import load
from tests.scenes.answers import CHECKS, Row, false_answers, wrong_masks
from tests.scenes.known import Truth, truth_of

FEWEST = 10
"""Answers of every kind that are checked."""

NOT_OF_OWN = ("image_text", "commonsense")
"""Kinds that data of one's own is not asked for here: its captions are COCO's, and it has no rationales."""


def with_own(recipe: Recipe) -> Recipe:
    """The recipe with data of one's own in it."""
    kinds = {
        name: kind if name in NOT_OF_OWN else msgspec.structs.replace(kind, sources=(*kind.sources, "own"))
        for name, kind in recipe.kinds.items()
    }
    return msgspec.structs.replace(recipe, kinds=kinds, sources={**recipe.sources, "own": SourceSettings()})


@pytest.fixture(scope="module")
def built(scenes: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Row]]:
    """The rows of every kind."""
    out = str(tmp_path_factory.mktemp("truth"))
    commands.build(Job(with_own(load("complete")), scenes, Layout(out)), Asking(), Running())
    return {kind: outputs.rows(out, kind) for kind in outputs.manifest(out)["kinds"]}


@pytest.fixture(scope="module")
def truth() -> Truth:
    return truth_of(5, scene_count(IMAGES))


def test_all_kinds_are_built_and_have_a_check(built: dict[str, list[Row]]) -> None:
    assert set(built) == set(BUILDERS) == set(CHECKS)
    sources = {source for rows in built.values() for row in rows for source in row["sources"]}
    assert sources == {
        "coco", "refcoco", "refcoco+", "refcocog", "llava", "lvis", "paco", "part_imagenet", "pascal_part", "vg", "vcr",
        "llava_pretrain", "own",
    }  # fmt: skip


@pytest.mark.parametrize("kind", list(CHECKS))
def test_every_answer_is_true(built: dict[str, list[Row]], truth: Truth, kind: str) -> None:
    assert all(row["generator"]["name"] == "template" for row in built[kind])
    wrong = [(row["image_id"], turn) for row in built[kind] for turn in false_answers(truth, row)]
    assert not wrong, wrong[:5]
    assert sum(len(row["messages"]) for row in built[kind]) >= 2 * FEWEST


@pytest.mark.parametrize("kind", list(CHECKS))
def test_every_mask_is_where_the_truth_is(built: dict[str, list[Row]], truth: Truth, kind: str) -> None:
    assert not [wrong for row in built[kind] for wrong in wrong_masks(truth, row)]


def test_both_answers_are_given(built: dict[str, list[Row]]) -> None:
    said = Counter(message["content"] for row in built["positive_negative"] for message in row["messages"][1::2])
    assert said["Yes"] == said["No"] > FEWEST


def answered(row: Row, at: int, text: str) -> Row:
    """The row with another text in this message."""
    messages = [*row["messages"][:at], {**row["messages"][at], "content": text}, *row["messages"][at + 1 :]]
    return {**row, "messages": messages}


@pytest.mark.parametrize("kind", list(CHECKS))
def test_a_wrong_answer_is_noticed(built: dict[str, list[Row]], truth: Truth, kind: str) -> None:
    """The first answer of a row in the place of the first answer of another: mostly false, and then noticed."""
    rows = built[kind]
    texts = [row["messages"][1]["content"] for row in rows]
    swapped = [
        answered(row, 1, text)
        for row, text in zip(rows, texts[1:] + texts[:1], strict=True)
        if text != row["messages"][1]["content"] and len(row["regions"]) >= text.count("<region")
    ]
    noticed = [bool(list(false_answers(truth, row))) for row in swapped if _names_known(row)]
    assert len(noticed) >= 3
    assert sum(noticed) >= 0.6 * len(noticed)


def _names_known(row: Row) -> bool:
    """Whether the swapped answer names only regions that the row has."""
    text: str = row["messages"][1]["content"]
    return all(f"<region{number}>" not in text for number in range(len(row["regions"]) + 1, 30))


def test_yes_for_no_is_noticed(built: dict[str, list[Row]], truth: Truth) -> None:
    for row in built["positive_negative"]:
        for at, message in list(enumerate(row["messages"]))[1::2]:
            other = {"Yes": "No", "No": "Yes"}[message["content"]]
            assert list(false_answers(truth, answered(row, at, other)))


@pytest.mark.parametrize(
    ("kind", "old", "new"),
    [("part_attribute", "plain", "striped"), ("part_attribute", "opaque", "transparent"), ("mask_text", "dog", "bus")],
)
def test_another_word_is_noticed(built: dict[str, list[Row]], truth: Truth, kind: str, old: str, new: str) -> None:
    found = [
        (row, at) for row in built[kind] for at, message in enumerate(row["messages"])
        if at % 2 and message["content"] == old
    ]  # fmt: skip
    assert found
    for row, at in found:
        assert list(false_answers(truth, answered(row, at, new)))
