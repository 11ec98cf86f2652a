"""What is counted of finished rows, in the one way that writer and checker share."""

import pyarrow as pa
import pyarrow.compute as pc

from schemas.records import Record


class Counts(Record, frozen=True, kw_only=True):
    """Rows and what they hold; add them up over shards."""

    rows: int = 0
    regions: int = 0
    turns: int = 0
    """Question-answer pairs."""
    generators: dict[str, int] = {}
    """Rows by who wrote the answers."""

    def __add__(self, other: "Counts") -> "Counts":
        names = sorted({*self.generators, *other.generators})
        return Counts(
            rows=self.rows + other.rows, regions=self.regions + other.regions, turns=self.turns + other.turns,
            generators={name: self.generators.get(name, 0) + other.generators.get(name, 0) for name in names},
        )  # fmt: skip


def count(table: pa.Table) -> Counts:
    """Count a table with the columns of `SHARD`."""
    names = pc.value_counts(pc.struct_field(table["generator"].combine_chunks(), "name")).to_pylist()
    return Counts(
        rows=table.num_rows,
        regions=pc.sum(pc.list_value_length(table["regions"])).as_py() or 0,
        turns=pc.sum(pc.divide(pc.list_value_length(table["messages"]), 2)).as_py() or 0,
        generators={str(one["values"]): one["counts"] for one in names},
    )
