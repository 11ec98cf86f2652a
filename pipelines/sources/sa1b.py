"""SA-1B: masks without categories or text, one JSON file an image (Kirillov et al., ICCV 2023)."""

import os
import posixpath

import msgspec

from pipelines.sources.coco_json import Id, Pixels
from pipelines.sources.json_window import record_key
from pipelines.sources.locate import files_below
from pipelines.sources.names import is_safe
from pipelines.sources.seen import SeenIds
from pipelines.sources.spec import FileSpec, Finding, Reading, Source, SourceSpec
from pipelines.sources.spool import Spool
from schemas.records import Image

_WHERE = "https://ai.meta.com/datasets/segment-anything-downloads (registration: its licence has to be accepted)"
_FOLDER = "sa1b"
FILES = "files"
UNIT = "annotations"

SPEC = SourceSpec(
    name="sa1b",
    title="SA-1B",
    homepage="https://ai.meta.com/datasets/segment-anything",
    license="LicenseRef-research-only",
    license_note="The SA-1B Dataset Research License: for research only. The pictures are licensed from a provider of "
    "photographs, with faces and number plates blurred.",
    citation="""@inproceedings{kirillov2023segment,
  title={Segment Anything},
  author={Kirillov, Alexander and Mintun, Eric and Ravi, Nikhila and Mao, Hanzi and Rolland, Chloe and
          Gustafson, Laura and Xiao, Tete and Whitehead, Spencer and Berg, Alexander C. and Lo, Wan-Yen and
          Doll{\\'a}r, Piotr and Girshick, Ross},
  booktitle={ICCV}, year={2023}
}""",
    layouts=((FileSpec(role="annotations", path=_FOLDER, where=_WHERE, suffix=".json"),),),
    counts={"files": 11_185_362, "annotations": 1_100_000_000},
    evaluation=(),
    split_note="All for training; any part of it can be read. No picture is shared with another source.",
)


class ImageEntry(msgspec.Struct, gc=False):
    """The `image` of a file."""

    width: Pixels
    height: Pixels
    file_name: str


class MaskEntry(msgspec.Struct, gc=False):
    """An element of `annotations`; the box is a pixel short, as it is the distance of the outermost pixels."""

    id: Id
    bbox: tuple[float, float, float, float]
    segmentation: msgspec.Raw


class File(msgspec.Struct, gc=False):
    """One file; annotations are decoded one by one, so that a broken one spoils no other."""

    image: ImageEntry
    annotations: list[msgspec.Raw]


_file = msgspec.json.Decoder(File)
_mask = msgspec.json.Decoder(MaskEntry)


def read(files: dict[str, str]) -> Reading:
    """A file is an image; an annotation is a mask."""
    reader = _Reader(files["annotations"])
    for position, name in enumerate(files_below(files["annotations"], ".json")):
        reader.add(position, name)
    return reader.reading()


class _Reader:
    """Collects the images and masks of one file after the other."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._spool = Spool(SPEC.name)
        self._images: dict[str, Image] = {}
        self._findings: list[Finding] = []
        self._ids = SeenIds()
        self._read = {FILES: 0, UNIT: 0}

    def reading(self) -> Reading:
        """All that was added."""
        rejects = [finding.reject(SPEC.name) for finding in self._findings]
        return Reading(list(self._images.values()), [], [], rejects, self._read, self._spool.annotations())

    def add(self, position: int, name: str) -> None:
        """Add a file of the folder, or the reason why it is none of SA-1B's."""
        self._read[FILES] += 1
        key = record_key(FILES, position, "_".join(name.split()))
        path = os.path.join(self._folder, name)
        try:
            with open(path, "rb") as stream:
                file = _file.decode(stream.read().decode())
        except (OSError, ValueError, RecursionError) as error:
            return self._findings.append(Finding(key, "malformed_record", f"{path}: {error}"))
        if not is_safe(file.image.file_name):
            return self._findings.append(Finding(key, "unsafe_path", file.image.file_name))
        image = _image(file.image, posixpath.dirname(name))
        if image.image_id in self._images:
            return self._findings.append(Finding(key, "duplicate_id", image.image_id))
        self._images[image.image_id] = image
        for raw in file.annotations:
            self._add_mask(image, raw)
        return None

    def _add_mask(self, image: Image, raw: msgspec.Raw) -> None:
        position = self._read[UNIT]
        self._read[UNIT] += 1
        try:
            entry = _mask.decode(raw)
        except (ValueError, RecursionError) as error:
            key = record_key(UNIT, position)
            return self._findings.append(Finding(key, "malformed_record", f"{image.image_id}: {error}"))
        if not self._ids.add(entry.id):
            return self._findings.append(Finding(record_key(UNIT, position, entry.id), "duplicate_id", image.image_id))
        return self._spool.add(f"{SPEC.name}/{entry.id}", image, None, bytes(entry.segmentation), entry.bbox)


def _image(entry: ImageEntry, folder: str) -> Image:
    """The picture lies beside its file."""
    paths = (posixpath.join(_FOLDER, folder, entry.file_name), posixpath.join(_FOLDER, entry.file_name))
    return Image(
        image_id=f"{SPEC.name}/{posixpath.splitext(posixpath.basename(entry.file_name))[0]}",
        source=SPEC.name,
        paths=tuple(dict.fromkeys(paths)),
        width=entry.width,
        height=entry.height,
    )


SOURCE = Source(SPEC, read)
