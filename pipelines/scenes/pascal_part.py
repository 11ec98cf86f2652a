"""Pascal-Part (format document, section 7): `.mat` files, and the COCO-style `train.json` that VLPart makes of them.

About 8.5 % of the training images, as 10,103 are of 118,287, are VOC 2010 pictures as well.
"""

import io
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from itertools import count
from typing import Any, NamedTuple, cast

import numpy as np
from pycocotools import mask as coco_mask
from scipy.io import savemat

from pipelines.scenes.draw import draw_scene, folder_of
from pipelines.scenes.entry import FILE, PICTURE, Entry
from pipelines.scenes.masks import Pixels, pixels
from pipelines.scenes.pascal_sides import pieces
from pipelines.scenes.pascal_tables import CATEGORIES, CLASSES, SHORT
from pipelines.scenes.truth import ObjectTruth, SceneTruth, Shown
from schemas.keys import stable_fraction

PATH = "pascal_part/train.json"
SHARE = 0.091
"""Of the training images; one in twelve of those shows nothing that Pascal VOC knows."""

PER_IMAGE = 512
"""Annotation ids of `train.json` are set aside for so many parts of an image; the first id is 0, as upstream."""

ALWAYS = 4
"""Up to this number every scene that can be is one of the pictures, so that small samples have some."""

HEADER = b"MATLAB 5.0 MAT-file, Platform: GLNXA64, Created on: Wed Jul 30 16:01:56 2014"
"""What `savemat` writes here holds the time, and no two files would be the same."""

__all__ = ["CATEGORIES", "PATH", "entries", "image_name", "shown"]


class Piece(NamedTuple):
    """One annotated part."""

    name: str
    """In the data set's grammar, such as `lfleg` or `wheel_2`."""
    part: str
    """The part of the truth of which this is the whole, or one, or a half."""
    mask: Pixels


def image_name(scene: SceneTruth) -> str:
    """`2008_000123`."""
    return f"2008_{scene.index:06d}"


def chosen(seed: int, index: int) -> bool:
    """Whether the picture of this number may be one of VOC 2010's."""
    drawn_lot = index <= ALWAYS or stable_fraction("pascal", seed, index) < SHARE
    return drawn_lot and folder_of(index) == "train2017"


def is_member(scene: SceneTruth) -> bool:
    """Whether the picture is one of VOC 2010's: one that was chosen, with an object of its classes."""
    return chosen(scene.seed, scene.index) and bool(_objects(scene))


@lru_cache(maxsize=8)
def first_index(seed: int) -> int:
    """The number of the first scene that is one of the pictures."""
    numbers = (index for index in count(1) if chosen(seed, index))
    return next(index for index in numbers if is_member(draw_scene(seed, index, "pascal_part")))


def entries(scene: SceneTruth) -> Iterator[Entry]:
    """The `.mat` file, the picture and the records of `train.json`."""
    if not is_member(scene):
        return
    name = image_name(scene)
    found = [(one, _pieces(scene, one)) for one in _objects(scene)]
    yield f"pascal_part/Annotations_Part/{name}.mat", FILE, _mat(scene, found)
    yield f"pascal_part/VOCdevkit/VOC2010/JPEGImages/{name}.jpg", PICTURE, (scene.width, scene.height)
    records = list(_records(scene, found))
    if records:
        number = int(name.replace("_", ""))
        image = {"id": number, "file_name": f"{name}.jpg", "height": scene.height, "width": scene.width}
        yield PATH, "images", image
    for record, _ in records:
        yield PATH, "annotations", record


def shown(scene: SceneTruth) -> Iterator[tuple[str, Shown, str]]:
    """Region ids (`2008_000123#3` is the third object, `2008_000123#3.2` its second part; the plain numbers are of
    `train.json`), what they show, and the part's name as written."""
    if not is_member(scene):
        return
    found = [(one, _pieces(scene, one)) for one in _objects(scene)]
    for at, (one, parts) in enumerate(found, 1):
        yield f"{image_name(scene)}#{at}", Shown(one), ""
        for number, piece in enumerate(parts, 1):
            yield f"{image_name(scene)}#{at}.{number}", Shown(one, piece.part), piece.name
    for record, (one, piece) in _records(scene, found):
        yield str(record["id"]), Shown(one, piece.part), piece.name


def _objects(scene: SceneTruth) -> list[ObjectTruth]:
    return [one for one in scene.objects if one.category in CLASSES]


def _pieces(scene: SceneTruth, one: ObjectTruth) -> list[Piece]:
    """The visible parts by their names in the data set, those of one name numbered where its grammar asks for it."""
    found, counts = [], Counter[str]()
    for part in one.parts:
        mask = pixels(scene, part.visible)
        for name, rows in pieces(one, part):
            cut = mask.copy()
            cut[: rows.start] = 0
            cut[rows.stop :] = 0
            if cut.any():
                counts[name] += 1
                found.append(Piece(f"{name}{counts[name]}" if name.endswith("_") else name, part.name, cut))
    return found


def _mat(scene: SceneTruth, found: list[tuple[ObjectTruth, list[Piece]]]) -> bytes:
    """The file of one picture: the struct `anno` with `imname` and `objects`; no parts is an array of shape (0, 0)."""
    objects = np.zeros((1, len(found)), dtype=[(name, "O") for name in ("class", "class_ind", "mask", "parts")])
    for at, (one, parts) in enumerate(found):
        name, number = CLASSES[one.category]
        shape = (1, len(parts)) if parts else (0, 0)
        struct = np.zeros(shape, dtype=[("part_name", "O"), ("mask", "O")])
        for position, piece in enumerate(parts):
            struct[0, position] = (piece.name, piece.mask)
        objects[0, at] = (name, np.uint8(number), pixels(scene, one.visible), struct)
    anno = np.zeros((1, 1), dtype=[("imname", "O"), ("objects", "O")])
    anno[0, 0] = (image_name(scene), objects)
    stream = io.BytesIO()
    savemat(cast(Any, stream), {"anno": anno}, do_compression=True)
    return HEADER.ljust(116) + stream.getvalue()[116:]


def _records(
    scene: SceneTruth, found: list[tuple[ObjectTruth, list[Piece]]]
) -> Iterator[tuple[dict[str, Any], tuple[ObjectTruth, Piece]]]:
    """The annotations of `train.json`. A part has the first category whose short name its own name holds."""
    at = (scene.index - first_index(scene.seed)) * PER_IMAGE
    for one, parts in found:
        for piece in parts:
            category = next((number for short, number in SHORT[one.category] if short in piece.name), None)
            if category is not None:
                yield _record(scene, at, category, piece.mask), (one, piece)
                at += 1


def _record(scene: SceneTruth, number: int, category: int, mask: Pixels) -> dict[str, Any]:
    """The box is one pixel short, and the area is that of the box, as upstream."""
    rle = coco_mask.encode(np.asfortranarray(mask))
    x, y, width, height = coco_mask.toBbox(rle).tolist()
    return {
        "id": number, "segmentation": {"size": rle["size"], "counts": rle["counts"].decode()},
        "bbox": [x, y, width - 1, height - 1], "category_id": category,
        "image_id": int(image_name(scene).replace("_", "")), "iscrowd": 0, "area": (width - 1) * (height - 1),
    }  # fmt: skip
