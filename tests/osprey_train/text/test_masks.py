"""Regions as people have them."""

import json
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from pycocotools import mask as coco_mask

from osprey_train.masks import as_mask, box_mask
from schemas import rle
from schemas.errors import InputError

SIZE = (12, 20)
PIXELS = np.zeros(SIZE, bool)
PIXELS[3:7, 5:15] = True
CODED = coco_mask.encode(np.asfortranarray(PIXELS.astype(np.uint8)))
RUNS = rle.runs(CODED["counts"].decode())
PALETTE = PIL.Image.fromarray(PIXELS.astype(np.uint8) * 3, "P")
PALETTE.putpalette([0, 0, 0, 9, 9, 9, 9, 9, 9, 40, 0, 0])

SAME: dict[str, Any] = {
    "bool array": PIXELS,
    "uint8 array": PIXELS.astype(np.uint8) * 255,
    "int array": PIXELS.astype(np.int64) * 7,
    "list of lists": PIXELS.tolist(),
    "tensor": torch.from_numpy(PIXELS),
    "PIL 1": PIL.Image.fromarray(PIXELS),
    "PIL L": PIL.Image.fromarray(PIXELS.astype(np.uint8)),
    "PIL RGB": PIL.Image.fromarray(PIXELS.astype(np.uint8) * 255).convert("RGB"),
    "PIL RGBA": PIL.Image.fromarray(PIXELS.astype(np.uint8) * 255).convert("RGBA"),
    "PIL palette": PALETTE,
    "RLE of bytes": CODED,
    "RLE of text": {"size": list(SIZE), "counts": CODED["counts"].decode()},
    "RLE uncompressed": {"size": SIZE, "counts": RUNS},
    "RLE through JSON": json.loads(json.dumps({"size": SIZE, "counts": RUNS})),
    "record": rle.encode(PIXELS),
    "polygons": [[5, 3, 15, 3, 15, 7, 5, 7]],
}


@pytest.mark.parametrize("name", SAME)
def test_one_region_in_many_forms(name: str) -> None:
    assert as_mask(SAME[name], SIZE) == rle.encode(PIXELS)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (PIXELS.T, "the mask is 12 x 20 .width x height., the picture 20 x 12"),
        ({"size": [20, 12], "counts": CODED["counts"]}, "the mask is 12 x 20"),
        (np.zeros(SIZE, bool), "the mask is empty"),
        (PIL.Image.new("L", SIZE[::-1]), "the mask is empty"),
        ({"size": SIZE, "counts": [240]}, "the mask is empty"),
        (PIXELS.astype(float), "no mask: ndarray of float64"),
        (np.stack([PIXELS] * 3), "no mask: ndarray of bool .3, 12, 20."),
        ("mask.png", "no mask: str"),
        (None, "no mask: NoneType"),
        ([], "no mask: list"),
        ({"counts": "0"}, "no COCO RLE: it has no 'size'"),
        ({"size": 5, "counts": "0"}, "no COCO RLE"),
        ({"size": [-1, 5], "counts": [0]}, "no COCO RLE"),
        ({"size": [10**9, 10**9], "counts": [0, 10**18]}, "no COCO RLE"),
        ({"size": SIZE, "counts": [3, 4]}, "runs add up to 7 pixels, the image has 240"),
        ({"size": SIZE, "counts": [241, -1]}, "a run length is negative"),
        ({"size": SIZE, "counts": "~~~"}, "character '~' is not part of compressed RLE"),
        ({"size": SIZE, "counts": "é"}, "is not part of compressed RLE"),
        ({"size": SIZE, "counts": b"\xff"}, "no COCO RLE"),
        ({"size": SIZE, "counts": 5}, "no COCO RLE"),
    ],
)
def test_what_is_no_region(mask: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        as_mask(mask, SIZE)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("box", "rows", "columns"),
    [
        ((5, 3, 10, 4), (3, 7), (5, 15)),
        ((0.2, 0.9, 0.1, 0.2), (0, 2), (0, 1)),
        ((-5, -5, 8, 9), (0, 4), (0, 3)),
        ((15, 10, 100, 100), (10, 12), (15, 20)),
    ],
)
def test_a_box_is_what_it_touches(
    box: tuple[float, float, float, float], rows: tuple[int, int], columns: tuple[int, int]
) -> None:
    expected = np.zeros(SIZE, bool)
    expected[slice(*rows), slice(*columns)] = True
    assert np.array_equal(rle.decode(box_mask(box, SIZE)), expected)


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ((20, 0, 5, 5), "the box 20,0,5,5 lies outside the picture of 20 x 12"),
        ((-5, 0, 5, 5), "lies outside"),
        ((0, 12, 5, 5), "lies outside"),
        ((0, 0, 0, 5), "no area"),
        ((0, 0, 5, -1), "no area"),
        ((float("nan"), 0, 5, 5), "no area"),
        ((0, 0, float("inf"), 5), "no area"),
    ],
)
def test_a_box_that_is_no_region(box: tuple[float, float, float, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        box_mask(box, SIZE)
