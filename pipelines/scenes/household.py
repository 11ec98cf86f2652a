"""Things that stand in a room: vessels, furniture and what lies about."""

from pipelines.scenes.shapes import Points, arc, band, box, ellipse, mirror, rounded, smooth
from pipelines.scenes.template import DOTTED, PLAIN, SECOND, STRIPED, Part, Template
from pipelines.scenes.truth import Place

# fmt: off

ROOM: tuple[Place, ...] = ("room",)
EVERYWHERE: tuple[Place, ...] = ("room", "park", "street")
BOLD = ("red", "orange", "yellow", "green", "blue", "purple", "pink")
BANDS = (PLAIN, STRIPED, DOTTED)


def _slice(points: Points, bottom: float, top: float) -> Points:
    """The part of a symmetric outline between two heights (each the height of a corner)."""
    half = [(x, y) for x, y in points if x >= 0 and bottom <= y <= top]
    return mirror(half)


_bottle = mirror((
    (0.0, 1.0), (0.055, 1.0), (0.062, 0.985), (0.062, 0.88), (0.055, 0.87), (0.055, 0.74), (0.062, 0.70), (0.08, 0.665),
    (0.11, 0.63), (0.14, 0.59), (0.155, 0.54), (0.16, 0.49), (0.16, 0.12), (0.16, 0.05), (0.152, 0.025), (0.13, 0.008),
    (0.09, 0.0), (0.0, 0.0),
))
BOTTLE = Template(
    "bottle", 0.34, (_bottle,),
    (
        Part("body", _slice(_bottle, 0.0, 0.54), marked=True), Part("shoulder", _slice(_bottle, 0.54, 0.70)),
        Part("neck", _slice(_bottle, 0.70, 0.87)), Part("cap", _slice(_bottle, 0.88, 1.0), SECOND),
        Part("label", box(-0.158, 0.17, 0.158, 0.41, 0.015), "white", material="paper"),
    ),
    ROOM, colours=("red", "orange", "yellow", "green", "blue", "purple", "pink"), patterns=BANDS, material="plastic",
)

_cup = (
    *arc(0.0, 0.93, 0.42, 0.07, 180, 0, 9), (0.40, 0.60), (0.37, 0.32), (0.34, 0.16), (0.30, 0.08),
    *arc(0.0, 0.06, 0.27, 0.06, 0, -180, 6), (-0.30, 0.08), (-0.34, 0.16), (-0.37, 0.32), (-0.40, 0.60),
)
_cup_handle = band(0.39, 0.52, (0.24, 0.26), (0.14, 0.155), 78, -86, 7)
CUP = Template(
    "cup", 0.17, (_cup, _cup_handle),
    (
        Part("body", _cup, marked=True), Part("handle", _cup_handle, SECOND),
        Part("rim", ellipse(0, 0.93, 0.42, 0.07), SECOND),
        Part("inner_body", ellipse(0, 0.925, 0.37, 0.05, 20), "black"),
    ),
    ROOM, sided=True, material="ceramic",
)

_bowl = (
    *arc(0.0, 0.86, 1.0, 0.14, 180, 0, 11), (0.96, 0.66), (0.87, 0.46), (0.73, 0.29), (0.55, 0.17), (0.42, 0.11),
    (0.40, 0.02), *arc(0.0, 0.03, 0.38, 0.03, -20, -160, 5), (-0.40, 0.02), (-0.42, 0.11), (-0.55, 0.17), (-0.73, 0.29),
    (-0.87, 0.46), (-0.96, 0.66),
)
BOWL = Template(
    "bowl", 0.12, (_bowl,),
    (
        Part("body", _bowl, marked=True), Part("base", box(-0.41, 0.0, 0.41, 0.11, 0.03), SECOND),
        Part("rim", ellipse(0, 0.86, 1.0, 0.14, 24), SECOND),
        Part("inner_body", ellipse(0, 0.85, 0.92, 0.105, 22), "grey"),
    ),
    ROOM, material="ceramic",
)

_vase = mirror((
    (0.0, 1.0), (0.16, 1.0), (0.185, 0.985), (0.17, 0.95), (0.13, 0.90), (0.105, 0.84), (0.10, 0.78), (0.115, 0.72),
    (0.16, 0.66),
    (0.22, 0.59), (0.265, 0.51), (0.285, 0.43), (0.28, 0.34), (0.255, 0.26), (0.215, 0.18), (0.17, 0.11), (0.145, 0.07),
    (0.15, 0.04), (0.175, 0.015), (0.15, 0.0), (0.0, 0.0),
))
VASE = Template(
    "vase", 0.30, (_vase,),
    (
        Part("body", _slice(_vase, 0.07, 0.72), marked=True), Part("neck", _slice(_vase, 0.72, 0.95)),
        Part("mouth", _slice(_vase, 0.95, 1.0), SECOND), Part("foot", _slice(_vase, 0.0, 0.07), SECOND),
    ),
    ROOM, material="ceramic",
)

_pail = mirror((
    (0.0, 0.72), (0.40, 0.72), (0.42, 0.70), (0.42, 0.64), (0.39, 0.63), (0.36, 0.36), (0.33, 0.10), (0.31, 0.04),
    (0.26, 0.0), (0.0, 0.0)
))
_pail_handle = band(0.0, 0.72, (0.37, 0.28), (0.325, 0.235), 180, 0, 10)
BUCKET = Template(
    "bucket", 0.24, (_pail, _pail_handle),
    (
        Part("body", _slice(_pail, 0.0, 0.63), marked=True), Part("rim", _slice(_pail, 0.64, 0.72), SECOND),
        Part("handle", _pail_handle, "grey"),
    ),
    ("room", "park"), material="metal",
)

_lamp = mirror((
    (0.0, 1.0), (0.15, 1.0), (0.17, 0.985), (0.27, 0.67), (0.265, 0.65), (0.03, 0.65), (0.028, 0.4), (0.028, 0.11),
    (0.06, 0.09), (0.17, 0.06), (0.20, 0.03),
    (0.19, 0.0), (0.0, 0.0),
))
LAMP = Template(
    "lamp", 0.46, (_lamp,),
    (
        Part("shade", _slice(_lamp, 0.65, 1.0), marked=True, material="fabric"),
        Part("pipe", _slice(_lamp, 0.11, 0.65), "grey"),
        Part("base", _slice(_lamp, 0.0, 0.11), SECOND),
    ),
    ROOM, material="metal",
)

_chair = mirror((
    (0.0, 1.0), (0.19, 1.0), (0.225, 0.985), (0.24, 0.95), (0.23, 0.70), (0.22, 0.52), (0.29, 0.50), (0.30, 0.46),
    (0.285, 0.43),
    (0.265, 0.42), (0.265, 0.02), (0.25, 0.0), (0.215, 0.0), (0.205, 0.02), (0.20, 0.40), (0.0, 0.40),
))
CHAIR = Template(
    "chair", 0.46, (_chair,),
    (
        Part("leg", box(0.203, 0.0, 0.265, 0.44, 0.015), SECOND),
        Part("leg", box(-0.265, 0.0, -0.203, 0.44, 0.015), SECOND),
        Part("back", _slice(_chair, 0.52, 1.0), marked=True), Part("seat", box(-0.295, 0.405, 0.295, 0.52, 0.045)),
    ),
    ROOM, seconds=("brown", "white", "black", "grey"), material="wood",
)

_leaf = (
    (0.10, 0.42), (0.31, 0.50), (0.20, 0.50), (0.36, 0.62), (0.24, 0.64), (0.34, 0.80), (0.18, 0.74), (0.17, 0.94),
    (0.07, 0.80), (0.0, 1.0),
)
_leaves = smooth((*((-x, y) for x, y in _leaf), *_leaf[-2::-1]), 2)[:-1]
_pot = mirror((
    (0.0, 0.42), (0.25, 0.42), (0.26, 0.405), (0.26, 0.34), (0.235, 0.325), (0.20, 0.10), (0.185, 0.02), (0.16, 0.0),
    (0.0, 0.0),
))
_plant = (*_leaves, *(point for point in _pot if point[0]))
PLANT = Template(
    "potted plant", 0.42, (_plant,),
    (Part("plant", _leaves, "green"), Part("pot", _pot, marked=True, material="ceramic")), EVERYWHERE,
    colours=("red", "orange", "yellow", "blue", "purple", "pink", "white"), largest="plant",
)

_laptop = (
    *rounded(((-0.62, 0.24), (-0.62, 1.0), (0.62, 1.0), (0.62, 0.24)), 0.06), (0.78, 0.05), (0.77, 0.0),
    (-0.77, 0.0), (-0.78, 0.05),
)
LAPTOP = Template(
    "laptop", 0.25, (_laptop,),
    (
        Part("base_panel", ((-0.62, 0.24), (0.62, 0.24), (0.78, 0.05), (0.77, 0.0), (-0.77, 0.0), (-0.78, 0.05))),
        Part("screen", box(-0.55, 0.31, 0.55, 0.93, 0.02), SECOND, material="glass"),
        Part("keyboard", ((-0.53, 0.22), (0.53, 0.22), (0.62, 0.10), (-0.62, 0.10)), "black"),
        Part("touchpad", ((-0.14, 0.09), (0.14, 0.09), (0.15, 0.055), (-0.15, 0.055)), "white"),
    ),
    ROOM, colours=("grey", "white", "black", "pink", "blue"),
    seconds=("blue", "green", "purple", "orange", "yellow"), patterns=(PLAIN,), material="plastic",
    largest="screen",
)

_book = box(-0.38, 0.0, 0.38, 1.0, 0.04)
BOOK = Template(
    "book", 0.21, (_book,),
    (
        Part("page", box(0.30, 0.03, 0.37, 0.97), "white"),
        Part("cover", box(-0.38, 0.0, 0.32, 1.0, 0.03), marked=True),
        Part("spine", box(-0.38, 0.0, -0.28, 1.0, 0.03), SECOND),
        Part("title", box(-0.18, 0.66, 0.22, 0.84, 0.03), SECOND),
    ),
    ROOM, colours=BOLD, turn=9.0, sided=True, material="paper",
)

CLOCK = Template(
    "clock", 0.22, (ellipse(0, 0.5, 0.5, 0.5, 30),),
    (
        Part("case", ellipse(0, 0.5, 0.5, 0.5, 30)), Part("face", ellipse(0, 0.5, 0.40, 0.40, 30), "white"),
        Part("hand", ((-0.018, 0.46), (-0.018, 0.80), (0.0, 0.84), (0.018, 0.80), (0.018, 0.46)), "black",
             material="metal"),
        Part("hand", ((-0.03, 0.475), (-0.03, 0.525), (0.22, 0.525), (0.26, 0.5), (0.22, 0.475)), "black",
             material="metal"),
    ),
    ROOM, "wall", patterns=(PLAIN,), colours=(*BOLD, "brown"), sided=True, material="plastic",
    largest="face",
)

_apple = smooth(mirror((
    (0.0, 0.80), (0.10, 0.84), (0.26, 0.86), (0.40, 0.78), (0.47, 0.60), (0.46, 0.40), (0.38, 0.20), (0.26, 0.06),
    (0.12, 0.01), (0.0, 0.04)
)), 2)
APPLE = Template(
    "apple", 0.10,
    (_apple,),
    (Part("body", _apple), Part("stem", ((-0.03, 0.68), (-0.045, 0.80), (0.01, 0.82), (0.03, 0.70)), "brown")),
    ROOM, colours=("red", "green", "yellow"), patterns=(PLAIN,), turn=14.0,
)

HOUSEHOLD = (BOTTLE, CUP, BOWL, VASE, BUCKET, LAMP, CHAIR, PLANT, LAPTOP, BOOK, CLOCK, APPLE)
