"""A whole build of sample scenes, offline, with one and with two workers: images a second, peak memory, and what that
makes for as many images as COCO train2017 has.

    python -m benchmarks.build                              # 5,000 scenes with every raw file, recipe osprey-724k
    python -m benchmarks.build --recipe complete            # all ten kinds
    python -m benchmarks.build --data scenes --images 5000  # scenes that are there already

The pictures themselves are not needed to plan and assemble, so none are drawn (sources that do not say how large their
pictures are, such as LLaVA's pairs, then give no rows); the template writes. Peak memory is that
of all processes of a build together, sampled ten times a second.

The extrapolation takes two builds, of a quarter of the scenes and of all: what a build takes for itself (starting, the
meanings of categories) is once, the rest is taken to grow with the number of images, as every phase works slot range by
slot range and record by record. Only the sorting of a source's annotations grows faster (n log n).
"""

import argparse
import hashlib
import pathlib
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

import psutil
import yaml

from pipelines.recipes import FOLDER, names

COCO = 118_287
"""Images of COCO train2017."""
PART = 4
"""The smaller build has one in so many scenes."""


class Measured(NamedTuple):
    """One build."""

    seconds: float
    peak_mb: float
    fingerprint: str
    """Over the manifest, which holds the SHA-256 of every shard."""


def build(data: str, out: str, recipe: str, workers: int) -> Measured:
    """Run the command and watch its processes."""
    command = [sys.executable, "-m", "pipelines.cli", "build", "--data", data, "--out", out]
    started, peak = time.perf_counter(), 0.0
    process = subprocess.Popen(
        [*command, "--recipe", recipe, "--workers", str(workers)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while process.poll() is None:
        peak = max(peak, _memory_mb(process.pid))
        time.sleep(0.1)
    seconds = time.perf_counter() - started
    assert process.returncode == 0, f"the build ended with {process.returncode}"
    manifest = pathlib.Path(out, "manifest.json").read_bytes()
    return Measured(seconds, peak, hashlib.sha256(manifest).hexdigest())


def _memory_mb(pid: int) -> float:
    """Resident memory of a process and its descendants."""
    try:
        root = psutil.Process(pid)
        return sum(one.memory_info().rss for one in [root, *root.children(recursive=True)]) / 2**20
    except psutil.NoSuchProcess:
        return 0.0


def report(name: str, scenes: dict[int, str], folder: str) -> None:
    """Build each number of scenes with one and two workers into fresh folders, and print the figures."""
    recipe = pathlib.Path(folder, "no-pictures.yaml")
    content = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    recipe.write_text(yaml.safe_dump(content | {"images": {"check": False}}, sort_keys=False))
    runs = {
        (images, workers): build(data, f"{folder}/out-{images}-{workers}", str(recipe), workers)
        for images, data in scenes.items()
        for workers in (1, 2)
    }
    for (images, workers), run in runs.items():
        print(
            f"{images:,} images, {workers} worker{'s' * (workers > 1)}: {run.seconds:.0f} s, "
            f"{images / run.seconds:.0f} images a second, peak memory {run.peak_mb:.0f} MB"
        )
    few, many = min(scenes), max(scenes)
    for images in scenes:
        print(f"{images:,} images: manifests equal: {runs[images, 1].fingerprint == runs[images, 2].fingerprint}")
    for workers in (1, 2):
        once, each = fit(few, runs[few, workers].seconds, many, runs[many, workers].seconds)
        print(
            f"extrapolated from {100 * many / COCO:.1f} % of {COCO:,} images, {workers} worker{'s' * (workers > 1)}: "
            f"{(once + COCO * each) / 60:.0f} min ({once:.0f} s once, {1000 * each:.2f} ms an image)"
        )


def fit(few: int, few_s: float, many: int, many_s: float) -> tuple[float, float]:
    """(seconds once, seconds an image) of a straight line through two builds; never less than nothing once."""
    each = max(0.0, (many_s - few_s) / (many - few))
    once = many_s - many * each
    return (once, each) if once >= 0 else (0.0, many_s / many)


def main() -> None:
    """Write scenes where none are given, then measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=5_000)
    parser.add_argument("--recipe", default="osprey-724k", choices=names())
    parser.add_argument("--data", help="sample scenes of so many images")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        wanted = [max(1, options.images // PART), options.images]
        scenes = {images: f"{folder}/scenes-{images}" for images in wanted}
        if options.data:
            scenes[options.images] = options.data
        for images, data in scenes.items():
            if data != options.data:
                sample = ["sample", data, "--images", str(images), "--no-pictures"]
                subprocess.run([sys.executable, "-m", "pipelines.cli", *sample], check=True)
        report(options.recipe, scenes, folder)


if __name__ == "__main__":
    main()
