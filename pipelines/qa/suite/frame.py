"""From a shard to the plain columns that expectations speak of.

A fault shows in one column only: where a value cannot be judged because another one is broken (the area of a mask that
cannot be read), it counts as fine, so that the expectation that fails names the fault.
"""

import re
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.qa.masks import measure
from schemas.columns import SHARD
from schemas.records import IMPORTED

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

WITHOUT_CATEGORIES = ("vg", "sa1b", "own", "osprey-724k")
"""Data sets whose regions may have a phrase instead of a category, or nothing."""

_NAMED = re.compile(r"<\s*region[^>\n]{0,12}>", re.IGNORECASE)
_SHA256 = "^[0-9a-f]{64}$"
_LEAVES = r"^([/\\]|[A-Za-z]:|[a-z0-9+]+://)|(^|[/\\])\.\.([/\\]|$)"
"""An absolute path, a URL, or a path that climbs."""


_IMAGE = pa.struct([("path", pa.string())])


class Frames(NamedTuple):
    """What the expectations look at."""

    samples: pd.DataFrame
    """A row for each row of the shard."""
    regions: pd.DataFrame
    """A row for each region, in order."""


def schema_frame(schema: pa.Schema) -> pd.DataFrame:
    """Columns `name, type, expected`, a row for each column of the file or of `SHARD`."""
    names = list(dict.fromkeys([*SHARD.names, *schema.names]))
    expected = {field.name: field.type for field in SHARD}
    found = {field.name: field.type for field in schema}
    kinds = [expected[name] if found.get(name) == expected.get(name) else found.get(name, "none") for name in names]
    return pd.DataFrame({
        "name": names, "type": list(map(str, kinds)), "expected": [str(expected.get(name, "none")) for name in names],
    })  # fmt: skip


def shard_frame(table: pa.Table) -> Frames:
    """The derived columns of a table with the columns of `SHARD` (`image.bytes` may be left out).

    Rows with a missing value are in `samples` with `complete` false and judged no further.
    """
    table = _without_bytes(table).combine_chunks()
    complete = complete_rows(table)
    whole = table.filter(pa.array(complete)).combine_chunks()
    regions = _regions(whole)
    samples = pd.DataFrame({"sample_id": table["sample_id"].to_numpy(), "complete": complete})
    for name, values in _samples(whole).items():
        samples[name] = _spread(values, complete)
    return Frames(samples, regions)


def _without_bytes(table: pa.Table) -> pa.Table:
    """The table with the path only as `image`: pictures are large, and nothing here looks at them."""
    paths = pc.struct_field(table["image"], "path")
    image = pa.chunked_array([pa.StructArray.from_arrays([one], ["path"]) for one in paths.chunks], _IMAGE)
    return table.set_column(table.column_names.index("image"), "image", image)


def _spread(values: npt.NDArray[np.generic], complete: Bools) -> pd.Series:
    """Values of the complete rows at their places; the others are missing, which expectations pass over."""
    if complete.all():
        return pd.Series(values)
    return pd.Series(values, index=np.flatnonzero(complete)).reindex(range(len(complete)))


def complete_rows(table: pa.Table) -> Bools:
    """(rows,): whether no value is missing anywhere in the row."""
    found = np.zeros(table.num_rows, bool)
    for column in table.columns:
        found |= _nulls(_one_chunk(column))
    return ~found


def _nulls(array: pa.Array) -> Bools:
    found = array.is_null().to_numpy(zero_copy_only=False).copy()
    if pa.types.is_struct(array.type):
        for field in array.type:
            found |= _nulls(pc.struct_field(array, field.name))
    elif pa.types.is_list(array.type) or pa.types.is_fixed_size_list(array.type):
        there = np.flatnonzero(~found)
        lists = array.drop_null()
        inner = _nulls(pc.list_flatten(lists))
        found[there[pc.list_parent_indices(lists).to_numpy()[inner]]] = True
    return found


def _one_chunk(column: pa.ChunkedArray) -> pa.Array:
    chunk = column.combine_chunks()
    return pa.concat_arrays(chunk.chunks) if isinstance(chunk, pa.ChunkedArray) else chunk


def _lists(table: pa.Table, name: str) -> tuple[pa.Array, Ints]:
    """The items of a list column, and the row of each."""
    column = _one_chunk(table[name])
    return pc.list_flatten(column), pc.list_parent_indices(column).to_numpy().astype(np.int64)


def _field(array: pa.Array, *path: str) -> npt.NDArray[np.generic]:
    """A nested field as a numpy array."""
    return pc.struct_field(array, list(path)).to_numpy(zero_copy_only=False)


def _samples(table: pa.Table) -> dict[str, npt.NDArray[np.generic]]:
    messages, owner = _lists(table, "messages")
    rows = table.num_rows
    count = np.bincount(owner, minlength=rows)
    n_regions = pc.list_value_length(_one_chunk(table["regions"])).to_numpy(zero_copy_only=False).astype(np.int64)
    image = _one_chunk(table["image"])
    return {
        "kind": table["kind"].to_numpy(),
        "split": table["split"].to_numpy(),
        "path_inside": _path_inside(pc.struct_field(image, "path")),
        "shorter_side": np.minimum(table["width"].to_numpy(), table["height"].to_numpy()),
        "regions": n_regions,
        "turns": count // 2,
        "roles_in_turn": _roles_in_turn(messages, owner, count),
        "all_filled": ~_any_of(_blank(pc.struct_field(messages, "content")), owner, rows),
        "regions_named": _regions_named(_field(messages, "content"), owner, n_regions),
        "license": table["license"].to_numpy(),
        "sources": np.array([",".join(names) for names in table["sources"].to_pylist()], dtype=object),
        "generator_known": _generator_known(_one_chunk(table["generator"])),
    }


def _any_of(flags: Bools, owner: Ints, rows: int) -> Bools:
    """Rows of which any item has its flag set."""
    return np.bincount(owner[flags], minlength=rows) > 0


def _blank(texts: pa.Array) -> Bools:
    return pc.equal(pc.utf8_trim_whitespace(texts), "").to_numpy(zero_copy_only=False)


def _path_inside(paths: pa.Array) -> Bools:
    leaves = pc.or_(pc.match_substring_regex(paths, _LEAVES), pc.equal(paths, ""))
    return ~leaves.to_numpy(zero_copy_only=False)


def _roles_in_turn(messages: pa.Array, owner: Ints, count: Ints) -> Bools:
    """User first, then in turn, an answer last, at least one of each."""
    position = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    expected = np.where(position % 2 == 0, "user", "assistant")
    wrong = _field(messages, "role") != expected
    return ~_any_of(wrong, owner, len(count)) & (count % 2 == 0) & (count > 0)


def _regions_named(contents: npt.NDArray[np.generic], owner: Ints, n_regions: Ints) -> Bools:
    """The names in the messages of a row are exactly <region1> to <regionN>, and nothing like them is there."""
    named: list[set[str]] = [set() for _ in n_regions]
    for row, content in zip(owner.tolist(), contents.tolist(), strict=True):
        named[row].update(_NAMED.findall(content))
    proper = [f"<region{number + 1}>" for number in range(int(n_regions.max(initial=0)))]
    return np.array([found == set(proper[:n]) for found, n in zip(named, n_regions.tolist(), strict=True)], bool)


def _generator_known(generator: pa.Array) -> Bools:
    """`template` asked nobody, and who imported text knows neither prompt nor request; a model has the sha256 of its
    prompt and the key of its request.
    """
    name, key = pc.struct_field(generator, "name"), pc.struct_field(generator, "request_key")
    prompt = pc.struct_field(generator, "prompt_sha256")
    hashed = pc.and_(pc.match_substring_regex(key, _SHA256), pc.match_substring_regex(prompt, _SHA256))
    model = pc.and_(pc.not_equal(name, ""), hashed)
    known = pc.if_else(pc.equal(name, "template"), pc.equal(key, ""), model)
    imported = pc.and_(pc.equal(key, ""), pc.equal(prompt, ""))
    known = pc.if_else(pc.equal(name, IMPORTED), imported, known)
    return known.to_numpy(zero_copy_only=False)


def _regions(table: pa.Table) -> pd.DataFrame:
    regions, owner = _lists(table, "regions")
    width, height = (table[name].to_numpy().astype(np.int64)[owner] for name in ("width", "height"))
    size = pc.list_flatten(pc.struct_field(regions, ["mask", "size"])).to_numpy().reshape(-1, 2).astype(np.int64)
    found = measure(pc.struct_field(regions, ["mask", "counts"]), size[:, 0], size[:, 1])
    fits = ~found.valid | ((size[:, 0] == height) & (size[:, 1] == width))
    area = _field(regions, "area").astype(np.int64)
    box = pc.list_flatten(pc.struct_field(regions, "bbox")).to_numpy().reshape(-1, 4)
    inside = _inside(box, width, height)
    error = np.abs(box - found.box.astype(np.float32)).max(axis=1, initial=0)
    source = _field(regions, "source")
    return pd.DataFrame({
        "row": owner,
        "sample_id": table["sample_id"].to_numpy()[owner],
        "region_id": _field(regions, "region_id"),
        "category_filled": ~_blank(pc.struct_field(regions, "category")) | np.isin(source, WITHOUT_CATEGORIES),
        "source": source,
        "source_listed": _source_listed(table, owner, source),
        "mask_readable": found.valid,
        "mask_fits": fits,
        "area": area,
        "mask_area": np.where(found.valid & (area > 0), found.area, area),
        "box_inside": inside,
        "box_error": np.where(found.valid & fits & inside, error, 0),
    })  # fmt: skip


def _inside(box: npt.NDArray[np.generic], width: Ints, height: Ints) -> Bools:
    x, y, w, h = box.astype(np.float64).T
    return (x >= 0) & (y >= 0) & (w >= 0) & (h >= 0) & (x + w <= width) & (y + h <= height)


def _source_listed(table: pa.Table, owner: Ints, source: npt.NDArray[np.generic]) -> Bools:
    """Whether the row's `sources` name the data set of the mask."""
    listed = [frozenset(names) for names in table["sources"].to_pylist()]
    return np.array([s in listed[row] for row, s in zip(owner.tolist(), source.tolist(), strict=True)], bool)
