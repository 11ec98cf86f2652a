"""SA-1B: masks without text, one file an image."""

import json
import pathlib
import shutil

import numpy as np
import pytest

from pipelines.regions.clean import clean
from pipelines.sources import SOURCES
from pipelines.sources.spec import Reading
from tests.shared import SHARED, needs_shared
from tests.sources.contract import CASES

CASE = next(case for case in CASES if case.folder.name == "sa1b")


def read(folder: pathlib.Path) -> Reading:
    """The reading of a folder."""
    return SOURCES["sa1b"].read({"annotations": str(folder)})


def test_masks_have_neither_category_nor_text() -> None:
    reading = CASE.source.read(CASE.located().files)
    assert reading.annotations
    rows = reading.annotations.table(np.arange(len(reading.annotations))).to_pylist()
    assert [(row["region_id"], row["image_id"], row["category"], row["expressions"]) for row in rows] == [
        ("sa1b/21", "sa1b/sa_2", "", []),
        ("sa1b/22", "sa1b/sa_2", "", []),
        ("sa1b/0", "sa1b/sa_2", "", []),
        ("sa1b/11", "sa1b/sa_1", "", []),
    ]
    paths = {image.image_id: image.paths for image in reading.images}
    assert paths == {
        "sa1b/sa_1": ("sa1b/sa_1.jpg",),
        "sa1b/sa_2": ("sa1b/sa_000001/sa_2.jpg", "sa1b/sa_2.jpg"),
        "sa1b/sa_3": ("sa1b/sa_3.jpg",),
    }


def test_files_of_another_shape_are_rejected_one_by_one() -> None:
    details = {reject.key: reject.detail for reject in CASE.source.read(CASE.located().files).rejects}
    assert "missing required field `image`" in details["files[0] id instances.json"]
    assert "sa_5.json: JSON is malformed" in details["files[5] id sa_5.json"]


DEEP = "[" * 5000 + "]" * 5000


@pytest.mark.parametrize(
    ("content", "detail"),
    [
        (b'{"image": {"width": 4, "height": 4, "file_name": "a.jpg"}, "annotations": ["\xff"]}', "codec can't decode"),
        (f'{{"image": {{"x": {DEEP}}}, "annotations": []}}'.encode(), "recursion"),
        (b"\x00\x01\x02", "malformed"),
        (b"", "truncated"),
        (b"[]", "Expected `object`"),
    ],
)
def test_a_broken_file_is_a_reject(content: bytes, detail: str, tmp_path: pathlib.Path) -> None:
    (tmp_path / "a.json").write_bytes(content)
    reading = read(tmp_path)
    assert [(reject.unit, reject.reason) for reject in reading.rejects] == [("files", "malformed_record")]
    assert detail in reading.rejects[0].detail


@needs_shared
def test_the_real_files(tmp_path: pathlib.Path) -> None:
    """The two records, beside files that are none."""
    for name in ("sa_560.json", "sa_3032002.json"):
        shutil.copy(SHARED / "sa1b" / name, tmp_path)
    reading = read(tmp_path)
    assert not reading.rejects
    assert [(image.image_id, image.width, image.height) for image in reading.images] == [
        ("sa1b/sa_3032002", 2000, 1500),
        ("sa1b/sa_560", 2250, 1500),
    ]
    assert reading.annotations
    cleaned = clean(reading.annotations.table(np.arange(2)))
    areas = [
        json.loads((tmp_path / name).read_text())["annotations"][0]["area"]
        for name in ("sa_3032002.json", "sa_560.json")
    ]
    assert cleaned.regions["area"].to_pylist() == areas
