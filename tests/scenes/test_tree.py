"""The written tree: official formats, consistent ids, the same bytes."""

import json
import pickle
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pycocotools.coco import COCO

from pipelines.scenes import draw_scene, write_scenes
from pipelines.scenes.catalogue import LVIS_NAMES
from pipelines.scenes.vocabulary import LVIS_CATEGORIES
from pipelines.scenes.write import scene_count

IMAGES, SEED = 150, 4


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample")
    write_scenes(str(folder), IMAGES, SEED, pictures=False)
    return folder


def read(tree: Path, path: str) -> Any:
    return json.loads((tree / path).read_text())


def refs(tree: Path, dataset: str) -> list[dict[str, Any]]:
    (path,) = (tree / "refer" / dataset).glob("refs(*).p")
    found: list[dict[str, Any]] = pickle.loads(path.read_bytes())
    return found


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_same_bytes_again_and_with_two_processes(tmp_path: Path) -> None:
    for name, workers in (("one", 1), ("two", 2)):
        write_scenes(str(tmp_path / name), 70, 1, workers=workers)
    files = content(tmp_path / "one")
    assert files == content(tmp_path / "two")
    assert {path.rsplit(".")[-1] for path in files} == {"mat", "jpg", "JPEG", "json", "jsonl", "p", "txt"}


def test_pictures_same_bytes_other_seed_other_bytes(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_scenes(str(tmp_path / name), 5, seed)
    first, again, other = (content(tmp_path / name) for name in "abc")
    assert first == again
    scenes = [path for path in first if path.startswith("coco/")]
    assert scenes == [path for path in other if path.startswith("coco/")]
    assert not [path for path in scenes if first[path] == other[path]]


def test_counts_are_exact(tree: Path) -> None:
    assert len(read(tree, "coco/annotations/instances_train2017.json")["images"]) == IMAGES
    assert len(read(tree, "coco/annotations/instances_val2017.json")["images"]) == -(-IMAGES // 24)
    assert scene_count(IMAGES) == IMAGES + 7
    assert [scene_count(n) for n in (1, 24, 25)] == [2, 25, 27]


def test_a_picture_for_every_image(tmp_path: Path) -> None:
    write_scenes(str(tmp_path), 30, SEED)
    for split in ("train2017", "val2017"):
        named = {image["file_name"] for image in read(tmp_path, f"coco/annotations/instances_{split}.json")["images"]}
        assert named == {path.name for path in (tmp_path / "coco" / split).iterdir()}


def test_progress_ends_with_all(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    write_scenes(str(tmp_path), 100, 0, pictures=False, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (scene_count(100), scene_count(100))
    assert seen == sorted(seen)


def test_pycocotools_loads_instances(tree: Path) -> None:
    coco = COCO(str(tree / "coco/annotations/instances_train2017.json"))
    assert len(coco.cats) == 80
    assert len(coco.anns) == len(coco.dataset["annotations"])
    kinds = Counter(type(annotation["segmentation"]).__name__ for annotation in coco.anns.values())
    assert kinds["list"] > 900
    assert kinds["dict"] >= 1
    for annotation in list(coco.anns.values())[:200]:
        assert coco.annToMask(annotation).sum() == pytest.approx(annotation["area"], rel=0.25, abs=40)


def test_instances_are_as_in_coco(tree: Path) -> None:
    data = read(tree, "coco/annotations/instances_train2017.json")
    assert list(data) == ["info", "licenses", "images", "annotations", "categories"]
    assert set(data["images"][0]) == {
        "license", "file_name", "coco_url", "height", "width", "date_captured", "flickr_url", "id",
    }  # fmt: skip
    for annotation in data["annotations"]:
        assert set(annotation) == {"segmentation", "area", "iscrowd", "image_id", "bbox", "category_id", "id"}
        assert isinstance(annotation["segmentation"], dict) == bool(annotation["iscrowd"])
    crowds = [annotation for annotation in data["annotations"] if annotation["iscrowd"]]
    sizes = {image["id"]: image["height"] * image["width"] for image in data["images"]}
    assert all(sum(crowd["segmentation"]["counts"]) == sizes[crowd["image_id"]] for crowd in crowds)
    assert all(sum(crowd["segmentation"]["counts"][1::2]) == crowd["area"] for crowd in crowds)
    assert {annotation["image_id"] for annotation in data["annotations"]} < {image["id"] for image in data["images"]}


def test_five_captions_an_image_some_untidy(tree: Path) -> None:
    captions = read(tree, "coco/annotations/captions_train2017.json")["annotations"]
    assert set(Counter(caption["image_id"] for caption in captions).values()) == {5}
    untidy = [caption for caption in captions if caption["caption"] != caption["caption"].strip()]
    assert 0.05 < len(untidy) / len(captions) < 0.25
    assert any("\n" in caption["caption"] for caption in captions)


def test_ids_are_unique(tree: Path) -> None:
    for path in (
        "coco/annotations/instances_{}2017.json",
        "coco/annotations/captions_{}2017.json",
        "lvis/lvis_v1_{}.json",
    ):
        files = [read(tree, path.format(split)) for split in ("train", "val")]
        for array in ("images", "annotations"):
            ids = [record["id"] for file in files for record in file[array]]
            assert len(ids) == len(set(ids))
            assert 0 not in ids


@pytest.mark.parametrize("dataset", ["refcoco", "refcoco+", "refcocog"])
def test_refs_point_to_coco_annotations(tree: Path, dataset: str) -> None:
    files = [read(tree, f"coco/annotations/instances_{split}2017.json") for split in ("train", "val")]
    known = {annotation["id"]: annotation for file in files for annotation in file["annotations"]}
    instances = read(tree, f"refer/{dataset}/instances.json")
    assert all(known[annotation["id"]] == annotation for annotation in instances["annotations"])
    found = refs(tree, dataset)
    assert {ref["ann_id"] for ref in found} == {annotation["id"] for annotation in instances["annotations"]}
    names = {image["id"]: image["file_name"] for image in instances["images"]}
    for ref in found:
        assert set(ref) == {
            "ref_id",
            "ann_id",
            "image_id",
            "category_id",
            "split",
            "file_name",
            "sent_ids",
            "sentences",
        }
        assert known[ref["ann_id"]]["image_id"] == ref["image_id"]
        assert ref["file_name"].rsplit("_", 1)[0] + ".jpg" == names[ref["image_id"]]
        assert ref["sent_ids"] == [sentence["sent_id"] for sentence in ref["sentences"]]
        assert all(" ".join(sentence["tokens"]) == sentence["sent"] for sentence in ref["sentences"])


@pytest.mark.parametrize(
    ("dataset", "splits"),
    [
        ("refcoco", {"train", "val", "testA", "testB"}),
        ("refcoco+", {"train", "val", "testA", "testB"}),
        ("refcocog", {"train", "val", "test"}),
    ],
)
def test_evaluation_splits_are_there_and_by_image(tree: Path, dataset: str, splits: set[str]) -> None:
    found = refs(tree, dataset)
    assert {ref["split"] for ref in found} == splits
    by_image = {(ref["image_id"], ref["split"]) for ref in found}
    assert len(by_image) == len({image for image, _ in by_image})
    person = {ref["split"] for ref in found if ref["category_id"] == 1}
    assert "testB" not in person
    assert {ref["category_id"] for ref in found if ref["split"] == "testA"} <= {1}


def test_ref_and_sentence_ids_are_unique_within_a_data_set(tree: Path) -> None:
    for dataset in ("refcoco", "refcoco+", "refcocog"):
        found = refs(tree, dataset)
        assert len({ref["ref_id"] for ref in found}) == len(found)
        sentences = [number for ref in found for number in ref["sent_ids"]]
        assert len(set(sentences)) == len(sentences)


def test_lvis_is_as_documented(tree: Path) -> None:
    train, val = (read(tree, f"lvis/lvis_v1_{split}.json") for split in ("train", "val"))
    for image in train["images"] + val["images"]:
        assert "file_name" not in image
        assert {"coco_url", "neg_category_ids", "not_exhaustive_category_ids"} <= set(image)
    folders = Counter(image["coco_url"].split("/")[-2] for image in val["images"])
    assert folders["train2017"]
    assert folders["val2017"]
    assert {image["coco_url"].split("/")[-2] for image in train["images"]} == {"train2017"}
    assert not {image["id"] for image in train["images"]} & {image["id"] for image in val["images"]}
    assert not any("iscrowd" in annotation for annotation in train["annotations"])
    bottle = next(category for category in train["categories"] if category["name"] == "bottle")
    annotated = [annotation for annotation in train["annotations"] if annotation["category_id"] == 133]
    assert (bottle["id"], bottle["synset"], bottle["instance_count"]) == (133, "bottle.n.01", len(annotated))
    assert bottle["image_count"] == len({annotation["image_id"] for annotation in annotated})


def test_lvis_negatives_are_absent_from_the_truth(tree: Path) -> None:
    numbers = {draw_scene(SEED, index).image_id: index for index in range(scene_count(IMAGES))}
    for image in read(tree, "lvis/lvis_v1_train.json")["images"]:
        scene = draw_scene(SEED, numbers[image["id"]])
        present = {LVIS_CATEGORIES[LVIS_NAMES[one.category]].id for one in scene.objects}
        assert not present & set(image["neg_category_ids"])
        assert len(image["neg_category_ids"]) >= 10


def test_lvis_says_where_objects_are_left_out(tree: Path) -> None:
    data = read(tree, "lvis/lvis_v1_train.json")
    numbers = {draw_scene(SEED, index).image_id: index for index in range(scene_count(IMAGES))}
    found = Counter((annotation["image_id"], annotation["category_id"]) for annotation in data["annotations"])
    left_out = 0
    for image in data["images"]:
        scene = draw_scene(SEED, numbers[image["id"]])
        truth = Counter(LVIS_CATEGORIES[LVIS_NAMES[one.category]].id for one in scene.objects)
        for category, n in truth.items():
            if found[image["id"], category] < n:
                assert category in image["not_exhaustive_category_ids"]
                left_out += 1
    assert left_out


def test_llava_records(tree: Path) -> None:
    details, everything = read(tree, "llava/detail_23k.json"), read(tree, "llava/llava_instruct_150k.json")
    ids = {image["file_name"][:12] for image in read(tree, "coco/annotations/instances_train2017.json")["images"]}
    assert 0.3 * IMAGES < len(details) < 0.7 * IMAGES
    assert len(everything) > len({record["id"] for record in everything})
    for record in everything:
        assert record["id"] in ids
        assert record["image"] == record["id"] + ".jpg"
        first, *others = [turn["value"] for turn in record["conversations"]]
        assert first.startswith("<image>\n") != first.endswith("\n<image>")
        assert not any("<image>" in text for text in others)
        assert [turn["from"] for turn in record["conversations"]] == ["human", "gpt"] * (
            len(record["conversations"]) // 2
        )
    assert all(len(record["conversations"]) == 2 for record in details)
    assert any("\n\n" in record["conversations"][1]["value"] for record in details)


def test_details_count_what_is_there(tree: Path) -> None:
    numbers = {draw_scene(SEED, index).file_name: index for index in range(scene_count(IMAGES))}
    for record in read(tree, "llava/detail_23k.json"):
        scene = draw_scene(SEED, numbers[record["image"]])
        text = record["conversations"][1]["value"]
        for one in scene.objects:
            assert one.colour in text
        dogs = sum(one.category == "dog" for one in scene.objects)
        assert ("two dogs" in text) == (dogs == 2)
