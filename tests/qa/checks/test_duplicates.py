"""The same words about the same regions in two rows are found; short answers, other regions, other images are not."""

import itertools
import pathlib
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.qa.checks.duplicates import RepeatedPairs, pair_keys
from pipelines.qa.pieces import Piece
from tests.qa import builds
from tests.qa import rows as drawn
from tests.qa.checks.looking import finding, talk

Rows = list[dict[str, Any]]
TEXTS = ("Is it red?", "Is <region1> red?", "Is <region2> red?", "Is <region1> or <region2> red?",
         "Is <region2> or <region1> red?", "Is <region1> or <region1> red?", "Is a region red?")  # fmt: skip


def found(tmp_path: pathlib.Path, shards: dict[tuple[str, str], list[Rows]], observers: int = 1) -> Any:
    """What the check says of these shards."""
    builds.write(tmp_path, shards)
    return finding(tmp_path, [RepeatedPairs() for _ in range(observers)])


def test_sound_rows_repeat_questions_and_short_answers_freely(tmp_path: pathlib.Path) -> None:
    """All rows ask the same and answer the same, each about regions of its own."""
    seen = found(tmp_path, builds.shards())
    assert seen.judged == 20
    assert seen.failed == 0
    assert seen.evidence == ()


def test_a_row_written_twice_is_found_across_kinds_shards_and_splits(tmp_path: pathlib.Path) -> None:
    shards = builds.shards()
    row = shards["conversation", "train"][0][1]
    shards["mask_text", "train"][0].append(row | {"kind": "mask_text", "sample_id": "mask_text/again"})
    seen = found(tmp_path, shards, observers=3)
    assert seen.judged == 22
    assert seen.failed == 2
    first = seen.evidence[0]
    assert (first.sample_id, first.kind, first.row) == ("mask_text/again", "mask_text", 2)
    assert row["sample_id"] in first.detail
    assert "data/conversation/train-00000-of-00002.parquet row 1" in first.detail
    details = " ".join(one.detail for one in seen.evidence)
    assert '"What are <region1> and <region2>?" with the answer "Two bears."' in details
    assert '"Are they alike?" with the answer "Yes."' in details


def test_a_region_is_the_same_under_another_number(tmp_path: pathlib.Path) -> None:
    one, two = drawn.rows(2)
    asked = talk(one, "What is <region2>?", "<region2> is a bear.")
    moved = talk(one | {"sample_id": "moved", "regions": one["regions"][::-1]}, "What is <region1>?",
                 "<region1> is a bear.")  # fmt: skip
    other = talk(two, "What is <region2>?", "<region2> is a bear.")
    seen = found(tmp_path, {("conversation", "train"): [[asked, moved, other]]})
    assert (seen.judged, seen.failed) == (3, 1)
    assert seen.evidence[0].sample_id == "moved"


@pytest.mark.parametrize("change", [
    ("What is <region1>?", "<region2> is a bear."),
    ("What is <region2>?", "<region2> is a cub."),
    ("What is <region1> beside <region2>?", "<region2> is a bear."),
    ("What is <region9>?", "<region9> is a bear."),
])  # fmt: skip
def test_another_region_question_or_answer_is_another_pair(tmp_path: pathlib.Path, change: tuple[str, str]) -> None:
    one = drawn.rows(1)[0]
    rows = [talk(one, "What is <region2>?", "<region2> is a bear."), talk(one | {"sample_id": "other"}, *change)]
    assert found(tmp_path, {("conversation", "train"): [rows]}).failed == 0


def test_the_order_in_which_regions_are_named_counts(tmp_path: pathlib.Path) -> None:
    one = drawn.rows(1)[0]
    rows = [talk(one, "Is <region1> left of <region2>?", "Yes."),
            talk(one | {"sample_id": "turned"}, "Is <region2> left of <region1>?", "Yes.")]  # fmt: skip
    assert found(tmp_path, {("conversation", "train"): [rows]}).failed == 0


def test_a_row_may_repeat_itself(tmp_path: pathlib.Path) -> None:
    """What one row says twice is one pair: a conversation is judged as a whole."""
    row = talk(drawn.rows(1)[0], *("What is <region1>?", "A bear.") * 2)
    assert found(tmp_path, {("conversation", "train"): [[row]]}).failed == 0


def test_an_image_without_regions_has_its_texts_once(tmp_path: pathlib.Path) -> None:
    rows = [row | {"regions": []} for row in drawn.rows(3)]
    rows = [talk(row, "What does the picture show?", "A bear in a wood.") for row in rows]
    rows[2] |= {"image_id": rows[0]["image_id"]}
    seen = found(tmp_path, {("image_text", "train"): [rows]})
    assert (seen.judged, seen.failed) == (3, 1)
    assert seen.evidence[0].sample_id == rows[2]["sample_id"]


def test_the_evidence_does_not_depend_on_how_shards_are_shared_out(tmp_path: pathlib.Path) -> None:
    rows = drawn.rows(30)
    again = [row | {"sample_id": f"again/{number}"} for number, row in enumerate(rows)]
    shards = {("conversation", "train"): [rows, again], ("conversation", "val"): [drawn.rows(1)]}
    builds.write(tmp_path, shards)
    alone, shared = (finding(tmp_path, [RepeatedPairs() for _ in range(count)]) for count in (1, 3))
    assert alone == shared
    assert alone.failed == 62
    assert len(alone.evidence) == 12


@given(st.lists(st.tuples(st.integers(0, 1), st.permutations([0, 1]), st.sampled_from(TEXTS)), min_size=1, max_size=12))
@settings(max_examples=60, derandomize=True, deadline=None)
def test_keys_are_equal_where_image_regions_and_texts_are(made: list[tuple[int, list[int], str]]) -> None:
    """Against the definition, spelt out for one pair after the other."""
    base, rows, meant = drawn.rows(2), [], []
    for image, order, text in made:
        regions = [base[image]["regions"][i] for i in order]
        rows.append(talk(base[image] | {"regions": regions}, text, "Yes."))
        named = [regions[int(n) - 1]["region_id"] for n in re.findall(r"<region([12])>", text)]
        meant.append((image, re.sub("[0-9]", "", text), tuple(named)))
    keys = pair_keys(Piece("conversation", "train", "one.parquet", np.arange(len(rows)), drawn.table(rows)))
    for i, j in itertools.combinations(range(len(rows)), 2):
        assert (keys[i] == keys[j]) == (meant[i] == meant[j])


def test_nothing_to_judge_says_why(tmp_path: pathlib.Path) -> None:
    seen = found(tmp_path, {("conversation", "train"): [[talk(row) for row in drawn.rows(2)]]})
    assert seen.judged == 0
    assert seen.note == "no row has a question and an answer"
