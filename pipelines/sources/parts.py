"""Parts of objects in COCO-like files: how their categories read, and which object each belongs to."""

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.sources.checks import Checked, annotations, check, link, lookup, with_present
from pipelines.sources.coco_json import ImageEntry, InstanceFile, read_instances, rows_of
from pipelines.sources.json_window import record_key
from pipelines.sources.names import category_text
from pipelines.sources.spec import Finding, Ints, Reading
from schemas.records import Category, Image

_AS_WRITTEN = {
    "colied tube": "coiled tube", "pom pom": "pom-pom", "push pull cap": "push-pull cap",
    "runningboard": "running board", "steeringwheel": "steering wheel", "turnsignal": "turn signal",
}  # fmt: skip
"""Parts of PACO that are misspelt or glued together."""


FileName = Annotated[str, msgspec.Meta(min_length=1)]


class NamedImage(ImageEntry, kw_only=True, gc=False):
    """An image that is known by the name of its file."""

    file_name: FileName

    @property
    def name(self) -> str:
        """The file's name without its folder."""
        return self.file_name.rpartition("/")[2]

    @property
    def stem(self) -> str:
        """The name without its extension."""
        return self.name.rpartition(".")[0] or self.name


def named_part(category: Category, part: str, whole: str) -> Category:
    """The category as that of a part, such as `antenna of the car`."""
    return msgspec.structs.replace(category, text=f"{part} of the {whole}", part=part, whole=whole, synonyms=())


def part_category(category: Category) -> Category:
    """A category named `object:part`, such as PACO's `car_(automobile):antenna`, as that of a part; others as is."""
    whole, _, part = category.name.partition(":")
    if not (whole.strip() and part.strip()):
        return category
    text = category_text(part)
    return named_part(category, _AS_WRITTEN.get(text, text), category_text(whole))


def with_categories(file: InstanceFile, named: Callable[[Category], Category]) -> InstanceFile:
    """The file with its categories named by `named`."""
    return file._replace(categories={number: named(category) for number, category in file.categories.items()})


def read_parts(
    path: str,
    source: str,
    entry: type[NamedImage],
    row: Callable[[Any], Image],
    named: Callable[[Category], Category],
) -> Reading:
    """A file of parts whose objects are not annotated."""
    file = with_categories(read_instances(path, entry), named)
    images = rows_of(file.images, file.image_index, row)
    links = link(file, images)
    checked = check(file, links)
    return Reading(
        images=with_present(file, images, links),
        categories=list(file.categories.values()),
        texts=[],
        rejects=[each.reject(source) for each in (*file.findings, *images.findings, *checked.findings)],
        read=file.read,
        annotations=annotations(file, images, checked, source, source),
    )


def with_objects(
    file: InstanceFile, checked: Checked, objects: Ints, *, orphans: bool
) -> tuple[Checked, Ints, list[Finding]]:
    """The annotations without the parts whose object is not there, and the id of each one's object; -1 for none.

    `objects` has the object's id for every annotation of the file that could be decoded, its own id where it is an
    object. An object lies on the same image, and is no part itself. With `orphans`, an annotation of a category of
    parts that names no object is kept.
    """
    own, named = checked.columns.ids, objects[checked.rows]
    of_parts = np.array([bool(category.part) for category in file.categories.values()], bool)[checked.categories]
    whole = named == own
    orphan = whole & of_parts & (not orphans)
    wholes = np.flatnonzero(whole & ~orphan)
    found = lookup(named, own[wholes])
    there = found >= 0
    there[there] = checked.images[wholes[found[there]]] == checked.images[there]
    kept = np.flatnonzero(there & ~orphan)
    findings = [_no_object(file, checked, row, int(named[row])) for row in np.flatnonzero(~there | orphan).tolist()]
    return checked.take(kept), np.where(whole[kept], -1, named[kept]), findings


def _no_object(file: InstanceFile, checked: Checked, row: int, named: int) -> Finding:
    columns = checked.columns
    key = record_key(file.unit, int(columns.position[row]), int(columns.ids[row]))
    return Finding(key, "unknown_object", f"obj_ann_id {named}")


def part_of(objects: Ints, prefix: str) -> pa.Array:
    """Region ids `<prefix>/<object id>`; empty for -1."""
    ids = pc.binary_join_element_wise(prefix, pc.cast(pa.array(objects), pa.string()), "/")
    return pc.if_else(pa.array(objects >= 0), ids, "")
