"""Reading a COCO-size annotation file: ours against `pycocotools.coco.COCO(file)`.

    python benchmarks/ingest.py                         # writes a file of COCO's size and measures on it
    python benchmarks/ingest.py --images 10000          # a smaller one
    python benchmarks/ingest.py --file coco/annotations/instances_train2017.json

Each measurement runs in a process of its own, the two readers in turn, `--rounds` times; medians are printed. Loading
and checking is compared with pycocotools' loading. Writing the normal form and converting the masks come on top and
are reported apart.
"""

import argparse
import json
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator

import numpy as np

IMAGES, ANNOTATIONS, CATEGORIES = 118_287, 860_001, 80
"""Of instances_train2017.json; its polygons have about 22 points, its file about 450 MB."""

CROWD_EVERY = 86
"""About 10,000 of COCO's 860,001 annotations are crowds."""


def write_instances(path: pathlib.Path, images: int) -> None:
    """A deterministic instances file of that many images, with COCO's share of annotations, points and crowds."""
    annotations = round(images * ANNOTATIONS / IMAGES)
    with path.open("w") as stream:
        stream.write('{"info": {"description": "benchmark"}, "licenses": [], "images": [')
        stream.write(", ".join(json.dumps(_image(number)) for number in range(1, images + 1)))
        stream.write('], "annotations": [')
        for index, text in enumerate(_annotations(images, annotations)):
            stream.write(", " * (index > 0) + text)
        categories = [{"supercategory": "thing", "id": i, "name": f"thing {i}"} for i in range(1, CATEGORIES + 1)]
        stream.write(f'], "categories": {json.dumps(categories)}}}')


def _image(number: int) -> dict[str, object]:
    name = f"{number:012d}.jpg"
    return {
        "license": 1 + number % 8, "file_name": name, "coco_url": f"http://images.cocodataset.org/train2017/{name}",
        "height": 480, "width": 640, "date_captured": "2013-11-14 11:18:45",
        "flickr_url": "http://farm9.staticflickr.com/8186/8119368305_4e622c8349_z.jpg", "id": number,
    }  # fmt: skip


def _annotations(images: int, count: int) -> Iterator[str]:
    """Stars around a centre, so that every polygon is simple; sizes and numbers of points are spread like COCO's."""
    random = np.random.default_rng(0)
    for start in range(0, count, 4096):
        size = min(4096, count - start)
        points = np.clip(random.lognormal(2.95, 0.6, size), 4, 300).astype(int)
        radius = np.clip(random.lognormal(3.4, 0.9, size), 4, 230)
        centre = random.uniform((0, 0), (640, 480), (size, 2))
        image = random.integers(1, images + 1, size)
        category = random.integers(1, CATEGORIES + 1, size)
        for i in range(size):
            angle = np.linspace(0, 2 * np.pi, points[i], endpoint=False)
            reach = radius[i] * random.uniform(0.6, 1, points[i])
            x = np.clip(centre[i, 0] + reach * np.cos(angle), 0, 640).round(2)
            y = np.clip(centre[i, 1] + reach * np.sin(angle), 0, 480).round(2)
            number = start + i
            shape = _crowd() if number % CROWD_EVERY == 0 else json.dumps([np.stack([x, y], 1).ravel().tolist()])
            box = [x.min(), y.min(), round(np.ptp(x), 2), round(np.ptp(y), 2)]
            crowd, area = int(number % CROWD_EVERY == 0), radius[i] ** 2
            yield (
                f'{{"segmentation": {shape}, "area": {area:.4f}, "iscrowd": {crowd}, "image_id": {image[i]}, '
                f'"bbox": {json.dumps(list(map(float, box)))}, "category_id": {category[i]}, "id": {number + 1}}}'
            )


def _crowd() -> str:
    counts = [480 * 100, *[40, 440] * 100, 480 * 440]
    return json.dumps({"counts": counts, "size": [480, 640]})


class Clock:
    """Starts when made; the processor's time tells the work done even where other programs share the machine."""

    def __init__(self) -> None:
        self._time, self._cpu = time.perf_counter(), time.process_time()

    def stop(self) -> dict[str, float]:
        """Seconds passed, and those that the processor worked for this process."""
        return {"seconds": time.perf_counter() - self._time, "cpu": time.process_time() - self._cpu}


def run_pycocotools(path: str) -> dict[str, float]:
    """Load as everyone does."""
    from pycocotools.coco import COCO

    start = Clock()
    found = COCO(path)
    assert found.anns
    return start.stop()


def run_ours(path: str) -> dict[str, float]:
    """Load and check."""
    import pyarrow as pa

    from pipelines.sources import SOURCES

    pa.array([0])  # Arrow imports pandas with its first array; imports are timed for neither reader
    start = Clock()
    reading = SOURCES["coco"].read({"instances": path})
    assert reading.read["annotations"]
    return start.stop()


def run_ingest(path: str) -> dict[str, float]:
    """Load, check and write the normal form; then once more, when nothing is left to do."""
    from pipelines.sources import SOURCES
    from pipelines.sources.ingest import ingest
    from pipelines.sources.locate import Located

    located = Located(name="coco", files={"instances": path})
    with tempfile.TemporaryDirectory() as work:
        start = time.perf_counter()
        ingest(SOURCES["coco"], located, work)
        middle = time.perf_counter()
        ingest(SOURCES["coco"], located, work)
        return {"seconds": middle - start, "again": time.perf_counter() - middle}


def run_masks(path: str) -> dict[str, float]:
    """Masks of one part in sixteen of the normal form; `seconds` is scaled to all."""
    from pipelines.regions.clean import clean
    from pipelines.sources import SOURCES
    from pipelines.sources.ingest import ingest
    from pipelines.sources.locate import Located

    with tempfile.TemporaryDirectory() as work:
        cache = ingest(SOURCES["coco"], Located(name="coco", files={"instances": path}), work)
        total = sum(cache.annotations((slot, slot + 16)).num_rows for slot in range(0, 256, 16))
        tables = [cache.annotations((slot, slot + 1)) for slot in range(0, 256, 16)]
    rows = sum(table.num_rows for table in tables)
    start = time.perf_counter()
    for table in tables:
        clean(table)
    return {"seconds": (time.perf_counter() - start) * total / rows, "masks": total}


CHILDREN: dict[str, Callable[[str], dict[str, float]]] = {
    "pycocotools": run_pycocotools, "ours": run_ours, "ingest": run_ingest, "masks": run_masks,
}  # fmt: skip


def measure(name: str, path: str) -> dict[str, float]:
    """What a child process measured, with its peak memory in MB."""
    command = [sys.executable, __file__, "--child", name, "--file", path]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def child(name: str, path: str) -> None:
    """Measure and print as JSON."""
    found = CHILDREN[name](path)
    used = resource.getrusage(resource.RUSAGE_SELF)
    found["peak_mb"] = used.ru_maxrss / 1024
    print(json.dumps(found))


def report(path: str, rounds: int) -> None:
    """Alternate the two readers and print medians and ratios, then what comes on top."""
    print(f"{path}: {pathlib.Path(path).stat().st_size / 1e6:.0f} MB")
    runs: dict[str, list[dict[str, float]]] = {"pycocotools": [], "ours": []}
    for _ in range(rounds):
        for name, found in runs.items():
            found.append(measure(name, path))
    theirs, ours = (median(found) for found in runs.values())
    print(f"{'':12} {'time':>9} {'processor':>11} {'peak memory':>12}")
    for name, values in (("pycocotools", theirs), ("ours", ours)):
        print(f"{name:12} {values['seconds']:7.2f} s {values['cpu']:9.2f} s {values['peak_mb']:9.0f} MB")
    speed, work, memory = (theirs[key] / ours[key] for key in ("seconds", "cpu", "peak_mb"))
    print(f"loading and checking: {speed:.1f} times as fast ({work:.1f} by processor), 1/{memory:.1f} of the memory")
    whole = measure("ingest", path)
    print(f"with checksum and normal form: {whole['seconds']:.2f} s, {whole['peak_mb']:.0f} MB")
    print(f"again, when nothing is left to do: {whole['again']:.2f} s")
    masks = measure("masks", path)
    print(f"masks on top, one process: {masks['seconds']:.0f} s for {masks['masks']:.0f}")


def median(runs: list[dict[str, float]]) -> dict[str, float]:
    """The median of each figure."""
    return {key: statistics.median(run[key] for run in runs) for key in runs[0]}


def main() -> None:
    """Measure on the file named, or on one written for the purpose."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=IMAGES, help="of the file that is written")
    parser.add_argument("--file", help="a COCO instances file to measure on")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", choices=CHILDREN, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        return child(options.child, options.file)
    if options.file:
        return report(options.file, options.rounds)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / f"instances_{options.images}.json"
        write_instances(path, options.images)
        report(str(path), options.rounds)
    return None


if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
    main()
