"""Images of evaluation sets are kept out of training, however broken the records that name them are."""

import json
import pathlib
import pickle
from typing import Any

import pytest

from pipelines.regions.join import Policy, SourceRows, join
from pipelines.sources import EVALUATION_SETS, SOURCES
from pipelines.sources.locate import Located, locate
from pipelines.sources.spec import Reading
from schemas import ledger
from tests.factories import IMAGE_ID, image, region

SQUARE = [[1, 1, 5, 1, 5, 5, 1, 5]]


def picture(number: int = 9, **changes: Any) -> dict[str, Any]:
    """An element of `images`; a change to None takes the field away."""
    made = {"id": number, "file_name": f"COCO_train2014_{number:012d}.jpg", "width": 640, "height": 480} | changes
    return {name: value for name, value in made.items() if value is not None}


def annotation(number: int, of: int = 9, **changes: Any) -> dict[str, Any]:
    """An element of `annotations`."""
    made = {"id": number, "image_id": of, "category_id": 1, "bbox": [1, 1, 4, 4], "segmentation": SQUARE, "iscrowd": 0}
    return made | changes


def reference(split: Any = "testA", annotation: Any = 1, of: Any = 9, **changes: Any) -> dict[str, Any]:
    """An element of the pickle."""
    sentences = [{"sent_id": 1, "sent": "the dog"}]
    made = {"ref_id": 5, "ann_id": annotation, "image_id": of, "split": split, "sentences": sentences} | changes
    return {name: value for name, value in made.items() if value is not None}


TRAINING = reference("train", 2, ref_id=1)


def refer(
    folder: pathlib.Path, references: list[Any], annotations: list[Any] | None = None, images: list[Any] | None = None
) -> Reading:
    """What RefCOCO says of image 9, whose annotations are 1 and 2 if not said otherwise."""
    instances = {
        "images": [picture()] if images is None else images,
        "annotations": annotations or [annotation(1), annotation(2)],
        "categories": [{"id": 1, "name": "dog"}],
    }
    refs, file = folder / "refs(unc).p", folder / "instances.json"
    refs.write_bytes(pickle.dumps(references))
    file.write_text(json.dumps(instances))
    reading = SOURCES["refcoco"].read({"refs": str(refs), "instances": str(file)})
    accounted(reading, "refcoco")
    return reading


def accounted(reading: Reading, source: str) -> None:
    """Read = kept + rejected, and what is kept is there."""
    lines = ledger.lines("ingest", {(source, unit): count for unit, count in reading.read.items()}, reading.rejects)
    assert {line.unit: line.kept for line in lines}["images"] == len(reading.images)


def splits(reading: Reading) -> dict[str, str]:
    return {each.image_id[-2:]: each.split for each in reading.images}


DROPPED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "kept": (reference(), {}),
    "crowd": (reference(), {"annotations": [annotation(1, iscrowd=1), annotation(2)]}),
    "unknown annotation": (reference(annotation=77), {}),
    "malformed annotation": (reference(), {"annotations": [annotation(1, bbox=[1, 2]), annotation(2)]}),
    "no size of a box": (reference(), {"annotations": [annotation(1, bbox=[1, 2, -1, 4]), annotation(2)]}),
    "unknown category": (reference(), {"annotations": [annotation(1, category_id=8), annotation(2)]}),
    "no annotation": (reference(annotation=None), {}),
    "an annotation that is no number": (reference(annotation=[1]), {}),
    "no image, but an annotation": (reference(of=None), {}),
    "another image, but an annotation": (reference(of=25), {}),
    "the annotation of another image": (reference(annotation=3), {"annotations": [annotation(2), annotation(3, 25)]}),
    "empty sentence": (reference(sentences=[{"sent_id": 1, "sent": " "}]), {}),
    "broken sentence": (reference(sentences=[{"sent": 7}]), {}),
    "no sentence": (reference(sentences=[]), {}),
    "no list of sentences": (reference(sentences="dog"), {}),
    "the same reference again": (reference(ref_id=1), {}),
    "no reference id": (reference(ref_id=None), {}),
    "unsafe path": (reference(), {"images": [picture(file_name="../../9.jpg")]}),
    "no width": (reference(), {"images": [picture(width=None)]}),
    "too large": (reference(), {"images": [picture(width=2**31 - 1, height=2**31 - 1)]}),
    "not listed": (reference(), {"images": []}),
}


@pytest.mark.parametrize("name", DROPPED)
@pytest.mark.parametrize("last", [False, True])
def test_an_image_is_for_evaluation_whatever_becomes_of_the_reference(
    name: str, last: bool, tmp_path: pathlib.Path
) -> None:
    test, changes = DROPPED[name]
    found = refer(tmp_path, [TRAINING, test] if last else [test, TRAINING], **changes)
    assert splits(found)["09"] == "refcoco_testA"


@pytest.mark.parametrize("split", ["testC", "Test", None, 7, ["val"]])
def test_what_is_neither_train_nor_known_is_not_trained_on(split: Any, tmp_path: pathlib.Path) -> None:
    assert splits(refer(tmp_path, [TRAINING, reference(split)])) == {"09": "refcoco_val"}


def test_references_for_training_leave_an_image_for_training(tmp_path: pathlib.Path) -> None:
    found = refer(tmp_path, [TRAINING, reference("train"), "no reference", {"image_id": 9, "split": "train"}])
    assert splits(found) == {"09": "train"}


def test_a_test_reference_on_a_crowd_keeps_the_image_out_of_the_join(tmp_path: pathlib.Path) -> None:
    found = refer(tmp_path, [TRAINING, reference()], [annotation(1, iscrowd=1), annotation(2)])
    rows = [
        SourceRows("coco", [image()], [], [region(1)]),
        SourceRows("refcoco", found.images, [], [region(2, source="refcoco")]),
    ]
    joined = join(rows, Policy(exclude_evaluation=frozenset(EVALUATION_SETS)), lambda paths: paths[0])
    assert found.images[0].image_id == IMAGE_ID
    assert (joined.scenes, {reject.reason for reject in joined.rejects}) == ([], {"evaluation_split"})


BROKEN: dict[str, dict[str, Any]] = {
    "as it should be": picture(),
    "unsafe path": picture(file_name="../../9.jpg"),
    "no width": picture(width=None),
    "a height in words": picture(height="480"),
    "too large": picture(width=2**31 - 1, height=2**31 - 1),
    "not a number": picture(width=float("nan")),
    "a name that is no text": picture(file_name=9),
    "an id as text": picture(id="9"),
    "no id but a name": picture(id=None),
    "no id but an address": picture(
        id=None, file_name=None, coco_url="http://images.cocodataset.org/val2017/000000000009.jpg"
    ),
}
FILES = {"coco": ("instances", "val_instances", "coco_val2017"), "lvis": ("train", "val", "lvis_val")}


def listing(path: pathlib.Path, images: list[Any], **lists: list[Any]) -> str:
    path.write_text(json.dumps({"images": images, "annotations": [], "categories": [{"id": 1, "name": "dog"}]} | lists))
    return str(path)


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("source", FILES)
def test_a_broken_image_of_an_evaluation_file_is_kept_out(source: str, name: str, tmp_path: pathlib.Path) -> None:
    train, held_out, split = FILES[source]
    known = listing(tmp_path / "train.json", [picture(), picture(25)])
    reading = SOURCES[source].read({train: known, held_out: listing(tmp_path / "val.json", [BROKEN[name]])})
    accounted(reading, source)
    assert splits(reading) == {"09": split, "25": "train"}
    alone = SOURCES[source].read(
        {train: listing(tmp_path / "none.json", []), held_out: listing(tmp_path / "val.json", [BROKEN[name]])}
    )
    accounted(alone, source)
    assert splits(alone) == {"09": split}
    assert set(alone.images[0].paths) == {"coco/train2017/000000000009.jpg", "coco/val2017/000000000009.jpg"}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_image_of_mdetr_s_evaluation_file(name: str, tmp_path: pathlib.Path) -> None:
    sentence = {"id": 3, "caption": "a dog"}
    train = listing(tmp_path / "train.json", [picture() | sentence | {"original_id": 9}])
    broken = dict(BROKEN[name])
    original = {"original_id": broken.pop("id")} if "id" in broken else {}
    val = listing(tmp_path / "val.json", [broken | sentence | original])
    reading = SOURCES["refcocog"].read({"mdetr": train, "mdetr_val": val})
    accounted(reading, "refcocog")
    assert splits(reading) == {"09": "refcocog_val"}


def test_what_does_not_say_which_image_it_is_is_a_reject(tmp_path: pathlib.Path) -> None:
    images = [7, {"id": -1}, {"id": True}, {"id": None, "width": 3, "file_name": "cat.jpg"}]
    files = {"instances": listing(tmp_path / "a.json", []), "val_instances": listing(tmp_path / "b.json", images)}
    reading = SOURCES["coco"].read(files)
    accounted(reading, "coco")
    assert reading.images == []
    assert {reject.detail for reject in reading.rejects} == {"no number of an image - at `$.id`"}
    keys = sorted(reject.key.split(" ")[0] for reject in reading.rejects)
    assert keys == [f"images[{number}]" for number in range(4)]


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("lvis", {"lvis_v1_val.json": "lvis_val"}),
        ("paco", {"paco_lvis_v1_val.json": "paco_val", "paco_lvis_v1_test.json": "paco_test"}),
        ("paco", {"paco_lvis_v1_test.json": "paco_test"}),
        ("coco", {"annotations/instances_val2017.json": "coco_val2017"}),
    ],
)
def test_evaluation_images_are_kept_out_without_the_training_file(
    source: str, names: dict[str, str], tmp_path: pathlib.Path
) -> None:
    for number, name in enumerate(names):
        (tmp_path / source / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / source / name).write_text(json.dumps({"images": [picture(number), picture(number)]}))
    located = locate(SOURCES[source].spec, str(tmp_path), {})
    assert isinstance(located, Located)
    assert [note for note in located.notes if "kept out" in note and "train" in note]
    assert located.only_evaluation
    reading = SOURCES[source].read(located.files)
    accounted(reading, source)
    assert [one.split for one in reading.images] == list(names.values())
    assert [reject.reason for reject in reading.rejects] == ["duplicate_id"] * len(names)


@pytest.mark.parametrize("source", ["lvis", "paco"])
def test_without_its_evaluation_files_a_source_says_what_is_not_known(source: str, tmp_path: pathlib.Path) -> None:
    training = SOURCES[source].spec.layouts[0][0]
    (tmp_path / source).mkdir()
    (tmp_path / training.path).write_text("{}")
    located = locate(SOURCES[source].spec, str(tmp_path), {})
    assert isinstance(located, Located)
    assert len(located.notes) == len(SOURCES[source].spec.evaluation)
    assert all("other sources may train on them" in note for note in located.notes)
