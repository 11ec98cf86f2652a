"""What a data folder holds of a recipe's sources, what lacks and where it is offered, and what could be built with it.

Sources are read as a build reads them, and their normal form is kept for it; masks are not made.
"""

import hashlib
import posixpath
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import fsspec
import pyarrow.compute as pc

from pipelines import storage
from pipelines.phases import pictures
from pipelines.phases.datafolder import check_folder, folders_for_nothing, parts_there, unused
from pipelines.phases.progress import Progress
from pipelines.regions import overlap
from pipelines.regions.overlap import Listing, Overlap
from pipelines.sources import SOURCES
from pipelines.sources.cache import SourceCache
from pipelines.sources.ingest import ingest
from pipelines.sources.locate import Located, Missing, locate, sha256_of
from pipelines.sources.spec import FileSpec
from schemas.errors import SourceError
from schemas.recipe import ImageSettings, Recipe
from schemas.records import TRAIN

RANGES = 32
"""Slot ranges in which the overlap is counted, at most."""

COMPLETE, PARTLY, FOUND, BROKEN, MISSING = "complete", "partly", "found", "broken", "missing"
INCOMPLETE = "incomplete"


class Finding(NamedTuple):
    """One source of the recipe."""

    name: str
    state: str
    """`complete`; `partly` there; `found` where only names were looked at; `broken`; `missing`; `incomplete` where some
    files are there, but too few to read any."""
    files: list[str]
    """Names of the files that are there, with their sizes."""
    counts: list[tuple[str, int, int]]
    """(unit, read, the authors' count or 0 where there is none)."""
    pictures: tuple[int, int] | None
    """Of the training images, (those whose picture is there, all)."""
    kinds: list[str]
    """Kinds of the recipe that it is used for."""
    wanting: list[str]
    """What is broken, differs or lacks, and where it is offered."""
    notes: list[str]
    """What else a user should know, such as files that are not read."""

    @property
    def expected(self) -> str:
        """The file under DATA that tells most of the source."""
        return SOURCES[self.name].spec.layouts[0][0].path

    @property
    def offered(self) -> str:
        """Who offers that file."""
        return SOURCES[self.name].spec.layouts[0][0].where

    @property
    def serves(self) -> str:
        """What a source is for that no kind takes regions of."""
        return "its evaluation images" if SOURCES[self.name].spec.evaluation else "its texts about images"


class Diagnosis(NamedTuple):
    """A whole data folder."""

    findings: list[Finding]
    overlap: list[Overlap]
    """Empty where the sources were not read."""
    unknown_sets: list[str]
    """Evaluation sets of which no file is there: nobody knows what is in them."""
    unused: list[tuple[str, str]] = []
    """Sources that are there though the recipe has not got them, and a recipe that has ("" for none of ours)."""
    idle: list[str] = []
    """Settings of the recipe that change nothing."""

    @property
    def usable(self) -> bool:
        """Whether anything can be built."""
        return any(finding.state not in (BROKEN, INCOMPLETE, MISSING) for finding in self.findings)

    @property
    def empty(self) -> bool:
        """Whether there is nothing at all of the recipe's sources."""
        return all(finding.state == MISSING for finding in self.findings)


def diagnose(recipe: Recipe, data: str, work: str, progress: Progress, *, quick: bool = False) -> Diagnosis:
    """Look at every source of the recipe; `quick` does not read the files.

    Raises:
        SourceError: where `data` is no folder, may not be read, or lies one folder too deep.
    """
    check_folder(recipe, data)
    findings, caches = [], []
    for number, (name, settings) in enumerate(recipe.sources.items()):
        progress(f"looking at sources: {name}", number, len(recipe.sources))
        place = locate(SOURCES[name].spec, data, settings.files)
        finding, cache = _look(recipe, place, data, work, quick=quick)
        findings.append(finding)
        caches += [cache] if cache else []
    progress("looking at sources", len(recipe.sources), len(recipe.sources))
    seen = _overlap(caches)
    known = {line.evaluation_set for line in seen}
    unknown = [name for name in recipe.exclude_evaluation or () if name not in known] if caches else []
    idle = list(folders_for_nothing(recipe, caches)) if caches else []
    return Diagnosis(findings, seen, unknown, unused(recipe, data), idle)


def _look(
    recipe: Recipe, place: Located | Missing, data: str, work: str, *, quick: bool
) -> tuple[Finding, SourceCache | None]:
    kinds = [kind for kind, settings in recipe.kinds.items() if place.name in settings.sources]
    found = Finding(place.name, MISSING, [], [], None, kinds, [], [])
    if isinstance(place, Missing):
        there = [_below(path, data) for path in parts_there(place, data, recipe.sources[place.name].files)]
        offer = f"{', '.join(there)} {'is' if len(there) == 1 else 'are'} there, but " if there else ""
        state = INCOMPLETE if there else MISSING
        return found._replace(state=state, files=there, wanting=[f"{offer}{_offer(place, data)}"]), None
    specs = SOURCES[place.name].spec.roles()
    found = found._replace(
        state=FOUND,
        files=[f"{_below(path, data)} ({_size_text(path)})" for path in place.files.values()],
        wanting=[
            *(fault for role, path in place.files.items() for fault in _differs(specs[role], path, quick)),
            *_optional(place, spare=False),
        ],
        notes=[*_optional(place, spare=True), *_notes(place, data)],
    )
    if quick:
        return found, None
    try:
        return _counted(found, cache := ingest(SOURCES[place.name], place, work), recipe.images, data), cache
    except SourceError as error:
        return found._replace(state=BROKEN, wanting=[f"{error.message}. {error.hint}", *found.wanting]), None


def _optional(place: Located, *, spare: bool) -> Iterator[str]:
    """Files of the layout that is read which are not there, though it can be read without."""
    layouts = SOURCES[place.name].spec.layouts
    chosen = next(layout for layout in layouts if {file.role for file in layout if file.required} <= set(place.files))
    for file in chosen:
        if file.role not in place.files and file.spare == spare:
            yield f"no {file.path}{file.lacking and f': {file.lacking}'}: {file.where}"


def _notes(place: Located, data: str) -> Iterator[str]:
    """What the locating says, without what `_optional` says too."""
    for note in place.notes:
        if "is not there" not in note:
            yield note.removeprefix(f"{place.name}: ").replace(f"{data.rstrip('/')}/", "")


def _offer(missing: Missing, data: str) -> str:
    """Which files are looked for, and who offers them."""
    layouts = [
        f"{', '.join(_below(file.path, data) for file in layout)}: {layout[0].where}" for layout in missing.looked_for
    ]
    folders = "".join(f"; {_below(path, data)} is a folder, not the file" for path in missing.no_files)
    return f"no {'; nor '.join(layouts)}{folders}"


def _below(path: str, data: str) -> str:
    return path.removeprefix(f"{data.rstrip('/')}/")


def _size_text(path: str) -> str:
    fs, name = fsspec.url_to_fs(path)
    size = fs.du(name) if fs.isdir(name) else fs.size(name)
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def _differs(spec: FileSpec, path: str, quick: bool) -> Iterator[str]:
    """What is not as the file's owner has it, where that is known."""
    fs, name = fsspec.url_to_fs(path)
    if spec.size is not None and fs.size(name) != spec.size:
        yield f"{spec.path} has {fs.size(name):,} bytes, its owner's {spec.size:,}"
    elif not quick and spec.sha256 and sha256_of(path) != spec.sha256:
        yield f"{spec.path} differs from its owner's (sha256)"
    elif not quick and spec.md5 and _md5(path) != spec.md5:
        yield f"{spec.path} differs from its owner's (md5)"


def _md5(path: str) -> str:
    with fsspec.open(path, "rb") as stream:
        return hashlib.file_digest(stream, "md5").hexdigest()


def _counted(found: Finding, cache: SourceCache, images: ImageSettings, data: str) -> Finding:
    counts, present = list(_counts(cache)), _pictures(cache, images, data)
    whole = all(read >= official for _, read, official in counts) and present[0] == present[1]
    lack = [f"{present[1] - present[0]:,} of {present[1]:,} pictures are not there"] if present[0] < present[1] else []
    wanting = [*found.wanting, *lack]
    return found._replace(
        state=COMPLETE if whole and not wanting else PARTLY, counts=counts, pictures=present, wanting=wanting
    )


def _counts(cache: SourceCache) -> Iterator[tuple[str, int, int]]:
    """The authors' counts that can be held against what was read; of data of one's own everything that was read.

    Images are those with something to build from: of evaluation images often no more than a list is read.
    """
    read = cache.read() | {"categories": len(cache.vocabulary()), "images": len(_used_images(cache))}
    for unit, official in (SOURCES[cache.name].spec.counts or dict.fromkeys(read, 0)).items():
        if read.get(unit):
            yield unit, read[unit], official


def _used_images(cache: SourceCache) -> set[str]:
    """Training images, and images with annotations."""
    images = storage.read_table(cache.path("images.parquet"), columns=["image_id", "split"])
    used = set(images.filter(pc.field("split") == TRAIN)["image_id"].to_pylist())
    for part in range(cache.parts):
        table = storage.read_table(cache.annotation_path(part), columns=["image_id"])
        used.update(pc.unique(table["image_id"]).to_pylist())
    return used


def _pictures(cache: SourceCache, images: ImageSettings, data: str) -> tuple[int, int]:
    """(training images whose picture is there, training images), by the listings of their folders."""
    table = storage.read_table(cache.path("images.parquet"), columns=["paths", "split"])
    wanted = table.filter(pc.field("split") == TRAIN)["paths"].to_pylist()
    listing = lru_cache(maxsize=None)(lambda folder: frozenset(storage.list_files(storage.join(data, folder))))

    def there(path: str) -> bool:
        folder, name = posixpath.split(pictures.place(path, images.folders))
        return name in listing(folder)

    return sum(any(there(path) for path in paths) for paths in wanted), len(wanted)


def _overlap(caches: Sequence[SourceCache]) -> list[Overlap]:
    """Range of slots by range of slots, because Visual Genome alone has 5.4 million annotations."""
    parts = min(RANGES, max([1, *(cache.parts for cache in caches)]))
    ranges = (storage.slots_of(index, parts) for index in range(parts))
    return overlap.merge(
        line for slots in ranges for line in overlap.overlap([_listing(cache, slots) for cache in caches])
    )


def _listing(cache: SourceCache, slots: tuple[int, int]) -> Listing:
    """Columns rather than records, which would take several times as long."""
    regions: list[tuple[str, str, str]] = []
    for part in storage.parts_for(cache.parts, slots):
        regions += _columns(cache.annotation_path(part), slots, "image_id", "split", "region_id")
    return Listing(
        cache.name,
        _columns(cache.path("images.parquet"), slots, "image_id", "split", "same_as"),
        [image for (image,) in _columns(cache.path("texts.parquet"), slots, "image_id")],
        regions,
    )


def _columns(path: str, slots: tuple[int, int], *names: str) -> list[Any]:
    table = storage.read_table(path, slots, columns=list(names))
    return list(zip(*(table[name].to_pylist() for name in names), strict=True))
