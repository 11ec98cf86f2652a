"""Pictures that look alike are found in rows, across splits and against evaluation sets; shared names are no fault."""

import pathlib
from typing import Any

import PIL.Image
import pytest

from pipelines.qa.checks import looks
from pipelines.qa.checks.base import Finding
from pipelines.qa.checks.pictures import EvaluationPictures, NearPictures, PicturesOfSplits
from tests.qa import builds
from tests.qa.checks.looking import finding
from tests.qa.checks.pictures import save
from tests.qa.checks.test_leakage import build, image


@pytest.fixture
def data(tmp_path: pathlib.Path) -> pathlib.Path:
    """Pictures of the eight images of a small build, all of them different."""
    for number in range(1, 9):
        save(tmp_path / "data", path(number), number)
    return tmp_path / "data"


@pytest.fixture
def out(tmp_path: pathlib.Path) -> pathlib.Path:
    """A small build: images 1 to 6 in train, 7 and 8 in val."""
    build(tmp_path / "out", [])
    return tmp_path / "out"


def path(number: int) -> str:
    return f"coco/train2017/{number:012d}.jpg"


def near(out: pathlib.Path, data: pathlib.Path | None, observers: int = 1) -> Finding:
    return finding(out, [NearPictures() for _ in range(observers)], data)


def test_different_pictures_are_not_accused(out: pathlib.Path, data: pathlib.Path) -> None:
    assert near(out, data) == Finding(8, 0, (), "")
    assert finding(out, [PicturesOfSplits()], data) == Finding(2, 0, (), "")


@pytest.mark.parametrize("observers", [1, 3])
def test_the_same_picture_under_two_names_is_found(out: pathlib.Path, data: pathlib.Path, observers: int) -> None:
    save(data, path(5), 2, quality=50)
    seen = near(out, data, observers)
    assert (seen.judged, seen.failed, seen.note) == (8, 2, "2 images show 1 picture")
    [one] = seen.evidence
    told = f"{one.sample_id} {one.detail}"
    assert image(2) in told
    assert image(5) in told
    assert "conversation/2" in told
    assert "conversation/5" in told


def test_names_that_sources_share_are_no_fault(tmp_path: pathlib.Path, data: pathlib.Path) -> None:
    """Visual Genome says itself which of its pictures are COCO's; a third one nobody spoke of."""
    save(data, path(5), 2)
    build(tmp_path / "shared", [], {image(5): image(2)})
    assert near(tmp_path / "shared", data).failed == 0
    save(data, path(6), 2)
    seen = near(tmp_path / "shared", data)
    assert seen.failed == 3
    assert image(6) in f"{seen.evidence[0].sample_id} {seen.evidence[0].detail}"


def test_a_picture_of_val_that_train_has_is_found(out: pathlib.Path, data: pathlib.Path) -> None:
    save(data, path(7), 3, quality=60)
    seen = finding(out, [PicturesOfSplits()], data)
    assert (seen.judged, seen.failed) == (2, 1)
    [one] = seen.evidence
    assert (one.sample_id, one.file) == ("conversation/7", "data/conversation/val-00000-of-00001.parquet")
    assert one.detail.startswith(f"{image(7)} looks like {image(3)} (sample conversation/3, data/conversation/train-")


def test_a_picture_of_an_evaluation_set_is_found_under_a_name_of_its_own(
    tmp_path: pathlib.Path, data: pathlib.Path
) -> None:
    save(data, "a.jpg", 4, quality=60)
    build(tmp_path / "out", [("refcoco_val", "own/44", ""), ("coco_val2017", "own/44", "")])
    seen = finding(tmp_path / "out", [EvaluationPictures()], data)
    assert (seen.judged, seen.failed, seen.note) == (8, 1, "against 1 picture")
    assert seen.evidence[0].sample_id == "conversation/4"
    assert seen.evidence[0].detail == f"{image(4)} looks like own/44 of refcoco_val, coco_val2017"
    assert near(tmp_path / "out", data).failed == 0


def test_evaluation_pictures_that_are_let_in_known_or_missing_are_not_accused(
    tmp_path: pathlib.Path, data: pathlib.Path
) -> None:
    save(data, "a.jpg", 4)
    none = "no picture of an evaluation set that the recipe keeps out is at hand"
    build(tmp_path / "out", [("refcoco_val", "own/44", "")], kept_out=())
    assert finding(tmp_path / "out", [EvaluationPictures()], data) == Finding(0, 0, (), none)
    build(tmp_path / "out", [("refcoco_val", image(4), "")])
    assert finding(tmp_path / "out", [EvaluationPictures()], data).failed == 0
    (data / "a.jpg").unlink()
    assert finding(tmp_path / "out", [EvaluationPictures()], data) == Finding(0, 0, (), none)


def test_an_image_known_by_its_id_is_not_accused_through_a_copy(tmp_path: pathlib.Path, data: pathlib.Path) -> None:
    """Image 4 is in the set by its own name, which another check finds; only its copy goes by a name of its own."""
    save(data, "a.jpg", 4)
    save(data, path(4), 4, quality=70)
    save(data, path(5), 4, quality=60)
    build(tmp_path / "out", [("refcoco_val", image(4), "")])
    seen = finding(tmp_path / "out", [EvaluationPictures()], data)
    assert seen.failed == 1
    assert [one.sample_id for one in seen.evidence] == ["conversation/5"]
    assert near(tmp_path / "out", data).failed == 2


def test_flat_and_unreadable_pictures_are_left_out_and_counted(out: pathlib.Path, data: pathlib.Path) -> None:
    for number in (1, 2, 3):
        PIL.Image.new("RGB", (64, 48), (9, 9, 9)).save(data / path(number))
    (data / path(4)).write_bytes(b"no picture")
    (data / path(5)).unlink()
    seen = near(out, data)
    assert (seen.judged, seen.failed) == (3, 0)
    assert seen.note == "left out: 2 pictures could not be read and 3 are of one colour"


def test_without_pictures_nothing_is_judged(out: pathlib.Path, tmp_path: pathlib.Path) -> None:
    assert near(out, None) == Finding(0, 0, (), "the folder of the pictures is not known")
    assert near(out, tmp_path / "none") == Finding(0, 0, (), "left out: 8 pictures could not be read")


def test_pictures_inside_the_rows_need_no_data(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And each row group is read once, in whatever order images are kept."""
    reads = []
    monkeypatch.setattr(looks._Group, "_find", lambda self, out, place, real=looks._Group._find: (
        reads.append(place), real(self, out, place)
    ))  # fmt: skip

    def carrying(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        found = []
        for row in rows:
            number = int(row["image_id"][-3:])
            save(tmp_path, "one.jpg", 2 if number == 8 else number)
            content = (tmp_path / "one.jpg").read_bytes()
            found.append(row | {"image": {"bytes": content, "path": row["image"]["path"]}})
        return found

    shards = {key: [carrying(part) for part in parts] for key, parts in builds.shards().items()}
    builds.write(tmp_path / "out", shards, recipe={"name": "embedded", "images": {"embed": True}})
    seen = near(tmp_path / "out", None)
    assert (seen.judged, seen.failed) == (8, 2)
    assert len({place.file for place in reads}) == len(reads) == 3


def test_a_second_report_decodes_only_what_changed(
    out: pathlib.Path, data: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded = []
    monkeypatch.setattr(looks, "look", lambda content, real=looks.look: decoded.append(content) or real(content))
    first = near(out, data)
    assert len(decoded) == 8
    decoded.clear()
    assert near(out, data) == first
    assert decoded == []
    save(data, path(5), 2, quality=30)
    assert near(out, data).failed == 2
    assert decoded == [str(data / path(5))]
    (out / looks.KEPT_LOOKS).write_bytes(b"of another version")
    decoded.clear()
    assert near(out, data).failed == 2
    assert len(decoded) == 8
