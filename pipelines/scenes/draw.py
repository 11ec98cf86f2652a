"""Draw a scene from its number.

`draw_scene` depends on its arguments alone, so scenes can be made one at a time, in any order and on any machine.
"""

from random import Random

import numpy as np

from pipelines.scenes.hiding import hide
from pipelines.scenes.layout import arrange
from pipelines.scenes.truth import CrowdTruth, Place, SceneTruth
from schemas.keys import stable_int

SIZES = ((320, 240), (320, 240), (400, 300), (480, 360), (640, 480), (300, 400), (360, 480))
PLACES: tuple[Place, ...] = ("room", "room", "park", "street")

CROWDED = 0.1
"""Fraction of outdoor scenes with a crowd."""

VAL_EVERY = 25
"""One scene in so many, from the first on, belongs to val2017."""

FIGURE = ((0.0, 1.0), (0.09, 0.96), (0.10, 0.86), (0.06, 0.80), (0.17, 0.74), (0.16, 0.40), (0.11, 0.36), (0.10, 0.0))
"""Right half of a person far away."""


def image_id_of(index: int) -> int:
    """COCO-like ids: rising, with gaps, from 9 on."""
    return 9 + 4 * index + stable_int("image", index) % 4


def folder_of(index: int) -> str:
    """`train2017` or `val2017`."""
    return "train2017" if index % VAL_EVERY else "val2017"


def draw_scene(seed: int, index: int, series: str = "") -> SceneTruth:
    """The scene of this number in a series of this seed: the one of COCO, or that of a format with its own pictures."""
    random = Random(stable_int("scene", seed, index, *filter(None, [series])))
    size = random.choice(SIZES)
    place = random.choice(PLACES)
    horizon = size[1] * random.uniform(0.42, 0.56)
    crowd = _crowd(random, size, horizon) if place != "room" and random.random() < CROWDED else None
    placed = arrange(random, size, place, horizon)
    return SceneTruth(
        seed=seed, index=index, image_id=image_id_of(index), folder=folder_of(index), series=series,
        width=size[0], height=size[1], place=place, horizon=round(horizon, 2), objects=hide(placed), crowd=crowd,
    )  # fmt: skip


def _crowd(random: Random, size: tuple[int, int], horizon: float) -> CrowdTruth:
    """People along the horizon, in two loose groups."""
    tall = size[1] * random.uniform(0.07, 0.10)
    start, span = random.uniform(0.05, 0.4) * size[0], random.uniform(0.3, 0.5) * size[0]
    figure = np.array([*FIGURE, *((-x, y) for x, y in reversed(FIGURE) if x)]) * (tall, -tall)
    count = random.randint(9, 16)
    across = [start + span * (at + random.random()) / count for at in range(count)]
    feet = [(x, horizon + tall * random.uniform(0.2, 0.5)) for x in across]
    bodies = [figure + np.array(foot) for foot in sorted(feet, key=lambda foot: foot[1])]
    return CrowdTruth(
        shapes=tuple(tuple(body.round(2).ravel().tolist()) for body in bodies),
        colours=tuple(random.choice(("red", "blue", "green", "yellow", "purple", "grey")) for _ in range(count)),
    )
