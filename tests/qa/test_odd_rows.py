"""Rows that no builder writes: whatever a finished shard holds, looking at it ends with a report."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pipelines.qa.checks.catalog import new_checks
from pipelines.qa.checks.categories import Categories
from pipelines.qa.checks.cleanness import Names
from pipelines.qa.checks.openings import Openings
from pipelines.qa.figures.shown import Selection
from pipelines.qa.figures.tally import SHARE, shares
from pipelines.qa.figures.vanishing import seen
from pipelines.qa.pieces import Piece
from pipelines.qa.watch import Watch
from tests.qa import rows as drawn
from tests.qa.checks.planted import answers, found, piece

MANY = "9" * 5_000
"""More digits than Python makes a number of."""
NEWLINES = "\n" * 500_000
WORD = "QmFzZTY0" * 20_000
"""A text without a blank."""


def shard(rows: list[dict[str, Any]], file: str) -> Piece:
    return Piece("conversation", "train", file, np.arange(len(rows)), drawn.table(rows))


def test_a_row_that_stands_in_two_shards_is_shown_once_of_each() -> None:
    seen = [Selection(), Selection()]
    for number, selection in enumerate(seen):
        selection.add(shard(drawn.rows(1), f"data/{number}.parquet"))
    seen[1].merge(seen[0])
    assert [one.file for one in seen[1].shown()["conversation"]] == ["data/0.parquet", "data/1.parquet"]


def test_a_mask_of_a_billion_rows_is_not_drawn_up() -> None:
    assert not seen(pa.array(["abc", "abc"]), np.array([2**31 - 1, 2]), np.array([1, 2**31 - 1])).any()


def test_an_area_beyond_the_picture_is_all_of_it() -> None:
    assert (shares(np.array([2**31 - 1, 5, 1]), np.array([0, 4, 4])) * SHARE).tolist() == [1, 1, 0.25]


@pytest.mark.parametrize("kind", ["conversation", "description", "positive_negative", "part_attribute"])
@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (f"What is <region{MANY}>?", f"<region{MANY}> is a red dog."),
        (f"Is <region{MANY}> left of <region1>?", f"Yes, <region{MANY}> is red."),
        (f"Is <region{MANY}> a dog?", f"No, <region1> is left of <region{MANY}>."),
        ("", "\0"),
        ("\0 <region0>", "<region0> is a red dog at the upper left of the picture."),
    ],
)
def test_numbers_of_no_region_are_text(kind: str, question: str, answer: str) -> None:
    row = drawn.rows(1, kind)[0]
    row["messages"] = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    for check in new_checks():
        check.add(piece([row]))


def test_names_are_looked_for_in_linear_time() -> None:
    assert found(Names(), piece(answers(f"a, Ab {WORD} and Sarah there."))).failed == 1


def test_claims_are_looked_for_in_linear_time() -> None:
    things = f"What is it?{NEWLINES} <region1> is a cat."
    assert found(Categories(), piece(answers(things))).judged == 1


def test_no_more_is_kept_of_a_text_without_blanks_than_of_another() -> None:
    check = Openings()
    rows = answers(*[f"a {WORD[:1000]} b c d e"] * 300)
    assert len(found(check, piece(rows)).evidence[0].detail) < 400
    watch = Watch()
    watch.add(piece(rows))
    assert len(watch.figures().kinds["conversation"].openings[0].name) == 200


def test_a_shard_without_a_complete_row_has_nothing_to_look_at() -> None:
    table = drawn.table(drawn.rows(2)).filter(pa.array([False, False]))
    watch = Watch()
    watch.add(Piece("conversation", "train", "f", np.arange(0), table))
    assert watch.figures().rows == 0
