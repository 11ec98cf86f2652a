"""Facts of Pascal-Part: VOC's classes and the 93 part categories of VLPart's `train.json`.

Source: VLPart's tools/pascal_part_mat2json.py, as described in the format document, section 7b.
"""

from typing import Any

CLASSES = {
    "bottle": ("bottle", 5), "bus": ("bus", 6), "car": ("car", 7), "chair": ("chair", 9), "dog": ("dog", 12),
    "person": ("person", 15), "potted plant": ("pottedplant", 16),
}  # fmt: skip
"""Category of scenes -> class and `class_ind`. Chairs carry no parts in Pascal-Part."""

_ROAD = "license plate, headlight, door, mirror, window, wheel"
_PARTS = {
    "aeroplane": "body, wing, tail, wheel", "bicycle": "wheel, handlebar, saddle",
    "bird": "beak, head, eye, leg, foot, wing, neck, tail, torso", "bottle": "body, cap", "bus": _ROAD, "car": _ROAD,
    "cat": "head, leg, ear, eye, paw, neck, nose, tail, torso",
    "cow": "head, leg, ear, eye, neck, horn, muzzle, tail, torso",
    "dog": "head, leg, ear, eye, paw, neck, nose, muzzle, tail, torso",
    "horse": "head, leg, ear, eye, neck, muzzle, tail, torso", "motorbike": "wheel, handlebar, headlight, saddle",
    "person": "hair, head, ear, eye, nose, neck, mouth, arm, hand, leg, foot, torso", "potted plant": "plant, pot",
    "sheep": "head, leg, ear, eye, neck, horn, muzzle, tail, torso",
}  # fmt: skip
_ABBREVIATED = {"license plate": "liplate", "paw": "pa"}


def _categories() -> list[dict[str, Any]]:
    pairs = [(whole, part) for whole, parts in _PARTS.items() for part in parts.split(", ")]
    return [
        {"id": number, "name": f"{whole}:{part}"}
        | ({"abbr": f"{whole}:{_ABBREVIATED[part]}"} if part in _ABBREVIATED else {})
        for number, (whole, part) in enumerate(pairs, 1)
    ]


CATEGORIES = _categories()
"""All 93, ids from 1."""


def _short(category: str) -> list[tuple[str, int]]:
    names = [(str(row.get("abbr", row["name"])), int(row["id"])) for row in CATEGORIES]
    return [(name.partition(":")[2], number) for name, number in names if name.partition(":")[0] == category]


SHORT = {category: _short(category) for category in CLASSES}
"""Category of scenes -> (short name of a part, category id), in the order in which the short names are tried."""
