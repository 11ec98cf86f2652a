"""Picture and masks that a reject is about, by the names in its key: from what lies under work/, else from shards."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from pipelines import storage
from pipelines.qa.reading import opened
from schemas.columns import R, to_records
from schemas.records import Image, Mask, Record, Sample

_ID = re.compile(r"[^\s/]+/\S+")
"""What names a region or an image, and not a place in a file."""


class Found(NamedTuple):
    """A picture, and its region where the name is that of a region; all regions of a row that waited for a reply."""

    paths: Sequence[str]
    """Relative to DATA, most likely first."""
    width: int
    height: int
    masks: Sequence[Mask] = ()
    category: str = ""


class _Region(Record, frozen=True, kw_only=True):
    """What is needed of a region or an annotation."""

    region_id: str
    image_id: str
    category: str = ""
    mask: Mask | None = None


_PLACED = re.compile(r"\w+\[\d+\](?: id (?P<own>\S+))?(?: of (?P<image>\S+))?")
"""A record's place in a raw file, as sources write it: `annotations[17] id 42 of coco/000000000009`."""


def names_in(key: str) -> list[str]:
    """What a key may name, the most exact first: `coco/1015#refcoco:0` is about the region `coco/1015`.

    Of a place in a file: the record itself where it has an id of ours, and the image.
    """
    placed = _PLACED.fullmatch(key)
    if not placed:
        return _longer_to_shorter(key)
    own, image = placed["own"] or "", placed["image"]
    return [key, *(_longer_to_shorter(own) if _ID.fullmatch(own) else []), *([image] if image else [])]


def _longer_to_shorter(name: str) -> list[str]:
    found, rest = [name], name
    while "#" in rest:
        rest = rest.rpartition("#")[0]
        found.append(rest)
    return found


def locate(out: str, names: set[str], shards: Iterable[str]) -> dict[str, Found]:
    """Pictures and masks of regions, images and waiting rows, by name; names that are nowhere are left out.

    `shards` are paths relative to OUT. Only the columns of names are read, but for the pieces that hold one.
    """
    if not names:
        return {}
    work = storage.join(out, "work", "sources")
    caches = [storage.join(work, name) for name in storage.list_files(work)]
    regions: dict[str, _Region] = {}
    for path in _region_files(caches):
        for one in _hits(path, "region_id", names - regions.keys(), _Region):
            regions.setdefault(one.region_id, one)
    wanted = (names - regions.keys()) | {one.image_id for one in regions.values()}
    images: dict[str, Image] = {}
    for cache in caches:
        for image in _hits(storage.join(cache, "images.parquet"), "image_id", wanted - images.keys(), Image):
            images.setdefault(image.image_id, image)
    found = {name: _found(images[name], None) for name in names if name in images}
    found |= {name: _found(images[one.image_id], one) for name, one in regions.items() if one.image_id in images}
    found |= _waiting(storage.join(out, "work"), names - found.keys())
    return found | _in_shards(out, {name for name in names - found.keys() if _ID.fullmatch(name)}, shards)


def _region_files(caches: Sequence[str]) -> Iterator[str]:
    """Files with masks before those of annotations, which tell the picture of what has no mask."""
    for cache in caches:
        for folder in storage.list_files(cache):
            if folder.startswith("regions-"):
                yield from _parts(storage.join(cache, folder))
    for cache in caches:
        yield from _parts(storage.join(cache, "annotations"))


def _parts(folder: str) -> list[str]:
    return [storage.join(folder, name) for name in storage.list_files(folder, ".parquet") if name.startswith("part-")]


def _hits(path: str, column: str, names: set[str], kind: type[R]) -> Iterator[R]:
    """Rows of a cached file whose name is wanted; a file that is not there, or not one, holds none."""
    wanted = pa.array(sorted(names), pa.string())
    try:
        with opened(path) as file:
            for group in range(file.num_row_groups if names else 0):
                hit = pc.is_in(file.read_row_group(group, [column])[column], wanted)
                if pc.any(hit).as_py():
                    columns = [name for name in kind.__struct_fields__ if name in file.schema_arrow.names]
                    yield from to_records(file.read_row_group(group, columns).filter(hit), kind)
    except (OSError, pa.ArrowException, msgspec.ValidationError):
        return


def _found(image: Image, region: _Region | None) -> Found:
    place = (image.paths, image.width, image.height)
    return Found(*place, [region.mask] if region.mask else [], region.category) if region else Found(*place)


class _Waiting(Record, frozen=True, kw_only=True):
    """A request's row."""

    sample_id: str
    row: str


def _waiting(work: str, names: set[str]) -> dict[str, Found]:
    """Rows of requests whose reply gave none."""
    found: dict[str, Found] = {}
    for plan in storage.list_files(work):
        kinds = storage.join(work, plan, "requests")
        for path in (path for kind in storage.list_files(kinds) for path in _parts(storage.join(kinds, kind))):
            for one in _hits(path, "sample_id", names, _Waiting):
                sample = msgspec.json.decode(one.row, type=Sample)
                masks = [region.mask for region in sample.regions]
                found[one.sample_id] = Found([sample.path], sample.width, sample.height, masks, "")
    return found


def _in_shards(out: str, names: set[str], shards: Iterable[str]) -> dict[str, Found]:
    """The same from finished rows, where work/ is gone."""
    found: dict[str, Found] = {}
    for path in shards:
        if names - found.keys():
            for name, one in _rows(storage.join(out, path), names - found.keys()):
                found.setdefault(name, one)
    return found


_ROW = ["image_id", "image.path", "width", "height", "regions"]


def _rows(path: str, names: set[str]) -> Iterator[tuple[str, Found]]:
    wanted = pa.array(sorted(names), pa.string())
    try:
        with opened(path) as file:
            for group in range(file.num_row_groups):
                seen = file.read_row_group(group, ["image_id", "regions.list.element.region_id"])
                if pc.any(_named(seen, wanted)).as_py():
                    table = file.read_row_group(group, _ROW)
                    for row in table.filter(_named(table, wanted)).to_pylist():
                        yield from _of_row(row, names)
    except (OSError, KeyError, pa.ArrowException):
        return


def _named(table: pa.Table, wanted: pa.Array) -> pa.Array:
    """Rows whose image, or one of whose regions, is wanted."""
    regions = table["regions"].combine_chunks()
    ids = pc.is_in(pc.struct_field(pc.list_flatten(regions), "region_id"), wanted)
    owners = pc.list_parent_indices(regions).filter(ids)
    mine = pc.is_in(pa.array(range(len(table)), pa.int64()), owners.cast(pa.int64()))
    return pc.or_(pc.is_in(table["image_id"].combine_chunks(), wanted), mine)


def _of_row(row: dict[str, Any], names: set[str]) -> Iterator[tuple[str, Found]]:
    place = ([(row["image"] or {}).get("path") or ""], row["width"] or 0, row["height"] or 0)
    if row["image_id"] in names:
        yield row["image_id"], Found(*place)
    for region in row["regions"] or []:
        if region and region["region_id"] in names and region["mask"]:
            mask = Mask(size=tuple(region["mask"]["size"]), counts=region["mask"]["counts"])
            yield region["region_id"], Found(*place, [mask], region["category"] or "")
