"""What the trainer's commands show: errors, tables, progress."""

import logging
import os
import shlex
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from schemas.errors import OspreyDataError

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def rank() -> int:
    """Number of this process in a distributed run, from 0."""
    return int(os.environ.get("RANK", 0))


def say(text: str) -> None:
    """A line for the user, once in a distributed run."""
    if not rank():
        out.print(text, markup=False)


def warn(text: str) -> None:
    """A line that the user should not miss."""
    if not rank():
        err.print(f"note: {text}", style="yellow", markup=False)


def fail(error: OspreyDataError) -> None:
    """An error as a user should see it; the processes beside the first are brief, as they often say the same."""
    err.print(f"{f'process {rank()}: ' if rank() else ''}error: {error.message}", style="bold red", markup=False)
    if error.hint and not rank():
        err.print(error.hint, markup=False)


def run(app: Callable[[], object]) -> None:
    """Run a command: what a user can mend is a message and exit status 1, without a traceback.

    What libraries say about themselves is no news to a user, and the hub is asked only where HF_HUB_OFFLINE=0.
    """
    logging.basicConfig(level=logging.ERROR)
    warnings.simplefilter("ignore")
    for name in ("HF_HUB_OFFLINE", "HF_HUB_DISABLE_PROGRESS_BARS", "HF_HUB_DISABLE_TELEMETRY"):
        os.environ.setdefault(name, "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin take 20 times as long on busy cores
    try:
        app()
    except OspreyDataError as error:
        fail(error)
    except OSError as error:
        named = f"{error.filename}: " if error.filename else ""
        fail(
            OspreyDataError(f"{named}{error.strerror or error}", hint="Look at its rights (ls -l) and the space (df).")
        )
    sys.exit(1)


def command(*extra: str, without: Iterable[str] = ()) -> str:
    """The command that is running, for running it again with more flags, or without some."""
    words = [word for word in sys.argv[1:] if word not in (*extra, *without)]
    return shlex.join([os.path.basename(sys.argv[0]), *words, *extra])


def table(rows: Sequence[Mapping[str, object]], title: str = "") -> None:
    """Rows of equal keys, the first of which is the row's name."""
    if rank():
        return
    shown = Table(*rows[0], box=None, pad_edge=False, title=title, title_justify="left", title_style="bold")
    for row in rows:
        shown.add_row(*(str(value) for value in row.values()))
    out.print(shown)


def facts(pairs: Mapping[str, object]) -> None:
    """Names and values, one a line."""
    width = max(map(len, pairs)) + 2
    for name, value in pairs.items():
        say(f"{name:<{width}}{value}")


def duration(seconds: float) -> str:
    """A length of time in words."""
    minutes, hours = seconds / 60, seconds / 3600
    return f"{seconds:.0f} s" if seconds < 100 else f"{minutes:.0f} min" if minutes < 100 else f"{hours:.1f} h"


def size(count: float) -> str:
    """Bytes in words."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


class Bar:
    """The progress of a run: a bar on a terminal, a line for every log elsewhere."""

    def __init__(self, start: int, steps: int) -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[status]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        self.steps, self.progress = steps, Progress(*columns, console=err, disable=not err.is_terminal or bool(rank()))
        self.task = self.progress.add_task("training", total=steps, completed=start, status="")
        self.progress.start()

    def step(self, step: int) -> None:
        """So many steps are done."""
        self.progress.update(self.task, completed=step)

    def status(self, step: int, text: str) -> None:
        """What was logged after a step."""
        if self.progress.disable and not rank():
            err.print(f"step {step:,} of {self.steps:,}: {text}", markup=False)
        self.progress.update(self.task, status=text)

    def close(self) -> None:
        """Leave the bar as it is."""
        self.progress.stop()
