"""The command line with few annotations to a part, so that small data has many parts and several workers have work."""

import os
import sys
from collections.abc import Sequence

from pipelines import cli
from pipelines.sources import ingest

PART_ROWS = 32


def main(arguments: Sequence[str]) -> None:
    """Run a command, silent and as the leader of a process group; for a process of its own."""
    os.setsid()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())
    ingest.PART_ROWS = PART_ROWS
    sys.argv = ["osprey-data", *arguments]
    cli.main()
