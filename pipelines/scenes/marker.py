"""The file that says of a folder that what is in it is drawn and not photographed."""

import posixpath
from collections.abc import Iterable

from pipelines import storage
from pipelines.scenes import sa1b
from schemas.scenes import MARKER

TEXT = """\
The pictures and annotations of this folder are sample scenes: drawn by a program, with known truth. They are no
photographs, and what is built from them says nothing about the data set whose format they have.

Made by `osprey-data sample` ({images} images, seed {seed}). A build that reads a file beside this one says so in its
manifest, report and dataset card; whoever puts data of their own into this folder removes this file.
"""


def write_markers(folder: str, paths: Iterable[str], images: int, seed: int) -> None:
    """Write the file into each folder of the tree that holds one of the annotation files `paths`.

    `paths` are relative to `folder`. A source is known by the folder of the files that are read of it, so that a folder
    that is moved to other data, or one of somebody's own in its place, is known for what it is.
    """
    text = TEXT.format(images=images, seed=seed).encode()
    for name in sorted({posixpath.dirname(path) for path in paths} | {sa1b.FOLDER}):
        storage.write_bytes(storage.join(folder, name, MARKER), text)
