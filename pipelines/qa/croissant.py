"""OUT/croissant.json: the build in MLCommons' Croissant 1.1, so that tools find, check and read it without our code.

Written here and not by `mlcroissant`, which validates it in the tests: the library has no place for a licence of a
record set, and importing it takes longer than writing. What it reads is what the Parquet rows hold; of structs within
lists of structs it makes no records, so that a mask's `size` and `counts` are fields of their region.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from pipelines import storage
from pipelines.qa.kinds import MEANS
from pipelines.qa.provenance import citations, license_url, source_lines, strictest_of
from pipelines.qa.results import Report
from pipelines.shards.manifest import KindEntry, Manifest, read_manifest

CROISSANT = "croissant.json"
PARQUET = "application/x-parquet"
"""As the standard and its library have it; IANA has application/vnd.apache.parquet."""

DRAWN = "Made of sample scenes: pictures that a program draws, and no photographs. "
"""What is said first of a build that rests on these."""

CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    **{
        name: f"cr:{name}"
        for name in (
            "arrayShape", "citeAs", "column", "containedIn", "equivalentProperty", "extract", "field", "fileObject",
            "fileProperty", "fileSet", "format", "includes", "isArray", "isLiveDataset", "jsonPath", "key", "md5",
            "parentField", "path", "recordSet", "references", "regex", "repeated", "replace", "samplingRate",
            "separator", "source", "subField", "transform",
        )
    },
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "name": {"@container": "@language"},
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
}  # fmt: skip
"""The standard's own."""


class Column(msgspec.Struct, frozen=True):
    """A column of the shards, or a part of one."""

    name: str
    type: str
    means: str
    parts: tuple["Column", ...] = ()
    shape: str = ""
    """Of an array: its dimensions, -1 for any length."""
    path: str = ""
    """Within its column, as JSONPath."""
    also: tuple[str, ...] = ()
    """Further types."""


def _text(name: str, means: str, path: str = "", **more: Any) -> Column:
    return Column(name, "sc:Text", means, path=path, **more)


def _whole(name: str, means: str, path: str = "", **more: Any) -> Column:
    return Column(name, "sc:Integer", means, path=path, **more)


_MASK = (
    "The mask is in COCO's compressed RLE: column by column from the top left, the lengths of runs of pixels outside "
    "and inside the region in turn, beginning with those outside; `pycocotools.mask.decode({'size': size, 'counts': "
    "counts})` gives a (height, width) array with 1 inside."
)

COLUMNS = (
    _text("sample_id", "Identifies the row; the same in every build from the same sources."),
    _text("kind", "What sort of instruction the row is; the same in all rows of a record set."),
    _text("split", "train or val, by picture: no picture is in both.", also=("cr:Split",)),
    Column("image", "", "The picture.", (
        Column("bytes", "sc:ImageObject", "The encoded picture; null unless pictures are embedded.", path="bytes"),
        _text("path", "Where the picture lies, relative to the folder of the raw data.", "path"),
    )),
    _text("image_id", "Data set and number of the picture."),
    _whole("width", "Of the picture, in pixels."),
    _whole("height", "Of the picture, in pixels."),
    Column("regions", "", "The regions that the messages name <region1>, <region2>, ...: in this order. " + _MASK, (
        _text("region_id", "Data set and number of the annotation.", "region_id"),
        _text("source", "The data set whose mask this is.", "source"),
        _text("category", "As one would write it; empty where the text has a phrase instead.", "category"),
        _text("category_raw", "As annotated.", "category_raw"),
        _text("part_of", "The region_id of the object that this is a part of; empty for whole objects.", "part_of"),
        Column("bbox", "sc:Float", "[x, y, width, height] in pixels, from the top left.", path="bbox", shape="4"),
        _whole("area", "Pixels inside the mask.", "area"),
        _whole("mask/size", "[height, width] of the mask, in pixels.", "mask.size", shape="2"),
        _text("mask/counts", "The run lengths of the mask as text. " + _MASK, "mask.counts"),
    ), shape="-1"),
    Column("messages", "", "The conversation: user and assistant in turn.", (
        _text("role", "user or assistant.", "role"),
        _text("content", "What is said; regions are named <region1>, <region2>, ...", "content"),
    ), shape="-1"),
    Column("generator", "", "Who wrote the answers.", (
        _text("name", "`template`, the model that answered, or the data set that was imported.", "name"),
        _text("prompt", "Name of the wording.", "prompt"),
        _text("prompt_sha256", "Of the wording.", "prompt_sha256"),
        _text("request_key", "sha256 of everything that was sent to the model; empty where none was asked.",
              "request_key"),
    )),
    _text("sources", "Every data set that the row rests on.", shape="-1"),
    _text("license", "The strictest licence of everything that the row rests on."),
)  # fmt: skip
"""Of the shards (`schemas.columns.SHARD`), in its order."""


def write_croissant(out: str, report: Report) -> str:
    """Write the description of a finished build, and return its path.

    Raises:
        BuildError: the manifest is missing or unreadable.
    """
    path = storage.join(out, CROISSANT)
    described = describe(read_manifest(out), report)
    storage.write_bytes(path, msgspec.json.format(msgspec.json.encode(described), indent=2) + b"\n")
    return path


def describe(manifest: Manifest, report: Report) -> dict[str, Any]:
    """The JSON-LD; kinds without rows are left out."""
    kinds = {kind: entry for kind, entry in sorted(manifest.kinds.items()) if entry.rows}
    figures = report.figures
    licenses = {kind: figures.kind_licenses.get(kind, {}) for kind in kinds}
    published = manifest.recipe.get("published")
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "name": f"Osprey-Data {manifest.recipe.get('name', '')}".rstrip(),
        "description": _summary(report),
        "license": [license_url(name) for name in figures.licenses],
        "citeAs": "\n\n".join(citations(source_lines(figures, manifest))),
        **({"datePublished": published} if published else {}),
        "inLanguage": "en",
        "keywords": ["region understanding", "segmentation masks", "visual instruction tuning", "mask-text pairs"],
        "version": manifest.versions.get("osprey-data", "0.0.0"),
        "distribution": [part for kind, entry in kinds.items() for part in _files(kind, entry, licenses[kind])],
        "recordSet": [_record_set(kind, entry, licenses[kind]) for kind, entry in kinds.items()],
    }


def _summary(report: Report) -> str:
    figures = report.figures
    return (
        f"{DRAWN if report.sample_scenes else ''}Instructions about regions of pictures: each record is a picture, its "
        f"regions as pixel masks, and a conversation that names them. {figures.rows:,} rows, {figures.regions:,} "
        f"regions, {figures.turns:,} pairs of question and answer. Pictures are not part of it unless image/bytes is "
        "filled. README.md says how it was made and what is wrong with it."
    )


def _files(kind: str, entry: KindEntry, licenses: Mapping[str, int]) -> Iterator[dict[str, Any]]:
    """The set of a kind's shards, and each shard with its checksum."""
    yield {
        "@type": "cr:FileSet", "@id": f"{kind}-shards", "name": f"{kind}-shards",
        "description": f"The shards of {kind}; each is a cr:FileObject with its sha256 besides.",
        "encodingFormat": PARQUET, "includes": f"data/{kind}/*.parquet", "license": _licenses(licenses),
    }  # fmt: skip
    for file in entry.files:
        yield {
            "@type": "cr:FileObject", "@id": file.path, "name": file.path.rpartition("/")[2], "contentUrl": file.path,
            "contentSize": f"{file.bytes} B", "encodingFormat": PARQUET, "sha256": file.sha256,
        }  # fmt: skip


def _licenses(licenses: Mapping[str, int]) -> list[str]:
    return [license_url(name) for name in strictest_of(licenses)]


def _record_set(kind: str, entry: KindEntry, licenses: Mapping[str, int]) -> dict[str, Any]:
    terms = ", ".join(f"{name} ({rows:,} rows)" for name, rows in licenses.items())
    return {
        "@type": "cr:RecordSet", "@id": kind, "name": kind, "key": {"@id": f"{kind}/sample_id"},
        "description": f"{MEANS.get(kind, kind)}. {entry.rows:,} rows. Licences, of which the strictest holds for the "
        f"whole: {terms}.",
        "license": _licenses(licenses),
        "field": [_field(kind, kind, column, column.name) for column in COLUMNS],
    }  # fmt: skip


def _field(kind: str, parent: str, column: Column, source: str) -> dict[str, Any]:
    """A column, or a part of the column `source`."""
    name = f"{parent}/{column.name}"
    found: dict[str, Any] = {"@type": "cr:Field", "@id": name, "name": name, "description": column.means}
    if column.shape:
        found |= {"isArray": True, "arrayShape": column.shape}
    if column.parts:
        return found | {"subField": [_field(kind, name, part, source) for part in column.parts]}
    origin: dict[str, Any] = {"fileSet": {"@id": f"{kind}-shards"}, "extract": {"column": source}}
    if column.path:
        origin["transform"] = {"jsonPath": column.path}
    return found | {"dataType": [column.type, *column.also] if column.also else column.type, "source": origin}
