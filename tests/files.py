"""Looking at files that another process is making."""

import contextlib
import pathlib


def found(folder: pathlib.Path, pattern: str) -> list[pathlib.Path]:
    """What is there; nothing where a folder goes away while it is listed."""
    with contextlib.suppress(FileNotFoundError):
        return list(folder.glob(pattern))
    return []
