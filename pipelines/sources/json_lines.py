"""Files of one JSON record a line, decoded line by line."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import fsspec
import msgspec

from pipelines.sources.json_stream import AGAIN
from schemas.errors import SourceError


class Line(NamedTuple):
    """A line that is not blank; `record` is None where `fault` says why it does not fit its type."""

    position: int
    """Among the lines that are not blank."""
    byte: int
    """Position in the file of its first byte."""
    record: Any
    fault: str = ""


def read_lines(path: str, decoder: msgspec.json.Decoder[Any]) -> Iterator[Line]:
    """The lines of a file, broken ones among them.

    Raises:
        SourceError: where the file is empty, or is cut off: its last line has no end and is no whole record.
    """
    byte = position = 0
    with fsspec.open(path, "rb") as stream:
        for text in stream:
            if text.strip():
                yield _line(path, text, decoder, position, byte)
                position += 1
            byte += len(text)
    if not position:
        raise SourceError(f"{path}: the file is empty (byte {byte})", hint=AGAIN)


def _line(path: str, text: bytes, decoder: msgspec.json.Decoder[Any], position: int, byte: int) -> Line:
    try:
        return Line(position, byte, decoder.decode(text.decode()))
    except UnicodeDecodeError as error:
        return Line(position, byte, None, f"not UTF-8 at byte {byte + error.start}")
    except (msgspec.ValidationError, RecursionError) as error:
        return Line(position, byte, None, str(error))
    except msgspec.DecodeError as error:
        if not text.endswith(b"\n"):
            end = f"cut off: the file ends at byte {byte + len(text)} inside line {position + 1}"
            raise SourceError(f"{path}: {end}", hint=AGAIN) from error
        return Line(position, byte, None, f"line at byte {byte}: {error}")
