"""The lists that a build leaves for the search for leaks: part by part with the plan, whole with the data."""

from collections.abc import Mapping, Sequence

import msgspec
import pyarrow as pa

from pipelines import storage
from pipelines.phases.pictures import place
from pipelines.qa.checks.lists import EVALUATION_LIST, NAMES_LIST
from pipelines.regions.held_out import EVALUATION, NAMES, held_out, other_names
from pipelines.regions.join import SourceRows

_LISTS = {
    "evaluation": (EVALUATION, EVALUATION_LIST, ["evaluation_set", "image_id"]),
    "names": (NAMES, NAMES_LIST, ["image_id", "same_as"]),
}
"""Folder of the parts below the plan's -> schema, place below OUT, and order."""


def write_part(folder: str, name: str, rows: Sequence[SourceRows], folders: Mapping[str, str]) -> None:
    """What a range of slots has of each list; `folders` says where pictures are instead of the usual places."""
    found = [msgspec.to_builtins(one) for one in held_out(rows)]
    for one in found:
        one["paths"] = [place(path, dict(folders)) for path in one["paths"]]
    storage.write_table(storage.join(folder, "evaluation", name), pa.Table.from_pylist(found, schema=EVALUATION))
    names = [msgspec.to_builtins(one) for one in other_names(rows)]
    storage.write_table(storage.join(folder, "names", name), pa.Table.from_pylist(names, schema=NAMES))


def write_lists(folder: str, out: str) -> None:
    """The lists of all ranges under OUT; none where the plan knows of no source (an import), nor an older one."""
    for below, (schema, path, order) in _LISTS.items():
        parts = storage.list_files(storage.join(folder, below), ".parquet")
        target = storage.join(out, path)
        if not parts:
            storage.remove(target)
            continue
        tables = [storage.read_table(storage.join(folder, below, part)).cast(schema) for part in parts]
        storage.write_table(target, pa.concat_tables(tables).sort_by([(name, "ascending") for name in order]))
