"""Which sources are drawn: sample scenes leave a file beside their annotations that says so (`schemas.scenes`)."""

import os
import posixpath
from collections.abc import Iterable, Iterator

from pipelines import storage
from pipelines.sources.locate import Located
from schemas.scenes import MARKER


def drawn_sources(located: Iterable[Located]) -> tuple[str, ...]:
    """Names of the sources of which a file lies in a folder of sample scenes."""
    return tuple(one.name for one in located if any_drawn(one.files.values()))


def any_drawn(paths: Iterable[str]) -> bool:
    """Whether one of the files, or folders of files, is of sample scenes; links are followed."""
    folders = {folder for path in paths for folder in _folders(path)}
    return any(storage.exists(storage.join(folder, MARKER)) for folder in sorted(folders))


def _folders(path: str) -> Iterator[str]:
    """Those where the marker of a file or folder may lie."""
    for name in {path, os.path.realpath(path)} if storage.is_local(path) and "://" not in path else {path}:
        yield from (name, posixpath.dirname(name))
