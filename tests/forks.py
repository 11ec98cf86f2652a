"""Processes of their own, which can be killed, forked from one that has imported the libraries already: importing takes
longer than most of what they do.

Python keeps one such server in a process; what it imports and its environment are settled when it starts, by whichever
test is first. So all tests share this one, and each process is given the environment of the moment.
"""

import atexit
import multiprocessing
import os
from collections.abc import Callable, Mapping
from multiprocessing.context import ForkServerProcess
from typing import Any

PRELOADED = (
    "pipelines.commands", "tests.phases.small_parts", "tests.generation.asking", "osprey_train.train",
    "osprey_train.running",
)  # fmt: skip
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(list(PRELOADED))


def started(target: Callable[..., None], *arguments: Any, **environment: str) -> ForkServerProcess:
    """A process with the caller's environment and these variables. It may have children, and ends with the caller."""
    process = _FORKS.Process(target=_run, args=({**os.environ, **environment}, target, arguments))
    process.start()
    atexit.register(process.kill)  # not a daemon, which may not have children
    return process


def queue() -> Any:
    """For what processes tell."""
    return _FORKS.Queue()


def _run(environment: Mapping[str, str], target: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    target(*arguments)
