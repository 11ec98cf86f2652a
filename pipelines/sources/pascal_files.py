"""All of Pascal-Part's MATLAB files as one reading. A file is a record: one that is broken stops nothing."""

import os
from collections import Counter

import msgspec

from pipelines.sources.json_window import record_key
from pipelines.sources.locate import files_below
from pipelines.sources.mat5 import BadMat
from pipelines.sources.parts import named_part
from pipelines.sources.pascal_mat import MatFile, MatObject, MatPart, read_mat
from pipelines.sources.pascal_names import object_words, part_words
from pipelines.sources.spec import Finding, Reading
from pipelines.sources.spool import Spool
from schemas import rle
from schemas.records import Category, Image

FILES = "files"
ANNOTATIONS = "annotations"

_PICTURES = ("VOCdevkit/VOC2010/JPEGImages", "JPEGImages")


def image(source: str, stem: str, width: int, height: int) -> Image:
    """The image of VOC 2010 of that name; 0 and 0 where nothing says its size."""
    paths = tuple(f"{source}/{folder}/{stem}.jpg" for folder in _PICTURES)
    return Image(image_id=f"{source}/{stem}", source=source, paths=paths, width=width, height=height)


def read_files(folder: str, source: str) -> Reading:
    """Objects and parts of every file below a folder, in the order of the files' names."""
    collector = _Collector(source)
    names = files_below(folder, ".mat")
    for index, name in enumerate(names):
        with open(os.path.join(folder, name), "rb") as stream:
            content = stream.read()
        if fault := collector.add(name, content):
            reason, detail = fault
            collector.findings.append(Finding(record_key(FILES, index, name), reason, f"{name}: {detail}"))
    return collector.reading(len(names))


class _Collector:
    """What the files read so far have."""

    def __init__(self, source: str) -> None:
        self.findings: list[Finding] = []
        self._source = source
        self._spool = Spool(source)
        self._images: dict[str, Image] = {}
        self._categories: dict[str, Category] = {}
        self._read = 0

    def add(self, name: str, content: bytes) -> tuple[str, str] | None:
        """Add a file; where it is not kept, the reason and a detail are returned."""
        stem = os.path.basename(name).removesuffix(".mat")
        try:
            found = read_mat(content)
        except BadMat as bad:
            return "malformed_record", str(bad)
        if found.name != stem:
            return "malformed_record", f"imname: {found.name!r} is another image"
        made = image(self._source, stem, *_size(found))
        if made.image_id in self._images:
            return "duplicate_id", "a file of that name lies in another folder too"
        names = [name for place, one in enumerate(found.objects, 1) for name in self._add_object(made, place, one)]
        self._images[made.image_id] = msgspec.structs.replace(made, present=tuple(dict.fromkeys(names)))
        return None

    def reading(self, files: int) -> Reading:
        """All that was added, of so many files."""
        return Reading(
            images=list(self._images.values()),
            categories=list(self._categories.values()),
            texts=[],
            rejects=[finding.reject(self._source) for finding in self.findings],
            read={FILES: files, ANNOTATIONS: self._read},
            annotations=self._spool.annotations(),
        )

    def _add_object(self, of: Image, place: int, one: MatObject) -> list[str]:
        """Add an object and its parts; the names of their categories are returned."""
        region_id = f"{of.image_id}#{place}"
        category = self._known(Category(name=one.name, text=object_words(one.name)))
        self._add(of, region_id, category, one)
        added = [category.name]
        for number, part in enumerate(one.parts, 1):
            if named := _part_category(one, part):
                self._add(of, f"{region_id}.{number}", self._known(named), part, part_of=region_id)
                added.append(named.name)
            else:
                self._reject(f"{region_id}.{number}", f"{one.name}:{part.name}")
        return added

    def _reject(self, region_id: str, name: str) -> None:
        key = record_key(ANNOTATIONS, self._read, region_id.removeprefix(f"{self._source}/"))
        self.findings.append(Finding(key, "unknown_part", name))
        self._read += 1

    def _known(self, category: Category) -> Category:
        return self._categories.setdefault(category.name, category)

    def _add(self, of: Image, region_id: str, category: Category, one: MatObject | MatPart, part_of: str = "") -> None:
        mask = rle.encode(one.mask)
        self._spool.add(region_id, of, category, msgspec.json.encode(mask), rle.box(mask), part_of=part_of)
        self._read += 1


def _size(found: MatFile) -> tuple[int, int]:
    """(width, height) of the image: that of most masks; a mask of another size is no mask of the image."""
    wholes = Counter(whole.mask.shape for whole in found.objects)
    shapes = wholes + Counter(part.mask.shape for whole in found.objects for part in whole.parts)
    height, width = shapes.most_common(1)[0][0] if shapes else (0, 0)
    return width, height


def _part_category(whole: MatObject, part: MatPart) -> Category | None:
    """None where the part's name follows none of the known forms."""
    name, words = f"{whole.name}:{part.name}", part_words(part.name)
    return named_part(Category(name=name, text=name), words, object_words(whole.name)) if words else None
