"""What showing pictures costs: ms a request to draw it, beside what decoding and encoding alone take.

    python -m benchmarks.seeing [--images N] [--regions N]

Pictures of 640 x 480 with the detail of a photograph (smoothed noise), regions of all sizes.
"""

import argparse
import io
import time
from collections.abc import Callable

import numpy as np
import PIL.Image
from scipy import ndimage

from pipelines.views.picture import decode
from pipelines.views.view import render, views
from schemas import rle
from schemas.recipe import VisionSettings
from schemas.records import Mask

SIZE = (640, 480)
SETTINGS = VisionSettings()


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=60)
    parser.add_argument("--regions", type=int, default=5)
    options = parser.parse_args()
    random = np.random.default_rng(0)
    pictures = [(_picture(random), [_mask(random) for _ in range(options.regions)]) for _ in range(options.images)]
    for content, masks in pictures[:3]:
        _draw(content, masks)
    plain, bare = _timed(lambda: sum(_only_code(content, masks) for content, masks in pictures))
    drawn, size = _timed(lambda: sum(_draw(content, masks) for content, masks in pictures))
    count = len(pictures)
    print(f"{count} requests of {1 + min(options.regions, SETTINGS.crops)} pictures, {options.regions} regions each")
    print(f"decode, resize, encode:  {1000 * plain / count:6.1f} ms a request, {bare / count / 1000:.0f} kB")
    print(f"with lines and numbers:  {1000 * drawn / count:6.1f} ms a request, {size / count / 1000:.0f} kB")


def _draw(content: bytes, masks: list[Mask]) -> int:
    picture = decode(content, SIZE)
    return sum(len(render(picture, view)) for view in views(masks, SIZE, SETTINGS))


def _only_code(content: bytes, masks: list[Mask]) -> int:
    picture, total = decode(content, SIZE), 0
    for view in views(masks, SIZE, SETTINGS):
        stream = io.BytesIO()
        picture.crop(view.window).resize(view.size, PIL.Image.Resampling.LANCZOS).save(stream, "JPEG", quality=85)
        total += stream.tell()
    return total


def _picture(random: np.random.Generator) -> bytes:
    noise = random.normal(128, 60, (SIZE[1], SIZE[0], 3))
    smooth = ndimage.gaussian_filter(noise, (3, 3, 0)) * 4 + noise * 0.15 - 400
    stream = io.BytesIO()
    PIL.Image.fromarray(smooth.clip(0, 255).astype(np.uint8)).save(stream, "JPEG", quality=90)
    return stream.getvalue()


def _mask(random: np.random.Generator) -> Mask:
    """A disc with a wavy border, of 8 to 200 pixels."""
    radius = float(np.exp(random.uniform(np.log(4), np.log(100))))
    x, y = random.uniform(0, SIZE[0]), random.uniform(0, SIZE[1])
    rows, columns = np.ogrid[: SIZE[1], : SIZE[0]]
    wave = 1 + 0.2 * np.sin(5 * np.arctan2(rows - y, columns - x))
    pixels = np.hypot(rows - y, columns - x) < radius * wave
    pixels[min(int(y), SIZE[1] - 1), min(int(x), SIZE[0] - 1)] = True
    return rle.encode(pixels)


def _timed(work: Callable[[], int]) -> tuple[float, int]:
    """Seconds, and what it gave."""
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


if __name__ == "__main__":
    main()
