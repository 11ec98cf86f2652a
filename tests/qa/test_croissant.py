"""Croissant: mlcroissant finds nothing wrong with it, and reads through it what the shards hold."""

import hashlib
import io
import json
import pathlib
from typing import Any

import mlcroissant
import pyarrow.parquet as pq
import pytest
from PIL import Image
from pycocotools import mask

from pipelines.qa.audit import audit
from pipelines.qa.croissant import COLUMNS, CONTEXT, Column, write_croissant
from schemas.columns import SHARD
from tests.qa import builds
from tests.qa import rows as drawn

HOSTILE = 'x"}\n]\\ \u202e <script>alert(1)</script> @id: {"@type": "cr:FileObject"}'


DATE = "datePublished"


def written(out: pathlib.Path, *lacking: str) -> tuple[dict[str, Any], mlcroissant.Dataset]:
    """The JSON, and the data set as the library reads it: it raises errors, and warns of nothing but what is lacking.

    A date of publication is, unless the recipe states it: the same build gives the same bytes, whatever the day.
    """
    path = write_croissant(str(out), audit(str(out)))
    found = mlcroissant.Dataset(jsonld=path)
    issues = found.metadata.ctx.issues
    assert not issues.errors
    assert sorted(issues.warnings) == [
        f'[Metadata({found.metadata.name})] Property "https://schema.org/{name}" is recommended, but does not exist.'
        for name in lacking
    ]
    return json.loads(pathlib.Path(path).read_text()), found


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[pathlib.Path, dict[str, Any], mlcroissant.Dataset]:
    """Conversations in three shards, mask_text, and pictures without regions, one of them embedded."""
    out = tmp_path_factory.mktemp("small")
    whole = drawn.rows(2, "image_text", regions=0)
    stream = io.BytesIO()
    Image.new("RGB", (drawn.WIDTH, drawn.HEIGHT), (9, 80, 200)).save(stream, "PNG")
    whole[1]["image"]["bytes"] = stream.getvalue()
    content = builds.shards() | {("image_text", "train"): [whole], ("description", "train"): [[]]}
    for (_, split), parts in content.items():
        for row in (row for part in parts for row in part):
            row["license"] = "CC-BY-4.0" if split == "train" else "CC-BY-NC-4.0"
    builds.write(out, content)
    return out, *written(out, DATE)


def test_shards_are_listed_with_their_checksums(small: Any) -> None:
    out, described, _ = small
    files = {one["@id"]: one for one in described["distribution"] if one["@type"] == "cr:FileObject"}
    shards = {
        str(path.relative_to(out)): path for path in (out / "data").rglob("*.parquet") if "description" not in str(path)
    }
    assert set(files) == set(shards)
    for name, path in shards.items():
        assert files[name]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        assert files[name]["contentSize"] == f"{path.stat().st_size} B"
    sets = {one["@id"]: one["includes"] for one in described["distribution"] if one["@type"] == "cr:FileSet"}
    assert sets["conversation-shards"] == "data/conversation/*.parquet"


def test_each_record_set_has_the_strictest_licence_of_its_rows(small: Any) -> None:
    _, described, _ = small
    by_cc, by_cc_nc = (f"https://spdx.org/licenses/{name}" for name in ("CC-BY-4.0", "CC-BY-NC-4.0"))
    assert {one["@id"]: one["license"] for one in described["recordSet"]} == {
        "conversation": [by_cc_nc], "image_text": [by_cc], "mask_text": [by_cc],
    }  # fmt: skip
    assert "CC-BY-4.0 (6 rows), CC-BY-NC-4.0 (2 rows)" in described["recordSet"][0]["description"]
    assert described["license"] == [by_cc, by_cc_nc]


def test_every_column_is_a_field() -> None:
    assert [column.name for column in COLUMNS] == SHARD.names
    parts = {column.name: {part.name.split("/")[0] for part in column.parts} for column in COLUMNS if column.parts}
    assert {name: sorted(found) for name, found in parts.items()} == {
        "image": ["bytes", "path"],
        "regions": sorted(field.name for field in SHARD.field("regions").type.value_type),
        "messages": ["content", "role"],
        "generator": sorted(field.name for field in SHARD.field("generator").type),
    }


def _plain(value: Any) -> Any:
    """Texts come as bytes, and names with the path of their field."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list) else value


def _as_croissant(row: dict[str, Any], columns: tuple[Column, ...], parent: str) -> dict[str, Any]:
    """A row of the shards with the names that its fields have."""
    found: dict[str, Any] = {}
    for column in columns:
        name = f"{parent}/{column.name}"
        value: Any = row
        for step in column.name.split("/"):
            value = value[step]
        if column.parts and column.shape:
            value = [_as_croissant(one, column.parts, name) for one in value]
        elif column.parts:
            value = _as_croissant(value, column.parts, name)
        found[name] = value
    return found


@pytest.mark.parametrize("kind", ["conversation", "mask_text"])
def test_records_are_the_rows_of_the_shards(small: Any, kind: str) -> None:
    out, _, found = small
    rows = [row for path in sorted((out / "data" / kind).iterdir()) for row in pq.read_table(path).to_pylist()]
    records = sorted((_plain(record) for record in found.records(kind)), key=lambda one: one[f"{kind}/sample_id"])
    wanted = [_as_croissant(row, COLUMNS, kind) for row in sorted(rows, key=lambda one: one["sample_id"])]
    assert records == wanted


def test_the_mask_of_a_record_can_be_decoded(small: Any) -> None:
    _, described, found = small
    for record in found.records("mask_text"):
        [region] = record["mask_text/regions"]
        size, counts = (region[f"mask_text/regions/mask/{name}"] for name in ("size", "counts"))
        pixels = mask.decode({"size": size, "counts": counts})
        assert pixels.shape == (record["mask_text/height"], record["mask_text/width"])
        assert pixels.sum() == region["mask_text/regions/area"]
    fields = {one["name"]: one for one in described["recordSet"][0]["field"]}
    parts = {one["name"]: one for one in fields["conversation/regions"]["subField"]}
    assert "compressed RLE" in parts["conversation/regions/mask/counts"]["description"]


def test_pictures_where_they_are_embedded(small: Any) -> None:
    without, embedded = list(small[2].records("image_text"))
    assert without["image_text/image"]["image_text/image/bytes"] is None
    assert embedded["image_text/image"]["image_text/image/bytes"].getpixel((3, 3)) == (9, 80, 200)
    assert embedded["image_text/regions"] == []


def test_hostile_names_stay_texts(tmp_path: pathlib.Path) -> None:
    values = drawn.rows(2)
    values[0]["license"] = HOSTILE
    builds.write(tmp_path, {("conversation", "train"): [values]}, recipe={"name": HOSTILE})
    described, found = written(tmp_path, DATE)
    assert described["name"] == f"Osprey-Data {HOSTILE}"
    assert described["recordSet"][0]["license"] == sorted(["CC BY 4.0", HOSTILE])
    assert len(list(found.records("conversation"))) == 2


def test_the_context_is_the_standards_own() -> None:
    context = mlcroissant.Context(conforms_to="http://mlcommons.org/croissant/1.1")
    assert mlcroissant.Metadata(name="x", ctx=context).ctx.is_v1_1()
    from mlcroissant._src.core.rdf import make_context

    assert make_context(context).items() <= CONTEXT.items()


def test_the_same_build_gives_the_same_bytes(small: Any) -> None:
    out, *_ = small
    first = (out / "croissant.json").read_bytes()
    written(out, DATE)
    assert (out / "croissant.json").read_bytes() == first


def test_a_build_without_rows(tmp_path: pathlib.Path) -> None:
    builds.write(tmp_path, {("mask_text", "train"): [[]]})
    described, _ = written(tmp_path, DATE, "license")
    assert described["recordSet"] == described["distribution"] == []


def test_the_date_of_publication_is_the_recipes(tmp_path: pathlib.Path) -> None:
    builds.write(tmp_path, recipe={"name": "x", "published": "2026-01-31"})
    described, found = written(tmp_path)
    assert described[DATE] == "2026-01-31"
    assert str(found.metadata.date_published).startswith("2026-01-31")


def test_drawn_pictures_are_said_to_be_drawn(tmp_path: pathlib.Path) -> None:
    builds.write(tmp_path, sample_scenes=("coco",))
    assert written(tmp_path, DATE)[0]["description"].startswith("Made of sample scenes: pictures that a program draws")
