"""Lists of wrong expressions."""

import json
import pathlib
import pickle
from typing import Any

import pytest

from pipelines.sources.label_noise import LabelNoise, read_label_noise
from schemas.errors import SourceError


def written(folder: pathlib.Path, name: str, content: Any) -> str:
    """The path of a new file."""
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


def reviewed(**image: Any) -> dict[str, Any]:
    """A file as Ref-L4 has it: three sentences, the last two of one object."""
    said = ["left man", "Man in  red", "the dog"]
    images = [
        {"id": 7 + n, "original_id": 5, "caption": text, "tokens_negative": [], **image} for n, text in enumerate(said)
    ]
    quality = [(11, 1), (11, 0), (12, 0)]
    boxes = {"bbox": [1, 2, 3, 4], "iscrowd": 0, "category_id": 1}
    annotations = [
        {"id": n, "image_id": 7 + n, "original_id": number, "caption_quality": good, **boxes}
        for n, (number, good) in enumerate(quality)
    ]
    return {"info": {}, "licenses": [], "images": images, "annotations": annotations, "categories": []}


@pytest.mark.parametrize(
    ("name", "dataset"),
    [("list.json", "refcoco+"), ("refcoco+_testA_reviewed.json", ""), ("refcoco_x.json", "refcoco+")],
)
def test_ref_l4(name: str, dataset: str, tmp_path: pathlib.Path) -> None:
    image = {"dataset_name": dataset} if dataset else {}
    noise = read_label_noise([written(tmp_path, name, reviewed(**image))])
    assert (noise.read, len(noise.entries)) == (3, 2)
    assert noise.names("refcoco+", "coco/11", "man in red")
    assert noise.names("refcoco+", "coco/12", "The dog ")
    assert not noise.names("refcoco+", "coco/11", "left man")
    assert not noise.names("refcoco", "coco/12", "the dog")
    assert not noise.names("refcoco+", "coco/13", "the dog")


PLAIN = {
    "list.json": '[{"dataset": "refcoco", "ann_id": 3, "sentence": "a dog", "sent_id": 8}, '
    '{"dataset": "vg", "ann_id": "4"}]',
    "list.jsonl": '{"dataset": "refcoco", "ann_id": "3", "sentence": "a dog"}\n\n{"dataset": "vg", "ann_id": 4}',
    "list.csv": "dataset,ann_id,sentence\nrefcoco,3,a dog\nvg,4,\n",
}


@pytest.mark.parametrize("name", PLAIN)
def test_plain_lists(name: str, tmp_path: pathlib.Path) -> None:
    noise = read_label_noise([written(tmp_path, name, PLAIN[name])])
    assert noise == LabelNoise(entries=frozenset({("refcoco", "3", "a dog"), ("vg", "4", "")}), read=2)
    assert noise.names("vg", "vg/4", "anything")
    assert pickle.loads(pickle.dumps(noise)) == noise


def test_several_lists_and_none(tmp_path: pathlib.Path) -> None:
    paths = [written(tmp_path, name, content) for name, content in PLAIN.items()]
    assert read_label_noise(paths).read == 6
    assert not read_label_noise([]).names("vg", "vg/4", "anything")


BROKEN = {
    "empty.json": ("", r"empty \(byte 0\)"),
    "cut.json": ('[{"dataset": "refcoco", "ann', r"not valid JSON .*28 bytes"),
    "other.json": ({"images": []}, "missing required field `annotations`"),
    "mdetr.json": (
        {"images": [], "annotations": [{"image_id": 1, "original_id": 1}]},
        r"missing required field `caption_quality` - at `\$\.annotations\[0\]",
    ),
    "no_image.json": (
        {"images": [], "annotations": [{"image_id": 1, "original_id": 1, "caption_quality": 0}]},
        r"annotations\[0\]: no image 1",
    ),
    "unknown_reviewed.json": (reviewed(), r"annotations\[1\]: dataset 'unknown' is none of coco, "),
    "field.json": ([{"dataset": "refcoco", "ann_id": 1}, {"dataset": "refcoco"}], "record 1: .*`ann_id`"),
    "number.json": ([{"dataset": "refcoco", "ann_id": 1, "sent_id": 3}], "record 0: sent_id 3 without its sentence"),
    "line.jsonl": ('{"dataset": "refcoco", "ann_id": 1}\n{"dataset"', "record 2: "),
    "name.csv": ("dataset,ann_id\nrefcoco,1\nrefcok,1\n", "record 3: dataset 'refcok' is none of"),
    "header.csv": ("set,ann\nrefcoco,1\n", "record 2: .*`dataset`"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_list_is_an_error_with_its_place(name: str, tmp_path: pathlib.Path) -> None:
    content, message = BROKEN[name]
    path = written(tmp_path, name, content)
    with pytest.raises(SourceError, match=message) as caught:
        read_label_noise([path])
    assert str(caught.value).startswith(path)
    assert caught.value.hint


def test_a_missing_list_is_an_error(tmp_path: pathlib.Path) -> None:
    with pytest.raises(SourceError, match=r"nowhere\.json: cannot be read"):
        read_label_noise([str(tmp_path / "nowhere.json")])
