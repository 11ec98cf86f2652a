"""Some rejects of every reason, always the same ones, spread over the stages and sources that gave the reason."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from pipelines import storage
from pipelines.qa.page.locating import Found, names_in
from pipelines.qa.page.pictures import Picture, Wanted, picture
from pipelines.qa.reading import column_pieces
from schemas.columns import REJECT
from schemas.records import Reject

SHOWN = 4
"""Of a reason."""
_GROUP = ["reason", "stage", "source", "unit"]


class RejectCard(NamedTuple):
    """A reject as it is shown."""

    reject: Reject
    category: str
    picture: Picture | None
    why_not: str
    """Why there is no picture."""


def examples(out: str, most: int = SHOWN) -> dict[str, list[Reject]]:
    """By reason: the rejects with the lowest hashes of their keys, in turn from each stage and source.

    Reads OUT/rejects piece by piece; files that cannot be read are left out (a check of the build says so).
    """
    kept = pd.DataFrame(columns=[*REJECT.names, "rank"])
    folder = storage.join(out, "rejects")
    for name in storage.list_files(folder, ".parquet"):
        try:
            for piece in column_pieces(storage.join(folder, name), REJECT.names):
                lowest = _ranked(piece, most)
                kept = _lowest(pd.concat([kept, lowest]) if len(kept) else lowest, most)
        except (OSError, KeyError, pa.ArrowException):
            continue
    return {str(reason): _in_turn(group, most) for reason, group in kept.groupby("reason", sort=True)}


def cards(
    found: Mapping[str, list[Reject]], located: Mapping[str, Found], data: str | None
) -> dict[str, list[RejectCard]]:
    """The rejects with their pictures, by reason."""
    return {reason: [_card(one, located, data) for one in some] for reason, some in found.items()}


def all_names(found: Mapping[str, Iterable[Reject]]) -> set[str]:
    """Everything that the keys may name."""
    return {name for some in found.values() for one in some for name in names_in(one.key)}


def _ranked(piece: pa.Table, most: int) -> pd.DataFrame:
    """The lowest ones of each group, with their ranks; rejects of one key may stand in for each other here."""
    ranks = pd.util.hash_array(piece["key"].to_numpy().astype(object), categorize=False)
    groups = np.zeros(len(piece), np.int64)
    for name in _GROUP:
        column = piece[name].combine_chunks().dictionary_encode()
        groups = groups * (len(column.dictionary) + 1) + column.indices.fill_null(-1).to_numpy() + 1
    order = np.lexsort((ranks, groups))
    first = np.flatnonzero(np.diff(groups[order], prepend=-1))
    nth = np.arange(len(order)) - np.repeat(first, np.diff(np.append(first, len(order))))
    rows = np.sort(order[nth < 2 * most])
    return piece.take(pa.array(rows)).to_pandas().fillna("").astype(object).assign(rank=ranks[rows])


def _lowest(frame: pd.DataFrame, most: int) -> pd.DataFrame:
    return frame.sort_values(["rank", "key", "detail"]).groupby(_GROUP, sort=False).head(most)


def _in_turn(frame: pd.DataFrame, most: int) -> list[Reject]:
    """The lowest of each stage and source first, then the second ones."""
    order = frame.sort_values([*_GROUP, "rank", "key", "detail"])
    order = order.assign(turn=order.groupby(_GROUP).cumcount()).sort_values(["turn", "rank"], kind="stable")
    return [Reject(**{name: str(one[name]) for name in REJECT.names}) for one in order.head(most).to_dict("records")]


def _card(reject: Reject, located: Mapping[str, Found], data: str | None) -> RejectCard:
    found = next((located[name] for name in names_in(reject.key) if name in located), None)
    if found is None:
        return RejectCard(reject, "", None, _why_not(reject))
    wanted = Wanted(None, found.paths, found.width, found.height)
    drawn = picture(wanted, found.masks, data)
    return RejectCard(reject, found.category, drawn, "")


def _why_not(reject: Reject) -> str:
    if reject.stage == "ingest":
        return "No picture: the record names no image that is known. The key says where it stands in the raw file."
    if reject.stage == "assemble":
        return "No picture: the row that waited for the reply is not under work/ any more."
    return "No picture: neither work/ nor the shards know the region or image that the key names."
