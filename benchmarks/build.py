"""A whole build of sample scenes, offline, with one and with two workers: images a second and peak memory.

    python -m benchmarks.build                    # 20,000 scenes without pictures
    python -m benchmarks.build --images 118287    # as many as COCO train2017 has
    python -m benchmarks.build --data scenes      # scenes that are there already

The pictures themselves are not needed to plan and assemble, so none are drawn. Peak memory is that of all
processes of a build together, sampled ten times a second.
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

from pipelines.recipes import FOLDER

RECIPE = "object-level"


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


def report(data: str, images: int, folder: str) -> None:
    """Build twice into fresh folders and print the figures."""
    recipe = pathlib.Path(folder, "no-pictures.yaml")
    recipe.write_text((FOLDER / f"{RECIPE}.yaml").read_text().replace("check: true", "check: false"))
    runs = {workers: build(data, f"{folder}/out{workers}", str(recipe), workers) for workers in (1, 2)}
    for workers, run in runs.items():
        print(
            f"{workers} worker{'s' * (workers > 1)}: {run.seconds:.0f} s, {images / run.seconds:.0f} images a second, "
            f"peak memory {run.peak_mb:.0f} MB"
        )
    print(f"two workers against one: {runs[1].seconds / runs[2].seconds:.2f} times as fast")
    print(f"manifests equal: {runs[1].fingerprint == runs[2].fingerprint}")


def main() -> None:
    """Write scenes where none are given, then measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--data", help="sample scenes of so many images")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = options.data or f"{folder}/scenes"
        if not options.data:
            sample = ["sample", data, "--images", str(options.images), "--no-pictures"]
            subprocess.run([sys.executable, "-m", "pipelines.cli", *sample], check=True)
        report(data, options.images, folder)


if __name__ == "__main__":
    main()
