"""Pascal-Part: names in words, MATLAB files whole and broken, and the ten real ones."""

import pathlib

import numpy as np
import pytest

from pipelines.regions.clean import clean
from pipelines.sources import SOURCES
from pipelines.sources.ingest import ingest
from pipelines.sources.locate import Located
from pipelines.sources.pascal_names import object_words, part_words
from schemas.records import Mask
from schemas.rle import decode
from tests.shared import SHARED, needs_shared
from tests.sources import mat_files
from tests.sources.test_readers import read, rows

REAL = SHARED / "raw" / "pascal_part"

WORDS = {
    "head": "head", "lear": "left ear", "rear": "right ear", "leye": "left eye", "lebrow": "left eyebrow",
    "nose": "nose", "hair": "hair", "beak": "beak", "muzzle": "muzzle", "lhorn": "left horn", "torso": "torso",
    "neck": "neck", "tail": "tail", "llarm": "left lower arm", "ruarm": "right upper arm", "lhand": "left hand",
    "llleg": "left lower leg", "ruleg": "right upper leg", "lleg": "left leg", "rfoot": "right foot",
    "lfoot": "left foot", "lfleg": "left front leg", "rbleg": "right back leg", "lfuleg": "left front upper leg",
    "rblleg": "right back lower leg", "lfpa": "left front paw", "rbpa": "right back paw", "lbho": "left back hoof",
    "lwing": "left wing", "stern": "stern", "engine_3": "engine", "wheel_1": "wheel", "window_12": "window",
    "door_2": "door", "headlight_10": "headlight", "fwheel": "front wheel", "bwheel": "back wheel",
    "chainwheel": "chain wheel", "handlebar": "handlebar", "fliplate": "front licence plate",
    "bliplate": "back licence plate", "leftmirror": "left mirror", "frontside": "front side", "roofside": "roof",
    "hleftside": "left side of the head", "coach_2": "coach", "crightside_7": "right side of a coach",
    "croofside_1": "roof of a coach", "screen": "screen", "pot": "pot",
}  # fmt: skip

OF_THE_REAL_FILES = {
    "bird": "torso",
    "bottle": "body, cap",
    "car": "back licence plate, back side, door, right side, wheel, window",
    "cat": "head, left ear, left eye, left front leg, left front paw, neck, nose, right ear, right eye, tail, torso",
    "dog": "head, left back leg, left back paw, left ear, left eye, left front leg, left front paw, muzzle, neck, "
    "nose, right back leg, right back paw, right ear, right eye, right front leg, right front paw, tail, torso",
    "person": "hair, head, left ear, left eye, left eyebrow, left foot, left hand, left lower arm, left lower leg, "
    "left upper arm, left upper leg, mouth, neck, nose, right ear, right eye, right eyebrow, right hand, "
    "right lower arm, right lower leg, right upper arm, right upper leg, torso",
}


@pytest.mark.parametrize("name", WORDS)
def test_part_names_in_words(name: str) -> None:
    assert part_words(name) == WORDS[name]


@pytest.mark.parametrize("name", ["", "xyz", "l", "lheadx", "xear", "lfbleg", "wheel_", "wheel_x", "_1", "paw"])
def test_part_names_of_no_known_form(name: str) -> None:
    assert part_words(name) is None


@pytest.mark.parametrize(
    ("name", "words"),
    [("tvmonitor", "TV monitor"), ("pottedplant", "potted plant"), ("table", "dining table"), ("cat", "cat")],
)
def test_object_names_in_words(name: str, words: str) -> None:
    assert object_words(name) == words


def test_the_fixture_is_what_the_script_writes() -> None:
    found = {str(path.relative_to(mat_files.FOLDER)): path for path in mat_files.FOLDER.rglob("*.mat")}
    assert {name: path.read_bytes() for name, path in found.items()} == mat_files.files()


def test_objects_and_parts_of_the_files() -> None:
    found = [
        (row["region_id"].removeprefix("pascal_part/2008_00000"), row["category"], row["part_of"][-2:])
        for row in rows(read("pascal_part"))
    ]
    assert found == [
        ("1#1", "person", ""),
        ("1#1.1", "left ear of the person", "#1"),
        ("1#1.2", "right ear of the person", "#1"),
        ("1#1.3", "left upper arm of the person", "#1"),
        ("1#2", "cat", ""),
        ("1#2.1", "right front paw of the cat", "#2"),
        ("1#2.3", "tail of the cat", "#2"),
        ("1#3", "TV monitor", ""),
        ("2#1", "train", ""),
        ("2#1.1", "front side of a coach of the train", "#1"),
        ("2#1.2", "front side of a coach of the train", "#1"),
        ("2#2", "car", ""),
        ("2#2.1", "wheel of the car", "#2"),
        ("2#2.2", "back licence plate of the car", "#2"),
    ]


def test_images_have_the_size_of_most_masks_or_none() -> None:
    sizes = {image.image_id[-1]: (image.width, image.height) for image in read("pascal_part").images}
    assert sizes == {"1": (16, 12), "2": (16, 12), "3": (0, 0)}


def test_masks_are_the_files_own_and_faulty_ones_are_rejects() -> None:
    reading = read("pascal_part")
    assert reading.annotations
    cleaned = clean(reading.annotations.table(np.arange(len(reading.annotations))))
    assert {reject.key[-6:]: reject.reason for reject in cleaned.rejects} == {
        "01#2.3": "empty_mask", "02#2.1": "size_mismatch",
    }  # fmt: skip
    masks = dict(zip(cleaned.regions["region_id"].to_pylist(), cleaned.regions.to_pylist(), strict=True))
    paw = masks["pascal_part/2008_000001#2.1"]
    assert paw["bbox"] == paw["source_box"] == [8, 9, 2, 1]
    assert (decode(Mask(**paw["mask"])) == mat_files.box(8, 9, 2, 1)).all()


def test_a_broken_file_says_what_is_wrong() -> None:
    details = {reject.key.split()[-1]: reject.detail for reject in read("pascal_part").rejects}
    assert details["2008_000004.mat"].startswith("2008_000004.mat: cut off")
    assert details["2008_000005.mat"].endswith("has no anno.objects, only imname")
    assert details["2008_000006.mat"].endswith("objects(1).mask: no array of rows and columns")
    assert details["2008_000007.mat"].endswith("imname: '2008_000070' is another image")
    assert details["2008_000008.mat"].endswith("no MATLAB 5 file: its header is missing")
    assert details["2008_000009.mat"].endswith("has no anno, only annotations")
    assert details["2008_000010.mat"].endswith("objects(1).parts: no structs")
    assert details["2008_000001#2.2"] == "cat:xyz"


def test_hidden_files_are_not_read(tmp_path: pathlib.Path) -> None:
    mat_files.write(tmp_path)
    (tmp_path / "._2008_000001.mat").write_bytes(b"of the file system")
    assert SOURCES["pascal_part"].read({"mat": str(tmp_path)}).read["files"] == 11


def test_vlpart_s_file_has_parts_without_objects() -> None:
    reading = read("pascal_part.json")
    found = {row["region_id"]: (row["image_id"], row["category"], row["part_of"]) for row in rows(reading)}
    assert found == {
        "pascal_part/0": ("pascal_part/2008_000652", "ear of the cat", ""),
        "pascal_part/1": ("pascal_part/2008_000652", "licence plate of the bus", ""),
        "pascal_part/4": ("pascal_part/2008_000700", "pot of the potted plant", ""),
    }
    assert reading.images[0].paths[0] == "pascal_part/VOCdevkit/VOC2010/JPEGImages/2008_000652.jpg"


@needs_shared
def test_every_part_of_the_real_files_reads_as_english(tmp_path: pathlib.Path) -> None:
    located = Located(name="pascal_part", files={"mat": str(REAL / "Annotations_Part")})
    cache = ingest(SOURCES["pascal_part"], located, str(tmp_path))
    assert {line.unit: (line.read, line.kept) for line in cache.ledger()} == {
        "files": (10, 10),
        "annotations": (211, 211),
    }
    parts = {category.whole for category in cache.vocabulary() if category.part}
    found = {
        whole: ", ".join(sorted({one.part for one in cache.vocabulary() if one.whole == whole})) for whole in parts
    }
    assert found == OF_THE_REAL_FILES
    table = cache.annotations()
    assert table["part_of"].to_pylist().count("") == 21
    cleaned = clean(table)
    assert not cleaned.rejects
    assert all(area > 0 for area in cleaned.regions["area"].to_pylist())


@needs_shared
def test_the_real_files_in_vlpart_s_layout_have_the_same_images(tmp_path: pathlib.Path) -> None:
    """179 of the 190 parts: VLPart leaves out parts that its 93 categories have no name for."""
    read_json = SOURCES["pascal_part"].read({"train": str(REAL / "train.json")})
    read_mats = SOURCES["pascal_part"].read({"mat": str(REAL / "Annotations_Part")})
    assert [image.image_id for image in read_json.images] == [image.image_id for image in read_mats.images]
    assert [(a.width, a.height) for a in read_json.images] == [(a.width, a.height) for a in read_mats.images]
    assert (len(rows(read_json)), len(read_json.rejects)) == (179, 0)
