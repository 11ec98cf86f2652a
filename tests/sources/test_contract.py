"""What every source keeps to; adding one means adding its fixture folder, not a test."""

import hashlib
import pathlib
import re
import shutil

import numpy as np
import pyarrow as pa
import pytest

from pipelines import storage
from pipelines.sources import SOURCES
from pipelines.sources.ingest import ingest
from pipelines.sources.locate import Located, cache_key, locate
from pipelines.sources.spec import Annotations, Source
from schemas.columns import ANNOTATION, IMAGE, REJECT, TEXT
from schemas.errors import SourceError
from schemas.records import TRAIN
from tests.sources.contract import CASES, IDS, LISTS_OF_IMAGES, Case

every_case = pytest.mark.parametrize("case", CASES, ids=IDS)
every_source = pytest.mark.parametrize("name", SOURCES)


@every_source
def test_every_source_has_a_fixture(name: str) -> None:
    assert name in {case.name for case in CASES}


@every_source
def test_spec_is_complete(name: str) -> None:
    spec = SOURCES[name].spec
    assert spec.name == name
    assert spec.title
    if name == "own":
        return  # the rest only its owner knows
    assert spec.homepage.startswith("https://")
    assert spec.license
    assert spec.license_note
    assert spec.citation.startswith("@")
    assert spec.citation.count("{") == spec.citation.count("}")
    assert spec.split_note
    assert spec.counts
    assert all(count > 0 for count in spec.counts.values())
    assert all(split.startswith(f"{name}_") for split in spec.evaluation)


@every_source
def test_files_are_below_data_and_say_where_to_get_them(name: str) -> None:
    for layout in SOURCES[name].spec.layouts:
        assert any(file.required for file in layout)
        assert len({file.role for file in layout}) == len(layout)
        for file in layout:
            assert not file.path.startswith(("/", ".")), file.path
            assert "https://" in file.where, file.role


@every_case
def test_every_record_is_kept_or_rejected_with_its_reason(case: Case, tmp_path: pathlib.Path) -> None:
    cache = ingest(case.source, case.located(), str(tmp_path))
    assert {
        line.unit: {"read": line.read, "kept": line.kept, **line.rejected} for line in cache.ledger()
    } == case.counts


@every_case
def test_what_is_kept_is_there(case: Case, tmp_path: pathlib.Path) -> None:
    """The ledger's `kept` against the rows that were written. A file of its own is an image."""
    cache = ingest(case.source, case.located(), str(tmp_path))
    rows = cache.annotations() if cache.parts else ANNOTATION.empty_table()
    there = {
        "files": len(cache.images()),
        "images": len(cache.images()),
        "annotations": rows.num_rows,
        "attributes": sum(map(len, rows["attributes"].to_pylist())),
        "expressions": sum(map(len, rows["expressions"].to_pylist())),
        "captions": sum(text.role == "caption" for text in cache.texts()),
        "records": sum(text.role != "caption" for text in cache.texts()),
    }
    kept = {line.unit: line.kept for line in cache.ledger()}
    assert kept == {unit: there[unit] for unit in kept}


@every_case
def test_rejects_name_what_they_reject(case: Case, tmp_path: pathlib.Path) -> None:
    for reject in ingest(case.source, case.located(), str(tmp_path)).rejects():
        assert re.fullmatch(rf"{reject.unit}\[\d+\]( id \S+)?( of \S+)?", reject.key), reject
        assert (reject.stage, reject.source) == ("ingest", case.name)


@every_case
def test_files_have_the_agreed_columns(case: Case, tmp_path: pathlib.Path) -> None:
    cache = ingest(case.source, case.located(), str(tmp_path))
    expected = {"images.parquet": IMAGE, "texts.parquet": TEXT, "rejects.parquet": REJECT}
    for name, schema in expected.items():
        assert storage.read_table(cache.path(name)).schema.equals(schema), name
    for part in range(cache.parts):
        assert storage.read_table(cache.annotation_path(part)).schema.equals(ANNOTATION)


@every_case
def test_rows_are_well_formed(case: Case, tmp_path: pathlib.Path) -> None:
    cache = ingest(case.source, case.located(), str(tmp_path))
    names = {"": ""} | {category.name: category.text for category in cache.vocabulary()}
    expected = case.expected_names
    known = {TRAIN, *case.source.spec.evaluation}
    images = {image.image_id: image for image in cache.images()}
    for image in images.values():
        assert re.fullmatch(expected.images, image.image_id)
        assert image.paths
        assert all(re.fullmatch(expected.paths, path) for path in image.paths)
        assert image.split in known
        assert {*image.present, *image.absent, *image.not_exhaustive} <= set(names)
    for row in cache.annotations().to_pylist() if cache.parts else []:
        assert re.fullmatch(expected.regions, row["region_id"])
        assert row["slot"] == images[row["image_id"]].slot
        assert (row["width"], row["height"]) == (images[row["image_id"]].width, images[row["image_id"]].height)
        assert row["category"] == names[row["category_raw"]]
        assert row["source"] == case.name
        assert row["split"] in known
        assert row["segmentation"][0] in "[{"
        assert all(text["source"] == case.name for text in row["expressions"])
    for text in cache.texts():
        assert bool(text.text) != bool(text.turns)
        assert all(said == said.strip() for said in (text.text, *text.turns))


@every_case
def test_rows_for_any_indices(case: Case) -> None:
    annotations = _annotations(case)
    if annotations is None:
        pytest.skip("the source has texts only")
    whole = annotations.table(np.arange(len(annotations))).to_pylist()
    random = np.random.default_rng(0)
    for size in (0, 1, len(whole), 2 * len(whole)):
        indices = random.integers(0, len(whole), size)
        assert annotations.table(indices).to_pylist() == [whole[index] for index in indices]


def _annotations(case: Case) -> Annotations | None:
    return case.source.read(case.located().files).annotations


@every_case
def test_slot_ranges_add_up(case: Case, tmp_path: pathlib.Path) -> None:
    cache = ingest(case.source, case.located(), str(tmp_path))
    ranges = [(start, start + 32) for start in range(0, 256, 32)]
    assert sorted(image.image_id for each in ranges for image in cache.images(each)) == sorted(
        image.image_id for image in cache.images()
    )
    assert sum(len(cache.texts(each)) for each in ranges) == len(cache.texts())
    if cache.parts:
        assert pa.concat_tables([cache.annotations(each) for each in ranges]).equals(cache.annotations())


@every_case
def test_unchanged_files_are_read_once(case: Case, tmp_path: pathlib.Path) -> None:
    data = shutil.copytree(case.folder, tmp_path / "data")
    reads: list[dict[str, str]] = []

    def read(files: dict[str, str]) -> object:
        reads.append(files)
        return case.source.read(files)

    counting = Source(case.source.spec, read)  # type: ignore[arg-type]
    first = ingest(counting, case.located(data), str(tmp_path / "work"))
    assert ingest(counting, case.located(data), str(tmp_path / "work")) == first
    assert len(reads) == 1
    moved = data.rename(tmp_path / "elsewhere")
    assert ingest(counting, case.located(moved), str(tmp_path / "work")).key == first.key
    assert len(reads) == 1
    changed = next(iter(case.raw_files(moved).values()))[0]
    changed.write_bytes(changed.read_bytes() + b"\n")
    assert ingest(counting, case.located(moved), str(tmp_path / "work")).key != first.key
    assert len(reads) == 2


@every_case
def test_same_bytes_twice(case: Case, tmp_path: pathlib.Path) -> None:
    first, second = (ingest(case.source, case.located(), str(tmp_path / work)) for work in ("a", "b"))
    assert _digests(pathlib.Path(first.folder)) == _digests(pathlib.Path(second.folder))


def _digests(folder: pathlib.Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@every_case
def test_what_a_killed_run_left_behind_is_replaced(case: Case, tmp_path: pathlib.Path) -> None:
    whole = ingest(case.source, case.located(), str(tmp_path / "whole"))
    key = cache_key(case.name, case.located().files, str(tmp_path / "work"))
    left = tmp_path / "work" / "sources" / f"{case.name}-{key}"
    (left / "annotations").mkdir(parents=True)
    (left / "annotations" / "part-00000-of-00004.parquet").write_bytes(b"half")
    (left / ".images.parquet.1-abc").write_bytes(b"half")
    again = ingest(case.source, case.located(), str(tmp_path / "work"))
    assert _digests(pathlib.Path(again.folder)) == _digests(pathlib.Path(whole.folder))


@every_case
def test_a_file_cut_off_is_an_error_with_its_place(case: Case, tmp_path: pathlib.Path) -> None:
    data = shutil.copytree(case.folder, tmp_path / "data")
    for role, (path, *_) in case.raw_files(data).items():
        if role in LISTS_OF_IMAGES or role in case.folders():
            continue
        content = path.read_bytes()
        for size in (0, 1, len(content) // 3, len(content) // 2, len(content.rstrip()) - 1):
            path.write_bytes(content[:size])
            with pytest.raises(SourceError, match=rf"{re.escape(str(path))}.*byte {size}\b") as caught:
                case.source.read(case.located(data).files)
            assert caught.value.hint
        path.write_bytes(content)


@pytest.mark.parametrize("case", [case for case in CASES if case.folders()], ids=lambda case: case.folder.name)
def test_a_file_of_a_folder_cut_off_is_a_reject(case: Case, tmp_path: pathlib.Path) -> None:
    """One bad file among thousands stops nothing."""
    data = shutil.copytree(case.folder, tmp_path / "data")
    files = case.raw_files(data)
    for role in case.folders().keys() & files.keys():
        for path in files[role]:
            content = path.read_bytes()
            path.write_bytes(content[: len(content) // 2])
            rejects = case.source.read(case.located(data).files).rejects
            assert any(each.reason == "malformed_record" and path.name in each.detail + each.key for each in rejects)
            path.write_bytes(content)


@every_source
def test_a_missing_source_says_what_and_where(name: str, tmp_path: pathlib.Path) -> None:
    found = locate(SOURCES[name].spec, str(tmp_path), {})
    assert not isinstance(found, Located)
    assert name in found.message()
    for layout in found.looked_for:
        assert all(file.path in found.message() and file.path.startswith(str(tmp_path)) for file in layout)
        assert layout[0].where in found.message()
