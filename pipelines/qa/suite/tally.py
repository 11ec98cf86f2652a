"""How an expectation came out, as little as can be added up over pieces, shards and processes."""

import json
from collections.abc import Iterable
from typing import Any

import msgspec

from schemas.records import Record

PARTIAL = 20
"""Values at fault that are kept of one expectation, as many as Great Expectations lists."""
LONGEST = 300
"""Characters that are kept of a text at fault."""


class Tally(Record, frozen=True, kw_only=True, omit_defaults=True):
    """One expectation over one or several tables."""

    expectation: str
    elements: int = 0
    """Rows, regions or columns that were held against it."""
    missing: int = 0
    """Of these, without a value: not judged by this expectation."""
    unexpected: int = 0
    values: tuple[Any, ...] = ()
    """The first of those at fault: scalars, or lists where the expectation speaks of several columns."""
    places: tuple[dict[str, Any], ...] = ()
    """Beside each value, the ids of its row and region (or the name of its column)."""

    @property
    def held(self) -> bool:
        """Whether nothing was at fault."""
        return not self.unexpected


def tally_of(result: Any) -> Tally:
    """From Great Expectations' result of one expectation (format SUMMARY)."""
    found = result.result
    plain: dict[str, Any] = plain_json(result)["result"] if found["unexpected_count"] else {}
    return Tally(
        expectation=result.expectation_config.meta["name"], elements=int(found["element_count"]),
        missing=int(found.get("missing_count") or 0), unexpected=int(found["unexpected_count"]),
        values=tuple(_short(value) for value in plain.get("partial_unexpected_list", ())[:PARTIAL]),
        places=tuple(plain.get("partial_unexpected_index_list", ())[:PARTIAL]),
    )  # fmt: skip


def plain_json(result: Any) -> dict[str, Any]:
    """Great Expectations' result as plain JSON; its own conversion leaves numpy's numbers in the index."""
    plain: dict[str, Any] = json.loads(json.dumps(result.to_json_dict(), default=lambda number: number.item()))
    return plain


def add_up(tallies: Iterable[Tally]) -> list[Tally]:
    """One tally an expectation, in the order of first sight; the values are those of the first tables."""
    sums: dict[str, Tally] = {}
    for one in tallies:
        before = sums.get(one.expectation)
        sums[one.expectation] = _sum(before, one) if before else one
    return list(sums.values())


def _sum(first: Tally, second: Tally) -> Tally:
    return msgspec.structs.replace(
        first, elements=first.elements + second.elements, missing=first.missing + second.missing,
        unexpected=first.unexpected + second.unexpected, values=(first.values + second.values)[:PARTIAL],
        places=(first.places + second.places)[:PARTIAL],
    )  # fmt: skip


def _short(value: Any) -> Any:
    if isinstance(value, str) and len(value) > LONGEST:
        return f"{value[:LONGEST]} ..."
    return [_short(one) for one in value] if isinstance(value, list) else value
