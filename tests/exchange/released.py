"""Records as Osprey's released files have them, with all that is odd about them."""

import json
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import PIL.Image

from pipelines.sources.osprey_724k import FILES
from schemas import rle

SIZE = (40, 60)
"""(height, width)."""
POLYGON = [[4, 4, 24, 4, 24, 20, 4, 20]]
NAMES = ("COCO_train2014_000000000009.jpg", "000000000025.jpg", "train2017/000000000030.jpg")

Record = dict[str, Any]


def square(x: int, y: int, side: int = 8, form: str = "compressed") -> Any:
    """The segmentation of a square, as polygons, run lengths or compressed."""
    if form == "polygon":
        return [[x, y, x + side, y, x + side, y + side, x, y + side]]
    pixels = np.zeros(SIZE, bool)
    pixels[y : y + side, x : x + side] = True
    mask = rle.encode(pixels)
    if form == "runs":
        return {"size": list(SIZE), "counts": rle.runs(mask.counts)}
    return {"size": list(SIZE), "counts": mask.counts}


def annotation(x: int, y: int, side: int = 8, form: str = "compressed") -> Record:
    return {"bbox": [x, y, side, side], "segmentation": square(x, y, side, form)}


def record(*annotations: Record, name: str = NAMES[0], **more: Any) -> Record:
    """A record; `talk` are questions and answers in turn."""
    made = {"id": "1", "file_name": name, "height": SIZE[0], "width": SIZE[1], "annotation": list(annotations)}
    if "talk" in more:
        made["conversations"] = turns(more.pop("talk"))
    return {**made, **more}


def turns(texts: Sequence[str]) -> list[Record]:
    return [{"from": ("human", "gpt")[place % 2], "value": text} for place, text in enumerate(texts)]


A, B, C = annotation(2, 2), annotation(20, 4, form="runs"), annotation(40, 10, form="polygon")

DESCRIPTIONS = [
    record(A, B, description=["<region1>: A white cup.\n\nIt stands beside <region2>.", "A saucer without a name."]),
    record(C, name=NAMES[1], description=["<region1>: Seen from above."], id=None),
]
CONVERSATIONS = [
    record(A, B, talk=["What is <region1>?", "A cup.", "And <Region 2>?", "It is under <region1>."]),
    record(A, B, C, talk=["What is beside <region3>?", "<region1>."], id="1"),
]
SHORT = [record(B, name=NAMES[1], talk=["What is <region1>?", "Saucer"], id=7)]
PARTS = [
    record(A, B, talk=["What is <region1>?", "cup", "Which part is <region2>?", "handle"], id=3),
    record(C, talk=["What is <region1>?", "cup", "What is the color of <region1>?", "white"], id=3),
]
POSITIVE_NEGATIVE = [
    record(
        A, B, A,
        talk=["Is <region1> a cup?", "Yes", "Is <region2> a cup?", "No", "Is <region3> a dog?", "No"], name=NAMES[2],
    ),
    record(A, B, talk=["Is <region2> a cup?", "No", "Is <region1> a cup?", "Yes"], name=NAMES[1]),
]  # fmt: skip

RELEASED = {
    "description": DESCRIPTIONS, "conversation": CONVERSATIONS, "short_form": SHORT, "part_level": PARTS,
    "positive_negative": POSITIVE_NEGATIVE,
}  # fmt: skip


def write(folder: pathlib.Path, files: dict[str, list[Record]] | None = None) -> pathlib.Path:
    """The files under their released names."""
    folder.mkdir(parents=True, exist_ok=True)
    for form, records in (RELEASED if files is None else files).items():
        (folder / FILES[form]).write_text(json.dumps(records))
    return folder


def draw(data: pathlib.Path) -> pathlib.Path:
    """The pictures, where builds look for COCO's; the last one in val2017."""
    for folder, name in (("train2017", "000000000009"), ("train2017", "000000000025"), ("val2017", "000000000030")):
        (data / "coco" / folder).mkdir(parents=True, exist_ok=True)
        PIL.Image.new("RGB", SIZE[::-1], (90, 120, 60)).save(data / "coco" / folder / f"{name}.jpg")
    return data
