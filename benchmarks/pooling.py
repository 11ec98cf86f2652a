"""Regions that fall through the pooling: share of levels of which no cell is inside, published and by covered area.

    python -m benchmarks.pooling [--data RAW] [--positions N]

Squares of several sides at random places of a 640 x 480 picture; the masks of sample scenes; and those of COCO under
--data (../shared/data/raw where there is one). The model sees 512 x 512 pixels, so levels have 128, 64, 32, 16 cells a
side. The published pooling resizes a mask from its own size bilinearly and takes what is above zero.
"""

import argparse
import contextlib
import io
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from pycocotools.coco import COCO

from osprey_train import geometry
from osprey_train.model.config import STRIDES
from osprey_train.model.extractor import area_weights
from pipelines.scenes import write_scenes
from schemas import rle
from schemas.records import Mask

IMAGE_SIZE = 512
FRAME = geometry.Frame(IMAGE_SIZE, IMAGE_SIZE // STRIDES["res2"], "squash")
SIDES = (4, 8, 16, 32, 64)
PICTURE = (480, 640)
SHARED = Path("../shared/data/raw")


class Empty(NamedTuple):
    """Of one mask, which of the four levels are empty."""

    published: tuple[bool, ...]
    area: tuple[bool, ...]


def empty_levels(mask: Mask) -> Empty:
    """Which levels a mask falls through."""
    pixels = torch.from_numpy(rle.decode(mask)).float()[None, None]
    coverage = geometry.coverage([mask], FRAME)
    sizes = [IMAGE_SIZE // stride for stride in STRIDES.values()]
    resized = [F.interpolate(pixels, size=(size, size), mode="bilinear") for size in sizes]
    return Empty(
        tuple(not bool((level > 0).any()) for level in resized),
        tuple(not bool(area_weights(coverage, size).any()) for size in sizes),
    )


def squares(side: int, positions: int) -> Iterator[Mask]:
    """Squares at random places."""
    random = np.random.default_rng(side)
    for _ in range(positions):
        pixels = np.zeros(PICTURE, bool)
        y, x = random.integers(0, PICTURE[0] - side + 1), random.integers(0, PICTURE[1] - side + 1)
        pixels[y : y + side, x : x + side] = True
        yield rle.encode(pixels)


def coco_masks(file: Path) -> Iterator[Mask]:
    """Masks of a COCO file that are no crowds and not empty."""
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(file))
    for annotation in coco.anns.values():
        if not annotation.get("iscrowd"):
            found = coco.annToRLE(annotation)
            if annotation["area"] > 0:
                yield Mask(size=tuple(found["size"]), counts=found["counts"].decode())


def by_size(masks: Iterable[Mask]) -> dict[str, list[Empty]]:
    """What falls through, by the root of the area in pixels."""
    found: dict[str, list[Empty]] = {}
    names = [f"{low}..{high - 1}" for low, high in zip((0, *SIDES), SIDES, strict=False)] + [f"{SIDES[-1]}.."]
    for mask in masks:
        if area := rle.area(mask):
            found.setdefault(names[int(np.searchsorted(SIDES, area**0.5, side="right"))], []).append(empty_levels(mask))
    return {name: found[name] for name in names if name in found}


def show(title: str, groups: dict[str, list[Empty]]) -> None:
    """A table: share of masks that are empty, by level."""
    print(f"\n{title}\n{'side, px':>9} {'masks':>6}   {'published: ' + '  '.join(STRIDES):<33}   by area: any level")
    for name, found in groups.items():
        shares = np.mean([one.published for one in found], axis=0)
        ours = float(np.mean([any(one.area) for one in found]))
        levels = "  ".join(f"{share:4.0%}" for share in shares)
        print(f"{name:>9} {len(found):6}   {'':11}{levels:<22}   {ours:.0%}")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=SHARED, help="raw data with coco/annotations")
    parser.add_argument("--positions", type=int, default=400)
    parser.add_argument("--scenes", type=int, default=60)
    options = parser.parse_args()
    show("squares", {str(side): [empty_levels(mask) for mask in squares(side, options.positions)] for side in SIDES})
    with tempfile.TemporaryDirectory() as folder:
        write_scenes(folder, options.scenes, 0, pictures=False)
        show("sample scenes", by_size(coco_masks(Path(folder) / "coco/annotations/instances_train2017.json")))
    for split in ("train2017", "val2017"):
        file = options.data / f"coco/annotations/instances_{split}.json"
        if file.is_file():
            show(f"COCO {split}, {file}", by_size(coco_masks(file)))


if __name__ == "__main__":
    main()
