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
    what: str, done: Callable[[], int], total: int, progress: Progress, every_s: float = 0.5
) -> Iterator[None]:
    """Report how much is done, by what workers anywhere have written, until the block ends."""
    stop = threading.Event()

    def report() -> None:
        progress(what, min(done(), total), total)

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


def files(*folders: str) -> Callable[[], int]:
    """Counts the JSON files, which are written last, in some folders."""
    return lambda: sum(len(storage.list_files(folder, ".json")) for folder in folders)
