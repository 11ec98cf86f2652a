"""Lists of referring expressions that are wrong, which a recipe may name to leave these out.

Two forms are read, told apart by the file's name and first character:

* Ref-L4's reviews of RefCOCO, RefCOCO+ and RefCOCOg (Chen et al., 2024; `refcocos_annotation_reviewed/*_reviewed.json`
  of https://huggingface.co/datasets/JierunChen/Ref-L4): MDETR's layout, one "image" and one annotation a sentence,
  where `caption_quality` is 0 for the sentences that are wrong. The expression is the image's `caption`, the object the
  annotation's `original_id`, the data set the image's `dataset_name`, or else the start of the file's name.
* A plain list of records: a JSON list (`.json`), one JSON object a line (`.jsonl`), or a table with a header (`.csv`).
  Each has `dataset` (a source's name) and `ann_id`, and may have `sentence`; without one, all that the source says of
  the annotation is wrong. A `sent_id` may stand beside the sentence; it is not enough by itself, since regions keep
  their sentences but not the numbers of these.

Texts are compared as sources clean them, and without regard to case.

For the join: `read_label_noise` gives a `LabelNoise`, a plain value that can be pickled; `names` answers for one
expression of a region. `read` says how many records the lists have, so that the build can say so.
"""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import fsspec
import msgspec

from pipelines.sources import SOURCES
from pipelines.sources.coco_json import Id
from pipelines.sources.json_stream import AGAIN
from pipelines.sources.locate import file_name, readable
from pipelines.sources.text import clean_line
from schemas.errors import SourceError
from schemas.records import Record

_FORM = "A record needs `dataset` and `ann_id`, and may have `sentence`; or give one of Ref-L4's *_reviewed.json files."

Entry = tuple[str, str, str]
"""Source, number of the annotation, and text; no text for all of them."""


class LabelNoise(Record, frozen=True, kw_only=True):
    """Expressions that are wrong."""

    entries: frozenset[Entry] = frozenset()
    read: int = 0
    """Records in the lists, those of right expressions among them."""

    def names(self, source: str, region_id: str, text: str) -> bool:
        """Whether the lists name this text of this region (`coco/1768`) in this source."""
        number = region_id.rpartition("/")[2]
        return (source, number, _key(text)) in self.entries or (source, number, "") in self.entries


class PlainEntry(msgspec.Struct, gc=False):
    """A record of a plain list."""

    dataset: str
    ann_id: int | str
    sentence: str | None = None
    sent_id: int | str | None = None


class ReviewedImage(msgspec.Struct, gc=False):
    """An element of `images` in a file of Ref-L4: a sentence."""

    id: Id
    caption: str
    dataset_name: str = ""


class ReviewedAnnotation(msgspec.Struct, gc=False):
    """An element of `annotations` in a file of Ref-L4."""

    image_id: Id
    original_id: Id
    caption_quality: float


class Reviewed(msgspec.Struct, gc=False):
    """A file of Ref-L4."""

    images: list[ReviewedImage]
    annotations: list[ReviewedAnnotation]


def read_label_noise(paths: Sequence[str]) -> LabelNoise:
    """What all of these lists name.

    Raises:
        SourceError: where a list cannot be read or is of another form, with the path and the record or byte.
    """
    entries: set[Entry] = set()
    read = 0
    for path in paths:
        for entry in _entries(path):
            read += 1
            if entry:
                entries.add(entry)
    return LabelNoise(entries=frozenset(entries), read=read)


def _entries(path: str) -> Iterator[Entry | None]:
    """The entries of a list; None for the expressions that it calls right."""
    with readable(path), fsspec.open(path, "rb") as stream:
        content: bytes = stream.read()
    if not content.strip():
        raise SourceError(f"{path}: the file is empty (byte 0)", hint=_FORM)
    if path.endswith(".csv"):
        return _plain(path, _rows(path, content))
    if path.endswith(".jsonl"):
        return _plain(path, enumerate(content.splitlines(), 1), msgspec.json.decode)
    if content.lstrip().startswith(b"["):
        return _plain(path, enumerate(_decoded(path, content, list[msgspec.Raw])), msgspec.json.decode)
    return _reviewed(path, _decoded(path, content, Reviewed))


def _decoded(path: str, content: bytes, kind: Any) -> Any:
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.ValidationError as error:
        raise SourceError(f"{path}: {error}", hint=_FORM) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: not valid JSON ({error}; it has {len(content)} bytes)", hint=AGAIN) from error


def _reviewed(path: str, file: Reviewed) -> Iterator[Entry | None]:
    images = {image.id: image for image in file.images}
    name = file_name(path).partition("_")[0]
    for position, annotation in enumerate(file.annotations):
        image = images.get(annotation.image_id)
        if image is None:
            raise _wrong(path, f"annotations[{position}]", f"no image {annotation.image_id}")
        if annotation.caption_quality:
            yield None
        else:
            source = _source(path, f"annotations[{position}]", image.dataset_name or name)
            yield source, str(annotation.original_id), _key(image.caption)


def _rows(path: str, content: bytes) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line and fields of every row of a table; empty fields are left out."""
    try:
        reader = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        for row in reader:
            yield reader.line_num, {name: value for name, value in row.items() if name and value}
    except UnicodeDecodeError as error:
        raise SourceError(f"{path}: not UTF-8 at byte {error.start}", hint=AGAIN) from error
    except csv.Error as error:
        raise _wrong(path, f"line {reader.line_num}", str(error)) from error


def _plain(
    path: str, records: Iterator[tuple[int, Any]], decode: Callable[..., PlainEntry] = msgspec.convert
) -> Iterator[Entry]:
    """Entries of plain records; `decode` takes a record and the type."""
    for position, given in records:
        if isinstance(given, bytes) and not given.strip():
            continue
        where = f"record {position}"
        try:
            entry = decode(given, type=PlainEntry)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise _wrong(path, where, str(error)) from error
        text = _key(entry.sentence or "")
        if not text and entry.sent_id not in (None, ""):
            raise _wrong(path, where, f"sent_id {entry.sent_id} without its sentence")
        yield _source(path, where, entry.dataset), str(entry.ann_id), text


def _source(path: str, where: str, name: str) -> str:
    if name not in SOURCES:
        raise _wrong(path, where, f"dataset {name!r} is none of {', '.join(SOURCES)}")
    return name


def _wrong(path: str, where: str, what: str) -> SourceError:
    return SourceError(f"{path}: {where}: {what}", hint=_FORM)


def _key(text: str) -> str:
    return clean_line(text).casefold()
