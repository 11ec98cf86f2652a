"""LLaVA's pairs, SA-1B, data of one's own, and the pictures of all."""

import io

from PIL import Image
from pycocotools import mask as coco_mask

from pipelines.scenes import llava_pretrain, own, sa1b
from pipelines.scenes.entry import FILE, PICTURE
from pipelines.scenes.picture import encoded, paint
from pipelines.scenes.series import told
from pipelines.scenes.write import scene_count
from tests.scenes.conftest import IMAGES, SEED, Written
from tests.scenes.reading import chosen, like
from tests.scenes.reading_regions import true_caption


def test_captions_of_pairs_are_true(written: Written) -> None:
    scenes = {f"{llava_pretrain.name_of(scene)}.jpg": scene for scene in written.scenes("llava_pretrain")}
    records = written.read(llava_pretrain.PATH)
    assert 0.35 * IMAGES < len(records) < 0.65 * IMAGES
    for record in records:
        assert set(record) == {"id", "image", "conversations"}
        assert record["image"] == f"{record['id'][:5]}/{record['id']}.jpg"
        first, second = record["conversations"]
        assert (first["from"], second["from"]) == ("human", "gpt")
        assert first["value"].startswith("<image>\n") != first["value"].endswith("\n<image>")
        assert true_caption(scenes[record["image"]], second["value"]), second


def test_a_wrong_caption_is_noticed(written: Written) -> None:
    records = written.read(llava_pretrain.PATH)
    scenes = {f"{llava_pretrain.name_of(scene)}.jpg": scene for scene in written.scenes("llava_pretrain")}
    texts = [record["conversations"][1]["value"] for record in records]
    moved = [true_caption(scenes[record["image"]], text) for record, text in zip(records[1:], texts, strict=False)]
    assert sum(moved) < 0.1 * len(moved)


def test_sa1b_is_as_documented(written: Written) -> None:
    paths = sorted((written.folder / "sa1b").glob("*.json"))
    assert paths
    for path in paths:
        data = written.read(f"sa1b/{path.name}")
        assert set(data) == {"image", "annotations"}
        assert set(data["image"]) == {"image_id", "width", "height", "file_name"}
        assert data["image"]["file_name"] == f"{path.stem}.jpg" == f"sa_{data['image']['image_id']}.jpg"
        for row in data["annotations"]:
            assert set(row) == {
                "id", "bbox", "area", "segmentation", "predicted_iou", "stability_score", "point_coords", "crop_box",
            }  # fmt: skip
            x, y, width, height = coco_mask.toBbox(row["segmentation"]).tolist()
            assert row["bbox"] == [x, y, width - 1, height - 1]
            assert coco_mask.area(row["segmentation"]) == row["area"]


def test_sa1b_ids_lead_to_the_truth(written: Written) -> None:
    scene = next(scene for scene in written.scenes("sa1b") if sa1b.chosen(scene.seed, scene.index))
    rows = written.read(f"sa1b/sa_{sa1b.number_of(scene)}.json")["annotations"]
    assert [row["id"] for row in rows] == [number for number, _, _ in sa1b.shown(scene)]


def test_own_annotations(written: Written) -> None:
    data, texts = written.read(own.ANNOTATIONS), written.read(own.CAPTIONS)
    names = {row["id"]: row["name"] for row in data["categories"]}
    known = {row["id"]: row for row in data["annotations"]}
    shown = {number: (scene, what) for scene in written.scenes("own") for number, what in own.shown(scene)}
    assert {row["image_id"] for row in texts["annotations"]} <= {image["id"] for image in data["images"]}
    phrased = 0
    for row in data["annotations"]:
        scene, what = shown[row["id"]]
        assert names[row["category_id"]] == ":".join(filter(None, (what.one.category, what.part)))
        assert ("obj_ann_id" in row) == bool(what.part)
        if what.part:
            assert names[known[row["obj_ann_id"]]["category_id"]] == what.one.category
        for text in row.get("phrases", ()):
            assert [one.number for one in chosen(like(scene, text), text)] == [what.one.number], text
            phrased += 1
    assert phrased


def test_pictures_of_every_format_are_declared_once() -> None:
    paths = [
        path for index in range(scene_count(IMAGES)) for _, entries in told(SEED, index) for path, array, _ in entries
        if array in (PICTURE, FILE)
    ]  # fmt: skip
    assert len(paths) == len(set(paths))
    folders = {path.split("/")[0] for path in paths}
    assert folders == {"coco", "pascal_part", "part_imagenet", "visual_genome", "vcr", "llava", "sa1b", "own"}


def test_a_picture_of_another_size(written: Written) -> None:
    scene = written.scenes("own")[1]
    with Image.open(io.BytesIO(encoded(paint(scene), (200, 150)))) as picture:
        assert (picture.format, picture.size) == ("JPEG", (200, 150))
