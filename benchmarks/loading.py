"""Loading batches for training: ours against a loader written as public training code does it.

    python -m benchmarks.loading                       # an annotation file of COCO's size, pictures of smoothed noise
    python -m benchmarks.loading --pictures FOLDER     # JPEG files instead, scaled to 640 x 480
    python -m benchmarks.loading --images 10000        # a smaller annotation file

Both give, for the same images, a conversation that asks for the category of every region, the picture as the model
takes it (512 x 512), and the masks. The peer loads the whole annotation file with pycocotools in every process,
turns polygons into masks of the picture's size when they are asked for, opens pictures with Pillow, prepares them with
transformers' CLIP image processor (the one that computes with Pillow and NumPy) and scales the result to the square
with torch. Ours reads shards. Both make the text with the same function and tokenizer, so that it costs the same.

Every measurement runs in a process of its own, the two in turn, `--rounds` times; medians are printed. A core's samples
are those of a second of processor time, in the process that loads and on one thread. Imports are the same for both:
their time is not counted, their memory is told apart. A forked worker of the peer shares the annotations with its
parent at first, and copies what it looks at (Python writes a count to each object).
"""

import argparse
import importlib
import io
import itertools
import json
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import PIL.Image
import psutil
import torch

from benchmarks.ingest import CATEGORIES, IMAGES, Clock, write_instances

PICTURES = 64
"""Different picture files; images share them in turn."""
SMALL = 1_000
"""Images of the small set. The shards of the large one repeat its rows; its annotation file is made for the size."""
CONTEXT, IMAGE_TOKENS = 2048, 1024


def prepare(folder: pathlib.Path, images: int, pictures: Sequence[bytes]) -> None:
    """Annotation files and shards of a small and a large set, and the pictures of both."""
    (folder / "coco").mkdir()
    for number, picture in enumerate(pictures):
        (folder / _picture_of(number)).write_bytes(picture)
    for size in {SMALL, images}:
        write_instances(folder / f"instances_{size}.json", size)
    rows = list(_rows(folder / f"instances_{SMALL}.json"))
    for size in {SMALL, images}:
        _write_shards(folder / f"out_{size}", rows, size)


def _picture_of(number: int) -> str:
    return f"coco/{number % PICTURES:012d}.jpg"


def _rows(path: pathlib.Path) -> Iterator[dict[str, Any]]:
    """A `mask_text` row for every image that has a region."""
    from pycocotools.coco import COCO

    coco = COCO(str(path))
    for number, image in coco.imgs.items():
        annotations = coco.imgToAnns[number]
        names = [coco.cats[annotation["category_id"]]["name"] for annotation in annotations]
        masks = [coco.annToRLE(annotation) for annotation in annotations]
        if masks:
            yield {
                "sample_id": f"mask_text-{number}", "kind": "mask_text", "split": "train",
                "image": {"bytes": None, "path": _picture_of(number)}, "image_id": f"coco/{number}",
                "width": image["width"], "height": image["height"], "sources": ["coco"], "license": "",
                "regions": [
                    {"region_id": "", "source": "coco", "category": name, "category_raw": name, "part_of": "",
                     "bbox": [0.0] * 4, "area": 0, "mask": {"size": mask["size"], "counts": mask["counts"].decode()}}
                    for name, mask in zip(names, masks, strict=True)
                ],
                "messages": _conversation(names),
                "generator": {"name": "template", "prompt": "", "prompt_sha256": "", "request_key": ""},
            }  # fmt: skip


def _conversation(names: Sequence[str]) -> list[dict[str, str]]:
    return [
        message
        for number, name in enumerate(names, start=1)
        for message in (
            {"role": "user", "content": f"What is the category of <region{number}>?"},
            {"role": "assistant", "content": name.capitalize()},
        )
    ]


def _write_shards(out: pathlib.Path, rows: Sequence[dict[str, Any]], count: int) -> None:
    import pyarrow as pa

    from pipelines.shards.writing import shard_path, write_shard
    from schemas.columns import SHARD

    table = pa.Table.from_pylist(list(rows), SHARD)
    whole = pa.concat_tables([table] * -(-count // len(rows))).slice(0, count)
    shards = max(1, round(count / 20_000))
    for index in range(shards):
        first, last = index * count // shards, (index + 1) * count // shards
        write_shard(shard_path("mask_text", "train", index, shards), whole.slice(first, last - first), out=str(out))


def make_pictures(folder: str) -> list[bytes]:
    """JPEG files of 640 x 480: those of a folder, or smoothed noise, which is about as detailed."""
    from benchmarks.seeing import SIZE, _picture

    if not folder:
        random = np.random.default_rng(0)
        return [_picture(random) for _ in range(PICTURES)]
    found = []
    for path in itertools.islice(itertools.cycle(sorted(pathlib.Path(folder).glob("*.jpg"))), PICTURES):
        stream = io.BytesIO()
        PIL.Image.open(path).convert("RGB").resize(SIZE).save(stream, "JPEG", quality=90)
        found.append(stream.getvalue())
    return found


def _tokenizer() -> Any:
    from osprey_train.model.assemble import add_placeholders
    from osprey_train.presets import byte_tokenizer

    names = [f"Thing {number}" for number in range(CATEGORIES)]
    tokenizer = byte_tokenizer(["What is the category of <region1>?", *names] * 50)
    add_placeholders(tokenizer)
    return tokenizer


class Peer:
    """A dataset as public training code has it."""

    def __init__(self, folder: pathlib.Path, images: int, tokenizer: Any) -> None:
        from pycocotools.coco import COCO
        from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

        from osprey_train import chat

        self.folder, self.tokenizer = folder, tokenizer
        self.form = chat.template_form(tokenizer)
        self.coco = COCO(str(folder / f"instances_{images}.json"))
        self.infos = [self.coco.loadImgs([n])[0] for n in self.coco.getImgIds() if self.coco.getAnnIds([n])]
        self.image_processor = CLIPImageProcessorPil(size={"shortest_edge": 512}, do_center_crop=False)

    def __len__(self) -> int:
        return len(self.infos)

    def __getitem__(self, index: int) -> dict[str, Any]:
        from osprey_train import chat

        info = self.infos[index]
        annotations = self.coco.loadAnns(self.coco.getAnnIds([info["id"]]))
        names = [self.coco.cats[annotation["category_id"]]["name"] for annotation in annotations]
        masks = np.stack([self.coco.annToMask(annotation) for annotation in annotations])
        picture = PIL.Image.open(self.folder / _picture_of(info["id"])).convert("RGB")
        pixels = self.image_processor(picture, return_tensors="pt")["pixel_values"]
        pixels = torch.nn.functional.interpolate(pixels, size=(512, 512), mode="bilinear", align_corners=False)[0]
        turns, _ = chat.with_placeholders(chat.turns_of(_conversation(names)), len(names))
        text = chat.encode(self.tokenizer, self.form, turns, IMAGE_TOKENS, CONTEXT)
        return {
            "input_ids": torch.tensor(text.input_ids), "labels": torch.tensor(text.labels),
            "pixel_values": pixels, "masks": torch.from_numpy(masks),
        }  # fmt: skip


def peer_batches(folder: pathlib.Path, images: int, batch: int, steps: int, workers: int) -> Iterator[Any]:
    """Shuffled, with the masks of a batch as a list because their sizes differ."""
    data = Peer(folder, images, _tokenizer())
    sampler = torch.utils.data.RandomSampler(data, replacement=True, num_samples=batch * steps)
    batches = torch.utils.data.DataLoader(data, batch, sampler=sampler, num_workers=workers, collate_fn=_peer_collate)
    return iter(batches)


def _peer_collate(examples: list[dict[str, Any]]) -> dict[str, Any]:
    def padded(name: str, value: int) -> Any:
        return torch.nn.utils.rnn.pad_sequence([one[name] for one in examples], True, value)

    return {
        "input_ids": padded("input_ids", 0), "labels": padded("labels", -100),
        "pixel_values": torch.stack([one["pixel_values"] for one in examples]),
        "masks": [one["masks"] for one in examples],
    }  # fmt: skip


def our_batches(folder: pathlib.Path, images: int, batch: int, steps: int, workers: int) -> Iterator[Any]:
    """As `osprey-train` makes them."""
    from osprey_train.data.loader import loader
    from osprey_train.data.order import GlobalBatches, Order
    from osprey_train.data.shards import Shards
    from osprey_train.model.processor import OspreyProcessor

    processor = OspreyProcessor(_tokenizer(), image_size=512, mask_size=128, image_tokens=IMAGE_TOKENS)
    shards = Shards(str(folder / f"out_{images}"), str(folder), ["mask_text"])
    order = Order(shards.group_rows)
    return iter(loader(shards, GlobalBatches(order, batch, batch, steps=steps), processor, CONTEXT, workers))


LOADERS: dict[str, Callable[..., Iterator[Any]]] = {"peer": peer_batches, "ours": our_batches}


def child(name: str, folder: pathlib.Path, images: int, batch: int, steps: int, workers: int) -> dict[str, float]:
    """Seconds of the processor to the first batch, samples a second of it afterwards, and memory in MB."""
    for module in ("transformers.models.clip.image_processing_pil_clip", "osprey_train.model.processor"):
        importlib.import_module(module)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    imports = _own_memory()
    start = Clock()
    batches = LOADERS[name](folder, images, batch, steps, workers)
    next(batches)
    regions, private = 0, [0.0]
    first, clock = start.stop(), Clock()
    for found in batches:
        regions += sum(map(len, found["masks"])) if name == "peer" else len(found["masks"])
        if workers:
            private += [one.memory_full_info().uss / 1e6 for one in psutil.Process().children(recursive=True)]
    spent, samples = clock.stop(), batch * (steps - 1)
    return {
        "start": first["cpu"], "waited": first["seconds"], "a core": samples / spent["cpu"],
        "regions": regions / samples, "imports": imports, "memory": _own_memory(), "private": max(private),
    }  # fmt: skip


def _own_memory() -> float:
    """At its peak; without the pages of program files, which all processes share."""
    status = pathlib.Path("/proc/self/status").read_text()
    shared = int(status.partition("RssFile:")[2].split()[0])
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - shared) / 1024


def measure(name: str, folder: pathlib.Path, images: int, steps: int, workers: int, batch: int = 8) -> dict[str, float]:
    """What a child process measured."""
    options = {"child": name, "folder": folder, "images": images, "steps": steps, "workers": workers, "batch": batch}
    command = [sys.executable, "-m", "benchmarks.loading"]
    command += [text for option, value in options.items() for text in (f"--{option}", str(value))]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def medians(folder: pathlib.Path, rounds: int, *args: int) -> tuple[dict[str, float], dict[str, float]]:
    """Peer and ours in turn, `rounds` times."""
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in LOADERS}
    for _ in range(rounds):
        for name, found in runs.items():
            found.append(measure(name, folder, *args))
    peer, ours = ({key: statistics.median(run[key] for run in found) for key in found[0]} for found in runs.values())
    return peer, ours


def report(folder: pathlib.Path, images: int, rounds: int, steps: int) -> None:
    """Print the figures."""
    peer, ours = medians(folder, rounds, SMALL, steps, 0)
    print(f"samples a second of one core, with {peer['regions']:.1f} and {ours['regions']:.1f} regions:")
    speed = ours["a core"] / peer["a core"]
    print(f"    peer {peer['a core']:6.1f}    ours {ours['a core']:6.1f}    {speed:.1f} times")
    large, our_large = medians(folder, rounds, images, 4, 0)
    print(f"seconds to the first batch with {SMALL} and {images} images, of the processor (and passed):")
    for name, runs in (("peer", (peer, large)), ("ours", (ours, our_large))):
        print(f"    {name} " + "    ".join(f"{run['start']:6.2f} ({run['waited']:.2f})" for run in runs))
    print(f"memory of a process that loads, at its peak, with {images} images, in MB (before it starts):")
    for name, run in (("peer", large), ("ours", our_large)):
        print(f"    {name} {run['memory']:6.0f} ({run['imports']:.0f})    1/{large['memory'] / run['memory']:.1f}")
    theirs, mine = medians(folder, 1, images, steps, 2)
    print(f"memory of a forked worker besides what it still shares with its parent, after {4 * steps} samples, in MB:")
    print(f"    peer {theirs['private']:6.0f}    ours {mine['private']:6.0f}")


def main() -> None:
    """Prepare the two data sets and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=IMAGES, help="of the large annotation file")
    parser.add_argument("--pictures", default="", help="a folder of JPEG files")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=40, help="batches of 8 to load")
    for hidden, kind in (("--child", str), ("--folder", str), ("--workers", int), ("--batch", int)):
        parser.add_argument(hidden, type=kind, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        folder = pathlib.Path(options.folder)
        print(json.dumps(child(options.child, folder, options.images, options.batch, options.steps, options.workers)))
        return
    with tempfile.TemporaryDirectory() as made:
        prepare(pathlib.Path(made), options.images, make_pictures(options.pictures))
        report(pathlib.Path(made), options.images, options.rounds, options.steps)


if __name__ == "__main__":
    main()
