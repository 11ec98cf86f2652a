"""Which of 500,000 requests are missing from a reply store: ours against two plain ways of asking SQLite.

    python benchmarks/store.py                      # fills a store with 500,000 replies and measures
    python benchmarks/store.py --replies 50000
    python benchmarks/store.py --url postgresql://user@host/empty     # another database; only ours is measured there

All get the keys of 505,000 requests one by one, in the order of a plan, and find the 5,000 that have no reply:

    select      one SELECT a key, with Python's own sqlite3
    dict        every reply's key and error loaded into a dict, then looked up
    missing     `ReplyStore.missing`, for estimates: reads only
    look        `Worker.look` on as many keys at a time as the engine does: what is missing is claimed

Each runs in a process of its own; the time is from the first key to the last, the memory what the process grew by.
"""

import argparse
import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice

REPLIES = 500_000
MISSING_EVERY = 101
"""One request in so many has no reply."""
ANSWER = "The object in <region1> is a wooden chair with a red seat, which stands at the left side of the table. " * 6
PROMPT = "You are shown the regions of an image, each with its name, its category and what was said of it. " * 15


def keys(replies: int) -> Iterator[str]:
    """Keys of a plan's requests; `MISSING_EVERY`th ones are not in the store."""
    for number in range(replies * MISSING_EVERY // (MISSING_EVERY - 1)):
        yield hashlib.sha256(str(number).encode()).hexdigest()


def fill(url: str, replies: int) -> None:
    """Store the replies, through the store's own door."""
    from pipelines.generation.ask import Ask
    from pipelines.generation.store import Entry, ReplyStore
    from schemas.records import Reply

    store = ReplyStore(url)
    payload = {"model": "m", "messages": [{"role": "user", "content": PROMPT}]}
    present = (key for number, key in enumerate(keys(replies)) if number % MISSING_EVERY)
    while chunk := list(islice(present, 5000)):
        store.save_many([
            Entry(Ask(key, "description", payload),
                  Reply(key=key, text=ANSWER, finish_reason="stop", model="m", cost_usd=0.001))
            for key in chunk
        ])  # fmt: skip
    store.close()


def run_select(url: str, replies: int) -> int:
    """As a first draft would."""
    import sqlite3

    connection = sqlite3.connect(url.removeprefix("sqlite:///"))
    query = "SELECT error FROM replies WHERE key = ?"
    return sum(connection.execute(query, (key,)).fetchone() is None for key in keys(replies))


def run_dict(url: str, replies: int) -> int:
    """As a second draft would."""
    import sqlite3

    connection = sqlite3.connect(url.removeprefix("sqlite:///"))
    known = dict(connection.execute("SELECT key, error FROM replies"))
    return sum(key not in known for key in keys(replies))


def run_missing(url: str, replies: int) -> int:
    """Ours, reading only."""
    from pipelines.generation.store import ReplyStore

    return len(ReplyStore(url).missing(keys(replies)))


def run_look(url: str, replies: int) -> int:
    """Ours, claiming."""
    from pipelines.generation.pending import CHUNK
    from pipelines.generation.store import ReplyStore

    streamed, claimed = keys(replies), 0
    with ReplyStore(url).worker("benchmark", 1.0) as worker:
        while chunk := list(islice(streamed, CHUNK)):
            claimed += len(worker.look(chunk).claimed)
    return claimed


CHILDREN: dict[str, Callable[[str, int], int]] = {
    "select": run_select, "dict": run_dict, "missing": run_missing, "look": run_look,
}  # fmt: skip


def child(name: str, url: str, replies: int) -> None:
    """Measure and print as JSON."""
    from pipelines.generation.store import ReplyStore

    ReplyStore(url).missing(["x"])  # what imports take is the same for all
    before = peak_mb()
    start, worked = time.perf_counter(), time.process_time()
    found = CHILDREN[name](url, replies)
    seconds, cpu = time.perf_counter() - start, time.process_time() - worked
    print(json.dumps({"missing": found, "seconds": seconds, "cpu": cpu, "grown_mb": peak_mb() - before}))


def peak_mb() -> float:
    """The most memory that this program had so far (`getrusage` would tell of its parent's too)."""
    status = pathlib.Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def measure(name: str, url: str, replies: int) -> dict[str, float]:
    """What a child process measured."""
    command = [sys.executable, __file__, "--child", name, "--url", url, "--replies", str(replies)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def report(url: str, replies: int, names: list[str]) -> None:
    """Fill, measure, print."""
    start = time.perf_counter()
    fill(url, replies)
    print(f"{replies:,} replies stored in {time.perf_counter() - start:.0f} s")
    measure(names[0], url, replies)  # so that the file is in memory for all of them
    found = {name: measure(name, url, replies) for name in names}
    print(f"{'':9} {'time':>9} {'processor':>11} {'memory':>11} {'missing':>9}")
    for name, one in found.items():
        took = f"{one['seconds']:7.2f} s {one['cpu']:9.2f} s {one['grown_mb']:+8.1f} MB"
        print(f"{name:9} {took} {one['missing']:9,.0f}")
    assert len({one["missing"] for one in found.values()}) == 1, "they disagree"
    if "dict" in found:
        for name in ("missing", "look"):
            ours, keyed, loaded = found[name], found["select"], found["dict"]
            print(
                f"{name}: {keyed['seconds'] / ours['seconds']:.2f} times as fast as select, "
                f"{loaded['seconds'] / ours['seconds']:.2f} times as fast as dict; it grows by "
                f"{ours['grown_mb'] / max(loaded['grown_mb'], 0.1):.1%} of what dict grows by"
            )


def main() -> None:
    """Measure on a store made for the purpose."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replies", type=int, default=REPLIES)
    parser.add_argument("--url", help="an empty database, instead of an SQLite file that is removed at the end")
    parser.add_argument("--child", choices=CHILDREN, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        return child(options.child, options.url, options.replies)
    if options.url:
        return report(options.url, options.replies, ["missing", "look"])
    with tempfile.TemporaryDirectory() as folder:
        report(f"sqlite:///{folder}/replies.sqlite", options.replies, list(CHILDREN))
    return None


if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
    main()
