"""People, animals, vehicles, and what stands or flies outdoors."""

from math import asin, degrees
from typing import TypedDict

from pipelines.scenes.shapes import Points, arc, box, ellipse, mirror, rounded, smooth
from pipelines.scenes.template import CHECKED, DOTTED, HUES, MAIN, OTHER, PLAIN, SECOND, STRIPED, Part, Template
from pipelines.scenes.truth import Place, Transparency

# fmt: off

OUTSIDE: tuple[Place, ...] = ("park", "street")
EVERYWHERE: tuple[Place, ...] = ("room", "park", "street")
COATS = HUES


class Glass(TypedDict):
    """What a part of glass is like."""

    material: str
    transparency: Transparency


PANE: Glass = {"material": "glass", "transparency": "transparent"}
LENS: Glass = {"material": "glass", "transparency": "translucent"}

_head = ellipse(0.0, 0.915, 0.062, 0.078, 20)
_person = mirror((
    (0.0, 1.0), (0.034, 0.993), (0.060, 0.965), (0.066, 0.925), (0.058, 0.880), (0.036, 0.848), (0.034, 0.825),
    (0.075, 0.812),
    (0.118, 0.792), (0.142, 0.755), (0.158, 0.64), (0.168, 0.52), (0.170, 0.475), (0.152, 0.455), (0.134, 0.475),
    (0.126, 0.56),
    (0.108, 0.66), (0.100, 0.56), (0.104, 0.46), (0.106, 0.30), (0.104, 0.10), (0.106, 0.05), (0.128, 0.022),
    (0.126, 0.0),
    (0.034, 0.0), (0.032, 0.05), (0.026, 0.26), (0.010, 0.40), (0.0, 0.41),
))
_torso = mirror((
    (0.0, 0.825), (0.034, 0.825), (0.075, 0.812), (0.112, 0.795), (0.118, 0.74), (0.108, 0.66), (0.101, 0.56),
    (0.103, 0.47), (0.0, 0.46)
))
_arm = (
    (0.112, 0.795), (0.142, 0.755), (0.158, 0.64), (0.168, 0.525), (0.1315, 0.525), (0.126, 0.56), (0.108, 0.66),
    (0.118, 0.74)
)
_hand = ((0.1315, 0.525), (0.168, 0.525), (0.170, 0.475), (0.152, 0.455), (0.134, 0.475))
_leg = (
    (0.0, 0.475), (0.103, 0.475), (0.106, 0.30), (0.104, 0.10), (0.105, 0.05), (0.032, 0.05), (0.026, 0.26),
    (0.010, 0.40), (0.0, 0.41)
)
_foot = ((0.032, 0.052), (0.106, 0.052), (0.128, 0.022), (0.126, 0.0), (0.034, 0.0))
_hair = (*arc(0.0, 0.915, 0.066, 0.085, 8, 172, 12), (-0.05, 0.955), (-0.01, 0.968), (0.03, 0.962), (0.055, 0.945))


def _pair(name: str, points: Points, paint: str, material: str = "") -> tuple[Part, Part]:
    """A part on the right and its mirror image on the left."""
    left = tuple((-x, y) for x, y in points)
    return Part(name, points, paint, material=material), Part(name, left, paint, material=material)


PERSON = Template(
    "person", 0.56, (_person,),
    (
        Part("head", _person[:7] + _person[-6:], "tan"), Part("hair", _hair, "brown"),
        *_pair("eye", ellipse(0.023, 0.925, 0.007, 0.011, 8), "black"),
        Part("mouth", arc(0.0, 0.885, 0.022, 0.014, 180, 360, 7), "red"),
        Part("torso", _torso, marked=True, material="fabric"), *_pair("arm", _arm, MAIN, "fabric"),
        *_pair("hand", _hand, "tan"), *_pair("leg", _leg, SECOND, "fabric"),
        *_pair("foot", _foot, "black", "leather"),
    ),
    EVERYWHERE, colours=COATS, seconds=("blue", "black", "grey", "brown", "green"),
)

_dog = smooth((
    (0.46, 0.98), (0.56, 1.0), (0.70, 0.94), (0.80, 0.80), (0.84, 0.72), (0.80, 0.66), (0.66, 0.62), (0.58, 0.52),
    (0.54, 0.36), (0.53, 0.16), (0.55, 0.04), (0.53, 0.0), (0.40, 0.0), (0.38, 0.10), (0.37, 0.26), (0.10, 0.28),
    (-0.20, 0.26), (-0.30, 0.24), (-0.32, 0.12), (-0.30, 0.03), (-0.32, 0.0), (-0.45, 0.0), (-0.47, 0.10),
    (-0.49, 0.30), (-0.52, 0.46), (-0.60, 0.62), (-0.70, 0.78), (-0.68, 0.84), (-0.62, 0.82), (-0.54, 0.70),
    (-0.44, 0.60), (-0.10, 0.58), (0.20, 0.60), (0.32, 0.66), (0.38, 0.82),
), 2)
_dog_body = (
    (-0.46, 0.58), (-0.10, 0.575), (0.20, 0.59), (0.40, 0.62), (0.54, 0.42), (0.50, 0.28), (0.10, 0.285),
    (-0.20, 0.265), (-0.46, 0.28), (-0.50, 0.45),
)
_dog_tail = (
    (-0.52, 0.47), (-0.60, 0.62), (-0.69, 0.78), (-0.68, 0.83), (-0.62, 0.81), (-0.54, 0.69), (-0.45, 0.59),
)
_dog_head = smooth((
    (0.42, 0.93), (0.56, 0.985), (0.70, 0.93), (0.80, 0.79), (0.83, 0.72), (0.79, 0.67), (0.64, 0.63), (0.50, 0.62),
    (0.40, 0.74),
), 2)
_dog_ear = smooth(((0.42, 0.94), (0.52, 0.95), (0.54, 0.80), (0.48, 0.66), (0.40, 0.70), (0.39, 0.84)), 2)
DOG = Template(
    "dog", 0.27, (_dog,),
    (
        Part("body", _dog_body, marked=True), Part("tail", _dog_tail, SECOND),
        Part("leg", box(0.39, 0.01, 0.53, 0.30, 0.04)), Part("leg", box(-0.455, 0.01, -0.325, 0.30, 0.04)),
        Part("head", _dog_head), Part("ear", _dog_ear, SECOND),
        Part("nose", ellipse(0.80, 0.755, 0.035, 0.045, 10), "black"),
        Part("eye", ellipse(0.65, 0.85, 0.025, 0.035, 10), "black"),
    ),
    EVERYWHERE, colours=("brown", "white", "grey", "orange"), seconds=("brown", "black", "white"),
    patterns=(PLAIN, DOTTED), sided=True,
)


def _wheel(x: float, radius: float) -> tuple[Part, Part]:
    tyre, rim = ellipse(x, radius, radius, radius, 18), ellipse(x, radius, radius * 0.5, radius * 0.5, 12)
    return Part("wheel", tyre, "black", material=OTHER), Part("rim", rim, "grey", material="metal")


def _on_wheels(body: Points, wheels: tuple[tuple[float, float], ...], floor: float) -> Points:
    """A vehicle's outline: its body from the lower front over the top to the lower rear, then the floor and the wheels.

    Wheels (x, radius) come from rear to front; `floor` is the height of the body's lower edge.
    """
    found = list(body)
    for x, radius in wheels:
        start = 180 - degrees(asin((floor - radius) / radius))
        found += arc(x, radius, radius, radius, start, 540 - start, 10)
    return tuple(found)


_car_body = rounded((
    (1.18, 0.22), (1.20, 0.36), (1.16, 0.54), (0.66, 0.62), (0.36, 0.96), (0.20, 1.0), (-0.50, 1.0), (-0.64, 0.96),
    (-0.92, 0.62), (-1.14, 0.56), (-1.20, 0.40), (-1.18, 0.22),
), 0.09)
_car = _on_wheels(_car_body,
    ((-0.68, 0.23), (0.70, 0.23)), 0.22,
)
CAR = Template(
    "car", 0.26, (_car,),
    (
        Part("body", _car_body, marked=True),
        *_wheel(-0.68, 0.23), *_wheel(0.70, 0.23),
        Part("window", rounded(((-0.10, 0.66), (-0.10, 0.92), (0.17, 0.92), (0.30, 0.88),
        (0.50, 0.66)), 0.04, 3), "light blue", **PANE),
        Part("window", rounded(((-0.18, 0.66), (-0.18, 0.92), (-0.46, 0.92), (-0.58, 0.88),
        (-0.78, 0.66)), 0.04, 3), "light blue", **PANE),
        Part("headlight", ellipse(1.10, 0.46, 0.07, 0.055, 14), "yellow", **LENS),
        Part("taillight", ellipse(-1.13, 0.48, 0.05, 0.055, 12), "red", **LENS),
        Part("handle", box(-0.30, 0.55, -0.14, 0.58), "black", material="plastic"),
        Part("bumper", box(0.98, 0.24, 1.185, 0.32, 0.03), SECOND, material="plastic"),
        Part("bumper", box(-1.185, 0.24, -0.98, 0.32, 0.03), SECOND, material="plastic"),
    ),
    ("street",), seconds=("grey", "black", "white"), colours=(*COATS, "grey"), patterns=(PLAIN, STRIPED, PLAIN),
    sided=True, material="metal",
)

_bus_body = rounded(((1.18, 0.14), (1.18, 0.94), (1.08, 1.0), (-1.10, 1.0), (-1.18, 0.95), (-1.18, 0.14)), 0.06)
_bus = _on_wheels(_bus_body,
    ((-0.66, 0.145), (0.70, 0.145)), 0.14,
)
BUS = Template(
    "bus", 0.40, (_bus,),
    (
        Part("body", _bus_body, marked=True),
        *_wheel(-0.66, 0.145), *_wheel(0.70, 0.145),
        *(Part("window", box(x, 0.54, x + 0.36, 0.84, 0.03), "light blue", **PANE)
          for x in (-1.06, -0.62, -0.18, 0.26)),
        Part("door", box(0.74, 0.30, 0.96, 0.84, 0.02), SECOND),
        Part("windshield", box(1.04, 0.50, 1.15, 0.86, 0.02), "light blue", **PANE),
        Part("headlight", ellipse(1.12, 0.26, 0.045, 0.04, 12), "yellow", **LENS),
        Part("bumper", box(-1.17, 0.145, -0.86, 0.20, 0.02), "grey", material="plastic"),
    ),
    ("street",), colours=("red", "orange", "yellow", "green", "blue", "purple", "white"),
    seconds=("grey", "black", "white"), patterns=(PLAIN,), sided=True, material="metal",
)

_bench = mirror((
    (0.0, 1.0), (0.92, 1.0), (0.95, 0.98), (0.95, 0.62), (0.99, 0.56), (1.0, 0.48), (0.97, 0.44), (0.86, 0.43),
    (0.87, 0.02), (0.86, 0.0), (0.74, 0.0), (0.73, 0.02), (0.74, 0.42), (0.0, 0.42),
))
BENCH = Template(
    "bench", 0.28, (_bench,),
    (
        Part("leg", box(0.735, 0.0, 0.865, 0.44, 0.02), SECOND, material="metal"),
        Part("leg", box(-0.865, 0.0, -0.735, 0.44, 0.02), SECOND, material="metal"),
        Part("back", box(-0.95, 0.60, 0.95, 1.0, 0.03), marked=True), Part("seat", box(-0.99, 0.425, 0.99, 0.56, 0.04)),
    ),
    OUTSIDE, colours=("brown", "green", "blue", "red", "white"), seconds=("grey", "black"), patterns=(PLAIN, STRIPED),
    material="wood",
)

_canopy = (
    *arc(0.0, 0.56, 0.62, 0.42, 178, 92, 12), (-0.012, 1.0), (0.012, 1.0), *arc(0.0, 0.56, 0.62, 0.42, 88, 2, 12),
    *(point for x in (0.4134, 0.0, -0.4134) for point in arc(x, 0.555, 0.2067, 0.045, 0, 180, 7)[1:-1]),
)
_umbrella = (
    *_canopy[:26], *arc(0.4134, 0.555, 0.2067, 0.045, 0, 180, 7)[1:], *arc(0.0, 0.555, 0.2067, 0.045, 0, 85, 4)[1:],
    (0.018, 0.0), (-0.018, 0.0),
    *arc(0.0, 0.555, 0.2067, 0.045, 95, 180, 4)[:-1], *arc(-0.4134, 0.555, 0.2067, 0.045, 0, 180, 7)[:-1],
)
UMBRELLA = Template(
    "umbrella", 0.52, (_umbrella,),
    (Part("shaft", box(-0.018, 0.0, 0.018, 0.62), "brown", material="wood"), Part("canopy", _canopy, marked=True)),
    OUTSIDE, colours=HUES, material="fabric",
)

_kite_body = ((0.0, 1.0), (0.30, 0.62), (0.0, 0.24), (-0.30, 0.62))
_kite_tail = (
    (0.012, 0.28), (0.075, 0.20), (0.06, 0.14), (-0.03, 0.09), (-0.02, 0.05), (0.045, 0.005), (0.03, -0.01),
    (-0.05, 0.04), (-0.055, 0.095), (0.03, 0.15), (0.04, 0.19), (-0.012, 0.28)
)
_kite = (
    (0.0, 1.0), (0.10, 0.8733), (0.20, 0.7467), (0.30, 0.62), (0.20, 0.4933), (0.10, 0.3667), (0.031, 0.2793),
    *_kite_tail[1:-1], (-0.03, 0.278), (-0.10, 0.3667), (-0.20, 0.4933), (-0.30, 0.62), (-0.20, 0.7467),
    (-0.10, 0.8733),
)
KITE = Template(
    "kite", 0.26, (_kite,),
    (
        Part("tail", _kite_tail, SECOND), Part("body", _kite_body, marked=True),
        Part("crossbar", box(-0.29, 0.612, 0.29, 0.628), SECOND),
    ),
    ("park",), "sky", patterns=(PLAIN, STRIPED, CHECKED), turn=28.0, material="fabric",
)

_ball = ellipse(0.0, 0.5, 0.5, 0.5, 26)
BALL = Template("sports ball", 0.12, (_ball,), (Part("body", _ball, marked=True),), ("park", "room"), turn=40.0,
                material="plastic")

_string = (
    (-0.012, 0.34), (0.012, 0.34), (0.03, 0.22), (0.004, 0.10), (0.016, 0.0), (-0.004, 0.0), (-0.018, 0.10),
    (0.008, 0.22),
)
_balloon_body = arc(0.0, 0.70, 0.25, 0.30, 262, -82, 24)
_balloon = (*_balloon_body, (0.05, 0.36), (0.014, 0.37), *_string[2:], (-0.014, 0.37), (-0.05, 0.36))
BALLOON = Template(
    "balloon", 0.28, (_balloon,),
    (Part("string", _string, "white", material="fabric"), Part("body", _balloon_body, marked=True)),
    ("park", "room"), "sky", patterns=(PLAIN, STRIPED, DOTTED), material="plastic",
)

_streetlight = (
    (-0.02, 0.0), (-0.022, 0.90), (-0.01, 0.95), (0.02, 0.98), (0.10, 0.985), (0.10, 1.0), (0.30, 0.985),
    (0.30, 0.955), (0.10, 0.945), (0.05, 0.945), (0.026, 0.92), (0.024, 0.05), (0.05, 0.03), (0.05, 0.0),
)
STREETLIGHT = Template(
    "streetlight", 0.74, (_streetlight,),
    (Part("pole", (*_streetlight[:5], *_streetlight[9:]), MAIN), Part("lamp", _streetlight[4:9], "yellow", **LENS)),
    ("street",), colours=("grey", "black", "green"), patterns=(PLAIN,), sided=True,
    material="metal",
)

OUTDOORS = (PERSON, DOG, CAR, BUS, BENCH, UMBRELLA, KITE, BALL, BALLOON, STREETLIGHT)
