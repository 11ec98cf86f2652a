"""VCR: questions about films, with answers, rationales and the objects they name (Zellers et al., CVPR 2019).

Format: https://visualcommonsense.com/download.html and the authors' loader, github.com/rowanz/r2c.
"""

import os
import posixpath
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from pipelines.sources.json_lines import Line, read_lines
from pipelines.sources.json_window import record_key
from pipelines.sources.names import is_safe
from pipelines.sources.spec import FileSpec, Finding, Reading, Source, SourceSpec
from pipelines.sources.spool import Spool
from pipelines.sources.vcr_objects import BadObject, Metadata, category, read_metadata, shape
from pipelines.sources.vcr_text import Token, names_region, sentence, tags
from schemas.records import Category, Image, ImageText

_WHERE = "https://visualcommonsense.com/download.html (registration: its licence agreement has to be accepted)"
_PICTURES = "vcr/vcr1images"
UNIT = "records"

SPEC = SourceSpec(
    name="vcr",
    title="VCR: Visual Commonsense Reasoning",
    homepage="https://visualcommonsense.com",
    license="LicenseRef-research-only",
    license_note="The licence agreement allows research that is not commercial, and no passing on. The pictures are "
    "stills of films (LSMDC and Fandango MovieClips), whose rights are their owners'.",
    citation="""@inproceedings{zellers2019vcr,
  title={From Recognition to Cognition: Visual Commonsense Reasoning},
  author={Zellers, Rowan and Bisk, Yonatan and Farhadi, Ali and Choi, Yejin},
  booktitle={CVPR}, year={2019}
}""",
    layouts=(
        (
            FileSpec(role="train", path="vcr/train.jsonl", where=_WHERE),
            FileSpec(role="metadata", path=_PICTURES, where=_WHERE, suffix=".json"),
        ),
    ),
    counts={"records": 212_923, "images": 80_418},
    evaluation=(),
    split_note="train.jsonl is read; val.jsonl and test.jsonl are other films. No picture is shared with another "
    "source.",
)


class Entry(msgspec.Struct, gc=False):
    """A line of `train.jsonl`. The lines of the test set lack the labels."""

    objects: list[str]
    img_fn: str
    metadata_fn: str
    question: list[Token]
    answer_choices: list[list[Token]] = []
    answer_label: int | None = None
    rationale_choices: list[list[Token]] = []
    rationale_label: int | None = None
    annot_id: str = ""

    def sentences(self) -> list[list[Token]]:
        """Question, right answer, and its rationale where there is one.

        Raises ValueError where a label is missing, or names no choice.
        """
        if self.answer_label is None:
            raise ValueError("no answer_label, as in test.jsonl: its answers are not published, train.jsonl has some")
        rationale = self.rationale_label is not None
        return [
            self.question,
            _chosen(self.answer_choices, self.answer_label, "answer_label"),
            *([_chosen(self.rationale_choices, self.rationale_label or 0, "rationale_label")] if rationale else []),
        ]


def _chosen(choices: list[list[Token]], label: int, name: str) -> list[Token]:
    if not 0 <= label < len(choices):
        raise ValueError(f"{name} {label} of {len(choices)} choices")
    return choices[label]


class _Picture(NamedTuple):
    """A picture of which the metadata was read, or why it could not be."""

    image: Image | None
    objects: list[str]
    """Names, by their number in the tags."""
    usable: frozenset[int]
    """Numbers of those that have a region."""
    fault: str = ""


_decoder = msgspec.json.Decoder(Entry)


def read(files: dict[str, str]) -> Reading:
    """A record is a line, an annotation an object of a picture that a line is about."""
    reader = _Reader(files["metadata"])
    for line in read_lines(files["train"], _decoder):
        reader.add(line)
    return reader.reading()


class _Reader:
    """Lines become texts; the first line about a picture has its metadata read."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._spool = Spool(SPEC.name)
        self._pictures: dict[str, _Picture] = {}
        self._categories: dict[str, Category] = {}
        self._texts: list[ImageText] = []
        self._findings: list[Finding] = []
        self._ids: set[str] = set()
        self._said: set[tuple[str, tuple[str, ...]]] = set()
        self._read = {"images": 0, "annotations": 0, UNIT: 0}

    def reading(self) -> Reading:
        """All that was added."""
        return Reading(
            images=[picture.image for picture in self._pictures.values() if picture.image],
            categories=list(self._categories.values()),
            texts=self._texts,
            rejects=[finding.reject(SPEC.name) for finding in self._findings],
            read=self._read,
            annotations=self._spool.annotations(),
        )

    def add(self, line: Line) -> None:
        """Add a line, or the reason why it is none."""
        self._read[UNIT] += 1
        if line.fault:
            self._findings.append(Finding(record_key(UNIT, line.position), "malformed_record", line.fault))
            return
        made = self._text(line.record, line.position)
        if isinstance(made, ImageText):
            self._said.add((made.image_id, made.turns))
            self._texts.append(made)
        else:
            self._findings.append(Finding(_key(UNIT, line.position, line.record.annot_id), *made))

    def _text(self, entry: Entry, ordinal: int) -> ImageText | tuple[str, str]:
        """The line's text, or (reason, detail)."""
        if entry.annot_id and entry.annot_id in self._ids:
            return "duplicate_id", ""
        self._ids.add(entry.annot_id)
        try:
            sentences = entry.sentences()
        except ValueError as error:
            return "malformed_record", str(error)
        if not (is_safe(entry.img_fn) and is_safe(entry.metadata_fn)):
            return "unsafe_path", f"{entry.img_fn}, {entry.metadata_fn}"
        picture = self._picture(entry)
        if picture.image is None:
            return "unknown_image", picture.fault
        if picture.objects != entry.objects:
            return "malformed_record", f"objects differ from those of an earlier line about {entry.img_fn}"
        if fault := _fault(sentences, picture):
            return fault
        return self._made(sentences, picture.image.image_id, ordinal)

    def _made(self, sentences: list[list[Token]], image_id: str, ordinal: int) -> ImageText | tuple[str, str]:
        named = tags(sentences)
        names = {tag: f"<region{number}>" for number, tag in enumerate(named, 1)}
        said = [sentence(tokens, names) for tokens in sentences]
        turns = (*said[:2], *(("", said[2]) if len(said) > 2 else ()))
        if not all(said):
            return "empty_text", " / ".join(said)
        if (image_id, turns) in self._said:
            return "duplicate_text", said[0]
        regions = tuple(f"{image_id}#{tag}" for tag in named)
        return ImageText(
            image_id=image_id, source=SPEC.name, role="question_answer", ordinal=ordinal, turns=turns, regions=regions
        )

    def _picture(self, entry: Entry) -> _Picture:
        if entry.img_fn not in self._pictures:
            self._pictures[entry.img_fn] = self._new_picture(entry)
        return self._pictures[entry.img_fn]

    def _new_picture(self, entry: Entry) -> _Picture:
        self._read["images"] += 1
        path = os.path.join(self._folder, entry.metadata_fn)
        try:
            metadata = read_metadata(path, os.path.join(self._folder, entry.img_fn))
        except OSError as error:
            return self._no_picture(entry, "unknown_image", f"{path}: {error.strerror or error}")
        except (ValueError, RecursionError) as error:
            return self._no_picture(entry, "malformed_record", f"{path}: {error}")
        image = Image(
            image_id=f"{SPEC.name}/{posixpath.splitext(entry.img_fn)[0]}",
            source=SPEC.name,
            paths=(f"{_PICTURES}/{entry.img_fn}",),
            width=metadata.width,
            height=metadata.height,
            present=tuple(dict.fromkeys(entry.objects)),
        )
        return _Picture(image, entry.objects, self._regions(image, entry.objects, metadata))

    def _no_picture(self, entry: Entry, reason: str, fault: str) -> _Picture:
        self._findings.append(Finding(_key("images", self._read["images"] - 1, entry.img_fn), reason, fault))
        return _Picture(None, [], frozenset(), fault)

    def _regions(self, image: Image, objects: Sequence[str], metadata: Metadata) -> frozenset[int]:
        """Add the picture's objects; the metadata may have more of them than the line."""
        usable = set()
        for index, name in enumerate(objects):
            self._categories.setdefault(name, category(name))
            self._read["annotations"] += 1
            try:
                found = shape(metadata, index)
            except BadObject as bad:
                key = _key("annotations", self._read["annotations"] - 1, f"{image.image_id}#{index}")
                self._findings.append(Finding(key, bad.reason, bad.detail))
                continue
            self._spool.add(f"{image.image_id}#{index}", image, self._categories[name], found.segmentation, found.box)
            usable.add(index)
        return frozenset(usable)


def _key(unit: str, position: int, own_id: str) -> str:
    """Blanks would part a key."""
    return record_key(unit, position, "_".join(own_id.split()))


def _fault(sentences: list[list[Token]], picture: _Picture) -> tuple[str, str] | None:
    """Why a question cannot be asked about this picture."""
    named = tags(sentences)
    beyond = [tag for tag in named if not 0 <= tag < len(picture.objects)]
    if beyond:
        return "tag_out_of_range", f"tag {beyond[0]} of {len(picture.objects)} objects, counted from 0"
    unusable = [tag for tag in named if tag not in picture.usable]
    if unusable:
        return "unknown_region", f"object {unusable[0]} was rejected"
    if any(names_region(tokens) for tokens in sentences):
        return "names_region", ""
    return None


SOURCE = Source(SPEC, read)
