"""Every answer that the template writes about a sample scene is true of the scene."""

import pathlib
import re
from collections import Counter
from collections.abc import Callable, Mapping

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines import commands
from pipelines.builders import BUILDERS
from pipelines.commands import Asking
from pipelines.phases.layout import Layout
from pipelines.phases.plan import Job
from pipelines.phases.running import Running
from pipelines.qa.checks.base import Check, Finding, Scene
from pipelines.qa.checks.catalog import new_checks
from pipelines.qa.pieces import Piece
from pipelines.scenes.write import scene_count
from pipelines.shards.manifest import Manifest
from schemas.columns import SHARD
from schemas.recipe import Recipe, SourceSettings
from tests.phases import outputs
from tests.phases.conftest import IMAGES
from tests.recipes import load
from tests.scenes.answers import CHECKS, Row, false_answers, wrong_masks
from tests.scenes.known import Truth, truth_of

FEWEST = 10
"""Answers of every kind that are checked."""

FEWEST_COLOURS = 3
"""Answers with a colour that the report can judge: the template rarely says one of so few scenes."""

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


def checks_of_truth() -> list[Check]:
    """Those of the report."""
    return [check for check in new_checks() if check.spec.group == "truth"]


def found(check: Check, built: Mapping[str, list[Row]], out: pathlib.Path) -> Finding:
    """What a check of the report finds in rows by kind; they lie as shards in a folder, for what is read again."""
    for kind, rows in built.items():
        table = pa.Table.from_pylist(rows, schema=SHARD)
        pq.write_table(table, out / f"{kind}.parquet")
        check.add(Piece(kind, "train", f"{kind}.parquet", np.arange(len(rows)), table))
    empty = Manifest(recipe={}, recipe_sha256="f" * 64, seed=0, versions={}, kinds={}, ledger=())
    return check.finding(Scene(str(out), None, empty))


@pytest.mark.parametrize("check", checks_of_truth(), ids=lambda check: check.spec.name)
def test_the_report_accuses_no_true_answer(check: Check, built: dict[str, list[Row]], tmp_path: pathlib.Path) -> None:
    finding = found(check, built, tmp_path)
    assert finding.judged >= (FEWEST_COLOURS if check.spec.name == "colours_true" else FEWEST)
    assert (finding.failed, finding.evidence) == (0, ())


def _fewer(count: re.Match[str]) -> str:
    return f"There are {int(count[1]) - 1} "


LIES: dict[str, tuple[str, str | Callable[[re.Match[str]], str]]] = {
    "categories_true": (r"^(?:a )?(dog|cat|person)\b|(?<=is a )(dog|cat|person)\b", "toaster"),
    "sides_true": (r"\b(upper |lower )?(left|right)\b", lambda side: "right" if side[2] == "left" else "left"),
    "counts_true": (r"There are (\d+) ", _fewer),
    "colours_true": (r"(?i)\b(red|green|blue)\b(?= \w+)", lambda colour: "orange" if colour[1] == "blue" else "purple"),
    "yes_no_true": (r"^(Yes|No)$", lambda said: "No" if said[1] == "Yes" else "Yes"),
}
"""Check -> what is replaced in the answers, and by what."""


@pytest.mark.parametrize("name", LIES)
def test_the_report_finds_planted_lies(name: str, built: dict[str, list[Row]], tmp_path: pathlib.Path) -> None:
    old, new = LIES[name]
    (check,) = [check for check in checks_of_truth() if check.spec.name == name]
    claiming = ("conversation", "description", "short_form", "commonsense", "positive_negative")
    lied = {
        kind: [_with_lies(row, old, new) for row in rows] if kind in claiming else rows for kind, rows in built.items()
    }
    finding = found(check, lied, tmp_path)
    assert finding.failed >= min(FEWEST, 0.2 * finding.judged) > 0
    assert all(one.detail and one.sample_id for one in finding.evidence)


def _with_lies(row: Row, old: str, new: str | Callable[[re.Match[str]], str]) -> Row:
    for at in range(1, len(row["messages"]), 2):
        row = answered(row, at, re.sub(old, new, row["messages"][at]["content"]))
    return row
