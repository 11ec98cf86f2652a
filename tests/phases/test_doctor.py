"""`doctor` says what is there, what lacks and where it is offered; it reads no more than it must, and goes on."""

import pathlib
import re
import shutil

import msgspec
import pytest

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
    assert re.search(r"Training images in evaluation sets\n +coco ", ran.out)
    assert max(map(len, ran.out.splitlines())) <= 80
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
    assert "vcr: no vcr/train.jsonl, vcr/vcr1images: https://visualcommonsense.com" in said
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
    assert ran.out.count("missing") == len(load().sources)
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


@needs_shared
def test_real_files(osprey_data: Run) -> None:
    ran = osprey_data("doctor", SHARED / "raw")
    assert ran.code == 0
    assert "155 of 118,287" in ran.out
    assert "10 of 10,103" in ran.out
