"""RefCOCO, RefCOCO+ and RefCOCOg in REFER's layout (format document, section 2a)."""

import pickle
from collections.abc import Iterator
from random import Random
from typing import Any

from pipelines.scenes.catalogue import LVIS_ONLY
from pipelines.scenes.coco import annotation_id, image_record, object_record
from pipelines.scenes.entry import Entry
from pipelines.scenes.expressions import expressions
from pipelines.scenes.truth import ObjectTruth, SceneTruth
from schemas.keys import stable_fraction, stable_int

REFS = {"refcoco": "refs(unc).p", "refcoco+": "refs(unc).p", "refcocog": "refs(umd).p"}
SHARE = 0.35
"""Which fraction of the images a data set uses, besides those of its evaluation splits."""

MOST_REFS, SMALLEST = 5, 0.003
"""Objects referred to in an image, and their least area as a fraction of it."""

PER_IMAGE = 8
"""Ref ids are set aside for so many refs an image; sentence ids for four times as many."""


def split_of(scene: SceneTruth, dataset: str) -> str:
    """Split of the image in this data set, or an empty string where it is not part of it."""
    turn = scene.index % 30
    if dataset == "refcocog":
        named = {8: "val", 16: "test", 23: "test"}.get(turn)
    else:
        people = any(one.category == "person" for one in scene.objects) and scene.crowd is None
        named = {6: "val", 11: "testA" if people else "testB", 17: "testB"}.get(turn)
    family = "refcocog" if dataset == "refcocog" else "refcoco"
    member = stable_fraction(family, scene.seed, scene.index) < SHARE
    return named or ("train" if member else "")


def entries(scene: SceneTruth) -> Iterator[Entry]:
    """All records of a scene in the REFER files. A ref is yielded as the pickled bytes of its dict."""
    for dataset in REFS:
        split = split_of(scene, dataset)
        refs = _refs(scene, dataset, split) if split else []
        if refs:
            yield f"refer/{dataset}/instances.json", "images", _image_2014(scene)
        for ref, one in refs:
            yield f"refer/{dataset}/instances.json", "annotations", object_record(scene, one)
            yield f"refer/{dataset}/{REFS[dataset]}", "refs", pickle_body(ref)


def pickle_body(value: Any) -> bytes:
    """The protocol 2 pickle of a value without header and stop: such bodies can be strung together into a list."""
    return pickle.dumps(value, 2)[2:-1]


def _image_2014(scene: SceneTruth) -> dict[str, Any]:
    """The `images` entry under its 2014 name."""
    name = f"COCO_train2014_{scene.file_name}"
    url = f"http://images.cocodataset.org/train2014/{name}"
    return {**image_record(scene), "file_name": name, "coco_url": url}


def _refs(scene: SceneTruth, dataset: str, split: str) -> list[tuple[dict[str, Any], ObjectTruth]]:
    random = Random(stable_int(dataset, scene.seed, scene.index))
    objects = [one for one in scene.objects if _worth(scene, one, split)]
    random.shuffle(objects)
    found: list[tuple[dict[str, Any], ObjectTruth]] = []
    for one in objects:
        if len(found) == MOST_REFS:
            break
        texts = expressions(scene, one, dataset, random)
        if texts:
            found.append((_ref(scene, one, dataset, split, len(found), texts), one))
    return found


def _worth(scene: SceneTruth, one: ObjectTruth, split: str) -> bool:
    """Large enough, in COCO, and a person in testA, something else in testB."""
    wanted = {"testA": one.category == "person", "testB": one.category != "person"}.get(split, True)
    return wanted and one.category not in LVIS_ONLY and one.area > SMALLEST * scene.width * scene.height


def _ref(scene: SceneTruth, one: ObjectTruth, dataset: str, split: str, at: int, texts: list[str]) -> dict[str, Any]:
    ref_id = scene.index * PER_IMAGE + at
    suffix = annotation_id(scene, one) if dataset == "refcocog" else at
    sentences = [_sentence(text, ref_id * 4 + position) for position, text in enumerate(texts)]
    return {
        "sent_ids": [sentence["sent_id"] for sentence in sentences],
        "file_name": f"COCO_train2014_{scene.image_id:012d}_{suffix}.jpg", "ann_id": annotation_id(scene, one),
        "ref_id": ref_id, "image_id": scene.image_id, "split": split, "sentences": sentences,
        "category_id": object_record(scene, one)["category_id"],
    }  # fmt: skip


def _sentence(text: str, sent_id: int) -> dict[str, Any]:
    """`raw` is as typed, `sent` as normalised by REFER."""
    raw = text.capitalize() if sent_id % 7 == 0 else text
    return {"tokens": text.split(" "), "raw": raw, "sent_id": sent_id, "sent": text}
