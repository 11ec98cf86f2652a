"""Polygons as masks: run lengths as the formats write them, boxes and areas in pixels."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco_mask

from pipelines.scenes.truth import Polygon, SceneTruth
from schemas.records import Box

Pixels = npt.NDArray[np.uint8]
"""0 and 1, shape (height, width)."""


class Drawn(NamedTuple):
    """A mask of one or more polygons."""

    rle: dict[str, Any]
    """As JSON has it: `size` [height, width] and compressed `counts` as text."""
    area: int
    """In pixels."""
    box: Box


def drawn(scene: SceneTruth, polygons: Sequence[Polygon]) -> Drawn | None:
    """The mask of polygons; none where no pixel lies within them."""
    rle = _rle(scene, polygons)
    area = int(coco_mask.area(rle)) if rle else 0
    if not area:
        return None
    x, y, width, height = coco_mask.toBbox(rle).tolist()
    return Drawn({"size": rle["size"], "counts": rle["counts"].decode()}, area, (x, y, width, height))


def pixels(scene: SceneTruth, polygons: Sequence[Polygon]) -> Pixels:
    """The mask of polygons, pixel by pixel."""
    rle = _rle(scene, polygons)
    if rle is None:
        return np.zeros((scene.height, scene.width), dtype=np.uint8)
    decoded: Pixels = coco_mask.decode(rle)
    return decoded


def _rle(scene: SceneTruth, polygons: Sequence[Polygon]) -> Any:
    """Encoded by pycocotools, which takes polygons of three points and more."""
    flat = [list(polygon) for polygon in polygons if len(polygon) >= 6]
    return coco_mask.merge(coco_mask.frPyObjects(flat, scene.height, scene.width)) if flat else None
