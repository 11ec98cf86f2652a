"""Data of one's own in COCO's format, with or without captions, phrases, parts and attributes.

Beyond COCO (https://cocodataset.org/#format-data) these fields are read where they are there: of an annotation
`phrase` and `caption` (a text) or `phrases`, `captions` and `expressions` (a list), and PACO's `obj_ann_id`,
`attribute_ids` and `unknown_*`, with PACO's tables of attributes; of an image `caption` or `captions`, and LVIS's
`neg_category_ids` and `not_exhaustive_category_ids`. A category named `object:part` is one of parts.
"""

import msgspec
import numpy as np

from pipelines.sources.attributes import (
    TABLES,
    DetailReader,
    Number,
    PartAnnotation,
    attribute_lists,
    attribute_table,
)
from pipelines.sources.attributes import UNIT as ATTRIBUTES
from pipelines.sources.captions import UNIT as CAPTIONS
from pipelines.sources.captions import Captions, ImageKind, captions_of
from pipelines.sources.checks import Links, annotations, check, link, with_present
from pipelines.sources.coco_json import Images, InstanceFile, read_instances, rows_of
from pipelines.sources.expressions import UNIT as EXPRESSIONS
from pipelines.sources.federated import FederatedImage, federated
from pipelines.sources.json_window import Window, record_key
from pipelines.sources.names import coco_number, image_id
from pipelines.sources.parts import FileName, NamedImage, part_category, part_of, with_categories, with_objects
from pipelines.sources.phrases import Said, expressions_of, says_something, together
from pipelines.sources.spec import FileSpec, Finding, Reading, Source, SourceSpec
from pipelines.sources.text import clean_line
from schemas.errors import SourceError
from schemas.records import Category, Image, ImageText

_WHERE = "a file of your own, in COCO's format (https://cocodataset.org/#format-data)"

SPEC = SourceSpec(
    name="own",
    title="Data of your own",
    homepage="",
    license="LicenseRef-unstated",
    license_note="Not stated in the recipe (`license` of the source).",
    citation="",
    layouts=(
        (
            FileSpec(role="annotations", path="own/annotations.json", where=_WHERE),
            FileSpec(
                role="captions",
                path="own/captions.json",
                where=_WHERE,
                required=False,
                spare=True,
                lacking="images have the captions of their own records, if any",
            ),
        ),
    ),
    counts={},
    evaluation=(),
    split_note="Everything is read for training, but pictures that `coco_url` or a name such as COCO_val2014_... calls "
    "COCO's are kept out where COCO's picture is in an evaluation set.",
)

_NO_CATEGORY = -1
_NAMELESS = Category(name="", text="")


class OwnImage(FederatedImage, kw_only=True, gc=False):
    """An image with its captions."""

    file_name: FileName
    caption: Said = None
    captions: Said = None


class OwnAnnotation(PartAnnotation, kw_only=True, gc=False):
    """An annotation with its phrases, which may do without a category."""

    category_id: Number = _NO_CATEGORY
    phrase: Said = None
    phrases: Said = None
    expressions: Said = None
    caption: Said = None
    captions: Said = None


class _OwnReader(DetailReader):
    """Collects phrases too, as they are written."""

    def __init__(self) -> None:
        super().__init__()
        self.phrases: list[tuple[str, ...]] = []

    def add(self, window: Window) -> None:
        """Add a window of annotations."""
        super().add(window)
        self.phrases += [
            together(each.phrase, each.phrases, each.expressions, each.caption, each.captions)
            for each in window.records
        ]


def read(files: dict[str, str]) -> Reading:
    """All of the annotations, and the captions of either file."""
    values = dict.fromkeys(TABLES, b"")
    reader = _OwnReader()
    path = files["annotations"]
    file = read_instances(path, OwnImage, OwnAnnotation, extra=reader.add, optional=("categories",), values=values)
    file = with_categories(file._replace(findings=[_about_mask(each) for each in file.findings]), part_category)
    images = rows_of(file.images, file.image_index, _image)
    file, links = _with_nameless(file, link(file, images), reader.phrases)
    checked = check(file, links)
    details = reader.details()
    kept, objects, no_object = with_objects(file, checked, details.objects, orphans=True)
    attributes, no_attribute = attribute_lists(file, kept, details, attribute_table(path, values))
    said = expressions_of(SPEC.name, file, kept, reader.phrases)
    entries = _entries(file, images)
    rows = _rows(file, images, links, entries)
    captions = _captions(files, file, entries, rows)
    findings = [*file.findings, *images.findings, *checked.findings, *no_object, *no_attribute, *said.findings]
    further = {ATTRIBUTES: len(details.ids), EXPRESSIONS: said.read, CAPTIONS: captions.read}
    columns = {"part_of": part_of(objects, SPEC.name), "attributes": attributes, "expressions": said.lists}
    return Reading(
        images=list(rows.values()),
        categories=[category for category in file.categories.values() if category.name],
        texts=captions.texts,
        rejects=[finding.reject(SPEC.name) for finding in (*findings, *captions.findings)],
        read={
            **file.read,
            "images": file.read["images"] + captions.new_images,
            **{unit: count for unit, count in further.items() if count},
        },
        annotations=annotations(file, images, kept, SPEC.name, SPEC.name, **columns),
    )


def _about_mask(found: Finding) -> Finding:
    """A record with a box alone is of the right form, but has nothing to learn from."""
    if found.reason != "malformed_record" or "missing required field `segmentation`" not in found.detail:
        return found
    return found._replace(reason="empty_mask", detail="no `segmentation`: a box alone is not enough, a mask is needed")


def _image_id(number: int) -> str:
    return f"{SPEC.name}/{number}"


def _image(entry: OwnImage | NamedImage) -> Image:
    paths = (f"{SPEC.name}/images/{entry.file_name}", f"{SPEC.name}/{entry.file_name}")
    return Image(
        image_id=_image_id(entry.id), source=SPEC.name, paths=paths, width=entry.width, height=entry.height,
        same_as=_coco(entry),
    )  # fmt: skip


def _coco(entry: OwnImage | NamedImage) -> str:
    """The id of COCO's picture, where `coco_url` or a name of 2014 says that it is one: evaluation sets have some."""
    names = (entry.coco_url or "", entry.file_name if "COCO_" in entry.file_name else "")
    number = next((found for found in map(coco_number, names) if found is not None), None)
    return "" if number is None else image_id(number)


def _with_nameless(file: InstanceFile, links: Links, phrases: list[tuple[str, ...]]) -> tuple[InstanceFile, Links]:
    """What has a phrase can do without a category; it gets one without a name, which is none of the vocabulary.

    Raises:
        SourceError: where the file has no categories and something has no phrase either.
    """
    speaks = np.fromiter(map(says_something, phrases), bool, len(phrases))
    if not file.categories and not speaks.all():
        mute = int(np.flatnonzero(~speaks)[0])
        key = record_key("annotations", int(file.annotations.position[mute]), int(file.annotations.ids[mute]))
        raise SourceError(
            f"{file.path}: has no `categories`, and {key} has no phrase either",
            hint='Add "categories": [{"id": 1, "name": "dog"}, ...], or a "phrase" to every annotation.',
        )
    nameless = speaks & ((file.annotations.categories == _NO_CATEGORY) | (not file.categories))
    if not nameless.any():
        return file, links
    categories = np.where(nameless, len(file.categories), links.categories)
    return file._replace(categories=file.categories | {_NO_CATEGORY: _NAMELESS}), links._replace(categories=categories)


def _entries(file: InstanceFile, images: Images) -> dict[str, OwnImage]:
    """The records of the images that are kept, by image id; another one of the same id is about another picture."""
    faulty = {finding.key for finding in images.findings}
    return {
        _image_id(entry.id): entry
        for position, entry in zip(file.image_index, file.images, strict=True)
        if record_key("images", position, entry.id) not in faulty
    }


def _rows(file: InstanceFile, images: Images, links: Links, entries: dict[str, OwnImage]) -> dict[str, Image]:
    """The images with what is known to be on them, and known not to be."""
    rows = {}
    for row in with_present(file, images, links):
        named = msgspec.structs.replace(row, present=tuple(name for name in row.present if name))
        rows[row.image_id] = federated(named, entries[row.image_id], file.categories)
    return rows


def _captions(
    files: dict[str, str], file: InstanceFile, entries: dict[str, OwnImage], rows: dict[str, Image]
) -> Captions:
    """Those of the captions file, then those that stand in the images' records."""
    kind = ImageKind(NamedImage, _image_id, _image)
    found = Captions([], [], 0, 0)
    if "captions" in files:
        found = captions_of(files["captions"], SPEC.name, kind, rows, optional=("images",))
    seen = {(text.image_id, text.text) for text in found.texts}
    position = found.read
    for entry in file.images:
        for given in together(entry.caption, entry.captions):
            own_id, text = _image_id(entry.id), clean_line(given)
            if reason := _fault((own_id, text), seen, known=entries.get(own_id) is entry):
                found.findings.append(Finding(record_key(CAPTIONS, position, entry.id), reason, given))
            else:
                found.texts.append(
                    ImageText(image_id=own_id, source=SPEC.name, role="caption", ordinal=position, text=text)
                )
            seen.add((own_id, text))
            position += 1
    return found._replace(read=position)


def _fault(caption: tuple[str, str], seen: set[tuple[str, str]], *, known: bool) -> str:
    """Why a caption, (image id, text), is not kept."""
    if not known:
        return "unknown_image"
    if not caption[1]:
        return "empty_text"
    return "duplicate_text" if caption in seen else ""


SOURCE = Source(SPEC, read)
