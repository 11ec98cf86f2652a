"""What other trainers make of the files, by the rules of their loaders (format document, section 12), in our words."""

import json
import pathlib
import re
from typing import Any, NamedTuple

import numpy as np
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from schemas.rle import BoolArray


class Example(NamedTuple):
    """What a training step would see."""

    picture: str
    masks: list[BoolArray]
    turns: list[tuple[str, str]]


def pixels(segmentation: Any, height: int, width: int) -> BoolArray:
    """As Osprey: polygons, run lengths, or the compressed form."""
    if isinstance(segmentation, list):
        rle = coco_mask.merge(coco_mask.frPyObjects(segmentation, height, width))
    elif isinstance(segmentation["counts"], list):
        rle = coco_mask.frPyObjects(segmentation, height, width)
    else:
        rle = segmentation
    return np.asarray(coco_mask.decode(rle)).astype(bool)


def _read(path: pathlib.Path) -> Any:
    return json.loads(path.read_text())


def _masks(entry: dict[str, Any]) -> list[BoolArray]:
    return [pixels(each["segmentation"], entry["height"], entry["width"]) for each in entry["annotation"]]


def _pairs(entry: dict[str, Any]) -> list[tuple[str, str]]:
    values = [turn["value"] for turn in entry["conversations"]]
    return [(values[2 * n], values[2 * n + 1]) for n in range(len(values) // 2)]


def talk(path: pathlib.Path) -> list[Example]:
    """Conversations, short form and part level: the regions stand before the text, brackets go."""
    found = []
    for entry in _read(path):
        plain = [tuple(text.replace("<", "").replace(">", "") for text in pair) for pair in _pairs(entry)]
        found.append(Example(entry["file_name"].split("_")[-1], _masks(entry), plain))  # type: ignore[arg-type]
    return found


def descriptions(path: pathlib.Path) -> list[Example]:
    """A question of the loader's own, and what follows the name; IndexError where there is no name."""
    found = []
    for entry in _read(path):
        answers = [
            re.findall(r"<.*>:\ (.*)", entry["description"][place])[0] for place in range(len(entry["annotation"]))
        ]
        pairs = [("<mask><pos>", answer) for answer in answers]
        found.append(Example(entry["file_name"].split("_")[-1], _masks(entry), pairs))
    return found


def positive_negative(path: pathlib.Path) -> list[Example]:
    """Each name in a question takes the next mask; the model wants as many masks as names."""
    found = []
    for entry in _read(path):
        pairs = [(re.sub(r"<region\d+>", "<mask><pos>", question), answer) for question, answer in _pairs(entry)]
        found.append(Example(entry["file_name"], _masks(entry), pairs))
        asked = sum(text.count("<mask>") for pair in pairs for text in pair)
        assert asked == len(entry["annotation"])
    return found


def phrases(path: pathlib.Path) -> list[tuple[str, BoolArray, str]]:
    """Of Visual Genome: picture, mask and caption of every annotation."""
    coco = COCO(path)
    found = []
    for number in coco.getImgIds():
        image = coco.loadImgs([number])[0]
        for each in coco.loadAnns(coco.getAnnIds(imgIds=[number])):
            mask = pixels(each["segmentation"], image["height"], image["width"])
            found.append((image["file_name"], mask, each["caption"]))
    return found


def llava(path: pathlib.Path) -> list[Example]:
    """LLaVA's trainer: one mark for the picture, in the first question, moved to its front; speakers in turn."""
    found = []
    for entry in _read(path):
        assert [turn["from"] for turn in entry["conversations"]] == ["human", "gpt"] * (
            len(entry["conversations"]) // 2
        )
        text = "".join(turn["value"] for turn in entry["conversations"])
        assert text.count("<image>") == 1
        assert entry["conversations"][0]["value"].startswith("<image>\n")
        pairs = _pairs(entry)
        pairs[0] = (pairs[0][0].replace("<image>", "").strip(), pairs[0][1])
        regions = entry.get("regions", [])
        masks = [pixels(each["segmentation"], entry["height"], entry["width"]) for each in regions]
        assert [each["name"] for each in regions] == [f"<region{n}>" for n in range(1, len(regions) + 1)]
        found.append(Example(entry["image"], masks, pairs))
    return found
