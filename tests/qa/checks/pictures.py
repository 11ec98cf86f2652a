"""Pictures for tests: coloured blobs, each seed another."""

import pathlib

import numpy as np
import PIL.Image
from scipy import ndimage


def picture(seed: int, size: tuple[int, int] = (320, 240)) -> PIL.Image.Image:
    """Smooth noise, with the light and shade of a photograph."""
    noise = np.random.default_rng(seed).normal(size=(12, 16, 3))
    large = ndimage.zoom(noise, (size[1] / 12, size[0] / 16, 1), order=1)
    return PIL.Image.fromarray(np.clip(128 + 60 * large, 0, 255).astype(np.uint8))


def save(data: pathlib.Path, path: str, seed: int, **options: int) -> None:
    """A picture as a JPEG below DATA."""
    target = data / path
    target.parent.mkdir(parents=True, exist_ok=True)
    picture(seed).save(target, "JPEG", **options)
