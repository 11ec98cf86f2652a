"""What a format yields for a scene: records of the large files of the tree, whole small files, and pictures."""

from typing import Any

Entry = tuple[str, str, Any]
"""Path in the tree, array within the file (or one of the two below), record."""

FILE = "<file>"
"""The record is the content of the whole file, as bytes."""

PICTURE = "<picture>"
"""The record is the size (width, height) at which the scene's picture is to be written there."""
