"""Near-duplicate answers and pictures: how the search grows, beside datasketch, and how fast pictures are looked at.

    python -m benchmarks.near_duplicates                # 50,000 and 200,000 answers and pictures
    python -m benchmarks.near_duplicates --items 250000 # up to a million
    python -m benchmarks.near_duplicates --peer 20000   # datasketch is asked about so many of the answers

Every tenth answer is a copy of another with one word of fifty changed. Both searches take the same texts from the first
to the last, with 128 permutations, 16 bands of 8 and runs of three words; the peer is `MinHashLSH` as its documentation
shows it: a MinHash a text, one insert and one query each, and the candidates' similarity. Each runs in a process of its
own; the memory is what the process grew by, and where the machine is busy the processor's time tells more than the
clock. Pictures are hashes made up, every tenth a copy with two bits turned; the rate of looking is measured on JPEGs of
640 x 480.
"""

import argparse
import io
import json
import pathlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np

from benchmarks.store import peak_mb

ITEMS = 50_000
PEER = 20_000
WORDS = 50
PIECE = 16_384
JPEGS = 200


def answers(count: int) -> Iterator[list[str]]:
    """Texts of fifty words out of 5,000, some thousand at a time; each tenth one is nearly the one before it."""
    random = np.random.default_rng(0)
    vocabulary = np.array([f"word{number}" for number in range(5001)])
    for start in range(0, count, PIECE):
        chosen = random.integers(0, 5000, (min(PIECE, count - start), WORDS))
        chosen[1::10] = chosen[0::10][: len(chosen[1::10])]
        chosen[1::10, 25] = 5000
        yield [" ".join(vocabulary[row]) for row in chosen]


def ours(count: int) -> int:
    """Sorted bands."""
    import pyarrow as pa

    from pipelines.qa.checks import minhash

    pieces = [pa.array(texts) for texts in answers(count)]
    clock.start()
    signed = np.concatenate([minhash.signatures(minhash.plain(piece)) for piece in pieces])
    return int((minhash.alike(signed, np.full(count, -1), 0.8).sizes() > 1).sum())


def peer(count: int) -> int:
    """`MinHashLSH`: its buckets are dicts."""
    from datasketch import MinHash, MinHashLSH

    texts = [text for piece in answers(count) for text in piece]
    clock.start()
    index = MinHashLSH(num_perm=128, params=(16, 8))
    signed = []
    for number, text in enumerate(texts):
        words = text.lower().split()
        one = MinHash(num_perm=128)
        one.update_batch([" ".join(words[at : at + 3]).encode() for at in range(len(words) - 2)])
        index.insert(number, one)
        signed.append(one)
    return sum(
        any(other != number and one.jaccard(signed[other]) >= 0.8 for other in index.query(one))
        for number, one in enumerate(signed)
    )


def pictures(count: int) -> int:
    """Hashes that are near in sorted orders."""
    from pipelines.qa.checks import perceptual

    random = np.random.default_rng(0)
    looks = np.zeros(count, perceptual.LOOK)
    looks["hash"] = random.integers(0, 2**64, count, dtype=np.uint64)
    looks["hash"][1::10] = looks["hash"][0::10][: len(looks["hash"][1::10])] ^ np.uint64(5)
    clock.start()
    return int((perceptual.alike(looks, np.arange(count)).sizes() > 1).sum())


def looking(count: int) -> int:
    """JPEGs decoded and hashed by as many threads as there are cores, as the check does it."""
    import os
    from concurrent.futures import ThreadPoolExecutor

    import PIL.Image
    from scipy import ndimage

    from pipelines.qa.checks import perceptual

    random = np.random.default_rng(0)
    noise = ndimage.gaussian_filter(random.normal(128, 60, (480, 640, 3)), (0.9, 0.9, 0))
    stream = io.BytesIO()
    PIL.Image.fromarray(np.clip(noise, 0, 255).astype(np.uint8)).save(stream, "JPEG", quality=85)
    content = stream.getvalue()
    assert perceptual.look(io.BytesIO(content))["seen"][0], f"a JPEG of {len(content):,} bytes cannot be read"
    clock.start()
    with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
        return sum(
            int(one["seen"][0]) for one in threads.map(perceptual.look, (io.BytesIO(content) for _ in range(count)))
        )


class Clock:
    """Seconds and memory from `start` on."""

    def start(self) -> None:
        """From here; the peak of memory is taken anew, as making the texts needs more than the search."""
        pathlib.Path("/proc/self/clear_refs").write_text("5")
        self._memory, self._time, self._worked = peak_mb(), time.perf_counter(), time.process_time()

    def read(self) -> dict[str, float]:
        """Until here."""
        seconds, cpu = time.perf_counter() - self._time, time.process_time() - self._worked
        return {"seconds": seconds, "cpu": cpu, "grown_mb": peak_mb() - self._memory}


clock = Clock()
CHILDREN: dict[str, Callable[[int], int]] = {"ours": ours, "peer": peer, "pictures": pictures, "looking": looking}


def measure(name: str, count: int) -> dict[str, float]:
    """What a child process measured, printed."""
    command = [sys.executable, "-m", "benchmarks.near_duplicates", "--child", name, "--items", str(count)]
    root = pathlib.Path(__file__).parents[1]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=root)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    took = f"{found['seconds']:8.2f} s {found['cpu']:8.2f} s {found['grown_mb']:+8.1f} MB"
    print(f"{name:9} {count:9,} {took} {found['found']:9,.0f}")
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=ITEMS)
    parser.add_argument("--peer", type=int, default=PEER)
    parser.add_argument("--child", choices=CHILDREN, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        found = CHILDREN[options.child](options.items)
        print(json.dumps({"found": found} | clock.read()))
        return
    print(f"{'':9} {'items':>9} {'time':>10} {'processor':>10} {'memory':>11} {'found':>9}")
    for name in ("ours", "pictures"):
        few, many = (measure(name, count) for count in (options.items, 4 * options.items))
        print(f"{name}: four times as many take {many['cpu'] / few['cpu']:.1f} times the processor's time")
    mine, theirs = (measure(name, options.peer) for name in ("ours", "peer"))
    ratio, worked = (theirs[key] / mine[key] for key in ("seconds", "cpu"))
    print(f"ours: {ratio:.1f} times as fast as datasketch's MinHashLSH, {1 / worked:.0%} of its processor time")
    looked = measure("looking", JPEGS)
    rate = JPEGS / looked["seconds"]
    print(
        f"looking: {rate:.0f} pictures a second ({1000 * looked['cpu'] / JPEGS:.1f} ms of a core each), "
        f"{118_287 / rate / 60:.1f} minutes for COCO's 118,287"
    )


if __name__ == "__main__":
    main()
