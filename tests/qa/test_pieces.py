"""A piece of a shard, flattened."""

import numpy as np

from pipelines.qa.pieces import Piece, Place
from tests.qa import rows as drawn


def piece(count: int) -> Piece:
    rows = drawn.rows(count) + drawn.rows(count + 1, regions=0)[count:]
    rows[0]["messages"] = rows[0]["messages"][:2]
    return Piece("conversation", "train", "data/x.parquet", np.arange(5, 6 + count), drawn.table(rows))


def test_regions_and_turns_know_their_rows() -> None:
    found = piece(2)
    assert len(found) == 3
    assert found.region_rows.tolist() == [0, 0, 1, 1]
    assert found.message_rows.tolist() == [0] * 2 + [1] * 4 + [2] * 4
    assert found.asked.tolist() == [0, 2, 4, 6, 8]
    assert found.turns["row"].tolist() == [0, 1, 1, 2, 2]
    assert found.turns["turn"].tolist() == [0, 0, 1, 0, 1]
    assert found.turns["question"].tolist()[1:3] == ["What are <region1> and <region2>?", "Are they alike?"]
    assert found.turns["answer"].tolist() == ["Two bears.", "Two bears.", "Yes.", "Two bears.", "Yes."]
    assert found.place(1) == Place("conversation", "data/x.parquet", 6)


def test_a_question_without_an_answer_is_no_turn() -> None:
    rows = drawn.rows(2)
    rows[0]["messages"] = rows[0]["messages"][:3]
    found = Piece("conversation", "train", "f", np.arange(2), drawn.table(rows))
    assert found.asked.tolist() == [0, 3, 5]


def test_nothing() -> None:
    found = Piece("conversation", "train", "f", np.arange(0), drawn.table([]))
    assert (len(found), len(found.regions), len(found.asked), len(found.turns), len(found.ranks)) == (0, 0, 0, 0, 0)
