"""`doctor` says what is there, what lacks and where it is offered; it reads no more than it must, and goes on."""

import pathlib
import re
import shutil

import msgspec
import pytest
from fsspec.implementations.local import LocalFileSystem

from pipelines.phases import doctor
from pipelines.phases.doctor import COMPLETE, PARTLY, diagnose
from pipelines.phases.progress import silent
from pipelines.sources import SOURCES
from schemas.recipe import ImageSettings
from tests.command_line import Run
from tests.phases import outputs
from tests.recipes import load
from tests.shared import SHARED, needs_shared

INSTANCES = "coco/annotations/instances_train2017.json"


@pytest.fixture
def data(scenes: str, tmp_path: pathlib.Path) -> pathlib.Path:
    """A copy of the scenes to spoil, without pictures."""
    folder = tmp_path / "data"
    shutil.copytree(scenes, folder, ignore=shutil.ignore_patterns("*.jpg", "*.JPEG"))
    return folder


@pytest.fixture(autouse=True)
def _narrow_home(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def flat(text: str) -> str:
    return " ".join(text.split())


def test_a_table_of_every_source(scenes: str, osprey_data: Run, tmp_path: pathlib.Path) -> None:
    ran = osprey_data("doctor", scenes)
    assert ran.code == 0, ran.said
    for name in load().sources:
        assert re.search(rf"^{re.escape(name)} +partly ", ran.out, re.MULTILINE), name
    assert "of 118,287 images" in flat(ran.out)
    assert re.search(r"Training images that evaluation sets have too\n +coco ", ran.out)
    assert "Not guarded, because no file under DATA lists their images: refcoco_test" in ran.out
    assert (tmp_path / "cache/osprey-data/sources/checksums.json").exists()


def test_the_overlap_is_that_of_the_build(scenes: str, osprey_data: Run, tmp_path: pathlib.Path) -> None:
    """Doctor counts annotations, the build those with a mask; the sample scenes' are all sound but for crowds."""
    recipe = load("stage2")
    found = diagnose(recipe, scenes, str(tmp_path / "work"), silent)
    assert osprey_data("build", "--data", scenes, "--out", tmp_path, "--recipe", "stage2").code == 0
    built = outputs.manifest(str(tmp_path))["overlap"]
    assert built == msgspec.to_builtins(found.overlap)
    pairs = {(line["source"], line["evaluation_set"]): line for line in built}
    assert pairs["coco", "refcoco_val"]["images"] > 0
    assert pairs["coco", "refcoco_val"]["annotations"] > 0
    assert pairs["coco", "lvis_val"]["images"] > 0
    assert pairs["coco", "coco_val2017"] == {
        "source": "coco", "evaluation_set": "coco_val2017", "images": 0, "annotations": 0,
    }  # fmt: skip
    assert "refcoco_test" in found.unknown_sets, "Google's split of RefCOCO"


def test_missing_broken_and_pictures(data: pathlib.Path, osprey_data: Run) -> None:
    shutil.rmtree(data / "vcr")
    (data / "paco/paco_lvis_v1_val.json").unlink()
    broken = data / INSTANCES
    broken.write_bytes(broken.read_bytes()[:4000])
    ran = osprey_data("doctor", data)
    said = flat(ran.out)
    assert ran.code == 0, "the rest can be built"
    assert re.search(r"^vcr +missing", ran.out, re.MULTILINE)
    assert "vcr: no vcr/train.jsonl, vcr/vcr1images: https://visualcommonsense.com" in ran.out, "on one line"
    assert re.search(r"^coco +broken", ran.out, re.MULTILINE)
    assert re.search(r"instances_train2017\.json.*4000", said.replace(" ", ""))
    assert "paco: no paco/paco_lvis_v1_val.json" in said
    assert re.search(r"lvis: (\d+) of \1 pictures are not there", said)


def test_quick_reads_nothing(data: pathlib.Path, osprey_data: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "ingest", None)
    (data / INSTANCES).write_text("no JSON at all")
    ran = osprey_data("doctor", data, "--quick", "--recipe", "osprey-724k")
    assert ran.code == 0
    assert re.search(r"^coco +found", ran.out, re.MULTILINE)
    assert "(14 bytes)" in flat(ran.out).replace("( ", "(")


def test_nothing_there(tmp_path: pathlib.Path, osprey_data: Run) -> None:
    (tmp_path / "empty").mkdir()
    ran = osprey_data("doctor", tmp_path / "empty")
    assert ran.code == 1
    assert "nothing can be built" in ran.err
    assert len(ran.out.splitlines()) == 1 + len(load().sources)
    assert "registration" in ran.out, "what stands between the user and the files"
    ran = osprey_data("doctor", tmp_path / "nowhere")
    assert (ran.code, "no data folder" in ran.err) == (1, True)


def test_complete_by_count_checksum_and_picture(
    scenes: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the sample's own counts as the authors', and pictures in another folder."""
    data = tmp_path / "data"
    shutil.copytree(scenes, data)
    (data / "coco/train2017").rename(data / "pictures")
    recipe = msgspec.structs.replace(load("stage2"), images=ImageSettings(folders={"coco/train2017": "pictures"}))
    source = SOURCES["coco"]

    def looked(**changes: object) -> doctor.Finding:
        layout = source.spec.layouts[0]
        files = (msgspec.structs.replace(layout[0], **changes), *layout[1:])
        spec = msgspec.structs.replace(source.spec, layouts=(files,), counts={"images": 36, "annotations": 1})
        monkeypatch.setitem(SOURCES, "coco", source._replace(spec=spec))
        return diagnose(recipe, str(data), str(tmp_path / "work"), silent).findings[0]

    size = (data / INSTANCES).stat().st_size
    whole = looked(size=size)
    assert (whole.state, whole.pictures, whole.wanting) == (COMPLETE, (36, 36), [])
    assert looked(size=size + 1).wanting == [f"{INSTANCES} has {size:,} bytes, its owner's {size + 1:,}"]
    assert looked(sha256="0" * 64).wanting == [f"{INSTANCES} differs from its owner's (sha256)"]
    assert looked(md5="0" * 32).state == PARTLY


def test_what_is_no_data_folder(scenes: str, tmp_path: pathlib.Path, osprey_data: Run) -> None:
    file = tmp_path / "file"
    file.touch()
    assert f"{file} is not a folder" in osprey_data("doctor", file).err
    assert f"Did you mean {scenes}?" in osprey_data("doctor", f"{scenes}/coco").err
    assert f"Did you mean {scenes}?" in osprey_data("doctor", f"{scenes}/coco/").err


def test_a_folder_that_may_not_be_read(
    tmp_path: pathlib.Path, osprey_data: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By another way than its mode, which the superuser does not heed."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(LocalFileSystem, "ls", refuse)
    assert f"{tmp_path} may not be read: Permission denied" in osprey_data("doctor", tmp_path).err


def test_some_but_too_few_files_are_not_missing(data: pathlib.Path, osprey_data: Run) -> None:
    shutil.rmtree(data / "vcr/vcr1images")
    for name in ("vg_train_with_mask.json", "image_data.json"):
        (data / "visual_genome" / name).unlink(missing_ok=True)
    ran = osprey_data("doctor", data, "--quick")
    assert re.search(r"^vcr +incomplete +vcr/train.jsonl ", ran.out, re.MULTILINE)
    assert "vcr: vcr/train.jsonl is there, but no vcr/vcr1images: https://" in ran.out
    assert "vg: visual_genome/region_descriptions.json is there, but no visual_genome/vg_train_with_mask" in ran.out


def test_data_of_ones_own_is_counted_and_complete_without_a_file_of_captions(
    data: pathlib.Path, scenes: str, osprey_data: Run
) -> None:
    shutil.copytree(scenes, data, dirs_exist_ok=True)
    (data / "own/captions.json").unlink(missing_ok=True)
    ran = osprey_data("doctor", data, "--recipe", "own-data")
    assert re.search(r"^own +complete +[\d,]+ images ", ran.out, re.MULTILINE), ran.said
    assert re.search(r"^ +[\d,]+ annotations ", ran.out, re.MULTILINE)
    assert "own: no own/captions.json: images have the captions of their own records, if any" in ran.out
    assert "coco is there, but not in this recipe: --recipe complete" in ran.out


def test_a_source_outside_of_the_recipe_is_mentioned(scenes: str, osprey_data: Run) -> None:
    ran = osprey_data("doctor", scenes, "--quick")
    assert "own is there, but not in this recipe: --recipe own-data" in ran.out


def test_a_folder_of_pictures_that_no_source_looks_in(scenes: str, tmp_path: pathlib.Path) -> None:
    folders = {"coco/train2017": "pictures", "coco/train": "elsewhere"}
    recipe = msgspec.structs.replace(load("stage2"), images=ImageSettings(folders=folders))
    (idle,) = diagnose(recipe, scenes, str(tmp_path / "work"), silent).idle
    assert "looks for pictures in coco/train, but in coco/train2017" in idle


@needs_shared
def test_real_files(osprey_data: Run) -> None:
    ran = osprey_data("doctor", SHARED / "raw")
    assert ran.code == 0
    assert "155 of 118,287" in ran.out
    assert "10 of 10,103" in ran.out
    assert re.search("^vg +incomplete", ran.out, re.MULTILINE)
    assert re.search("^vcr +incomplete", ran.out, re.MULTILINE)
