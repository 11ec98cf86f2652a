"""What a phase tells whoever watches."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pipelines import storage

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""


def silent(_what: str, _done: int, _total: int) -> None:
    """For those who do not watch."""


@contextmanager
def watching(
    what: str, folder: str, suffix: str, total: int, progress: Progress, every_s: float = 0.5
) -> Iterator[None]:
    """Report how many files of that suffix a folder holds, while workers anywhere write them."""
    stop = threading.Event()

    def report() -> None:
        progress(what, min(len(storage.list_files(folder, suffix)), total), total)

    def watch() -> None:
        while not stop.wait(every_s):
            report()

    progress(what, 0, total)
    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
        report()
    finally:
        stop.set()
        watcher.join()
