"""Running a Beam pipeline: in this process, in several, or on a cluster by Beam's own flags."""

import argparse
import logging
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions
from apache_beam.runners import create_runner
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.transforms.environments import SubprocessSDKEnvironment

from schemas.errors import RecipeError


class Running(NamedTuple):
    """How to run. The results do not depend on it."""

    workers: int = 1
    beam_flags: tuple[str, ...] = ()
    """Passed to Beam as they are; with `--runner=...` Beam's own runners take over."""

    def at_most(self, items: int) -> "Running":
        """With no more workers than there are items: starting a process takes seconds."""
        return self._replace(workers=max(1, min(self.workers, items)))


ONE_WORKER = Running()


def check_flags(flags: Sequence[str]) -> None:
    """Raise RecipeError for a flag that Beam does not know either: most often a misspelt option of ours."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for options in (PipelineOptions, *PipelineOptions.__subclasses__()):
        add = getattr(options, "_add_argparse_args", None)
        if add:
            add(parser)
    known, unknown = parser.parse_known_args(list(flags))
    if unknown:
        raise RecipeError(f"unknown option {unknown[0]}", hint="See --help; other flags must be flags of Apache Beam.")
    if known.runner:
        _check_runner(known.runner)


def _check_runner(name: str) -> None:
    """A name that Beam does not know, or whose packages are not installed, would end in a traceback."""
    try:
        create_runner(name)
    except (ValueError, ImportError, AttributeError) as error:
        raise RecipeError(
            f"no runner {name!r}", hint=f"Leave out --runner to run in processes of this machine. Beam says: {error}"
        ) from error


def run(build: Callable[[beam.Pipeline], object], running: Running) -> None:
    """Build a pipeline and run it to its end.

    The runner is named here: Beam's `DirectRunner` would first try to download another one. Ctrl-C is raised as
    KeyboardInterrupt, whatever Beam makes of it.
    """
    with _interruptible():
        _run(build, running)


def _run(build: Callable[[beam.Pipeline], object], running: Running) -> None:
    options = PipelineOptions(list(running.beam_flags), save_main_session=False)
    if any(flag.startswith("--runner") for flag in running.beam_flags):
        with beam.Pipeline(options=options) as pipeline:
            build(pipeline)
        return
    options.view_as(DirectOptions).direct_num_workers = running.workers
    runner = FnApiRunner(default_environment=_processes() if running.workers > 1 else None)
    with beam.Pipeline(runner=runner, options=options) as pipeline:
        build(pipeline)


def _processes() -> SubprocessSDKEnvironment:
    """In the place of the shell that Beam starts them by: Ctrl-C would end that shell, and Beam miss its worker."""
    return SubprocessSDKEnvironment.from_command_string(f"exec {sys.executable} -m pipelines.phases.worker")


def spread(pipeline: beam.Pipeline, items: Sequence[object]) -> beam.PCollection:
    """The items as elements that are shared out among the workers."""
    return pipeline | "List" >> beam.Create(list(items)) | "ShareOut" >> beam.Reshuffle()


@contextmanager
def _interruptible() -> Iterator[None]:
    """While the block runs, Ctrl-C silences Beam's threads, each of which would log how it was torn off."""
    own = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGINT, _stop) if own else None
    try:
        yield
    except Exception as error:  # Beam wraps Ctrl-C in errors of many types; whatever else it is, is raised again
        if interrupted(error):
            raise KeyboardInterrupt from None
        raise
    finally:
        if own:
            signal.signal(signal.SIGINT, before)


def interrupted(error: BaseException | None) -> bool:
    """Whether Ctrl-C is behind an error: in its chain, or in the text of one that Beam made of it."""
    if error is None or isinstance(error, KeyboardInterrupt):
        return error is not None
    if isinstance(error, RuntimeError) and "KeyboardInterrupt" in str(error):
        return True
    return interrupted(error.__cause__ or error.__context__)


def _stop(_signal: int, _frame: Any) -> None:
    """What is still said after this comes from threads whose work is given up; the process is about to end."""
    for name in ("apache_beam", "grpc"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    threading.excepthook = _say_nothing
    raise KeyboardInterrupt


def _say_nothing(_error: threading.ExceptHookArgs) -> None:
    pass
