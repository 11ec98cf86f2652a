"""Everything that may be in a scene: categories with their names in COCO and LVIS, and colours."""

from functools import cache

from pipelines.scenes.household import HOUSEHOLD
from pipelines.scenes.outdoors import OUTDOORS
from pipelines.scenes.template import Frame, Template, frame

Colour = tuple[int, int, int]

TEMPLATES: dict[str, Template] = {template.category: template for template in (*HOUSEHOLD, *OUTDOORS)}

LVIS_NAMES = {
    "person": "person", "car": "car_(automobile)", "bus": "bus_(vehicle)", "bench": "bench", "dog": "dog",
    "kite": "kite",
    "sports ball": "ball", "umbrella": "umbrella", "bottle": "bottle", "cup": "cup", "bowl": "bowl", "apple": "apple",
    "chair": "chair", "potted plant": "flowerpot", "laptop": "laptop_computer", "book": "book", "clock": "clock",
    "vase": "vase", "lamp": "lamp", "bucket": "bucket", "balloon": "balloon", "streetlight": "streetlight",
}  # fmt: skip
"""Every template's name in LVIS v1; the last four are not in COCO."""

LVIS_ONLY = ("lamp", "bucket", "balloon", "streetlight")

COLOURS: dict[str, Colour] = {
    "red": (211, 62, 60), "orange": (240, 143, 55), "yellow": (247, 206, 80), "green": (84, 157, 92),
    "blue": (62, 116, 196), "purple": (136, 90, 176), "pink": (240, 140, 172), "brown": (139, 94, 60),
    "white": (246, 244, 238), "grey": (146, 151, 157), "black": (52, 54, 60),
    "light blue": (190, 222, 240), "tan": (236, 188, 150),
}  # fmt: skip
"""Red, green, blue. `tan` and `light blue` are for skin and panes only."""


@cache
def frame_of(category: str, mirrored: bool) -> Frame:
    """The placed points of a category, computed once."""
    return frame(TEMPLATES[category], mirrored=mirrored)
