"""How well the engine keeps its slots busy. A loopback server in a process of its own answers each call after a fixed
time; the engine, with its claims, budget, limits and a commit for every answer, stands beside one call at a time and
beside a plain `asyncio.gather` with a semaphore over the same client, which stores nothing and knows no budget.

    python -m benchmarks.asking                                # 2,000 requests, 200 ms, 64 in flight
    python -m benchmarks.asking --requests 100000 --latency 0.05   # memory stays flat

The ideal is what a server that is asked by so many at a time, without a pause, needs for all: requests / in flight,
rounded up, times the latency. One at a time is measured with few requests: its rate does not depend on their number.
"""

import argparse
import asyncio
import math
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import openai

from pipelines.generation.ask import Ask
from pipelines.generation.engine import generate
from pipelines.generation.settings import Settings
from pipelines.generation.store import ReplyStore
from schemas.keys import request_key

SERVER = pathlib.Path(__file__).parents[1] / "tests" / "servers" / "openai_server.py"
ONE_BY_ONE = 40
"""Requests asked one at a time."""


class Measured(NamedTuple):
    """One way of asking."""

    requests: int
    seconds: float
    processor_s: float
    """Of this process, all threads."""

    def told(self, name: str, in_flight: int, latency_s: float) -> str:
        """A line of the report."""
        ideal_s = math.ceil(self.requests / in_flight) * latency_s
        rate, each_ms = self.requests / self.seconds, 1000 * self.processor_s / self.requests
        return (
            f"{name}: {self.requests:,} requests in {self.seconds:.2f} s, {rate:.1f} a second, "
            f"{100 * ideal_s / self.seconds:.1f} % of the ideal, {each_ms:.2f} ms of processor time each"
        )


def asks(count: int, prefix: str) -> Iterator[Ask]:
    """Requests as long as a usual one: a system prompt and a description of an image."""
    for index in range(count):
        messages = [
            {"role": "system", "content": "You write about regions of images. " * 20},
            {"role": "user", "content": f"{prefix} {index}: " + "a dog at [0.12, 0.34, 0.56, 0.78]; " * 40},
        ]
        payload = {"model": "loopback", "messages": messages, "max_tokens": 500, "temperature": 0.7}
        yield Ask(request_key(payload), "description", payload)


@contextmanager
def serving(latency_s: float) -> Iterator[str]:
    """The base URL of a server that answers each call after so long."""
    command = [sys.executable, str(SERVER), "--latency", str(latency_s)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def engine(base_url: str, count: int, in_flight: int, folder: str) -> Measured:
    """Through the engine, into a new store."""
    settings = Settings(base_url=base_url, budget_usd=1e6, price=(1.0, 1.0), concurrency=in_flight)
    store = ReplyStore(f"sqlite:///{folder}/replies.sqlite")
    requests = asks(count, "engine")
    wall, processor = time.perf_counter(), time.process_time()
    outcome = generate(requests, store, settings)
    measured = Measured(count, time.perf_counter() - wall, time.process_time() - processor)
    assert outcome.answered == count, outcome
    return measured


def gather(base_url: str, count: int, in_flight: int) -> Measured:
    """What one would write without an engine."""

    async def run() -> None:
        slots = asyncio.Semaphore(in_flight)
        async with openai.AsyncOpenAI(base_url=base_url) as client:

            async def one(payload: dict[str, Any]) -> str:
                async with slots:
                    answer = await client.chat.completions.create(**payload)
                return str(answer.choices[0].message.content)

            await asyncio.gather(*(one(ask.payload) for ask in asks(count, "gather")))

    wall, processor = time.perf_counter(), time.process_time()
    asyncio.run(run())
    return Measured(count, time.perf_counter() - wall, time.process_time() - processor)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--latency", type=float, default=0.2, help="seconds for each answer")
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--only-engine", action="store_true")
    options = parser.parse_args()
    os.environ.setdefault("OPENAI_API_KEY", "none needed")
    many = (options.in_flight, options.latency)
    load = f"load of the machine before: {os.getloadavg()[0]:.1f}"
    print(f"latency {1000 * options.latency:g} ms, {options.in_flight} in flight; {load}")
    with serving(options.latency) as base_url, tempfile.TemporaryDirectory() as folder:
        warm = ReplyStore(f"sqlite:///{folder}/warm.sqlite")
        generate(asks(1, "warm"), warm, Settings(base_url=base_url, budget_usd=1.0, price=(0, 0)))
        print(engine(base_url, options.requests, options.in_flight, folder).told("engine", *many), flush=True)
        print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
        if options.only_engine:
            return
        print(gather(base_url, options.requests, options.in_flight).told("asyncio.gather, nothing stored", *many))
        one = gather(base_url, ONE_BY_ONE, 1)
        print(one.told("one at a time", 1, options.latency))
        whole_s = one.seconds / ONE_BY_ONE * options.requests
        print(f"{options.requests:,} one at a time would take {whole_s:,.0f} s (extrapolated)")


if __name__ == "__main__":
    main()
