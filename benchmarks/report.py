"""The whole report on a build: time and memory as it grows; and its figures beside those of a notebook.

    python -m benchmarks.report                              # 1,000 scenes, and twenty copies of them with other ids
    python -m benchmarks.report --build OUT --copies 0       # a build that is there already
    python -m benchmarks.report --build OUT --copies 10

`osprey-data validate` takes every shard through the suite, the figures and all checks, and writes page, card, Croissant
and Data Docs. Time is that of the processor, of all processes together, and that of the clock with one and two workers;
peak memory is that of all processes together, sampled ten times a second.

The peer makes, of the same shards, part of the same figures as one would in a notebook: all rows in a pandas frame,
every mask decoded by pycocotools for its area, words by `str.split`, categories by `value_counts`. Ours makes all
figures. What the paper's pooling sees is compared by itself: masks a second beside drawing them and resizing them with
torch. Each runs in a process of its own.
"""

import argparse
import json
import pathlib
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
import numpy as np
import psutil
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml

from benchmarks.build import _memory_mb
from pipelines.recipes import FOLDER
from pipelines.shards.manifest import KindEntry, Manifest, read_manifest, write_manifest
from pipelines.shards.writing import FileEntry, write_shard

ENOUGH = 50_000
"""Rows between two builds from which on their difference tells what a row costs."""
POOLED = 3_000
"""Masks that torch resizes."""


def make(folder: str, images: int) -> str:
    """A build of all kinds from sample scenes without pictures."""
    recipe = pathlib.Path(folder, "recipe.yaml")
    content = yaml.safe_load((FOLDER / "complete.yaml").read_text())
    recipe.write_text(yaml.safe_dump(content | {"images": {"check": False}}, sort_keys=False))
    data, out = f"{folder}/scenes", f"{folder}/out"
    for command in (
        ["sample", data, "--images", str(images), "--no-pictures"],
        ["build", "--data", data, "--out", out, "--recipe", str(recipe)],
    ):
        subprocess.run([sys.executable, "-m", "pipelines.cli", *command], check=True, stdout=subprocess.DEVNULL)
    return out


def copy(build: str, out: str, times: int) -> str:
    """So many copies of a build's rows in a new one, as other rows of other regions of other images."""
    manifest = read_manifest(build)
    kinds = {kind: _copied(build, out, entry, times) for kind, entry in manifest.kinds.items()}
    write_manifest(out, msgspec.structs.replace(manifest, kinds=kinds, ledger=()))
    return out


def _copied(build: str, out: str, entry: KindEntry, times: int) -> KindEntry:
    files: list[FileEntry] = []
    for file in entry.files:
        table = pq.read_table(f"{build}/{file.path}")
        name, of = file.path.removesuffix(".parquet").split("-of-")
        split, index = name.rsplit("-", 1)
        for number in range(times):
            path = f"{split}-{times * int(index) + number:05d}-of-{times * int(of):05d}.parquet"
            files.append(write_shard(path, _renamed(table, f"{number}/"), out=out))
    return msgspec.structs.replace(
        entry, rows=times * entry.rows, regions=times * entry.regions, turns=times * entry.turns,
        generators={name: times * rows for name, rows in entry.generators.items()}, files=tuple(files),
    )  # fmt: skip


def _renamed(table: pa.Table, prefix: str) -> pa.Table:
    table = table.combine_chunks()
    for name in ("sample_id", "image_id"):
        column = pc.binary_join_element_wise(prefix, table[name], "")
        table = table.set_column(table.column_names.index(name), table.schema.field(name), column)
    regions = table["regions"].combine_chunks()
    regions = regions.chunk(0) if isinstance(regions, pa.ChunkedArray) else regions
    parts = {field.name: regions.values.field(field.name) for field in regions.type.value_type}
    parts["region_id"] = pc.binary_join_element_wise(prefix, parts["region_id"], "")
    values = pa.StructArray.from_arrays(list(parts.values()), fields=list(regions.type.value_type))
    made = pa.ListArray.from_arrays(regions.offsets, values, regions.type)
    return table.set_column(table.column_names.index("regions"), table.schema.field("regions"), made)


class Looked(NamedTuple):
    """One `osprey-data validate`."""

    seconds: float
    cpu: float
    """Seconds of the processor, of all processes."""
    peak_mb: float


def look(out: str, workers: int) -> Looked:
    """Run the command and watch its processes."""
    command = [sys.executable, "-m", "pipelines.cli", "validate", out, "--workers", str(workers)]
    before, started, peak = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter(), 0.0
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while process.poll() is None:
        peak = max(peak, _memory_mb(process.pid))
        time.sleep(0.1)
    seconds = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert process.returncode in (0, 1), f"validate ended with {process.returncode}"
    return Looked(seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, peak)


def peer(out: str, manifest: Manifest) -> int:
    """As in a notebook."""
    import pandas as pd
    from pycocotools import mask

    columns = ["sample_id", "image_id", "width", "height", "regions", "messages"]
    paths = [f"{out}/{file.path}" for entry in manifest.kinds.values() for file in entry.files]
    frame = pd.concat([pd.read_parquet(path, columns=columns) for path in paths])
    regions = frame["regions"].explode().dropna()
    sizes = [(list(map(int, one["mask"]["size"])), one["mask"]["counts"]) for one in regions]
    areas = np.array([mask.decode({"size": size, "counts": counts}).sum() for size, counts in sizes])
    share = areas / np.array([size[0] * size[1] for size, _ in sizes])
    words = [len(message["content"].split()) for messages in frame["messages"] for message in messages]
    for numbers in (areas, share, words, frame["regions"].str.len(), frame["messages"].str.len() // 2):
        np.histogram(numbers, 30)
        np.quantile(numbers, [0.05, 0.5, 0.95])
    pd.Series([one["category"] for one in regions]).value_counts()
    return len(areas)


def ours(out: str, manifest: Manifest) -> int:
    """All figures, piece by piece."""
    from pipelines.qa.figures.survey import Survey
    from pipelines.qa.pieces import Piece
    from pipelines.qa.reading import opened, pieces

    survey = Survey()
    for kind, entry in manifest.kinds.items():
        for file in entry.files:
            with opened(f"{out}/{file.path}") as stream:
                for table in pieces(stream):
                    survey.add(Piece(kind, "train", file.path, np.arange(len(table)), table))
    return survey.figures().regions


def _masks(out: str, manifest: Manifest) -> pa.StructArray:
    files = [file for entry in manifest.kinds.values() for file in entry.files if file.rows and entry.regions]
    regions = pq.read_table(f"{out}/{files[0].path}", columns=["regions"])["regions"].combine_chunks()
    return pc.struct_field(pc.list_flatten(regions), "mask").slice(0, POOLED)


def torch_pooling(out: str, manifest: Manifest) -> int:
    """Draw every mask, resize it to four maps."""
    import torch
    from pycocotools import mask

    seen = 0
    for one in _masks(out, manifest).to_pylist():
        drawn = torch.from_numpy(mask.decode(one)).float()[None, None]
        for size in (128, 64, 32, 16):
            seen += int((torch.nn.functional.interpolate(drawn, (size, size), mode="bilinear") > 0).any())
    return seen


def our_pooling(out: str, manifest: Manifest) -> int:
    """From the run lengths."""
    from pipelines.qa.figures.vanishing import seen

    masks = _masks(out, manifest)
    size = pc.list_flatten(masks.field("size")).to_numpy().reshape(-1, 2).astype(np.int64)
    return int(seen(masks.field("counts"), size[:, 0], size[:, 1]).sum())


RUNS: dict[str, Callable[[str, Manifest], int]] = {
    "peer": peer, "ours": ours, "torch": torch_pooling, "run lengths": our_pooling,
}  # fmt: skip


def child(name: str, out: str) -> dict[str, float]:
    """Seconds of the processor and memory, in MB, that one of them takes besides its imports."""
    import pandas  # noqa: F401
    import torch
    from pycocotools import mask  # noqa: F401

    import pipelines.qa.figures.survey  # noqa: F401

    torch.set_num_threads(1)
    manifest = read_manifest(out)
    before, started = psutil.Process().memory_info().rss, time.process_time()
    result = RUNS[name](out, manifest)
    spent = time.process_time() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"cpu": spent, "mb": (peak - before) / 2**20, "result": result}


def measure(name: str, out: str) -> dict[str, float]:
    """What a child process measured."""
    command = [sys.executable, "-m", "benchmarks.report", "--child", name, "--build", out]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def show(builds: dict[str, str]) -> None:
    """Print the figures, of a build and its copies."""
    looks: list[tuple[int, Looked]] = []
    for out in builds.values():
        rows, regions = (sum(getattr(one, n) for one in read_manifest(out).kinds.values()) for n in ("rows", "regions"))
        one, two = look(out, 1), look(out, 2)
        looks.append((rows, one))
        print(
            f"{rows:,} rows, {regions:,} regions: {one.cpu:.0f} s of the processor; {one.seconds:.0f} s and"
            f" {one.peak_mb:.0f} MB with one worker, {two.seconds:.0f} s and {two.peak_mb:.0f} MB with two"
        )
    (few, first), (many, last) = looks[0], looks[-1]
    if many - few >= ENOUGH:
        each = 1e6 / (many - few)
        print(f"a million rows more: {(last.cpu - first.cpu) * each:.0f} s of the processor,"
              f" {(last.peak_mb - first.peak_mb) * each:.0f} MB")  # fmt: skip
    _beside(next(iter(builds.values())))


def _beside(out: str) -> None:
    theirs, mine = measure("peer", out), measure("ours", out)
    assert theirs["result"] == mine["result"]
    faster, smaller = theirs["cpu"] / mine["cpu"], theirs["mb"] / mine["mb"]
    print(f"figures: pandas and pycocotools {theirs['cpu']:.1f} s and {theirs['mb']:.0f} MB, ours {mine['cpu']:.1f} s"
          f" and {mine['mb']:.0f} MB: {faster:.0f} times as fast in 1/{smaller:.1f} of the memory")  # fmt: skip
    theirs, mine = measure("torch", out), measure("run lengths", out)
    assert theirs["result"] == mine["result"]
    print(f"pooling of up to {POOLED:,} masks: torch {theirs['cpu']:.2f} s, from run lengths {mine['cpu']:.3f} s:"
          f" {theirs['cpu'] / mine['cpu']:.0f} times")  # fmt: skip


def main() -> None:
    """Build where nothing is given, copy, then measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1_000)
    parser.add_argument("--copies", type=int, default=20)
    parser.add_argument("--build", default="", help="a finished build; it gets a new report")
    parser.add_argument("--child", choices=RUNS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(child(options.child, options.build)))
        return
    with tempfile.TemporaryDirectory() as folder:
        builds: dict[str, Any] = {"build": options.build or make(folder, options.images)}
        if options.copies:
            builds["copies"] = copy(builds["build"], f"{folder}/copies", options.copies)
        show(builds)


if __name__ == "__main__":
    main()
